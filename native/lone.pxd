"""TCP flows that are nothing but their SYN yet, in 96 bytes each instead of 256.

In a flood, or a scan, there are as many flows as packets, and what they cost is memory: a page that was never touched
costs 2 us, a line that is in no cache a quarter of one. All that a SYN says of its flow finds room in a line and a
half. With the next packet of its key a flow moves to a place among the others, and is as if it had always been there
(tests/scan/test_lone_flows.py): only who finds a flow, and who reads or writes out all, knows of them.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from blocks cimport take_block
from completeness cimport completeness_bits
from flow cimport (
    CHUNK_LONES,
    FLOW_BASE_A,
    FLOW_CLIENT_B,
    FLOW_COUNTED,
    FLOW_SYN,
    FLOW_TIMED,
    LETTER_SYN,
    LONE,
    NO_NUMBER,
    TOMBSTONE,
    begin_flow,
    direction_t,
    fill_opening,
    fill_slot,
    find_slot,
    flow_at,
    flow_t,
    keep_opening,
    lone_at,
    lone_t,
    new_flow,
    opening_t,
    push_fresh,
    revive,
    table_t,
    told_letters,
)
from flow_key cimport KIND_TCP, flow_key_t
from grow cimport has_place
from packet cimport HAS_TIME, OPTION_FAST_OPEN, OPTION_SACK, packet_t
from tcp cimport TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN


cdef inline bint is_lone_syn(const packet_t* packet) noexcept nogil:
    """Whether a stream's first packet leaves nothing to remember but itself."""
    return (
        packet.tcp_flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST) == TCP_SYN and packet.present & HAS_TIME
        and not packet.payload_length and packet.original_length <= 0xFFFF
        and not packet.tcp_options & (OPTION_SACK | OPTION_FAST_OPEN)
    )


# ---------------------------------------------------------------- places

cdef inline bint add_lone_chunk(table_t* table) noexcept nogil:
    cdef void* chunk
    if not has_place(
        &table.lone_chunks, &table.lone_chunk_capacity, table.lone_chunk_count, sizeof(lone_t*), 64
    ):
        return False
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
    lone.opening.flags = 0
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
    lone.frame_low = <uint32_t>frame
    fill_opening(&lone.opening, packet, side)
    lone.frame_high = <uint16_t>(frame >> 32)
    lone.vlan_id = packet.vlan_id
    lone.path = packet.path
    lone.original_length = <uint16_t>packet.original_length


cdef inline uint64_t lone_frame(const lone_t* lone) noexcept nogil:
    return <uint64_t>lone.frame_high << 32 | lone.frame_low


cdef inline void tell_counters(const lone_t* lone, flow_t* flow) noexcept nogil:
    """The flow into any memory, without what its SYN said."""
    cdef const opening_t* opening = &lone.opening
    cdef direction_t* direction = &flow.direction[opening.side]
    cdef uint8_t bits = completeness_bits(opening.flags, False, True)
    begin_flow(flow, &lone.key, lone.hash)
    flow.flow_id = lone.flow_id
    flow.stream = lone.stream
    flow.state |= FLOW_COUNTED | FLOW_TIMED | FLOW_SYN | FLOW_BASE_A << opening.side
    if opening.side:
        flow.state |= FLOW_CLIENT_B
    flow.base_seq[opening.side] = opening.seq
    flow.first_frame = lone_frame(lone)
    flow.last_frame_low = lone.frame_low
    flow.last_frame_high = lone.frame_high
    flow.first_seen = flow.last_seen = opening.timestamp
    flow.vlan_id = lone.vlan_id
    flow.path = lone.path
    flow.history[0] = c"S"
    flow.history_length = 1
    flow.completeness = bits
    direction.packets = 1
    direction.bytes = direction.shortest = direction.longest = lone.original_length
    direction.squares = <uint32_t>lone.original_length * lone.original_length
    direction.pushes = (opening.flags & TCP_PSH) != 0
    direction.letters = LETTER_SYN | told_letters(bits)


cdef inline void unpack_lone(const lone_t* lone, flow_t* flow) noexcept nogil:
    """The flow as it would be had it never been packed, into any memory."""
    tell_counters(lone, flow)
    keep_opening(flow, &lone.opening)


cdef inline void begin_lone_flow(
    table_t* table, uint64_t* slot, const flow_key_t* key, const packet_t* packet, uint64_t frame, uint32_t side,
    uint32_t item
) noexcept nogil:
    """A flow for a packet that is_lone_syn. slot: the empty one where its key belongs."""
    cdef uint32_t index
    cdef lone_t* lone = new_lone(table, &index)
    if lone == NULL:
        return
    fill_lone(lone, key, packet, frame, side)
    if not push_fresh(table, KIND_TCP, &lone.flow_id, item, True, True):
        return
    lone.stream = table.fresh_count - 1
    fill_slot(table, slot, packet.hash, index | LONE)


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


cdef inline flow_t* flow_of_slot(
    table_t* table, uint64_t* slot, const flow_key_t* key, uint32_t hash, bint* created
) noexcept nogil:
    """As find_flow; slot: what find_slot gives for the key."""
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


cdef inline flow_t* find_flow(
    table_t* table, const flow_key_t* key, uint32_t hash, bint* created
) noexcept nogil:
    """The flow of a key, made where there is none yet. NULL only when memory is short."""
    return flow_of_slot(table, find_slot(table, key, hash), key, hash, created)
