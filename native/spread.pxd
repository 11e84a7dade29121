"""A distribution of durations in logarithmic buckets: percentiles at most 2 percent off, sums exact.

A bucket is 1/32 of a power of two wide, so its middle is at most 1.6 percent from any value in it. One for all flows
is an array; one for a single flow lists only the buckets that occur, behind a few values that wait to be counted, so
that most measurements touch nothing but the flow.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove

cdef extern from * nogil:
    """
    #define pcap_leading_zeros(value) __builtin_clzll(value)
    """
    int leading_zeros "pcap_leading_zeros"(uint64_t value) noexcept

cdef enum:
    STEP_BITS = 5
    STEPS = 32                       # buckets a power of two
    SPREAD_BUCKETS = 1920            # up to 2 ** 63 ns
    WAITING = 4

ctypedef struct bar_t:
    uint32_t count
    uint16_t bucket
    uint16_t zero

ctypedef struct bars_t:              # of one flow's direction
    uint32_t count
    uint32_t capacity
    void* lateness                   # of the same direction, see lateness.pxd; NULL without
    bar_t bars[0]                    # in order of bucket

ctypedef struct spread_t:            # 48 bytes
    uint64_t total                   # ns
    int64_t least
    int64_t most
    bars_t* bars
    uint32_t samples
    uint8_t waits
    uint8_t failed                   # memory was short: percentiles miss some
    uint16_t waiting[WAITING]        # buckets not yet in `bars`
    uint16_t top_id                  # no duration: the direction around it has no other room for it, see data.pxd


cdef inline uint32_t bucket_of(int64_t duration) noexcept nogil:
    """The bucket of a duration in ns; negative ones count as 0."""
    cdef uint64_t value = <uint64_t>duration if duration > 0 else 0
    cdef int shift
    if value < STEPS:
        return <uint32_t>value
    shift = 63 - leading_zeros(value) - STEP_BITS
    return <uint32_t>((shift + 1) * STEPS + ((value >> shift) - STEPS))


cdef inline int64_t bucket_begin(uint32_t bucket) noexcept nogil:
    """The least duration of a bucket, ns."""
    if bucket < STEPS:
        return bucket
    return <int64_t>(<uint64_t>(STEPS + bucket % STEPS) << (bucket // STEPS - 1))


cdef inline int64_t bucket_middle(uint32_t bucket) noexcept nogil:
    if bucket < STEPS:
        return bucket
    return bucket_begin(bucket) + (<int64_t>1 << (bucket // STEPS - 1)) // 2


cdef inline bint make_bars(spread_t* spread) noexcept nogil:
    """Twice the room for bars; False where memory is short."""
    cdef bars_t* bars = spread.bars
    cdef uint32_t capacity = bars.capacity * 2 if bars != NULL else 7
    bars = <bars_t*>realloc(bars, sizeof(bars_t) + capacity * sizeof(bar_t))
    if bars == NULL:
        return False
    if spread.bars == NULL:
        bars.count = 0
        bars.lateness = NULL
    bars.capacity = capacity
    spread.bars = bars
    return True


cdef inline bint raise_bar(spread_t* spread, uint16_t bucket, uint32_t count) noexcept nogil:
    """Count durations of one bucket; False where memory is short."""
    cdef bars_t* bars = spread.bars
    cdef uint32_t low = 0, left = bars.count if bars != NULL else 0, half
    while left > 1:                              # without branches: where a duration lies is anybody's guess
        half = left // 2
        low += half * (bars.bars[low + half - 1].bucket < bucket)
        left -= half
    if left and bars.bars[low].bucket < bucket:
        low += 1
    if bars != NULL and low < bars.count and bars.bars[low].bucket == bucket:
        bars.bars[low].count += count
        return True
    if bars == NULL or bars.count == bars.capacity:
        if not make_bars(spread):
            spread.failed = 1
            return False
        bars = spread.bars
    memmove(&bars.bars[low + 1], &bars.bars[low], (bars.count - low) * sizeof(bar_t))
    bars.bars[low] = bar_t(count=count, bucket=bucket, zero=0)
    bars.count += 1
    return True


cdef inline void count_waiting(spread_t* spread) noexcept nogil:
    """Count what waits."""
    cdef uint32_t at
    for at in range(spread.waits):
        raise_bar(spread, spread.waiting[at], 1)
    spread.waits = 0


cdef inline void add_duration(spread_t* spread, int64_t duration) noexcept nogil:
    """Add one duration in ns, not negative."""
    if spread.samples == 0 or duration < spread.least:
        spread.least = duration
    if duration > spread.most:
        spread.most = duration
    spread.samples += 1
    spread.total += <uint64_t>duration
    if spread.waits == WAITING:
        count_waiting(spread)
    spread.waiting[spread.waits] = <uint16_t>bucket_of(duration)
    spread.waits += 1


cdef inline void order_waiting(const spread_t* spread, uint16_t* ordered) noexcept nogil:
    cdef uint32_t at, place
    for at in range(spread.waits):
        place = at
        while place and ordered[place - 1] > spread.waiting[at]:
            ordered[place] = ordered[place - 1]
            place -= 1
        ordered[place] = spread.waiting[at]


cdef inline int64_t duration_in(const spread_t* spread, uint32_t bucket) noexcept nogil:
    """What a sample of a bucket is taken for."""
    cdef int64_t value = bucket_middle(bucket)
    if value < spread.least:
        return spread.least
    return value if value < spread.most else spread.most


cdef inline void percentiles(const spread_t* spread, int64_t* p50, int64_t* p95) noexcept nogil:
    """Durations that 50 and 95 percent of the samples do not exceed, within 2 percent; -1 without samples.

    Bars and what waits are gone through side by side: a flow with a few samples needs no bars for it.
    """
    cdef uint16_t ordered[WAITING]
    cdef const bars_t* bars = spread.bars
    cdef uint32_t bar = 0, wait = 0, bucket, bar_count = bars.count if bars != NULL else 0
    cdef uint64_t half = (<uint64_t>spread.samples * 50 + 99) // 100, most = (<uint64_t>spread.samples * 95 + 99) // 100
    cdef uint64_t before, seen = 0
    p50[0] = p95[0] = spread.most if spread.samples else -1
    order_waiting(spread, ordered)
    while seen < most and (bar < bar_count or wait < spread.waits):
        before = seen
        if wait == spread.waits or (bar < bar_count and bars.bars[bar].bucket <= ordered[wait]):
            bucket = bars.bars[bar].bucket
            seen += bars.bars[bar].count
            bar += 1
        else:
            bucket = ordered[wait]
            seen += 1
            wait += 1
        if before < half <= seen:
            p50[0] = duration_in(spread, bucket)
        if seen >= most:
            p95[0] = duration_in(spread, bucket)


cdef inline void spread_free(spread_t* spread) noexcept nogil:
    free(spread.bars)
    spread.bars = NULL
