"""Flows beyond the limit: the least recently seen are written out, leave a tombstone, and are merged again at the
end.

Looked at only where the count of frames is a multiple of EVICT_FRAMES, over all shards together: the rule knows
nothing of threads or batches.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memset
from posix.unistd cimport lseek, write

from flow cimport (
    FLOW_CLIENT_B,
    FLOW_LIVE,
    FLOW_LONE,
    KIND_TCP,
    NO_NUMBER,
    bury,
    count_opening,
    direction_t,
    flow_at,
    flow_t,
    merge_flow,
    opening_of,
    opening_packet,
    opening_t,
    table_t,
)
from packet cimport NO_SCALE, packet_t
from sizes cimport add_or_stay, sum_of_squares
from tcp cimport SELDOM_FLAGS, first_byte, heading_begin, heading_t, initial_rtt, tcp_t
from tcp_row cimport add_side, tcp_side_row_t, tell_nothing, tell_side
from wire cimport prefetch_read

cdef enum:
    EVICT_FRAMES = 65536
    RECENCY_STEPS = 65536

ctypedef struct told_t:              # a flow, or a part of one, with the results of its TCP analysis
    flow_t flow
    heading_t heading
    uint64_t squares[2]              # of original lengths, by a, by b
    tcp_side_row_t side[2]           # of a, of b
    int64_t initial_rtt              # ns, 0 unknown
    int64_t first_byte               # ns, -1 unknown
    uint8_t quiet                    # it has no state of TCP: `side` says nothing

ctypedef struct part_t:              # flows written out together, in order of flow_id
    uint64_t first                   # row in the spill file
    uint64_t count

ctypedef struct spill_t:
    int descriptor
    uint64_t rows
    part_t* parts
    uint32_t part_count
    uint32_t part_capacity
    uint64_t evicted


cdef inline int by_flow_id(const void* one, const void* other) noexcept nogil:
    cdef uint32_t a = (<const flow_t* const*>one)[0].flow_id
    cdef uint32_t b = (<const flow_t* const*>other)[0].flow_id
    return (a > b) - (a < b)


cdef inline bint write_all(int descriptor, const void* data, size_t size) noexcept nogil:
    cdef const char* at = <const char*>data
    cdef ssize_t written
    while size:
        written = write(descriptor, at, size)
        if written <= 0:
            return False
        at += written
        size -= <size_t>written
    return True


cdef inline void tell_opening(told_t* told, const opening_t* opening) noexcept nogil:
    """Of a flow that has sent a SYN and nothing else."""
    cdef packet_t packet
    opening_packet(opening, &packet)
    count_opening(&told.heading, 1 if told.flow.state & FLOW_CLIENT_B else 0, &packet)
    memset(opening_of(&told.flow), 0, sizeof(direction_t))
    told.flow.state &= ~<uint32_t>FLOW_LONE


cdef inline void tell(told_t* told, flow_t* flow) noexcept nogil:
    """What is to be said of a flow as it stands."""
    cdef int at
    told.flow = flow[0]
    told.flow.tcp = NULL
    told.initial_rtt = 0
    told.first_byte = -1
    told.quiet = flow.tcp == NULL
    heading_begin(&told.heading)
    if flow.tcp == NULL:
        memset(told.side, 0, sizeof(told.side))
        if flow.state & FLOW_LONE:
            tell_opening(told, opening_of(flow))
        for at in range(2):
            told.squares[at] = sum_of_squares(
                flow.direction[at].pushes if flow.key.kind != KIND_TCP else 0, told.flow.direction[at].squares
            )
        if flow.key.kind == KIND_TCP:
            for at in range(2):
                tell_nothing(&told.side[at])
        return
    told.heading = flow.tcp.heading
    told.initial_rtt = initial_rtt(flow.tcp)
    told.first_byte = first_byte(flow.tcp)
    for at in range(2):
        told.squares[at] = sum_of_squares(flow.tcp.heading.squares[at], flow.direction[at].squares)
        tell_side(&told.side[at], flow.tcp, at, flow.direction[at].payload_bytes)


cdef inline bint write_part(spill_t* spill, flow_t** flows, uint32_t count) noexcept nogil:
    cdef uint32_t index, capacity
    cdef part_t* grown
    cdef told_t told
    if spill.part_count == spill.part_capacity:
        capacity = spill.part_capacity * 2 if spill.part_capacity else 64
        grown = <part_t*>realloc(spill.parts, capacity * sizeof(part_t))
        if grown == NULL:
            return False
        spill.parts = grown
        spill.part_capacity = capacity
    qsort(flows, count, sizeof(flow_t*), &by_flow_id)
    for index in range(count):
        tell(&told, flows[index])
        if not write_all(spill.descriptor, &told, sizeof(told_t)):
            return False
    spill.parts[spill.part_count] = part_t(first=spill.rows, count=count)
    spill.part_count += 1
    spill.rows += count
    return True


cdef inline uint64_t recency_bound(table_t* tables, uint32_t shards, uint64_t now, uint64_t surplus) noexcept nogil:
    """The frame number such that about `surplus` flows were last seen at or before it; 0 when memory is short."""
    cdef uint64_t step = now // RECENCY_STEPS + 1, seen = 0
    cdef uint32_t shard, index
    cdef flow_t* flow
    cdef uint32_t* histogram = <uint32_t*>calloc(RECENCY_STEPS + 1, sizeof(uint32_t))
    if histogram == NULL:
        return 0
    for shard in range(shards):
        for index in range(tables[shard].allocated):
            flow = flow_at(&tables[shard], index)
            if flow.state & FLOW_LIVE:
                histogram[flow.last_frame // step] += 1
    for index in range(RECENCY_STEPS + 1):
        seen += histogram[index]
        if seen >= surplus:
            break
    free(histogram)
    return (<uint64_t>index + 1) * step - 1


cdef inline bint evict(table_t* tables, uint32_t shards, uint64_t limit, uint64_t now, spill_t* spill) noexcept nogil:
    """Write out the least recently seen flows until seven eighths of `limit` are left. False: no memory or no disk."""
    cdef uint64_t live = 0, bound
    cdef uint32_t shard, index, count
    cdef table_t* table
    cdef flow_t* flow
    cdef flow_t** leaving
    for shard in range(shards):
        live += tables[shard].live
    if live <= limit:
        return True
    bound = recency_bound(tables, shards, now, live - limit + limit // 8)
    leaving = <flow_t**>malloc(live * sizeof(flow_t*))
    if bound == 0 or leaving == NULL:
        free(leaving)
        return False
    count = 0
    for shard in range(shards):
        table = &tables[shard]
        for index in range(table.allocated):
            flow = flow_at(table, index)
            if flow.state & FLOW_LIVE and flow.last_frame <= bound:
                if flow.direction[0].packets + flow.direction[1].packets:
                    leaving[count] = flow
                    count += 1
    if not write_part(spill, leaving, count):
        free(leaving)
        return False
    free(leaving)
    for shard in range(shards):
        table = &tables[shard]
        for index in range(table.allocated):
            flow = flow_at(table, index)
            if flow.state & FLOW_LIVE and flow.last_frame <= bound:
                if flow.flow_id != NO_NUMBER:
                    spill.evicted += 1
                if not bury(table, index):
                    return False
    return True


# ---------------------------------------------------------------- the flows at the end

cdef inline flow_t** live_by_id(table_t* tables, uint32_t shards, uint32_t flows) noexcept nogil:
    """(flows,) the live part of every flow, NULL where only written parts exist."""
    cdef flow_t** by_id = <flow_t**>calloc(flows + 1, sizeof(flow_t*))
    cdef uint32_t shard, index
    cdef flow_t* flow
    if by_id == NULL:
        return NULL
    for shard in range(shards):
        for index in range(tables[shard].allocated):
            flow = flow_at(&tables[shard], index)
            if flow.state & FLOW_LIVE and flow.flow_id < flows:
                by_id[flow.flow_id] = flow
    return by_id


cdef inline uint64_t first_at_or_after(const told_t* rows, uint64_t count, uint32_t flow_id) noexcept nogil:
    cdef uint64_t low = 0, high = count, middle
    while low < high:
        middle = (low + high) // 2
        if rows[middle].flow.flow_id < flow_id:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline void expect_lines(const void* at, size_t size) noexcept nogil:
    cdef size_t offset
    for offset in range(0, size, 64):
        prefetch_read(<const uint8_t*>at + offset)


cdef inline void collect(
    flow_t* const* by_id, const told_t* spilled, const spill_t* spill, uint32_t begin, uint32_t end, told_t* out
) noexcept nogil:
    """Flows [begin, end), each whole, in order of flow_id, into out (end - begin,)."""
    cdef uint32_t index, flow_id
    cdef uint64_t row
    cdef const told_t* rows
    cdef told_t live
    for index in range(end - begin):
        out[index].flow.state = 0
    for index in range(spill.part_count):
        rows = spilled + spill.parts[index].first
        row = first_at_or_after(rows, spill.parts[index].count, begin)
        while row < spill.parts[index].count and rows[row].flow.flow_id < end:
            add_part(&out[rows[row].flow.flow_id - begin], &rows[row])
            row += 1
    for flow_id in range(begin, end):
        if flow_id + 16 < end and by_id[flow_id + 16] != NULL:
            expect_lines(by_id[flow_id + 16], sizeof(flow_t))
        if flow_id + 8 < end and by_id[flow_id + 8] != NULL and by_id[flow_id + 8].tcp != NULL:
            expect_lines(by_id[flow_id + 8].tcp, sizeof(tcp_t))
        if by_id[flow_id] == NULL:
            continue
        if not out[flow_id - begin].flow.state & FLOW_LIVE:
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
        for flag in range(SELDOM_FLAGS):
            into.flag_count[side][flag] += later.flag_count[side][flag]


cdef inline void add_part(told_t* out, const told_t* part) noexcept nogil:
    cdef int server = 0 if part.flow.state & FLOW_CLIENT_B else 1
    if not out.flow.state & FLOW_LIVE:
        out[0] = part[0]
        return
    if out.first_byte < 0 and out.flow.direction[server].payload_bytes == 0:
        out.first_byte = part.first_byte         # else it is that of a later answer
    merge_flow(&out.flow, &part.flow)
    if not out.initial_rtt:
        out.initial_rtt = part.initial_rtt
    out.quiet &= part.quiet
    out.squares[0] = add_or_stay(out.squares[0], part.squares[0])
    out.squares[1] = add_or_stay(out.squares[1], part.squares[1])
    merge_heading(&out.heading, &part.heading)
    add_side(&out.side[0], &part.side[0])
    add_side(&out.side[1], &part.side[1])
