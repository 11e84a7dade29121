"""What each thread counts while packets pass: totals, quality, the time series, packets a protocol path.

All are integers and are added up at the end, so the number of threads cannot change them.
"""
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint32_t, uint64_t
from libc.string cimport memset

from packet cimport DECODE_OK, HAS_FRAGMENT, HAS_TIME, packet_t
from spread cimport SPREAD_BUCKETS, bucket_of
from tcp cimport (
    MARK_DUPLICATE_ACK,
    MARK_FAST_RETRANSMISSION,
    MARK_LOST_SEGMENT,
    MARK_OUT_OF_ORDER,
    MARK_RETRANSMISSION,
    MARK_SEEN_TWICE,
    MARK_SPURIOUS_RETRANSMISSION,
    MARK_ZERO_WINDOW,
    MARKS,
    trailing_zeros,
)
from wire cimport seldom

cdef enum:
    MAX_BUCKETS = 2000
    MAX_PATHS = 4096
    FIRST_WIDTH_NS = 1000

cdef enum series_t:                  # TCP marks counted over time
    SERIES_RETRANSMISSION = 0        # fast and spurious ones among them
    SERIES_FAST
    SERIES_SPURIOUS
    SERIES_OUT_OF_ORDER
    SERIES_LOST
    SERIES_DUPLICATE_ACK
    SERIES_ZERO_WINDOW
    SERIES_SEEN_TWICE
    SERIES

ctypedef struct bucket_t:
    uint64_t packets
    uint64_t bytes
    uint64_t payload_bytes
    uint64_t tcp_bytes
    uint64_t udp_bytes
    uint64_t tcp[SERIES]             # segments, by series_t
    uint64_t peak_bytes              # of the busiest tick that begins here, see peaks.pxd
    uint64_t peak_frame              # its first; 0: none begins here
    uint64_t span_bytes              # of the busiest span of ticks that begins here
    uint64_t lost                    # segments that were sent, or missed, here and came again later

ctypedef struct intervals_t:         # buckets of FIRST_WIDTH_NS << shift from `start` on
    int64_t start
    int64_t bucket_begin             # the bucket of the packet before
    int64_t bucket_end
    uint32_t bucket
    uint32_t used
    uint32_t shift
    bucket_t buckets[MAX_BUCKETS]

ctypedef struct trips_t:             # from the capture point to one side and back, of all flows
    uint64_t samples
    uint64_t total                   # ns
    int64_t least
    int64_t most
    uint64_t counts[SPREAD_BUCKETS]

ctypedef struct counters_t:
    uint64_t packets
    uint64_t bytes
    uint64_t captured_bytes
    uint64_t cut_packets
    uint64_t status[4]
    uint64_t backward_time
    uint64_t without_time
    uint64_t fragments
    uint64_t first_fragment          # frame, 0 none
    int64_t first_ns
    int64_t last_ns
    uint64_t path_packets[MAX_PATHS]
    uint64_t path_bytes[MAX_PATHS]
    uint64_t marks[2][MARKS]         # by the client, by the server
    uint64_t segments                # that were judged
    uint64_t segment_bytes           # their payload
    trips_t trips[2]                 # round trips to the client, to the server
    intervals_t intervals


cdef inline void counters_init(counters_t* counters) noexcept nogil:
    memset(counters, 0, sizeof(counters_t))
    counters.first_ns = INT64_MAX
    counters.last_ns = INT64_MIN
    counters.trips[0].least = counters.trips[1].least = INT64_MAX


cdef inline void keep_busier(bucket_t* into, const bucket_t* other) noexcept nogil:
    """The busiest of both, of equals the one that came first in the file."""
    if other.peak_frame and (
        other.peak_bytes > into.peak_bytes or into.peak_frame == 0
        or (other.peak_bytes == into.peak_bytes and other.peak_frame < into.peak_frame)
    ):
        into.peak_bytes = other.peak_bytes
        into.peak_frame = other.peak_frame
    if other.span_bytes > into.span_bytes:
        into.span_bytes = other.span_bytes


