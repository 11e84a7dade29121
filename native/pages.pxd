"""What the system is told of memory that is about to be touched: advice, and where it is not taken nothing is lost."""
from libc.stddef cimport size_t
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc

cdef extern from * nogil:
    """
    #include <stddef.h>
    #include <stdint.h>
    #include <sys/mman.h>
    #if defined(__linux__) && !defined(MADV_POPULATE_WRITE)
    #define MADV_POPULATE_WRITE 23
    #endif

    /* Whole pages within it: what is beside them belongs to somebody else. */
    static inline void pcap_advise(void *memory, size_t size, int advice) {
        uintptr_t begin = ((uintptr_t)memory + 4095) & ~(uintptr_t)4095;
        uintptr_t end = ((uintptr_t)memory + size) & ~(uintptr_t)4095;
        if (memory && begin < end)
            (void)madvise((void *)begin, end - begin, advice);
    }
    static inline void pcap_fault_in(void *memory, size_t size) {
    #if defined(MADV_POPULATE_WRITE)
        pcap_advise(memory, size, MADV_POPULATE_WRITE);
    #endif
    }
    static inline void pcap_give_back(void *memory, size_t size) {
    #if defined(__linux__)
        pcap_advise(memory, size, MADV_DONTNEED);
    #endif
    }
    """
    # All of it is going to be written: its pages come at once instead of by a fault each.
    void fault_in "pcap_fault_in"(void* memory, size_t size) noexcept
    # Nothing in it is needed any more.
    void give_back "pcap_give_back"(void* memory, size_t size) noexcept


cdef inline uint64_t* empty_slots(size_t count) noexcept nogil:
    """The slots of a hash table, all 0; NULL when memory is short.

    In a page that was never touched a slot is read first, then written, at random: that would be two faults a page.
    """
    cdef uint64_t* slots = <uint64_t*>calloc(count, sizeof(uint64_t))
    fault_in(slots, count * sizeof(uint64_t))
    return slots
