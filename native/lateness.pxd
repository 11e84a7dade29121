"""How much later segments arrive than the earliest: one-way delay by the sender's own clock (RFC 7323).

Behind a queue, as at a receiver's end, round trips do not show it: an acknowledgement leaves as soon as its segment
has come. But each segment says when it was sent. A reading is the time of capture less that timestamp, in a
millisecond's units, as nearly every system counts them (RFC 7323 section 5.4 asks for 1 ms to 1 s; what counts in other
units climbs all along, and is found out by that). One reading a round trip, of segments of some size. What is kept
lies with the distribution of round trips, whose list every longer transfer has; most never need more of it.
tests/reference/lateness.py is the same in plain Python.
"""
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free

from spread cimport FAILED, add_duration, bucket_of, make_kept, percentiles, raise_bar, spread_free, spread_t

cdef enum:
    LATE_PAYLOAD = 1000              # bytes of a segment that is part of a transfer
    LATE_MS = 10                     # below, nothing is listed
    MS_NS = 1000000

ctypedef struct lateness_t:          # of one direction
    uint32_t first                   # readings, ms, comparable by their differences
    uint32_t last
    uint32_t least
    uint32_t origin                  # the least when listing began
    int32_t jump                     # ms, the most by which one was later than the one before
    uint32_t early                   # readings before listing began
    spread_t listed                  # ns behind the origin; without samples until one is late


cdef inline lateness_t* lateness_of(const spread_t* trips) noexcept nogil:
    """What is known of the direction with these round trips, or NULL."""
    return <lateness_t*>trips.kept.lateness if trips.kept != NULL else NULL


cdef inline void lateness_free(spread_t* trips) noexcept nogil:
    cdef lateness_t* late = lateness_of(trips)
    if late != NULL:
        spread_free(&late.listed)
        free(late)
        trips.kept.lateness = NULL


cdef inline void begin_readings(spread_t* trips, uint32_t reading) noexcept nogil:
    cdef lateness_t* late
    if trips.kept == NULL and not make_kept(trips):
        return
    late = <lateness_t*>calloc(1, sizeof(lateness_t))
    trips.kept.lateness = late
    if late == NULL:
        trips.waits |= FAILED
        return
    late.first = late.last = late.least = reading
    late.early = 1


cdef inline void list_reading(lateness_t* late, uint32_t reading) noexcept nogil:
    cdef int32_t behind
    if not late.listed.samples:
        late.origin = late.least
        late.listed.samples = late.early
        raise_bar(&late.listed, <uint16_t>bucket_of(0), late.early)
    behind = <int32_t>(reading - late.origin)
    add_duration(&late.listed, <int64_t>behind * MS_NS if behind > 0 else 0)


cdef inline void note_reading(spread_t* trips, int64_t now, uint32_t tsval) noexcept nogil:
    """A segment of some size, sent at `tsval` by its sender's clock, was captured at `now`."""
    cdef lateness_t* late = lateness_of(trips)
    cdef uint32_t reading = <uint32_t>(now // MS_NS) - tsval
    cdef int32_t step
    if late == NULL:
        begin_readings(trips, reading)
        return
    step = <int32_t>(reading - late.last)
    late.jump = step if step > late.jump else late.jump
    late.last = reading
    if <int32_t>(reading - late.least) < 0:
        late.least = reading
    if late.listed.samples or <int32_t>(reading - late.least) >= LATE_MS:
        list_reading(late, reading)
    else:
        late.early += 1


cdef inline void late_by(const lateness_t* late, int64_t* p50, int64_t* p95) noexcept nogil:
    """ns behind the least that 50 and 95 percent of the readings do not exceed, within 2 percent."""
    cdef int64_t ahead = <int64_t><int32_t>(late.origin - late.least) * MS_NS
    percentiles(&late.listed, p50, p95)
    p50[0] += ahead
    p95[0] += ahead