cdef inline void widen(intervals_t* intervals) noexcept nogil:
    """Buckets of twice the width: each pair becomes one."""
    cdef uint32_t pair, into, series
    cdef bucket_t* buckets = intervals.buckets
    for into in range((intervals.used + 1) // 2):
        pair = into * 2
        buckets[into] = buckets[pair]
        if pair + 1 < intervals.used:
            buckets[into].packets += buckets[pair + 1].packets
            buckets[into].bytes += buckets[pair + 1].bytes
            buckets[into].payload_bytes += buckets[pair + 1].payload_bytes
            buckets[into].tcp_bytes += buckets[pair + 1].tcp_bytes
            buckets[into].udp_bytes += buckets[pair + 1].udp_bytes
            for series in range(SERIES):
                buckets[into].tcp[series] += buckets[pair + 1].tcp[series]
            buckets[into].lost += buckets[pair + 1].lost
            keep_busier(&buckets[into], &buckets[pair + 1])
    into = (intervals.used + 1) // 2
    memset(&buckets[into], 0, (intervals.used - into) * sizeof(bucket_t))
    intervals.used = into
    intervals.shift += 1
    intervals.bucket_end = INT64_MIN             # whoever widens: the current bucket is another one now


cdef inline void find_bucket(intervals_t* intervals, int64_t now) noexcept nogil:
    """Make the bucket of `now` the current one; what lies before the start belongs to the first."""
    cdef uint64_t since = <uint64_t>now - <uint64_t>intervals.start if now > intervals.start else 0
    cdef uint64_t index = (since >> intervals.shift) // FIRST_WIDTH_NS
    cdef uint64_t width
    while index >= MAX_BUCKETS:
        widen(intervals)
        index = (since >> intervals.shift) // FIRST_WIDTH_NS
    if index >= intervals.used:
        intervals.used = <uint32_t>index + 1
    width = <uint64_t>FIRST_WIDTH_NS << intervals.shift
    intervals.bucket = <uint32_t>index
    intervals.bucket_begin = intervals.start + <int64_t>(index * width) if index else INT64_MIN
    since = <uint64_t>intervals.start + (index + 1) * width
    intervals.bucket_end = <int64_t>since if since < <uint64_t>INT64_MAX or intervals.start < 0 else INT64_MAX


cdef inline void count_interval(intervals_t* intervals, const packet_t* packet) noexcept nogil:
    cdef bucket_t* bucket
    if packet.timestamp >= intervals.bucket_end or packet.timestamp < intervals.bucket_begin:
        find_bucket(intervals, packet.timestamp)
    bucket = &intervals.buckets[intervals.bucket]
    bucket.packets += 1
    bucket.bytes += packet.original_length
    bucket.payload_bytes += packet.payload_length
    if packet.protocol == 6:
        bucket.tcp_bytes += packet.original_length
    elif packet.protocol == 17:
        bucket.udp_bytes += packet.original_length


cdef inline void count_one(counters_t* counters, const packet_t* packet, uint64_t frame) noexcept nogil:
    """What differs from packet to packet; count_rows() adds the rest."""
    counters.bytes += packet.original_length
    counters.captured_bytes += packet.captured_length
    counters.cut_packets += packet.captured_length < packet.original_length
    counters.path_packets[packet.path & (MAX_PATHS - 1)] += 1
    counters.path_bytes[packet.path & (MAX_PATHS - 1)] += packet.original_length
    if seldom(packet.decode_status):
        counters.status[<int>DECODE_OK] -= 1
        counters.status[packet.decode_status & 3] += 1
    if seldom(packet.present & HAS_FRAGMENT):
        counters.fragments += 1
        if counters.first_fragment == 0 or frame < counters.first_fragment:
            counters.first_fragment = frame


cdef inline void count_rows(counters_t* counters, uint32_t rows) noexcept nogil:
    """So many packets went through count_one()."""
    counters.packets += rows
    counters.status[<int>DECODE_OK] += rows


cdef inline void note_bounds(counters_t* counters, int64_t first, int64_t last) noexcept nogil:
    """The earliest time may be `first`, the latest `last`."""
    counters.first_ns = first if first < counters.first_ns else counters.first_ns
    counters.last_ns = last if last > counters.last_ns else counters.last_ns


cdef inline void count_series(intervals_t* intervals, int64_t now, uint32_t marks) noexcept nogil:
    cdef bucket_t* bucket
    if now >= intervals.bucket_end or now < intervals.bucket_begin:
        find_bucket(intervals, now)
    bucket = &intervals.buckets[intervals.bucket]
    bucket.tcp[<int>SERIES_RETRANSMISSION] += (marks & MARK_RETRANSMISSION) != 0
    bucket.tcp[<int>SERIES_FAST] += (marks & MARK_FAST_RETRANSMISSION) != 0
    bucket.tcp[<int>SERIES_SPURIOUS] += (marks & MARK_SPURIOUS_RETRANSMISSION) != 0
    bucket.tcp[<int>SERIES_OUT_OF_ORDER] += (marks & MARK_OUT_OF_ORDER) != 0
    bucket.tcp[<int>SERIES_LOST] += (marks & MARK_LOST_SEGMENT) != 0
    bucket.tcp[<int>SERIES_DUPLICATE_ACK] += (marks & MARK_DUPLICATE_ACK) != 0
    bucket.tcp[<int>SERIES_ZERO_WINDOW] += (marks & MARK_ZERO_WINDOW) != 0
    bucket.tcp[<int>SERIES_SEEN_TWICE] += (marks & MARK_SEEN_TWICE) != 0


cdef inline void count_lost(intervals_t* intervals, int64_t when) noexcept nogil:
    """A segment whose repetition was captured: it counts where it was sent, or where its place stayed empty."""
    cdef uint64_t since = <uint64_t>when - <uint64_t>intervals.start if when > intervals.start else 0
    since //= FIRST_WIDTH_NS
    while since >> intervals.shift >= MAX_BUCKETS:
        widen(intervals)
    since >>= intervals.shift
    if since >= intervals.used:
        intervals.used = <uint32_t>since + 1
    intervals.buckets[since].lost += 1


cdef inline void count_in_bucket(trips_t* trips, int64_t duration, uint32_t bucket) noexcept nogil:
    """count_trip where the bucket is known."""
    trips.samples += 1
    trips.total += <uint64_t>duration
    trips.least = duration if duration < trips.least else trips.least
    trips.most = duration if duration > trips.most else trips.most
    trips.counts[bucket] += 1


cdef inline void count_trip(trips_t* trips, int64_t duration) noexcept nogil:
    count_in_bucket(trips, duration, bucket_of(duration))


cdef inline void merge_trips(trips_t* into, const trips_t* other) noexcept nogil:
    cdef int bucket
    into.samples += other.samples
    into.total += other.total
    into.least = other.least if other.least < into.least else into.least
    into.most = other.most if other.most > into.most else into.most
    for bucket in range(SPREAD_BUCKETS):
        into.counts[bucket] += other.counts[bucket]


cdef inline void count_marks(counters_t* counters, const packet_t* packet, uint32_t marks, bint client) noexcept nogil:
    """Add the marks of one packet, which is not often."""
    cdef uint32_t left = marks
    while left:
        counters.marks[0 if client else 1][trailing_zeros(left)] += 1
        left &= left - 1
    if packet.present & HAS_TIME:
        count_series(&counters.intervals, packet.timestamp, marks)


cdef inline void merge_intervals(intervals_t* into, intervals_t* other) noexcept nogil:
    """Add `other`, which may be widened to the same width; both begin at the same time."""
    cdef uint32_t index, series
    while into.shift < other.shift:
        widen(into)
    while other.shift < into.shift:
        widen(other)
    if other.used > into.used:
        into.used = other.used
    for index in range(other.used):
        into.buckets[index].packets += other.buckets[index].packets
        into.buckets[index].bytes += other.buckets[index].bytes
        into.buckets[index].payload_bytes += other.buckets[index].payload_bytes
        into.buckets[index].tcp_bytes += other.buckets[index].tcp_bytes
        into.buckets[index].udp_bytes += other.buckets[index].udp_bytes
        for series in range(SERIES):
            into.buckets[index].tcp[series] += other.buckets[index].tcp[series]
        into.buckets[index].lost += other.buckets[index].lost
        keep_busier(&into.buckets[index], &other.buckets[index])


cdef inline void merge_counters(counters_t* into, counters_t* other) noexcept nogil:
    cdef int index
    into.packets += other.packets
    into.bytes += other.bytes
    into.captured_bytes += other.captured_bytes
    into.cut_packets += other.cut_packets
    into.backward_time += other.backward_time
    into.without_time += other.without_time
    into.fragments += other.fragments
    if other.first_fragment and (into.first_fragment == 0 or other.first_fragment < into.first_fragment):
        into.first_fragment = other.first_fragment
    into.segments += other.segments
    into.segment_bytes += other.segment_bytes
    merge_trips(&into.trips[0], &other.trips[0])
    merge_trips(&into.trips[1], &other.trips[1])
    for index in range(MARKS):
        into.marks[0][index] += other.marks[0][index]
        into.marks[1][index] += other.marks[1][index]
    for index in range(4):
        into.status[index] += other.status[index]
    if other.first_ns < into.first_ns:
        into.first_ns = other.first_ns
    if other.last_ns > into.last_ns:
        into.last_ns = other.last_ns
    for index in range(MAX_PATHS):
        into.path_packets[index] += other.path_packets[index]
        into.path_bytes[index] += other.path_bytes[index]
    merge_intervals(&into.intervals, &other.intervals)
