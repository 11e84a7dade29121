"""A place where threads meet: a short spin, then sleep.

The phases of a scan take less than a millisecond; waking a sleeping thread takes up to a twentieth of that. Between
orders, and where a processor is busy with something else, threads sleep.
"""
from libc.stdint cimport uint32_t

cdef extern from * nogil:
    """
    #include <stdint.h>
    #include <sched.h>
    #if defined(__linux__)
    #include <limits.h>
    #include <linux/futex.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    #endif

    typedef struct {
        uint32_t threads;
        uint32_t arrived;
        uint32_t generation;
        uint32_t sleepers;
    } pcap_barrier_t;

    static inline void pcap_relax(void) {
    #if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
    #elif defined(__aarch64__)
        __asm__ __volatile__("yield");
    #endif
    }

    static inline void pcap_barrier_init(pcap_barrier_t *barrier, uint32_t threads) {
        barrier->threads = threads;
        barrier->arrived = barrier->generation = barrier->sleepers = 0;
    }

    /* 1 for the last of the threads: it opens the barrier when it has done what must be done alone. Everything
       that the threads wrote before they arrived is seen by it, and what it wrote by all of them behind. */
    static inline int pcap_barrier_arrive(pcap_barrier_t *barrier, uint32_t *generation) {
        *generation = __atomic_load_n(&barrier->generation, __ATOMIC_ACQUIRE);
        return __atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == barrier->threads;
    }

    static inline void pcap_barrier_open(pcap_barrier_t *barrier, uint32_t generation) {
        __atomic_store_n(&barrier->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&barrier->generation, generation + 1, __ATOMIC_SEQ_CST);
    #if defined(__linux__)
        if (__atomic_load_n(&barrier->sleepers, __ATOMIC_SEQ_CST))
            syscall(SYS_futex, &barrier->generation, FUTEX_WAKE_PRIVATE, INT_MAX, 0, 0, 0);
    #endif
    }

    static void pcap_barrier_await(pcap_barrier_t *barrier, uint32_t generation) {
        for (int spin = 0; spin < 1000; spin++) {
            if (__atomic_load_n(&barrier->generation, __ATOMIC_ACQUIRE) != generation)
                return;
            pcap_relax();
        }
    #if defined(__linux__)
        __atomic_add_fetch(&barrier->sleepers, 1, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&barrier->generation, __ATOMIC_SEQ_CST) == generation)
            syscall(SYS_futex, &barrier->generation, FUTEX_WAIT_PRIVATE, generation, 0, 0, 0);
        __atomic_sub_fetch(&barrier->sleepers, 1, __ATOMIC_SEQ_CST);
    #else
        while (__atomic_load_n(&barrier->generation, __ATOMIC_ACQUIRE) == generation)
            sched_yield();
    #endif
    }

    static inline void pcap_barrier_wait(pcap_barrier_t *barrier) {
        uint32_t generation;
        if (pcap_barrier_arrive(barrier, &generation))
            pcap_barrier_open(barrier, generation);
        else
            pcap_barrier_await(barrier, generation);
    }
    """
    ctypedef struct barrier_t "pcap_barrier_t":
        uint32_t threads
    void barrier_init "pcap_barrier_init"(barrier_t* barrier, uint32_t threads) noexcept
    void barrier_wait "pcap_barrier_wait"(barrier_t* barrier) noexcept
    bint barrier_arrive "pcap_barrier_arrive"(barrier_t* barrier, uint32_t* generation) noexcept
    void barrier_open "pcap_barrier_open"(barrier_t* barrier, uint32_t generation) noexcept
    void barrier_await "pcap_barrier_await"(barrier_t* barrier, uint32_t generation) noexcept
