"""The time between one packet and the next of the same direction: of UDP, where only it tells of jitter.

The sum lies where TCP keeps windows, which UDP has not. It is a short floating-point number: a million packets cost
it the last digits of six. It is added up in the order of the file, so it is the same however many threads there are.
"""
from libc.math cimport sqrt
from libc.stdint cimport int64_t, uint64_t

cdef enum:
    GAP_UNIT = 1000                  # ns

ctypedef struct gaps_t:              # 4 bytes
    float squares                    # µs²


cdef inline void note_gap(gaps_t* gaps, int64_t gap) noexcept nogil:
    """gap: ns; negative ones, of time that runs backwards, count as none."""
    cdef float short_gap = <float>(gap // GAP_UNIT) if gap > 0 else 0
    gaps.squares += short_gap * short_gap


cdef inline void merge_gaps(gaps_t* into, const gaps_t* later) noexcept nogil:
    into.squares += later.squares


cdef inline int64_t mean_gap(int64_t span, uint64_t packets) noexcept nogil:
    """ns between packets; 0 where there is no gap."""
    return span // <int64_t>(packets - 1) if packets > 1 and span > 0 else 0


cdef inline int64_t gap_deviation(const gaps_t* gaps, int64_t mean, uint64_t packets) noexcept nogil:
    """Standard deviation of the gaps, ns."""
    cdef double short_mean = <double>mean / GAP_UNIT, variance
    if packets < 2:
        return 0
    variance = <double>gaps.squares / <double>(packets - 1) - short_mean * short_mean
    return <int64_t>(sqrt(variance) * GAP_UNIT) if variance > 0 else 0
