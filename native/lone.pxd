"""TCP flows that are nothing but their SYN yet, in 96 bytes each instead of 256.

In a flood, or a scan, there are as many flows as packets, and what they cost is memory: a page that was never touched
costs 2 us, a line that is in no cache a quarter of one. All that a SYN says of its flow finds room in a line and a
half. With the next packet of its key a flow moves to a place among the others, and is as if it had always been there
(tests/scan/test_lone_flows.py): only find_flow, and who reads or writes out all flows, knows of them.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport realloc

from blocks cimport take_block
from completeness cimport completeness_bits
from flow cimport (
    CHUNK_LONES,
    FLOW_BASE_A,
    FLOW_CLIENT_B,
    FLOW_COUNTED,
    FLOW_LONE,
    FLOW_SYN,
    FLOW_TIMED,
    LETTER_SYN,
    LONE,
    NO_NUMBER,
    TOMBSTONE,
    begin_flow,
    count_opening,
    direction_t,
    fill_slot,
    find_slot,
    flow_at,
    flow_t,
    lone_at,
    lone_t,
    new_flow,
    opening_of,
    opening_t,
    push_fresh,
    revive,
    table_t,
    told_letters,
)
from flow_key cimport KIND_TCP, flow_key_t
from packet cimport HAS_TIME, OPTION_FAST_OPEN, OPTION_SACK, packet_t
from tcp cimport TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, heading_t


cdef inline bint is_lone_syn(const packet_t* packet) noexcept nogil:
    """Whether a stream's first packet leaves nothing to remember but itself."""
    return (
        packet.tcp_flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST) == TCP_SYN and packet.present & HAS_TIME
        and not packet.payload_length and packet.original_length <= 0xFFFF
        and not packet.tcp_options & (OPTION_SACK | OPTION_FAST_OPEN)
    )


cdef inline void note_opening(flow_t* flow, const packet_t* packet) noexcept nogil:
    """Keep what the SYN said, not what came of it."""
    cdef opening_t* opening = opening_of(flow)
    opening.timestamp = packet.timestamp
    opening.seq = packet.tcp_seq
    opening.tsval = packet.tcp_tsval
    opening.window = packet.tcp_window
    opening.mss = packet.tcp_mss
    opening.flags = packet.tcp_flags
    opening.scale = packet.tcp_scale
    opening.options = packet.tcp_options
    opening.ttl = packet.ttl
    flow.tcp = NULL
    flow.state |= FLOW_LONE


# ---------------------------------------------------------------- places

cdef inline bint add_lone_chunk(table_t* table) noexcept nogil:
    cdef uint32_t capacity
    cdef lone_t** grown
    cdef void* chunk
    if table.lone_chunk_count == table.lone_chunk_capacity:
        capacity = table.lone_chunk_capacity * 2 if table.lone_chunk_capacity else 64
        grown = <lone_t**>realloc(table.lone_chunks, capacity * sizeof(lone_t*))
        if grown == NULL:
            return False
        table.lone_chunks = grown
        table.lone_chunk_capacity = capacity
    chunk = take_block(NULL, table.lone_chunk_count != 0)    # of the first a small capture touches little
    if chunk == NULL:
        return False
    table.lone_chunks[table.lone_chunk_count] = <lone_t*>chunk
    table.lone_chunk_count += 1
    return True


cdef inline lone_t* new_lone(table_t* table, uint32_t* index) noexcept nogil:
    """A place that says anything; NULL when memory is short."""
    if table.lone_released:
        index[0] = table.lone_released - 1
        table.lone_released = lone_at(table, index[0]).stream
    else:
        if table.lone_allocated == table.lone_chunk_count * CHUNK_LONES and not add_lone_chunk(table):
            table.failed = 1
            return NULL
        index[0] = table.lone_allocated
        table.lone_allocated += 1
    table.live += 1
    return lone_at(table, index[0])


cdef inline void release_lone(table_t* table, uint32_t index) noexcept nogil:
    cdef lone_t* lone = lone_at(table, index)
    lone.live = 0
    lone.stream = table.lone_released
    table.lone_released = index + 1
    table.live -= 1


# ---------------------------------------------------------------- from a packet, and to a flow

cdef inline void fill_lone(
    lone_t* lone, const flow_key_t* key, const packet_t* packet, uint64_t frame, uint32_t side
) noexcept nogil:
    """packet: one that is_lone_syn."""
    lone.key = key[0]
    lone.flow_id = lone.stream = NO_NUMBER
    lone.hash = packet.hash
    lone.seq = packet.tcp_seq
    lone.timestamp = packet.timestamp
    lone.frame_low = <uint32_t>frame
    lone.frame_high = <uint16_t>(frame >> 32)
    lone.vlan_id = packet.vlan_id
    lone.tsval = packet.tcp_tsval
    lone.path = packet.path
    lone.original_length = <uint16_t>packet.original_length
    lone.window = packet.tcp_window
    lone.mss = packet.tcp_mss
    lone.flags = packet.tcp_flags
    lone.scale = packet.tcp_scale
    lone.options = packet.tcp_options
    lone.ttl = packet.ttl
    lone.client = <uint8_t>side
    lone.live = 1


