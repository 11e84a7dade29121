"""Flows beyond the limit: the least recently seen are written out, leave a tombstone, and are merged again at the
end.

Looked at only where the count of frames is a multiple of EVICT_FRAMES, over all shards together: the rule knows
nothing of threads or batches.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from posix.types cimport off_t
from posix.unistd cimport pwrite

from flow cimport FLOW_LIVE, FLOW_LONE, LONE, NO_NUMBER, flow_t, last_frame, lone_t, table_t
from flow_key cimport KIND_TCP
from flow_table cimport bury, flow_at, lone_at, release_flow
from grow cimport has_place
from lone cimport lone_frame, release_lone, unpack_lone
from tcp cimport heading_t, tcp_t
from tcp_row cimport tcp_side_row_t
from told cimport tell, told_t
from wire cimport prefetch_read, prefetch_write

cdef enum:
    EVICT_FRAMES = 65536
    MAX_SHARDS = 32
    RECENCY_STEPS = 65536
    SECTION_BYTES = 65536            # written at once
    AHEAD_LEAVING = 16               # flows whose lines are fetched before
    AHEAD_SLOT = 8
    DIGIT_BITS = 11
    DIGITS = 2048

ctypedef struct opened_t:            # of a flow that has state of TCP
    heading_t heading
    uint64_t squares[2]
    int64_t initial_rtt
    int64_t first_byte
    uint64_t sides                   # number + 1 of its two tcp_side_row_t; 0: they say nothing

ctypedef struct part_t:              # flows written out together, in order of flow_id
    uint64_t count
    uint64_t flows                   # offset of flow_t[count]; `tcp` is the number + 1 of an opened_t, 0 without one
    uint64_t opened                  # offset of opened_t[]
    uint64_t sides                   # offset of tcp_side_row_t[][2]

ctypedef struct spill_t:
    int descriptor
    uint64_t size                    # bytes written
    part_t* parts
    uint32_t part_count
    uint32_t part_capacity
    uint64_t evicted

ctypedef struct leaving_t:           # a flow that is written out
    uint32_t flow_id
    uint32_t index                   # in its shard's pool, with LONE in that of lone flows
    uint32_t step                    # of RECENCY_STEPS, when it was last seen; then its shard
    uint8_t counted                  # it has packets of its own
    uint8_t judged                   # it may have state of TCP

ctypedef struct section_t:           # of a part that is being written
    uint8_t* bytes
    size_t used
    uint64_t offset                  # of bytes[0] in the file


# ---------------------------------------------------------------- writing

cdef inline bint write_all(int descriptor, const void* data, size_t size, uint64_t offset) noexcept nogil:
    cdef const char* at = <const char*>data
    cdef ssize_t written
    while size:
        written = pwrite(descriptor, at, size, <off_t>offset)
        if written <= 0:
            return False
        at += written
        offset += <uint64_t>written
        size -= <size_t>written
    return True


cdef inline bint write_section(int descriptor, section_t* section) noexcept nogil:
    if not write_all(descriptor, section.bytes, section.used, section.offset):
        return False
    section.offset += section.used
    section.used = 0
    return True


cdef inline bint put(int descriptor, section_t* section, const void* data, size_t size) noexcept nogil:
    """Append to a section; size: at most SECTION_BYTES."""
    if section.used + size > SECTION_BYTES and not write_section(descriptor, section):
        return False
    memcpy(section.bytes + section.used, data, size)
    section.used += size
    return True


cdef inline part_t* new_part(spill_t* spill) noexcept nogil:
    """The place of the next part, not counted yet; NULL when memory is short."""
    if not has_place(&spill.parts, &spill.part_capacity, spill.part_count, sizeof(part_t), 64):
        return NULL
    return &spill.parts[spill.part_count]


cdef inline bint write_flow(
    spill_t* spill, section_t* sections, flow_t* flow, uint64_t* opened, uint64_t* sides
) noexcept nogil:
    """A flow into the sections of its part. opened, sides: how many of them there are."""
    cdef told_t told
    cdef opened_t more
    if flow.tcp == NULL:
        return put(spill.descriptor, &sections[0], flow, sizeof(flow_t))
    tell(&told, flow)
    opened[0] += 1
    told.flow.tcp = <tcp_t*><size_t>opened[0]
    more.heading = told.heading
    more.squares[0], more.squares[1] = told.squares[0], told.squares[1]
    more.initial_rtt = told.initial_rtt
    more.first_byte = told.first_byte
    more.sides = 0
    if not told.quiet:
        sides[0] += 1
        more.sides = sides[0]
        if not put(spill.descriptor, &sections[2], told.side, sizeof(told.side)):
            return False
    return (
        put(spill.descriptor, &sections[0], &told.flow, sizeof(flow_t))
        and put(spill.descriptor, &sections[1], &more, sizeof(opened_t))
    )


cdef inline void expect_lines(const void* at, size_t size) noexcept nogil:
    cdef size_t offset
    for offset in range(0, size, 64):
        prefetch_read(<const uint8_t*>at + offset)


cdef inline void expect_leaving(
    table_t* tables, const leaving_t* leaving, uint64_t index, uint64_t count
) noexcept nogil:
    """Fetch what write_part and bury touch of the flows behind this one."""
    cdef const leaving_t* ahead
    cdef const flow_t* flow
    cdef const table_t* table
    if index + AHEAD_LEAVING < count:
        ahead = &leaving[index + AHEAD_LEAVING]
        table = &tables[ahead.step]
        if ahead.index & LONE:
            expect_lines(lone_at(table, ahead.index - LONE), sizeof(lone_t))
        else:
            expect_lines(flow_at(table, ahead.index), sizeof(flow_t))
    if index + AHEAD_SLOT < count:
        ahead = &leaving[index + AHEAD_SLOT]
        table = &tables[ahead.step]
        if ahead.index & LONE:
            prefetch_write(&table.slots[lone_at(table, ahead.index - LONE).hash & table.mask])
            return
        flow = flow_at(table, ahead.index)
        prefetch_write(&table.slots[flow.hash & table.mask])
        if flow.tcp != NULL:
            expect_lines(flow.tcp, sizeof(tcp_t))


cdef inline bint write_flows(
    spill_t* spill, part_t* part, section_t* sections, table_t* tables, const leaving_t* leaving, uint64_t count
) noexcept nogil:
    """Write out flows and bury them, in order of flow_id."""
    cdef uint64_t index, opened = 0, sides = 0
    cdef table_t* table
    cdef flow_t* flow
    cdef flow_t lone
    for index in range(count):
        expect_leaving(tables, leaving, index, count)
        table = &tables[leaving[index].step]
        if leaving[index].index & LONE:
            unpack_lone(lone_at(table, leaving[index].index - LONE), &lone)
            flow = &lone
        else:
            flow = flow_at(table, leaving[index].index)
        if leaving[index].counted and not write_flow(spill, sections, flow, &opened, &sides):
            return False
        spill.evicted += flow.flow_id != NO_NUMBER
        if not bury(table, flow):
            return False
        if leaving[index].index & LONE:
            release_lone(table, leaving[index].index - LONE)
        elif not release_flow(table, leaving[index].index):
            return False
    spill.size = part.sides + sides * 2 * sizeof(tcp_side_row_t)
    for index in range(3):
        if not write_section(spill.descriptor, &sections[index]):
            return False
    return True


cdef inline bint write_part(
    spill_t* spill, table_t* tables, const leaving_t* leaving, uint64_t count, uint64_t counted, uint64_t judged
) noexcept nogil:
    """Write out flows and bury them. counted: those with packets of their own.  judged: those with state of TCP,
    at most.
    """
    cdef part_t* part = new_part(spill)
    cdef section_t sections[3]
    cdef uint8_t* memory = <uint8_t*>malloc(3 * SECTION_BYTES)
    cdef bint right = part != NULL and memory != NULL
    if right:
        part.count = counted
        part.flows = spill.size
        part.opened = part.flows + counted * sizeof(flow_t)
        part.sides = part.opened + judged * sizeof(opened_t)
        sections[0] = section_t(bytes=memory, used=0, offset=part.flows)
        sections[1] = section_t(bytes=memory + SECTION_BYTES, used=0, offset=part.opened)
        sections[2] = section_t(bytes=memory + 2 * SECTION_BYTES, used=0, offset=part.sides)
        right = write_flows(spill, part, sections, tables, leaving, count)
        spill.part_count += 1
    free(memory)
    return right


# ---------------------------------------------------------------- whom to write out

cdef inline void sort_digit(const leaving_t* rows, leaving_t* out, uint64_t count, int shift) noexcept nogil:
    """By one digit of flow_id; of equals the order stays."""
    cdef uint64_t places[DIGITS]
    cdef uint64_t index, sum_before = 0, here
    memset(places, 0, sizeof(places))
    for index in range(count):
        places[rows[index].flow_id >> shift & (DIGITS - 1)] += 1
    for index in range(DIGITS):
        here = places[index]
        places[index] = sum_before
        sum_before += here
    for index in range(count):
        here = rows[index].flow_id >> shift & (DIGITS - 1)
        out[places[here]] = rows[index]
        places[here] += 1


cdef inline void sort_by_id(leaving_t* rows, leaving_t* spare, uint64_t count) noexcept nogil:
    """The sorted rows end in `spare`."""
    sort_digit(rows, spare, count, 0)
    sort_digit(spare, rows, count, DIGIT_BITS)
    sort_digit(rows, spare, count, 2 * DIGIT_BITS)


cdef inline void list_live(
    table_t* table, uint64_t width, leaving_t* rows, uint32_t* histogram, uint64_t* count
) noexcept nogil:
    """Append the live flows of a shard. width: frames of a step."""
    cdef uint32_t index
    cdef const flow_t* flow
    cdef const lone_t* lone
    cdef leaving_t* row
    for index in range(table.allocated):
        if index + AHEAD_LEAVING < table.allocated:
            prefetch_read(flow_at(table, index + AHEAD_LEAVING))
        flow = flow_at(table, index)
        if flow.state & FLOW_LIVE:
            row = &rows[count[0]]
            row.flow_id = flow.flow_id
            row.index = index
            row.step = <uint32_t>(last_frame(flow) // width)
            row.counted = last_frame(flow) != 0
            row.judged = row.counted and flow.key.kind == KIND_TCP and not flow.state & FLOW_LONE
            histogram[row.step] += 1
            count[0] += 1
    for index in range(table.lone_allocated):
        lone = lone_at(table, index)
        if lone.opening.flags:
            row = &rows[count[0]]
            row.flow_id = lone.flow_id
            row.index = index | LONE
            row.step = <uint32_t>(lone_frame(lone) // width)
            row.counted = 1
            row.judged = 0
            histogram[row.step] += 1
            count[0] += 1


cdef inline uint32_t last_step(const uint32_t* histogram, uint64_t surplus) noexcept nogil:
    """The step such that about `surplus` flows were last seen in it or before."""
    cdef uint64_t seen = 0
    cdef uint32_t step
    for step in range(RECENCY_STEPS):
        seen += histogram[step]
        if seen >= surplus:
            return step
    return RECENCY_STEPS


cdef inline bint choose_and_write(
    table_t* tables, uint32_t shards, uint64_t surplus, uint64_t now, spill_t* spill,
    leaving_t* rows, leaving_t* spare, uint32_t* histogram
) noexcept nogil:
    """rows, spare: (live flows,).  histogram: zeros, one a step and one more."""
    cdef uint64_t ends[MAX_SHARDS]
    cdef uint64_t listed = 0, count = 0, counted = 0, judged = 0, at = 0
    cdef uint32_t shard, last
    for shard in range(shards):
        list_live(&tables[shard], now // RECENCY_STEPS + 1, rows, histogram, &listed)
        ends[shard] = listed
    last = last_step(histogram, surplus)
    for shard in range(shards):
        while at < ends[shard]:
            if rows[at].step <= last:
                rows[count] = rows[at]
                rows[count].step = shard
                counted += rows[count].counted
                judged += rows[count].judged
                count += 1
            at += 1
    sort_by_id(rows, spare, count)
    return write_part(spill, tables, spare, count, counted, judged)


cdef inline bint evict(table_t* tables, uint32_t shards, uint64_t limit, uint64_t now, spill_t* spill) noexcept nogil:
    """Write out the least recently seen flows until seven eighths of `limit` are left. False: no memory or no disk."""
    cdef uint64_t live = 0
    cdef uint32_t shard
    cdef leaving_t* rows
    cdef uint32_t* histogram
    cdef bint right = False
    for shard in range(shards):
        live += tables[shard].live
    if live <= limit:
        return True
    rows = <leaving_t*>malloc(2 * live * sizeof(leaving_t))
    histogram = <uint32_t*>calloc(RECENCY_STEPS + 1, sizeof(uint32_t))
    if rows != NULL and histogram != NULL:
        right = choose_and_write(
            tables, shards, live - limit + limit // 8, now, spill, rows, rows + live, histogram
        )
    free(rows)
    free(histogram)
    return right
