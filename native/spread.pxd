"""A distribution of durations in logarithmic buckets: percentiles at most 2 percent off, sums exact.

A bucket is 1/32 of a power of two wide, so its middle is at most 1.6 percent from any value in it. One for all flows
is an array. One for a single flow lists buckets as they come: a few in the flow itself, a few hundred behind it, of
which percentiles are found by counting. Only what is more becomes bars, in order: to keep them so for each duration
means to wait for memory and to guess branches, and few flows have as many.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove

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
    WAITS = 7                        # of spread_t.waits: how many
    FAILED = 128                     # memory was short: percentiles miss some
    MOST_LISTED = 62                 # fours of a list; what is more becomes bars

ctypedef struct bar_t:
    uint32_t count
    uint16_t bucket
    uint16_t zero

ctypedef struct bars_t:
    uint32_t count
    uint32_t capacity
    bar_t bars[0]                    # in order of bucket

ctypedef struct kept_t:              # of one flow's direction
    void* lateness                   # of the same direction, see lateness.pxd; NULL without
    bars_t* bars                     # NULL: all there is is listed, or waits
    uint32_t room                    # fours
    uint16_t list[0]                 # buckets that are not in `bars`, as they came

ctypedef struct spread_t:            # 48 bytes
    uint64_t total                   # ns
    int64_t least
    int64_t most
    kept_t* kept
    uint32_t samples
    uint8_t waits                    # how many wait, and FAILED
    uint8_t listed                   # fours in kept.list
    uint16_t waiting[WAITING]        # buckets not listed yet
    uint16_t top_id                  # no duration: the direction around it has no other room for it, see data.pxd

cdef extern from * nogil:
    """
    /* Where a list may be full: begun, and at each of its sizes: 6, 14, 30 and 62 fours. */
    #define PCAP_FULL (UINT64_C(1) | UINT64_C(1) << 6 | UINT64_C(1) << 14 | UINT64_C(1) << 30 | UINT64_C(1) << 62)
    """
    const uint64_t FULL "PCAP_FULL"


cdef inline uint32_t bit_length(uint64_t value) noexcept nogil:
    return 64 - <uint32_t>leading_zeros(value) if value else 0


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


cdef inline bint make_kept(spread_t* spread) noexcept nogil:
    """Room for twice as much, of sizes that an allocator wastes nothing of; False where memory is short."""
    cdef uint32_t room = spread.kept.room * 2 + 2 if spread.kept != NULL else 6
    cdef kept_t* kept = <kept_t*>realloc(spread.kept, sizeof(kept_t) + room * WAITING * sizeof(uint16_t))
    if kept == NULL:
        spread.waits |= FAILED
        return False
    if spread.kept == NULL:
        kept.lateness = NULL
        kept.bars = NULL
    kept.room = room
    spread.kept = kept
    return True


cdef inline bint make_bars(spread_t* spread) noexcept nogil:
    """Twice the room for bars; False where memory is short."""
    cdef bars_t* bars = spread.kept.bars
    cdef uint32_t capacity = bars.capacity * 2 if bars != NULL else 15
    bars = <bars_t*>realloc(bars, sizeof(bars_t) + capacity * sizeof(bar_t))
    if bars == NULL:
        spread.waits |= FAILED
        return False
    if spread.kept.bars == NULL:
        bars.count = 0
    bars.capacity = capacity
    spread.kept.bars = bars
    return True


cdef inline bint raise_bar(spread_t* spread, uint16_t bucket, uint32_t count) noexcept nogil:
    """Count durations of one bucket; False where memory is short."""
    cdef bars_t* bars
    cdef uint32_t low = 0, left, half
    if spread.kept == NULL and not make_kept(spread):
        return False
    bars = spread.kept.bars
    left = bars.count if bars != NULL else 0
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
            return False
        bars = spread.kept.bars
    memmove(&bars.bars[low + 1], &bars.bars[low], (bars.count - low) * sizeof(bar_t))
    bars.bars[low] = bar_t(count=count, bucket=bucket, zero=0)
    bars.count += 1
    return True


cdef inline void raise_listed(spread_t* spread) noexcept nogil:
    """What is listed becomes bars."""
    cdef uint32_t at
    for at in range(spread.listed * <uint32_t>WAITING):
        raise_bar(spread, spread.kept.list[at], 1)
    spread.listed = 0


cdef inline void raise_all(spread_t* spread) noexcept nogil:
    """Everything becomes bars."""
    cdef uint32_t at
    raise_listed(spread)
    for at in range(spread.waits & WAITS):
        raise_bar(spread, spread.waiting[at], 1)
    spread.waits &= FAILED


cdef inline bint make_place(spread_t* spread) noexcept nogil:
    """Place in the list for four more; False where memory is short."""
    if spread.kept != NULL and spread.listed < spread.kept.room:
        return True
    if spread.listed < MOST_LISTED:
        return make_kept(spread)
    raise_listed(spread)
    return True


cdef inline void list_waiting(spread_t* spread) noexcept nogil:
    """List what waits; what is there already is only looked at where its end may be reached."""
    if not FULL >> spread.listed & 1 or make_place(spread):
        memcpy(&spread.kept.list[spread.listed * <uint32_t>WAITING], spread.waiting, sizeof(spread.waiting))
        spread.listed += 1
    spread.waits &= FAILED


cdef inline void add_to_bucket(spread_t* spread, int64_t duration, uint32_t bucket) noexcept nogil:
    """add_duration where the bucket is known."""
    if spread.samples == 0 or duration < spread.least:
        spread.least = duration
    if duration > spread.most:
        spread.most = duration
    spread.samples += 1
    spread.total += <uint64_t>duration
    if spread.waits & WAITS == WAITING:
        list_waiting(spread)
    spread.waiting[spread.waits & WAITS] = <uint16_t>bucket
    spread.waits += 1


cdef inline void add_duration(spread_t* spread, int64_t duration) noexcept nogil:
    """Add one duration in ns, not negative."""
    add_to_bucket(spread, duration, bucket_of(duration))


cdef inline uint64_t samples_upto(const spread_t* spread, uint32_t bucket) noexcept nogil:
    """How many samples do not exceed a bucket."""
    cdef const kept_t* kept = spread.kept
    cdef uint32_t at
    cdef uint16_t few = 0                        # as narrow as the list: so a vector holds most
    cdef uint64_t count
    for at in range(spread.listed * <uint32_t>WAITING):
        few += kept.list[at] <= <uint16_t>bucket
    for at in range(spread.waits & WAITS):
        few += spread.waiting[at] <= <uint16_t>bucket
    count = few
    if kept != NULL and kept.bars != NULL:
        at = 0
        while at < kept.bars.count and kept.bars.bars[at].bucket <= bucket:
            count += kept.bars.bars[at].count
            at += 1
    return count


cdef inline uint32_t bucket_with(const spread_t* spread, uint64_t wanted, uint32_t low) noexcept nogil:
    """The least bucket from `low` on that so many samples do not exceed; the highest where it is none."""
    cdef uint32_t high = bucket_of(spread.most), middle
    while low < high:
        middle = (low + high) // 2
        if samples_upto(spread, middle) >= wanted:
            high = middle
        else:
            low = middle + 1
    return low


cdef inline int64_t duration_in(const spread_t* spread, uint32_t bucket) noexcept nogil:
    """What a sample of a bucket is taken for."""
    cdef int64_t value = bucket_middle(bucket)
    if value < spread.least:
        return spread.least
    return value if value < spread.most else spread.most


cdef inline void percentiles(const spread_t* spread, int64_t* p50, int64_t* p95) noexcept nogil:
    """Durations that 50 and 95 percent of the samples do not exceed, within 2 percent; -1 without samples."""
    cdef uint64_t samples = spread.samples
    cdef uint32_t bucket
    p50[0] = p95[0] = -1
    if samples == 0:
        return
    bucket = bucket_with(spread, (samples * 50 + 99) // 100, bucket_of(spread.least))
    p50[0] = duration_in(spread, bucket)
    p95[0] = duration_in(spread, bucket_with(spread, (samples * 95 + 99) // 100, bucket))


cdef inline void spread_free(spread_t* spread) noexcept nogil:
    if spread.kept != NULL:
        free(spread.kept.bars)
    free(spread.kept)
    spread.kept = NULL