cdef inline uint64_t lone_frame(const lone_t* lone) noexcept nogil:
    return <uint64_t>lone.frame_high << 32 | lone.frame_low


cdef inline void tell_counters(const lone_t* lone, flow_t* flow) noexcept nogil:
    """The flow into any memory, without what its SYN said."""
    cdef direction_t* direction = &flow.direction[lone.client]
    cdef uint8_t bits = completeness_bits(lone.flags, False, True)
    begin_flow(flow, &lone.key, lone.hash)
    flow.flow_id = lone.flow_id
    flow.stream = lone.stream
    flow.state |= FLOW_COUNTED | FLOW_TIMED | FLOW_SYN | FLOW_BASE_A << lone.client
    if lone.client:
        flow.state |= FLOW_CLIENT_B
    flow.base_seq[lone.client] = lone.seq
    flow.first_frame = lone_frame(lone)
    flow.last_frame_low = lone.frame_low
    flow.last_frame_high = lone.frame_high
    flow.first_seen = flow.last_seen = lone.timestamp
    flow.vlan_id = lone.vlan_id
    flow.path = lone.path
    flow.history[0] = c"S"
    flow.history_length = 1
    flow.completeness = bits
    direction.packets = 1
    direction.bytes = direction.shortest = direction.longest = lone.original_length
    direction.squares = <uint32_t>lone.original_length * lone.original_length
    direction.pushes = (lone.flags & TCP_PSH) != 0
    direction.letters = LETTER_SYN | told_letters(bits)


cdef inline void unpack_lone(const lone_t* lone, flow_t* flow) noexcept nogil:
    """The flow as it would be had it never been packed, into any memory."""
    cdef opening_t* opening = <opening_t*>&flow.direction[1 - lone.client]
    tell_counters(lone, flow)
    flow.state |= FLOW_LONE
    opening.timestamp = lone.timestamp
    opening.seq = lone.seq
    opening.tsval = lone.tsval
    opening.window = lone.window
    opening.mss = lone.mss
    opening.flags = lone.flags
    opening.scale = lone.scale
    opening.options = lone.options
    opening.ttl = lone.ttl


cdef inline void tell_syn(const lone_t* lone, heading_t* heading) noexcept nogil:
    """What the SYN said, into a heading that says nothing."""
    cdef packet_t packet
    packet.timestamp = lone.timestamp
    packet.tcp_flags = lone.flags
    packet.tcp_mss = lone.mss
    packet.tcp_scale = lone.scale
    packet.tcp_options = lone.options
    count_opening(heading, lone.client, &packet)


cdef inline bint begin_lone_flow(
    table_t* table, const flow_key_t* key, const packet_t* packet, uint64_t frame, uint32_t side, uint32_t item
) noexcept nogil:
    """A flow for a packet that is_lone_syn, if its key has none. False, and nothing done, where it has one."""
    cdef uint64_t* slot = find_slot(table, key, packet.hash)
    cdef uint32_t index
    cdef lone_t* lone
    if slot[0]:
        return False
    lone = new_lone(table, &index)
    if lone == NULL:
        return True
    fill_lone(lone, key, packet, frame, side)
    if not push_fresh(table, KIND_TCP, &lone.flow_id, item, True, True):
        return True
    lone.stream = table.fresh_count - 1
    fill_slot(table, slot, packet.hash, index | LONE)
    return True


cdef inline flow_t* move_lone(table_t* table, uint64_t* slot) noexcept nogil:
    """A flow to its place among the others. NULL: no memory."""
    cdef uint32_t from_index = (<uint32_t>slot[0] - 1) & ~<uint32_t>LONE, index
    cdef const lone_t* lone = lone_at(table, from_index)
    cdef flow_t* flow = new_flow(table, &lone.key, lone.hash, &index)
    if flow == NULL:
        return NULL
    unpack_lone(lone, flow)
    if lone.flow_id == NO_NUMBER:                # it is of this batch
        table.fresh[lone.stream].numbers = &flow.flow_id
        flow.stream = NO_NUMBER
    slot[0] = (<uint64_t>flow.hash << 32) | (index + 1)
    release_lone(table, from_index)
    return flow


cdef inline flow_t* find_flow(
    table_t* table, const flow_key_t* key, uint32_t hash, bint* created
) noexcept nogil:
    """The flow of a key, made where there is none yet. NULL only when memory is short."""
    cdef uint64_t* slot = find_slot(table, key, hash)
    cdef uint32_t index
    cdef flow_t* flow
    created[0] = slot[0] == 0
    if slot[0]:
        index = <uint32_t>slot[0] - 1
        if index & TOMBSTONE:
            return revive(table, slot, key, hash)
        return move_lone(table, slot) if index & LONE else flow_at(table, index)
    flow = new_flow(table, key, hash, &index)
    if flow == NULL or not fill_slot(table, slot, hash, index):
        return NULL
    return flow
