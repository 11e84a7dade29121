"""Flows beyond the limit: the least recently seen are written out, leave a tombstone, and are merged again at the
end.

Looked at only where the count of frames is a multiple of EVICT_FRAMES, over all shards together: the rule knows
nothing of threads or batches.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset
from posix.types cimport off_t
from posix.unistd cimport pwrite

from coverage cimport holes_of
from flow cimport (
    FLOW_LIVE,
    FLOW_LONE,
    LONE,
    NO_NUMBER,
    OPENING_REUSES,
    bury,
    client_side,
    count_opening,
    flow_at,
    flow_t,
    last_frame,
    lone_at,
    lone_t,
    merge_flow,
    opening_packet,
    opening_t,
    release_flow,
    table_t,
    take_opening,
)
from flow_key cimport KIND_TCP
from grow cimport has_place
from lateness cimport lateness_of, lateness_t
from lone cimport lone_frame, release_lone, tell_counters, unpack_lone
from packet cimport NO_SCALE, packet_t
from sizes cimport add_or_stay, sum_of_squares
from tcp cimport (
    SELDOM_FLAGS,
    first_byte,
    heading_begin,
    heading_t,
    initial_rtt,
    mark_frame,
    side_t,
    tcp_t,
    troubles_t,
)
from tcp_row cimport add_side, tcp_side_row_t, tell_nothing, tell_side
from wire cimport prefetch_read, prefetch_write

cdef enum:
    EVICT_FRAMES = 65536
    MAX_SHARDS = 32
    FEW_PACKETS = 4                  # a flow with fewer may have said nothing
    RECENCY_STEPS = 65536
    REUSED_PORTS = 14                # place of MARK_REUSED_PORTS
    SECTION_BYTES = 65536            # written at once
    AHEAD_LEAVING = 16               # flows whose lines are fetched before
    AHEAD_SLOT = 8
    AHEAD_TOLD = 4
    EXPECTED_LIST = 128              # bytes of a list of durations, which most do not exceed
    DIGIT_BITS = 11
    DIGITS = 2048

ctypedef struct told_t:              # a flow, or a part of one, with the results of its TCP analysis
    flow_t flow
    heading_t heading
    uint64_t squares[2]              # of original lengths, by a, by b
    int64_t initial_rtt              # ns, 0 unknown
    int64_t first_byte               # ns, -1 unknown
    const lone_t* lone               # of collect alone: the flow, of which nothing else is told yet; or NULL
    uint8_t quiet                    # nothing is to be said of its TCP: `side` is not filled
    tcp_side_row_t side[2]           # of a, of b

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


# ---------------------------------------------------------------- what is said of a flow

cdef inline void tell_reuse(told_t* told, int sender) noexcept nogil:
    """A flow that says nothing but that its SYN used the ports of another."""
    cdef int at
    told.quiet = 0
    memset(told.side, 0, sizeof(told.side))
    for at in range(2):
        tell_nothing(&told.side[at])
    told.side[sender].marks[REUSED_PORTS] = 1
    told.side[sender].mark_frames[REUSED_PORTS] = mark_frame(told.flow.first_frame)


cdef inline void tell_rest(told_t* told) noexcept nogil:
    """Beside a flow without state of TCP, which is there."""
    cdef int at
    cdef opening_t opening
    cdef packet_t packet
    told.initial_rtt = 0
    told.first_byte = -1
    told.quiet = 1
    heading_begin(&told.heading)
    if told.flow.state & FLOW_LONE:
        opening = take_opening(&told.flow)
        opening_packet(&opening, &packet)
        count_opening(&told.heading, opening.side, &packet)
        if opening.flags & OPENING_REUSES:
            tell_reuse(told, opening.side)
    for at in range(2):
        told.squares[at] = sum_of_squares(
            told.flow.direction[at].pushes if told.flow.key.kind != KIND_TCP else 0, told.flow.direction[at].squares
        )


cdef inline void tell_quiet(told_t* told, const flow_t* flow) noexcept nogil:
    """Of a flow without state of TCP."""
    told.flow = flow[0]
    tell_rest(told)


cdef inline void tell_lone(told_t* told, const lone_t* lone) noexcept nogil:
    """As tell_quiet of the same flow unpacked."""
    cdef tcp_t scratch
    tell_counters(lone, &told.flow, &scratch)
    tell_rest(told)
    told.heading = scratch.heading


cdef inline bint says_nothing(const tcp_side_row_t* side) noexcept nogil:
    """Whether a direction is as one that has sent no data."""
    cdef tcp_side_row_t nothing
    memset(&nothing, 0, sizeof(tcp_side_row_t))
    tell_nothing(&nothing)
    return memcmp(side, &nothing, sizeof(tcp_side_row_t)) == 0


cdef inline void tell(told_t* told, const flow_t* flow) noexcept nogil:
    """What is to be said of a flow as it stands."""
    cdef int at
    if flow.tcp == NULL:
        tell_quiet(told, flow)
        return
    told.flow = flow[0]
    told.flow.tcp = NULL
    told.heading = flow.tcp.heading
    told.initial_rtt = initial_rtt(flow.tcp)
    told.first_byte = first_byte(flow.tcp)
    for at in range(2):
        told.squares[at] = sum_of_squares(flow.tcp.heading.squares[at], flow.direction[at].squares)
        tell_side(&told.side[at], flow.tcp, at, flow.direction[at].payload_bytes)
    told.quiet = (
        flow.direction[0].packets + flow.direction[1].packets < FEW_PACKETS
        and says_nothing(&told.side[0]) and says_nothing(&told.side[1])
    )


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


# ---------------------------------------------------------------- the flows at the end

cdef inline lone_t* as_lone(flow_t* told) noexcept nogil:
    """Of what live_by_id gives: the flow of lone.pxd, NULL where it is another."""
    return <lone_t*>(<size_t>told - 1) if <size_t>told & 1 else NULL


cdef inline flow_t** live_by_id(
    table_t* tables, uint32_t shards, uint32_t flows, bint* others
) noexcept nogil:
    """(flows,) the live part of every flow, NULL where only written parts exist. others: whether more is live.

    Those of lone.pxd are addressed a byte too high, see as_lone.
    """
    cdef flow_t** by_id = <flow_t**>calloc(flows + 1, sizeof(flow_t*))
    cdef uint32_t shard, index
    cdef flow_t* flow
    cdef lone_t* lone
    others[0] = False
    if by_id == NULL:
        return NULL
    for shard in range(shards):
        for index in range(tables[shard].allocated):
            if index + AHEAD_LEAVING < tables[shard].allocated:
                prefetch_read(flow_at(&tables[shard], index + AHEAD_LEAVING))
            flow = flow_at(&tables[shard], index)
            if flow.state & FLOW_LIVE:
                if flow.flow_id < flows:
                    by_id[flow.flow_id] = flow
                else:
                    others[0] = True
        for index in range(tables[shard].lone_allocated):
            lone = lone_at(&tables[shard], index)
            if lone.opening.flags and lone.flow_id < flows:       # it has none where memory ran out in its batch
                by_id[lone.flow_id] = <flow_t*>(<size_t>lone + 1)
    return by_id


cdef inline const flow_t* flows_of(const uint8_t* spilled, const part_t* part) noexcept nogil:
    return <const flow_t*>(spilled + part.flows)


cdef inline uint64_t first_at_or_after(const uint8_t* spilled, const part_t* part, uint32_t flow_id) noexcept nogil:
    """The first flow of a part with this number or a higher one."""
    cdef const flow_t* flows = flows_of(spilled, part)
    cdef uint64_t low = 0, high = part.count, middle
    while low < high:
        middle = (low + high) // 2
        if flows[middle].flow_id < flow_id:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline void tell_written(
    told_t* told, const uint8_t* spilled, const part_t* part, uint64_t row
) noexcept nogil:
    """What was to be said of a flow when it was written out."""
    cdef const flow_t* flow = &flows_of(spilled, part)[row]
    cdef const opened_t* more
    if flow.tcp == NULL:
        tell_quiet(told, flow)
        return
    more = &(<const opened_t*>(spilled + part.opened))[<size_t>flow.tcp - 1]
    told.flow = flow[0]
    told.flow.tcp = NULL
    told.heading = more.heading
    told.squares[0], told.squares[1] = more.squares[0], more.squares[1]
    told.initial_rtt = more.initial_rtt
    told.first_byte = more.first_byte
    told.quiet = more.sides == 0
    if more.sides:
        memcpy(told.side, spilled + part.sides + (more.sides - 1) * sizeof(told.side), sizeof(told.side))


cdef inline void collect_written(
    const uint8_t* spilled, const part_t* part, uint32_t begin, uint32_t end, told_t* out
) noexcept nogil:
    """Add what a part has of flows [begin, end)."""
    cdef const flow_t* flows = flows_of(spilled, part)
    cdef uint64_t row = first_at_or_after(spilled, part, begin)
    cdef told_t written
    cdef told_t* into
    while row < part.count and flows[row].flow_id < end:
        into = &out[flows[row].flow_id - begin]
        if into.flow.state & FLOW_LIVE:
            tell_written(&written, spilled, part, row)
            add_part(into, &written)
        else:
            tell_written(into, spilled, part, row)
        row += 1


cdef inline tcp_t* tcp_of(flow_t* const* by_id, uint32_t flow_id, uint32_t flows) noexcept nogil:
    """State of TCP of the live part of a flow, NULL where there is none; flows: how many have a number."""
    if flow_id >= flows or by_id[flow_id] == NULL or as_lone(by_id[flow_id]) != NULL:
        return NULL
    return by_id[flow_id].tcp


cdef inline void expect_side(const side_t* side) noexcept nogil:
    """Fetch what tell_side touches beside the state itself."""
    if side.troubles != NULL:
        expect_lines(side.troubles, sizeof(troubles_t))
    if side.rtt.kept != NULL:
        expect_lines(side.rtt.kept, EXPECTED_LIST)
    if side.coverage.count:
        prefetch_read(holes_of(&side.coverage))


cdef inline void expect_told(flow_t* const* by_id, uint32_t flow_id, uint32_t flows) noexcept nogil:
    """Fetch what collect touches of the flows behind this one: each pointer when what holds it has been fetched."""
    cdef const tcp_t* tcp
    cdef flow_t* flow
    cdef int side
    if flow_id + 4 * AHEAD_TOLD < flows and by_id[flow_id + 4 * AHEAD_TOLD] != NULL:
        flow = by_id[flow_id + 4 * AHEAD_TOLD]
        if as_lone(flow) != NULL:
            expect_lines(as_lone(flow), sizeof(lone_t))
        else:
            expect_lines(flow, sizeof(flow_t))
    tcp = tcp_of(by_id, flow_id + 3 * AHEAD_TOLD, flows)
    if tcp != NULL:
        expect_lines(tcp, sizeof(tcp_t))
    tcp = tcp_of(by_id, flow_id + 2 * AHEAD_TOLD, flows)
    if tcp != NULL:
        for side in range(2):
            expect_side(&tcp.side[side])
    tcp = tcp_of(by_id, flow_id + AHEAD_TOLD, flows)
    if tcp != NULL:
        for side in range(2):
            if lateness_of(&tcp.side[side].rtt) != NULL:
                expect_lines(lateness_of(&tcp.side[side].rtt), sizeof(lateness_t))


cdef inline void collect(
    flow_t* const* by_id, uint32_t flows, const uint8_t* spilled, const spill_t* spill, uint32_t begin, uint32_t end,
    told_t* out
) noexcept nogil:
    """Flows [begin, end), each whole, in order of flow_id, into out (end - begin,). flows: how many there are.

    Of one that is nothing but its SYN only `lone` is filled.
    """
    cdef uint32_t index, flow_id
    cdef told_t live
    for index in range(end - begin):
        out[index].flow.state = 0
        out[index].lone = NULL
    for index in range(spill.part_count):
        collect_written(spilled, &spill.parts[index], begin, end, out)
    for flow_id in range(begin, end):
        expect_told(by_id, flow_id, flows)
        if by_id[flow_id] == NULL:
            continue
        if as_lone(by_id[flow_id]) != NULL:      # it never was written out
            out[flow_id - begin].lone = as_lone(by_id[flow_id])
        elif not out[flow_id - begin].flow.state & FLOW_LIVE:
            tell(&out[flow_id - begin], by_id[flow_id])
        else:
            tell(&live, by_id[flow_id])
            add_part(&out[flow_id - begin], &live)


cdef inline void merge_heading(heading_t* into, const heading_t* later) noexcept nogil:
    cdef int side, flag
    if not into.last_syn:
        into.last_syn = later.last_syn
    if not into.syn_ack:
        into.syn_ack = later.syn_ack
    if not into.ack:
        into.ack = later.ack
    for side in range(2):
        if later.mss[side]:
            into.mss[side] = later.mss[side]
        if later.scale[side] != NO_SCALE:
            into.scale[side] = later.scale[side]
        into.options[side] |= later.options[side]
        into.ttl[side] = into.ttl[side] if into.ttl[side] else later.ttl[side]
        into.reset_ttl[side] = into.reset_ttl[side] if into.reset_ttl[side] else later.reset_ttl[side]
        for flag in range(SELDOM_FLAGS):
            into.flag_count[side][flag] += later.flag_count[side][flag]


cdef inline void add_part(told_t* out, const told_t* part) noexcept nogil:
    """A later part of a flow to what is told of it."""
    cdef int server = 1 - client_side(&part.flow)
    if out.first_byte < 0 and out.flow.direction[server].payload_bytes == 0:
        out.first_byte = part.first_byte         # else it is that of a later answer
    merge_flow(&out.flow, &part.flow)
    if not out.initial_rtt:
        out.initial_rtt = part.initial_rtt
    out.squares[0] = add_or_stay(out.squares[0], part.squares[0])
    out.squares[1] = add_or_stay(out.squares[1], part.squares[1])
    merge_heading(&out.heading, &part.heading)
    if part.quiet:
        return
    if out.quiet:
        memcpy(out.side, part.side, sizeof(out.side))
        out.quiet = 0
        return
    add_side(&out.side[0], &part.side[0])
    add_side(&out.side[1], &part.side[1])
