"""The segments of one direction that are not acknowledged yet, by where they end.

What an acknowledgement is compared with: the segment that ends exactly there gives a round-trip time, all that end at
or before it are done. Sorted by end, so in the usual order of things a segment is appended and an acknowledgement
takes from the front.

Bounded for whatever a capture holds: at most MAX_UNACKED segments, beyond which none is taken in, and a segment that
would have to be put in more than MAX_SHIFT places from either end is not kept.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

from serial cimport after, before

cdef enum:
    FEW = 1                          # segments held without memory of their own
    KEPT_CAPACITY = 4                # memory of this many stays with an idle direction
    KEPT_DONE = 3                    # and of what is done: a repetition's original is often the last segment
    MAX_DONE = 8                     # so many are read back
    MAX_UNACKED = 10000              # as in Wireshark
    MAX_SHIFT = 256
    FEW_SHIFTED = 64                 # so many are moved at no cost worth making room in front

ctypedef struct segment_t:           # 24 bytes
    uint32_t begin                   # sequence number of its first byte
    uint32_t end                     # and behind its last
    uint64_t frame
    int64_t time                     # ns

cdef enum unacked_note_t:
    UNACKED_BOUNDED = 1              # a bound was hit
    UNACKED_OVERLAP = 2              # a segment may begin before the end of another that ends before it

ctypedef struct unacked_t:           # 40 bytes
    segment_t* first                 # of `count` in order, in `few` or in memory of their own
    uint16_t head                    # of those before it the last `done` are done and still readable
    uint16_t count
    uint16_t capacity                # of the memory
    uint8_t notes                    # unacked_note_t
    uint8_t done                     # MAX_DONE at most
    segment_t few[FEW]


cdef inline void unacked_begin(unacked_t* unacked) noexcept nogil:
    """Nothing is unacknowledged."""
    unacked.first = &unacked.few[0]
    unacked.head = unacked.count = 0
    unacked.capacity = FEW
    unacked.done = 0


cdef inline segment_t* memory_of(const unacked_t* unacked) noexcept nogil:
    return unacked.first - unacked.head


cdef inline void free_memory(unacked_t* unacked) noexcept nogil:
    if memory_of(unacked) != &unacked.few[0]:
        free(memory_of(unacked))


cdef inline void unacked_free(unacked_t* unacked) noexcept nogil:
    free_memory(unacked)
    unacked_begin(unacked)


cdef inline bint move_to(unacked_t* unacked, uint32_t capacity, uint32_t done) noexcept nogil:
    """Into memory for `capacity` segments, with the last `done` of those that are done; False where memory is short."""
    cdef segment_t* moved = <segment_t*>malloc(capacity * sizeof(segment_t))
    if moved == NULL:
        unacked.notes |= UNACKED_BOUNDED
        return False
    memcpy(moved, unacked.first - done, (unacked.count + done) * sizeof(segment_t))
    free_memory(unacked)
    unacked.first = moved + done
    unacked.head = <uint16_t>done
    unacked.done = <uint8_t>done
    unacked.capacity = <uint16_t>capacity
    return True


cdef inline uint32_t done_kept(const unacked_t* unacked, uint32_t capacity) noexcept nogil:
    """How many of those that are done stay readable when room is made."""
    cdef uint32_t most = MAX_DONE if capacity >= 2 * MAX_DONE else capacity // 2
    return most if unacked.done > most else unacked.done


cdef inline bint make_room(unacked_t* unacked) noexcept nogil:
    """Room for one more behind the last; False where memory is short: then a segment is not kept."""
    cdef uint32_t capacity = unacked.capacity, done, dropped
    cdef segment_t* memory
    if unacked.head + unacked.count < capacity:
        return True
    done = done_kept(unacked, capacity)
    dropped = unacked.head - done
    if dropped and dropped >= capacity // 4:
        memory = memory_of(unacked)
        memmove(memory, memory + dropped, (done + unacked.count) * sizeof(segment_t))
        unacked.first = memory + done
        unacked.head = <uint16_t>done
        unacked.done = <uint8_t>done
        return True
    return move_to(unacked, capacity * 4 if capacity < 8192 else 32768, done)


cdef inline uint32_t place_of_end(const segment_t* items, uint32_t count, uint32_t end) noexcept nogil:
    """How many segments end before `end`."""
    cdef uint32_t low = 0, left = count, half
    if count == 0 or not before(items[0].end, end):
        return 0
    while left > 1:                              # without a branch: which way to go is random
        half = left // 2
        low += half & -<uint32_t>before(items[low + half - 1].end, end)
        left -= half
    if before(items[low].end, end):
        low += 1
    return low


cdef inline bint make_room_in_front(unacked_t* unacked) noexcept nogil:
    """Room for MAX_SHIFT more before the first, so that the next ones find it; False where memory is short."""
    cdef uint32_t capacity = unacked.capacity
    cdef segment_t* memory = memory_of(unacked)
    cdef segment_t* grown
    if unacked.head:                             # what is done may go
        return True
    if capacity < unacked.count + 2 * MAX_SHIFT:
        capacity = unacked.count + 4 * MAX_SHIFT
        grown = <segment_t*>malloc(capacity * sizeof(segment_t))
        if grown == NULL:
            unacked.notes |= UNACKED_BOUNDED
            return False
        memcpy(grown + MAX_SHIFT, memory, unacked.count * sizeof(segment_t))
        free_memory(unacked)
        memory = grown
        unacked.capacity = <uint16_t>capacity
    else:
        memmove(memory + MAX_SHIFT, memory, unacked.count * sizeof(segment_t))
    unacked.first = memory + MAX_SHIFT
    unacked.head = MAX_SHIFT
    unacked.done = 0
    return True


cdef inline void put_between(unacked_t* unacked, const segment_t* segment, uint32_t at) noexcept nogil:
    """Make a segment the one at place `at`, unless that is far from both ends."""
    cdef segment_t* items
    cdef uint32_t behind = unacked.count - at
    if behind <= FEW_SHIFTED or behind <= MAX_SHIFT and behind <= at:
        if not make_room(unacked):
            return
        items = unacked.first
        memmove(items + at + 1, items + at, behind * sizeof(segment_t))
    elif at <= MAX_SHIFT:
        if not make_room_in_front(unacked):
            return
        unacked.first -= 1
        unacked.head -= 1
        unacked.done -= unacked.done != 0
        items = unacked.first
        memmove(items, items + 1, at * sizeof(segment_t))
    else:
        unacked.notes |= UNACKED_BOUNDED
        return
    items[at] = segment[0]
    unacked.count += 1


cdef inline bint keep_segment(unacked_t* unacked, const segment_t* segment, uint32_t base) noexcept nogil:
    """Note that a segment was sent. An earlier one with the same end stays. False: there are too many.

    base: of the two beginnings the one nearer behind it is kept.
    """
    cdef segment_t* items = unacked.first
    cdef uint32_t at = unacked.count
    if at and before(segment.begin, items[at - 1].end):
        unacked.notes |= UNACKED_OVERLAP
    if at and not after(segment.end, items[at - 1].end):
        at = place_of_end(items, at, segment.end)
        if items[at].end == segment.end:
            if segment.begin - base < items[at].begin - base:
                items[at].begin = segment.begin
            return True
    if unacked.count >= MAX_UNACKED:
        unacked.notes |= UNACKED_BOUNDED
        return False
    if at < unacked.count:
        put_between(unacked, segment, at)
    elif make_room(unacked):
        unacked.first[at] = segment[0]
        unacked.count += 1
    return True


cdef inline void drop_before(unacked_t* unacked, uint32_t number) noexcept nogil:
    """Drop every segment that ends before a number that has nothing to do with where the list is."""
    cdef segment_t* items = unacked.first
    cdef uint32_t at, kept = 0
    for at in range(unacked.count):
        if items[at].end == number or after(items[at].end, number):
            items[kept] = items[at]
            kept += 1
    unacked.count = <uint16_t>kept


cdef inline uint32_t count_upto(const unacked_t* unacked, uint32_t ack) noexcept nogil:
    """How many segments from the first on end at or before `ack`."""
    cdef const segment_t* items = unacked.first
    cdef uint32_t count = 0
    while count < unacked.count and not after(items[count].end, ack):
        count += 1
    return count


cdef inline void drop_first(unacked_t* unacked, uint32_t count) noexcept nogil:
    """The first `count` segments, at least one, are done."""
    unacked.count -= <uint16_t>count
    unacked.first += count
    unacked.head += <uint16_t>count
    count += unacked.done
    unacked.done = <uint8_t>(count if count < MAX_DONE else MAX_DONE)
    if unacked.count or unacked.capacity <= KEPT_CAPACITY:
        return
    count = KEPT_DONE if unacked.done > KEPT_DONE else unacked.done
    if not move_to(unacked, KEPT_CAPACITY, count):
        unacked_free(unacked)


cdef inline bint acknowledge(unacked_t* unacked, uint32_t ack, segment_t* matched) noexcept nogil:
    """Drop the segments that end at or before `ack`. True, with a copy of it, where one ends exactly there."""
    cdef segment_t* items = unacked.first
    cdef uint32_t count = count_upto(unacked, ack)
    cdef bint found = False
    if count == 0:
        # An ACK from the other half of the number space may lie before the last segments only: tshark drops those.
        while unacked.count and not after(items[unacked.count - 1].end, ack):
            unacked.count -= 1
        return False
    if items[count - 1].end == ack:
        matched[0] = items[count - 1]
        found = True
    drop_first(unacked, count)
    return found
