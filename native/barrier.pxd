"""A place where threads meet: a short spin, then sleep.

The stages of a batch take about a millisecond; waking a sleeping thread takes up to a twentieth of that, and several
times a batch. Between windows, and where a processor is busy with something else, threads sleep.
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

    /* Everything written before by any of the threads is seen by all of them behind. */
    static void pcap_barrier_wait(pcap_barrier_t *barrier) {
        uint32_t generation = __atomic_load_n(&barrier->generation, __ATOMIC_ACQUIRE);
        if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == barrier->threads) {
            __atomic_store_n(&barrier->arrived, 0, __ATOMIC_RELAXED);
            __atomic_store_n(&barrier->generation, generation + 1, __ATOMIC_SEQ_CST);
    #if defined(__linux__)
            if (__atomic_load_n(&barrier->sleepers, __ATOMIC_SEQ_CST))
                syscall(SYS_futex, &barrier->generation, FUTEX_WAKE_PRIVATE, INT_MAX, 0, 0, 0);
    #endif
            return;
        }
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
    """
    ctypedef struct barrier_t "pcap_barrier_t":
        uint32_t threads
    void barrier_init "pcap_barrier_init"(barrier_t* barrier, uint32_t threads) noexcept
    void barrier_wait "pcap_barrier_wait"(barrier_t* barrier) noexcept
