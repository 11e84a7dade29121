"""Places in a file from which its records can be walked again when the scan is over.

Whoever asks for a frame reads from the waypoint before it on, so what they cost is their distance: one at each run of
records that a window is made of. When there are many, every other one goes: their memory does not grow with the file.
"""
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, realloc

from walk cimport reader_t

cdef enum:
    FIRST_STEP = 32768               # bytes; a run has about 64 KiB
    MAX_STEP = 16777216              # who reads a stretch reads it whole
    MAX_WAYPOINTS = 131072           # 3 MiB; the first are left out beyond 8 GiB. More at the largest step, of 2 TiB

ctypedef struct waypoint_t:
    uint64_t offset                  # in the file
    uint64_t frames                  # numbered before it
    uint32_t sections                # begun before it
    uint32_t big_endian

ctypedef struct waypoints_t:
    waypoint_t* places
    uint64_t count
    uint64_t capacity
    uint64_t step                    # bytes from one to the next, at least


cdef inline void waypoints_begin(waypoints_t* waypoints) noexcept nogil:
    """Forget those of another file; its memory is kept."""
    waypoints.count = 0
    waypoints.step = FIRST_STEP


cdef inline void waypoints_free(waypoints_t* waypoints) noexcept nogil:
    free(waypoints.places)
    waypoints.places = NULL
    waypoints.count = waypoints.capacity = 0


cdef inline void thin_out(waypoints_t* waypoints) noexcept nogil:
    cdef uint64_t at, kept = 1
    waypoints.step *= 2
    for at in range(1, waypoints.count):
        if waypoints.places[at].offset - waypoints.places[kept - 1].offset >= waypoints.step:
            waypoints.places[kept] = waypoints.places[at]
            kept += 1
    waypoints.count = kept


cdef inline void note_waypoint(
    waypoints_t* waypoints, uint64_t offset, uint64_t frames, const reader_t* reader
) noexcept nogil:
    """A record begins at an offset behind those noted so far. Where memory is short, the walk just has a longer way."""
    cdef uint64_t capacity
    cdef waypoint_t* grown
    if waypoints.count >= MAX_WAYPOINTS and waypoints.step < MAX_STEP:
        thin_out(waypoints)
    if waypoints.count and offset - waypoints.places[waypoints.count - 1].offset < waypoints.step:
        return
    if waypoints.count == waypoints.capacity:
        capacity = 2 * waypoints.capacity if waypoints.capacity else 64
        grown = <waypoint_t*>realloc(waypoints.places, capacity * sizeof(waypoint_t))
        if grown == NULL:
            return
        waypoints.places = grown
        waypoints.capacity = capacity
    waypoints.places[waypoints.count] = waypoint_t(
        offset=offset, frames=frames, sections=reader.sections, big_endian=reader.big_endian
    )
    waypoints.count += 1
