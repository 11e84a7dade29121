"""TCP flows that are nothing but their first segment yet, in 96 bytes each instead of 960 (256, and 704 of TCP).

In a flood, a scan or what a flood with forged addresses brings back there are as many flows as packets, and what they
cost is memory: a page that was never touched costs 2 us, a line that is in no cache a quarter of one. All that a SYN, a
SYN/ACK or a reset says of its flow finds room in a line and a half. With the next packet of its key a flow moves to a
place among the others, and is as if it had always been there (tests/scan/test_lone_flows.py): only who finds a flow,
and who reads or writes out all, knows of them.
"""
from libc.stdint cimport uint16_t, uint32_t, uint64_t

from blocks cimport take_block
from flow cimport (
    CHUNK_LONES,
    FLOW_COUNTED,
    LONE,
    NO_NUMBER,
    TOMBSTONE,
    client_side,
    fill_opening,
    flow_t,
    keep_opening,
    lone_t,
    opening_packet,
    opening_t,
    table_t,
)
from flow_count cimport begins_as_client, count_packet, note_completeness, open_flow
from flow_key cimport KIND_TCP, flow_key_t
from flow_table cimport begin_flow, fill_slot, find_slot, flow_at, lone_at, new_flow, push_fresh, revive, set_bases
from grow cimport has_place
from packet cimport HAS_PORTS, HAS_TCP, HAS_TIME, OPTION_FAST_OPEN, OPTION_SACK, packet_t
from tcp cimport TCP_FIN, TCP_RST, TCP_SYN, tcp_count, tcp_t


cdef inline bint is_lone(const packet_t* packet) noexcept nogil:
    """Whether a stream's first segment, if this is one, leaves nothing to remember but itself, and is never marked."""
    cdef uint32_t control = packet.tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)
    return (
        (control == TCP_SYN or control == TCP_RST) and packet.present & HAS_TIME
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
    """packet: one that is_lone."""
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


cdef inline uint16_t source_port(const lone_t* lone) noexcept nogil:
    return lone.key.b_port if lone.opening.side else lone.key.a_port


cdef inline uint16_t destination_port(const lone_t* lone) noexcept nogil:
    return lone.key.a_port if lone.opening.side else lone.key.b_port


cdef inline bint client_sent(const lone_t* lone) noexcept nogil:
    """As decide_client() finds it."""
    return begins_as_client(lone.opening.flags, source_port(lone), destination_port(lone))


cdef inline void lone_packet(const lone_t* lone, packet_t* packet) noexcept nogil:
    """The segment, as far as a flow asks for it."""
    opening_packet(&lone.opening, packet)
    packet.present |= HAS_TCP | HAS_PORTS
    packet.src_port = source_port(lone)
    packet.dst_port = destination_port(lone)
    packet.original_length = lone.original_length
    packet.vlan_id = lone.vlan_id
    packet.path = lone.path


cdef inline void tell_counters(const lone_t* lone, flow_t* flow, tcp_t* scratch) noexcept nogil:
    """The flow into any memory, without what its segment said of the stream: that goes into scratch.heading."""
    cdef const opening_t* opening = &lone.opening
    cdef packet_t packet
    lone_packet(lone, &packet)
    begin_flow(flow, &lone.key, lone.hash)
    flow.flow_id = lone.flow_id
    flow.stream = lone.stream
    set_bases(flow, opening.side, opening.seq, opening.ack, opening.flags)
    open_flow(flow, &packet, lone_frame(lone), opening.side)
    flow.state |= FLOW_COUNTED
    tcp_count(scratch, client_side(flow))
    flow.tcp = scratch
    count_packet(flow, &packet, lone_frame(lone), opening.side)
    note_completeness(flow, &packet, opening.side, True)
    flow.tcp = NULL


cdef inline void unpack_lone(const lone_t* lone, flow_t* flow) noexcept nogil:
    """The flow as it would be had it never been packed, into any memory."""
    cdef tcp_t scratch
    tell_counters(lone, flow, &scratch)
    keep_opening(flow, &lone.opening)


cdef inline void begin_lone_flow(
    table_t* table, uint64_t* slot, const flow_key_t* key, const packet_t* packet, uint64_t frame, uint32_t side,
    uint32_t item
) noexcept nogil:
    """A flow for a packet that is_lone. slot: the empty one where its key belongs."""
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
