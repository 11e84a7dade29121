"""The busiest milliseconds: bytes within a tick, the most of any tick a bucket of the time series.

A rate over a bucket hides what fills a queue for a millisecond. A tick is 1.024 ms, counted from the start of the
series; 128 of them are a span, which tells a burst from a transfer that goes on. Packets that follow each other in the
file and fall into one tick are one stretch. Pieces of a batch are decoded by any thread, so each tells its first and
last stretch, which scan_t joins in file order; those between go straight to the buckets of the thread. What is kept is
the largest of them, and the earliest among equals: the same for any number of threads and size of batches.
"""
from libc.stdint cimport INT64_MIN, int64_t, uint32_t, uint64_t

from counters cimport MAX_BUCKETS, bucket_t, intervals_t, keep_busier, widen

cdef enum:
    TICK_SHIFT = 10                  # a tick is FIRST_WIDTH_NS << TICK_SHIFT
    TICK_NS = 1024000
    SPAN_SHIFT = 7                   # a span is 1 << SPAN_SHIFT ticks

cdef enum level_t:
    LEVEL_TICK = 0
    LEVEL_SPAN
    LEVELS

ctypedef struct stretch_t:           # packets that follow each other, all within one tick or span
    uint64_t number                  # of the tick or span, from the start of the series
    uint64_t bytes                   # while it goes on: what was counted before it
    uint64_t frame                   # its first; 0: there is none

ctypedef struct ends_t:              # of a piece, a level; first is valid with last.frame
    stretch_t first
    stretch_t last                   # the same as the first where there is one only

ctypedef struct pulse_t:             # while a piece is decoded
    int64_t tick_begin               # ns; of the tick that goes on
    stretch_t now[LEVELS]
    stretch_t first[LEVELS]


cdef inline void pulse_begin(pulse_t* pulse) noexcept nogil:
    cdef int level
    pulse.tick_begin = INT64_MIN                 # nothing is within a tick of it
    for level in range(LEVELS):
        pulse.now[level].bytes = pulse.now[level].frame = pulse.first[level].frame = 0


cdef inline void note_stretch(intervals_t* intervals, const stretch_t* stretch, int level) noexcept nogil:
    """Keep a whole stretch if it is the busiest of the bucket in which its tick or span begins."""
    cdef uint64_t since = stretch.number << (TICK_SHIFT if level == LEVEL_TICK else TICK_SHIFT + SPAN_SHIFT)
    cdef bucket_t found
    while since >> intervals.shift >= MAX_BUCKETS:
        widen(intervals)
    since >>= intervals.shift
    if since >= intervals.used:
        intervals.used = <uint32_t>since + 1
    found.peak_bytes = stretch.bytes if level == LEVEL_TICK else 0
    found.peak_frame = stretch.frame if level == LEVEL_TICK else 0
    found.span_bytes = stretch.bytes if level == LEVEL_SPAN else 0
    keep_busier(&intervals.buckets[since], &found)


cdef inline void turn(
    pulse_t* pulse, intervals_t* intervals, int level, uint64_t number, uint64_t bytes, uint64_t frame
) noexcept nogil:
    """A stretch ends before `frame`, and another begins; or it goes on. bytes: counted before it."""
    cdef stretch_t* now = &pulse.now[level]
    if now.frame and now.number == number:
        return
    if now.frame:
        now.bytes = bytes - now.bytes
        if pulse.first[level].frame:
            note_stretch(intervals, now, level)
        else:
            pulse.first[level] = now[0]
    now.number = number
    now.bytes = bytes
    now.frame = frame


cdef inline void note_tick(
    pulse_t* pulse, intervals_t* intervals, int64_t now, uint64_t bytes, uint64_t frame
) noexcept nogil:
    """A packet outside of the tick that goes on. bytes: counted before it."""
    cdef uint64_t since = <uint64_t>now - <uint64_t>intervals.start if now > intervals.start else 0
    cdef uint64_t number = since // TICK_NS
    pulse.tick_begin = intervals.start + <int64_t>(number * TICK_NS)
    turn(pulse, intervals, LEVEL_TICK, number, bytes, frame)
    turn(pulse, intervals, LEVEL_SPAN, number >> SPAN_SHIFT, bytes, frame)


cdef inline void leave_out_of_tick(pulse_t* pulse, uint32_t size) noexcept nogil:
    """A packet without a time, which is counted, belongs to no tick."""
    cdef int level
    for level in range(LEVELS):
        pulse.now[level].bytes += size


cdef inline void pulse_end(const pulse_t* pulse, ends_t* ends, uint64_t bytes) noexcept nogil:
    """The first and last stretch of a piece. ends: (LEVELS,).  bytes: counted up to its end."""
    cdef int level
    for level in range(LEVELS):
        ends[level].last = pulse.now[level]
        ends[level].last.bytes = bytes - pulse.now[level].bytes
        ends[level].first = pulse.first[level] if pulse.first[level].frame else ends[level].last


cdef inline void join_stretches(
    intervals_t* intervals, stretch_t* open_now, const ends_t* ends, int level
) noexcept nogil:
    """The next piece in file order. open_now: the stretch that goes on."""
    if not ends.last.frame:
        return
    if open_now.frame and open_now.number == ends.first.number:
        open_now.bytes += ends.first.bytes
    else:
        if open_now.frame:
            note_stretch(intervals, open_now, level)
        open_now[0] = ends.first
    if ends.first.frame != ends.last.frame:
        note_stretch(intervals, open_now, level)
        open_now[0] = ends.last
