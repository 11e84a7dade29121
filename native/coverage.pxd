"""Which bytes of one direction were captured: everything from a beginning to an end, less a list of holes.

Payload alone: SYN and FIN are no bytes, though a FIN shows what is missing before it. Tells bytes that come a second
time from new ones, and how many never came. Bounded: beyond MAX_HOLES the oldest hole is given up, its bytes stay
missed; a jump over more than the largest window that TCP knows is no hole: the caller begins anew.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

from serial cimport after, before

cdef enum:
    MAX_HOLES = 1000
    MAX_JUMP = 0x40000000            # 65,535 << 14, the largest window (RFC 7323, section 2.3), rounded up
    MAX_SPAN = 0x60000000            # of what is remembered: serial comparison reaches half the number space

ctypedef struct hole_t:              # [begin, end)
    uint32_t begin
    uint32_t end
    int64_t time                     # ns, when it was noticed
    uint32_t tsval                   # of the packet behind it, valid with `stamped`
    uint32_t stamped

ctypedef struct coverage_t:          # 32 bytes
    uint32_t begin
    uint32_t end
    uint16_t count
    uint16_t capacity
    uint16_t head
    uint8_t known                    # begin and end are valid
    uint8_t bounded
    hole_t* holes                    # those from `head` on, (count,), are there, in order
    uint64_t given_up                # bytes in holes that are no longer listed

ctypedef struct covered_t:           # what a segment brought
    uint32_t new                     # bytes captured for the first time
    uint32_t filled                  # those of them that lay in holes, or before the first captured byte
    uint32_t opened                  # bytes missing right before it, noticed now
    hole_t hole                      # the first of the holes as it was, valid with `filled`


cdef inline void coverage_free(coverage_t* coverage) noexcept nogil:
    free(coverage.holes)
    coverage.holes = NULL
    coverage.count = coverage.capacity = coverage.head = 0


cdef inline hole_t* holes_of(const coverage_t* coverage) noexcept nogil:
    """The first of coverage.count holes in order."""
    return coverage.holes + coverage.head


cdef inline uint64_t missed_bytes(const coverage_t* coverage) noexcept nogil:
    """Bytes between the first and the last captured one that never came."""
    cdef const hole_t* holes = holes_of(coverage)
    cdef uint64_t missed = coverage.given_up
    cdef uint32_t at
    for at in range(coverage.count):
        missed += holes[at].end - holes[at].begin
    return missed


cdef inline void drop_hole(coverage_t* coverage, uint32_t at) noexcept nogil:
    """Close the gap from the nearer end: of a thousand holes, the oldest costs no more than the latest."""
    cdef hole_t* holes = holes_of(coverage)
    coverage.count -= 1
    if at < <uint32_t>coverage.count - at:
        memmove(holes + 1, holes, at * sizeof(hole_t))
        coverage.head += 1
    else:
        memmove(holes + at, holes + at + 1, (coverage.count - at) * sizeof(hole_t))


cdef inline void give_up_hole(coverage_t* coverage) noexcept nogil:
    cdef const hole_t* oldest = holes_of(coverage)
    coverage.given_up += oldest.end - oldest.begin
    coverage.bounded = 1
    drop_hole(coverage, 0)


cdef inline bint make_room_for_hole(coverage_t* coverage) noexcept nogil:
    """Room behind the last hole, and in front of the first: for half as many as there are. False: memory is short."""
    cdef uint32_t capacity = coverage.capacity, head = coverage.count // 2
    cdef hole_t* holes = coverage.holes
    if coverage.head + <uint32_t>coverage.count < capacity:
        return True
    if 2 * <uint32_t>coverage.count >= capacity:
        capacity = capacity * 2 if capacity else 4
        holes = <hole_t*>malloc(capacity * sizeof(hole_t))
        if holes == NULL:
            return False
        if coverage.count:
            memcpy(holes + head, holes_of(coverage), coverage.count * sizeof(hole_t))
        free(coverage.holes)
    else:
        memmove(holes + head, holes_of(coverage), coverage.count * sizeof(hole_t))
    coverage.holes = holes
    coverage.head = <uint16_t>head
    coverage.capacity = <uint16_t>capacity
    return True


cdef inline void add_hole(coverage_t* coverage, uint32_t at, const hole_t* hole) noexcept nogil:
    """A hole at place `at` of the list."""
    cdef hole_t* holes
    if coverage.count == MAX_HOLES:
        give_up_hole(coverage)
        at -= at != 0
    if not make_room_for_hole(coverage):
        coverage.given_up += hole.end - hole.begin
        coverage.bounded = 1
        return
    if coverage.head and at < <uint32_t>coverage.count - at:
        coverage.head -= 1
        holes = holes_of(coverage)
        memmove(holes, holes + 1, at * sizeof(hole_t))
    else:
        holes = holes_of(coverage)
        memmove(holes + at + 1, holes + at, (coverage.count - at) * sizeof(hole_t))
    holes[at] = hole[0]
    coverage.count += 1


cdef inline uint32_t first_hole_behind(const coverage_t* coverage, uint32_t number) noexcept nogil:
    """The place of the first hole that ends behind a sequence number."""
    cdef const hole_t* holes = holes_of(coverage)
    cdef uint32_t low = 0, left = coverage.count, half
    if not left:
        return 0
    while left > 1:                              # without a branch: which way to go is random
        half = left // 2
        low += half & -<uint32_t>(not after(holes[low + half - 1].end, number))
        left -= half
    if not after(holes[low].end, number):
        low += 1
    return low


cdef inline void note_filled(covered_t* covered, const hole_t* hole, uint32_t bytes) noexcept nogil:
    if not covered.filled:
        covered.hole = hole[0]
    covered.filled += bytes


cdef inline void fill_holes(coverage_t* coverage, uint32_t begin, uint32_t end, covered_t* covered) noexcept nogil:
    """Take [begin, end) out of the holes."""
    cdef uint32_t at = first_hole_behind(coverage, begin)
    cdef hole_t* hole
    cdef hole_t rest
    while at < coverage.count and before(holes_of(coverage)[at].begin, end):
        hole = holes_of(coverage) + at
        if after(begin, hole.begin):
            if before(end, hole.end):            # inside: two holes are left
                note_filled(covered, hole, end - begin)
                rest = hole[0]
                rest.begin = end
                hole.end = begin
                add_hole(coverage, at + 1, &rest)
                return
            note_filled(covered, hole, hole.end - begin)
            hole.end = begin
            at += 1
        elif before(end, hole.end):
            note_filled(covered, hole, end - hole.begin)
            hole.begin = end
            return
        else:
            note_filled(covered, hole, hole.end - hole.begin)
            drop_hole(coverage, at)


cdef inline void cover_before_begin(
    coverage_t* coverage, uint32_t begin, uint32_t end, const hole_t* noticed, covered_t* covered
) noexcept nogil:
    """Cover what of [begin, end) lies before the first captured byte; between them a hole may be left."""
    cdef hole_t hole = noticed[0]
    hole.end = coverage.begin
    hole.begin = end if before(end, hole.end) else hole.end
    coverage.begin = begin
    note_filled(covered, noticed, hole.begin - begin)
    if hole.begin != hole.end:
        add_hole(coverage, 0, &hole)


cdef inline void cover_before_end(
    coverage_t* coverage, uint32_t begin, uint32_t end, const hole_t* noticed, covered_t* covered
) noexcept nogil:
    """Cover [begin, end), which starts before the end of what is covered."""
    cdef uint32_t appended = 0
    if after(end, coverage.end):
        appended = end - coverage.end
        end = coverage.end
    if coverage.count:
        fill_holes(coverage, begin, end, covered)
    if before(begin, coverage.begin):
        cover_before_begin(coverage, begin, end, noticed, covered)
    coverage.end += appended
    covered.new = covered.filled + appended


cdef inline void restart_coverage(coverage_t* coverage, uint32_t number) noexcept nogil:
    """Begin anew somewhere else; what was missing stays missing."""
    coverage.given_up = missed_bytes(coverage)
    coverage.count = 0
    coverage.known = 1
    coverage.begin = coverage.end = number


cdef inline void forget_beginning(coverage_t* coverage) noexcept nogil:
    """Remember the last MAX_JUMP bytes only."""
    coverage.begin = coverage.end - <uint32_t>MAX_JUMP
    while coverage.count and before(holes_of(coverage).begin, coverage.begin):
        coverage.given_up += holes_of(coverage).end - holes_of(coverage).begin
        drop_hole(coverage, 0)


cdef inline void cover(
    coverage_t* coverage, uint32_t begin, uint32_t end, const hole_t* noticed, covered_t* covered
) noexcept nogil:
    """Bytes [begin, end) were captured, at most MAX_JUMP from what is covered; begin may equal end.

    noticed: time and timestamp that a hole before them is remembered with.
    """
    cdef hole_t hole
    covered.new = end - begin
    covered.filled = covered.opened = 0
    if begin == coverage.end:
        coverage.end = end
    elif after(begin, coverage.end):
        hole = noticed[0]
        hole.begin = coverage.end
        hole.end = begin
        covered.opened = begin - coverage.end
        add_hole(coverage, coverage.count, &hole)
        coverage.end = end
    else:
        covered.new = 0
        if begin != end:
            cover_before_end(coverage, begin, end, noticed, covered)


cdef inline bint too_wide(const coverage_t* coverage) noexcept nogil:
    return coverage.end - coverage.begin > <uint32_t>MAX_SPAN


cdef inline uint64_t missed_bytes_before(const coverage_t* coverage, uint32_t number) noexcept nogil:
    """Bytes before `number` that never came, of those that can still be named."""
    cdef uint64_t missed = 0
    cdef uint32_t at
    cdef const hole_t* hole
    for at in range(coverage.count):
        hole = holes_of(coverage) + at
        if not before(hole.begin, number):
            break
        missed += (hole.end if before(hole.end, number) else number) - hole.begin
    return missed
