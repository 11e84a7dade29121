"""The flows at the end, in order of flow_id: what is live, joined with the parts that were written out (spill.pxd)."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc
from libc.string cimport memcpy

from coverage cimport holes_of
from flow cimport FLOW_LIVE, client_side, flow_t, lone_t, table_t
from flow_count cimport merge_flow
from flow_table cimport flow_at, lone_at
from lateness cimport lateness_of, lateness_t
from packet cimport OPTION_MSS, OPTION_SCALE
from sizes cimport add_or_stay
from spill cimport AHEAD_LEAVING, expect_lines, opened_t, part_t, spill_t
from tcp cimport SELDOM_FLAGS, heading_t, side_t, tcp_t, troubles_t
from tcp_row cimport add_side
from told cimport tell, tell_quiet, told_t
from wire cimport prefetch_read

cdef enum:
    AHEAD_TOLD = 4                   # flows whose lines are fetched before
    EXPECTED_LIST = 128              # bytes of a list of durations, which most do not exceed


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

    Of one that is nothing but its first segment nothing is told but `lone`.
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
    if later.last_syn and not into.syn_ack:      # as count_handshake: the latest before the answer
        into.last_syn = later.last_syn
    if not into.syn_ack:
        into.syn_ack = later.syn_ack
    if not into.ack:
        into.ack = later.ack
    for side in range(2):
        if later.options[side] & OPTION_MSS:
            into.mss[side] = later.mss[side]
        if later.options[side] & OPTION_SCALE:
            into.scale[side] = later.scale[side]
        into.options[side] |= later.options[side]
        into.ttl[side] = later.ttl[side] if later.ttl[side] else into.ttl[side]
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
