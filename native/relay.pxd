"""Batches of rows on their way from the thread that makes them to one that looks at them, a few at a time.

Both wait awake for a while: a batch takes a tenth of a millisecond, and a thread that slept is often woken on the
processor of the one that wakes it, where it waits until that one sleeps. So two threads took turns on one processor.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from threads cimport pthread_create, pthread_join, pthread_t

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
    /* What one thread counts up and another waits for. */
    typedef struct {
        uint32_t value;
        uint32_t sleepers;
    } pcap_count_t;

    static inline void pcap_count_up(pcap_count_t *count) {
        __atomic_add_fetch(&count->value, 1, __ATOMIC_SEQ_CST);
    #if defined(__linux__)
        if (__atomic_load_n(&count->sleepers, __ATOMIC_SEQ_CST))
            syscall(SYS_futex, &count->value, FUTEX_WAKE_PRIVATE, INT_MAX, 0, 0, 0);
    #endif
    }
    /* Until it is `least`, or beyond; it is never 2 ** 31 away. Everything written before it was counted is seen. */
    static void pcap_count_await(pcap_count_t *count, uint32_t least) {
        uint32_t value;
        for (int spin = 0; spin < 1000; spin++) {
            for (int wait = 0; wait < 8; wait++) {
                if ((int32_t)(__atomic_load_n(&count->value, __ATOMIC_ACQUIRE) - least) >= 0)
                    return;
    #if defined(__x86_64__) || defined(__i386__)
                __builtin_ia32_pause();
    #elif defined(__aarch64__)
                __asm__ __volatile__("yield");
    #endif
            }
            sched_yield();  /* to the other thread, where both have one processor */
        }
        __atomic_add_fetch(&count->sleepers, 1, __ATOMIC_SEQ_CST);
        while ((int32_t)((value = __atomic_load_n(&count->value, __ATOMIC_SEQ_CST)) - least) < 0)
    #if defined(__linux__)
            syscall(SYS_futex, &count->value, FUTEX_WAIT_PRIVATE, value, 0, 0, 0);
    #else
            sched_yield();
    #endif
        __atomic_sub_fetch(&count->sleepers, 1, __ATOMIC_SEQ_CST);
    }
    """
    ctypedef struct count_t "pcap_count_t":
        uint32_t value
    void count_up "pcap_count_up"(count_t* count) noexcept
    void count_await "pcap_count_await"(count_t* count, uint32_t least) noexcept

cdef enum:
    BATCHES_HELD = 8                 # made, under way or looked at

ctypedef struct observer_t:
    # False: no memory.  likeness: see likeness.pxd.
    bint (*take)(void* watch, const uint8_t* rows, uint64_t count, uint32_t likeness) noexcept nogil
    void* watch

ctypedef struct batch_t:
    const uint8_t* rows
    uint32_t count                   # 0: there are no more
    uint32_t likeness

ctypedef struct relay_t:
    const observer_t* observer
    count_t given
    count_t taken
    batch_t batches[BATCHES_HELD]    # those from `taken` to `given`, in turn
    pthread_t thread
    uint8_t apart                    # there is a thread of its own
    uint8_t failed                   # memory was short; valid when `taken` is `given`


cdef inline void* take_all(void* argument) noexcept nogil:
    """The other thread."""
    cdef relay_t* relay = <relay_t*>argument
    cdef uint32_t number = 0
    cdef const batch_t* batch
    while True:
        count_await(&relay.given, number + 1)
        batch = &relay.batches[number % BATCHES_HELD]
        if batch.count == 0:
            return NULL
        if not relay.failed:
            relay.failed = not relay.observer.take(relay.observer.watch, batch.rows, batch.count, batch.likeness)
        number += 1
        count_up(&relay.taken)


cdef inline void relay_begin(relay_t* relay, const observer_t* observer, bint apart) noexcept nogil:
    """observer: NULL where nothing looks.  apart: on a thread of its own, if there can be one."""
    memset(relay, 0, sizeof(relay_t))
    relay.observer = observer
    relay.apart = observer != NULL and apart and pthread_create(&relay.thread, NULL, take_all, relay) == 0


cdef inline uint32_t place_of_batch(relay_t* relay) noexcept nogil:
    """Which of BATCHES_HELD places the next batch may be made in. Without another thread always the same: it stays in
    cache."""
    if not relay.apart:
        return 0
    if relay.given.value >= BATCHES_HELD:
        count_await(&relay.taken, relay.given.value - BATCHES_HELD + 1)
    return relay.given.value % BATCHES_HELD


cdef inline void relay_give(relay_t* relay, const uint8_t* rows, uint32_t count, uint32_t likeness) noexcept nogil:
    """rows: of place_of_batch; they stay until it gives the same place again."""
    if relay.apart:
        relay.batches[relay.given.value % BATCHES_HELD] = batch_t(rows=rows, count=count, likeness=likeness)
        count_up(&relay.given)
    elif relay.observer != NULL and not relay.failed:
        relay.failed = not relay.observer.take(relay.observer.watch, rows, count, likeness)


cdef inline bint relay_end(relay_t* relay) noexcept nogil:
    """All has been looked at. False: memory was short."""
    if relay.apart:
        place_of_batch(relay)
        relay_give(relay, NULL, 0, 0)
        pthread_join(relay.thread, NULL)
        relay.apart = False
    return not relay.failed
