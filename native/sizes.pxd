"""Sizes of packets: the sum of their squares, from which the standard deviation is told at the end.

Whole numbers, so that the order of packets and the number of threads cannot change a digit. Lengths are a capture's
own words: a sum that would overflow stays at its highest value, which stands for unknown. While packets are counted
the sum is in two halves: a packet nearly always touches the lower one alone.
"""
from libc.stdint cimport uint32_t, uint64_t

cdef extern from * nogil:
    """
    #include <math.h>
    static inline uint64_t pcap_add_or_stay(uint64_t sum, uint64_t value) {
        uint64_t added = sum + value;
        return added < sum ? UINT64_MAX : added;
    }
    static inline uint32_t pcap_stay_or_add(uint32_t sum, uint32_t value) {
        uint32_t added = sum + value;
        return added < sum ? UINT32_MAX : added;
    }
    static inline uint32_t pcap_carry_of_square(uint32_t *lower, uint32_t length) {
        uint64_t sum = (uint64_t)length * length + *lower;
        *lower = (uint32_t)sum;
        return (uint32_t)(sum >> 32);
    }
    /* sqrt(n Σx² - (Σx)²) / n; the difference is exact, and 0 of equal sizes. */
    static inline double pcap_deviation(uint64_t count, uint64_t sum, uint64_t squares) {
        unsigned __int128 scaled = (unsigned __int128)count * squares, mean = (unsigned __int128)sum * sum;
        return scaled < mean ? -1 : sqrt((double)(scaled - mean)) / (double)count;
    }
    """
    uint64_t add_or_stay "pcap_add_or_stay"(uint64_t sum, uint64_t value) noexcept
    uint32_t stay_or_add "pcap_stay_or_add"(uint32_t sum, uint32_t value) noexcept
    # Add a square to the lower half; what is to be added to the upper one.
    uint32_t carry_of_square "pcap_carry_of_square"(uint32_t* lower, uint32_t length) noexcept
    double deviation "pcap_deviation"(uint64_t count, uint64_t sum, uint64_t squares) noexcept

cdef enum:
    UNKNOWN_SIZE = -1                # of a deviation


cdef inline uint64_t sum_of_squares(uint32_t upper, uint32_t lower) noexcept nogil:
    """Both halves; all bits set where the upper one overflowed."""
    return <uint64_t>-1 if upper == 0xFFFFFFFFu else <uint64_t>upper << 32 | lower


cdef inline double size_deviation(uint64_t packets, uint64_t size, uint64_t squares) noexcept nogil:
    """Standard deviation of the sizes of `packets` packets, bytes; UNKNOWN_SIZE where it cannot be told."""
    if packets == 0 or squares + 1 == 0:
        return UNKNOWN_SIZE
    return deviation(packets, size, squares)
