"""The flow table: five-tuple → flow, and the numbers of flows and streams.

One table a shard; a flow's packets all fall into the shard that its hash names, so threads never meet in a flow.
Numbers that depend on the order of the whole file (flow_id, Wireshark's stream) are given afterwards, batch by
batch, from the lists of what each shard found new.

An entry may exist for the number alone: Wireshark numbers the streams of tunnels, of packets quoted by ICMP errors
and of malformed ones too, though no packet of ours belongs to them.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from flow cimport (
    BASES,
    CHUNK_FLOWS,
    CHUNK_LONES,
    FLOW_BASE_A,
    FLOW_BASE_B,
    FLOW_CLIENT_B,
    FLOW_COUNTED,
    FLOW_LIVE,
    FLOW_LONE,
    FLOW_MOVED,
    FLOW_RETURNED,
    FLOW_REUSES,
    FLOW_SUPERSEDED,
    FLOW_SYN,
    FLOW_TIMED,
    LETTERS,
    LETTER_ACK,
    LETTER_DATA,
    LETTER_FIN,
    LETTER_SYN_ACK,
    LONE,
    NO_NUMBER,
    TOMBSTONE,
    copy_base,
    flow_t,
    fresh_t,
    lone_t,
    set_last_frame,
    table_t,
    tombstone_t,
)
from flow_key cimport flow_key_t, same_key
from grow cimport has_place
from packet cimport NO_VLAN, aligned_alloc
from pages cimport empty_slots, fault_in
from tcp cimport TCP_ACK, TCP_SYN, tcp_free, tcp_t


cdef inline bint table_init(table_t* table, const uint64_t* seed) noexcept nogil:
    memset(table, 0, sizeof(table_t))
    table.mask = 4095
    table.slots = <uint64_t*>calloc(table.mask + 1, sizeof(uint64_t))
    table.seed[0], table.seed[1], table.seed[2], table.seed[3] = seed[0], seed[1], seed[2], seed[3]
    return table.slots != NULL


cdef inline uint32_t streams_begun(const table_t* table, uint32_t chunk) noexcept nogil:
    """How many streams of a chunk were used; only the last has some left."""
    return <uint32_t>CHUNK_FLOWS - (table.tcp_left if chunk + 1 == table.tcp_chunk_count else 0)


cdef inline void table_free(table_t* table) noexcept nogil:
    cdef uint32_t index, stream
    for index in range(table.tcp_chunk_count):
        for stream in range(streams_begun(table, index) if table.tcp_chunks[index] != NULL else 0):  # see spent.pxd
            tcp_free(&table.tcp_chunks[index][stream])
    for index in range(table.chunk_count):
        free(table.chunks[index])
    for index in range(table.tcp_chunk_count):
        free(table.tcp_chunks[index])
    for index in range(table.lone_chunk_count):
        free(table.lone_chunks[index])
    free(table.chunks)
    free(table.tcp_chunks)
    free(table.lone_chunks)
    free(table.slots)
    free(table.released)
    free(table.tombstones)
    free(table.fresh)
    memset(table, 0, sizeof(table_t))


cdef inline flow_t* flow_at(const table_t* table, uint32_t index) noexcept nogil:
    return &table.chunks[index // CHUNK_FLOWS][index % CHUNK_FLOWS]


cdef inline lone_t* lone_at(const table_t* table, uint32_t index) noexcept nogil:
    return &table.lone_chunks[index // CHUNK_LONES][index % CHUNK_LONES]


cdef inline const flow_key_t* key_at(const table_t* table, uint32_t index) noexcept nogil:
    """index: as a slot has it, less one."""
    if index & TOMBSTONE:
        return &table.tombstones[index & ~<uint32_t>TOMBSTONE].key
    if index & LONE:
        return &lone_at(table, index & ~<uint32_t>LONE).key
    return &flow_at(table, index).key


cdef inline bint grow_slots(table_t* table) noexcept nogil:
    """Twice the slots; a slot holds its whole hash, so no flow is touched."""
    cdef uint32_t mask = table.mask * 2 + 1, at
    cdef uint64_t slot
    cdef uint64_t* slots = empty_slots(<size_t>mask + 1)
    if slots == NULL:
        return False
    for index in range(<size_t>table.mask + 1):
        slot = table.slots[index]
        if slot:
            at = <uint32_t>(slot >> 32) & mask
            while slots[at]:
                at = (at + 1) & mask
            slots[at] = slot
    free(table.slots)
    table.slots = slots
    table.mask = mask
    return True


cdef inline bint add_chunk(table_t* table) noexcept nogil:
    if not has_place(&table.chunks, &table.chunk_capacity, table.chunk_count, sizeof(flow_t*), 64):
        return False
    table.chunks[table.chunk_count] = <flow_t*>aligned_alloc(4096, CHUNK_FLOWS * sizeof(flow_t))
    if table.chunks[table.chunk_count] == NULL:
        return False
    if table.chunk_count:                        # the first is not: a small capture touches little of it
        fault_in(table.chunks[table.chunk_count], CHUNK_FLOWS * sizeof(flow_t))
    table.chunk_count += 1
    return True


cdef inline bint add_tcp_chunk(table_t* table) noexcept nogil:
    cdef tcp_t* streams
    if not has_place(&table.tcp_chunks, &table.tcp_chunk_capacity, table.tcp_chunk_count, sizeof(tcp_t*), 64):
        return False
    streams = <tcp_t*>aligned_alloc(4096, CHUNK_FLOWS * sizeof(tcp_t))
    if streams == NULL:
        return False
    # Streams come all the time, and a page at a time costs 2 us. (Not larger pages: where the system has to make them
    # first, as behind a capture that has just been written, one costs 8 ms.)
    if table.tcp_chunk_count:
        fault_in(streams, CHUNK_FLOWS * sizeof(tcp_t))
    table.tcp_chunks[table.tcp_chunk_count] = streams
    table.tcp_chunk_count += 1
    table.tcp_left = CHUNK_FLOWS
    return True


cdef inline tcp_t* new_tcp(table_t* table) noexcept nogil:
    """State of a TCP stream, not begun; NULL when memory is short."""
    cdef tcp_t* tcp = table.tcp_released
    if tcp != NULL:
        memcpy(&table.tcp_released, &tcp.now, sizeof(tcp_t*))
        return tcp
    if table.tcp_left == 0 and not add_tcp_chunk(table):
        table.failed = 1
        return NULL
    table.tcp_left -= 1
    return &table.tcp_chunks[table.tcp_chunk_count - 1][CHUNK_FLOWS - 1 - table.tcp_left]


cdef inline void release_tcp(table_t* table, tcp_t* tcp) noexcept nogil:
    tcp_free(tcp)
    memcpy(&tcp.now, &table.tcp_released, sizeof(tcp_t*))
    table.tcp_released = tcp


cdef inline bint push_fresh(
    table_t* table, uint8_t kind, uint32_t* numbers, uint32_t order, bint stream, bint counted, uint32_t* shared=NULL
) noexcept nogil:
    """Ask for numbers. stream: for one of its kind.  counted: for a flow_id.  shared: see fresh_t."""
    if not has_place(&table.fresh, &table.fresh_capacity, table.fresh_count, 2 * sizeof(fresh_t), 1024):
        table.failed = 1
        return False
    table.fresh[table.fresh_count] = fresh_t(
        order=order, wants_stream=stream, wants_flow=counted, kind=kind, numbers=numbers, shared=shared
    )
    table.fresh_count += 1
    return True


cdef inline void sort_fresh(table_t* table, uint32_t middle, uint32_t end) noexcept nogil:
    """Bring the first `end` into order, of which the first `middle` are in order, and those behind them."""
    cdef fresh_t* left = table.fresh + table.fresh_capacity
    cdef fresh_t* right = table.fresh + middle
    cdef fresh_t* into = table.fresh
    cdef const fresh_t* left_end = left + middle
    cdef const fresh_t* right_end = table.fresh + end
    if middle == 0 or middle == end or table.fresh[middle - 1].order < right.order:
        return
    memcpy(left, table.fresh, middle * sizeof(fresh_t))
    while left < left_end:
        if right < right_end and right.order < left.order:
            into[0] = right[0]
            right += 1
        else:
            into[0] = left[0]
            left += 1
        into += 1


cdef inline void begin_flow(flow_t* flow, const flow_key_t* key, uint32_t hash) noexcept nogil:
    """A flow without numbers and packets."""
    memset(flow, 0, sizeof(flow_t))
    flow.key = key[0]
    flow.hash = hash
    flow.flow_id = flow.stream = NO_NUMBER
    flow.vlan_id = NO_VLAN
    flow.state = FLOW_LIVE


cdef inline flow_t* new_flow(table_t* table, const flow_key_t* key, uint32_t hash, uint32_t* index) noexcept nogil:
    """A flow, not yet in the slots; NULL when memory is short."""
    cdef flow_t* flow
    if table.released_count:
        table.released_count -= 1
        index[0] = table.released[table.released_count]
    else:
        if table.allocated == table.chunk_count * CHUNK_FLOWS and not add_chunk(table):
            table.failed = 1
            return NULL
        index[0] = table.allocated
        table.allocated += 1
    flow = flow_at(table, index[0])
    begin_flow(flow, key, hash)
    table.live += 1
    return flow


cdef inline uint64_t* find_slot(table_t* table, const flow_key_t* key, uint32_t hash) noexcept nogil:
    """The slot of a key, or the empty one where it belongs."""
    cdef uint32_t at = hash & table.mask
    cdef uint64_t slot
    while True:
        slot = table.slots[at]
        if slot == 0 or (<uint32_t>(slot >> 32) == hash and same_key(key_at(table, <uint32_t>slot - 1), key)):
            return &table.slots[at]
        at = (at + 1) & table.mask


cdef inline bint is_opened(const tombstone_t* stone) noexcept nogil:
    """Whether the client answered the server's SYN/ACK."""
    cdef uint32_t client = 1 if stone.state & FLOW_CLIENT_B else 0
    return (
        stone.letters[1 - client] & LETTER_SYN_ACK != 0
        and stone.letters[client] & (LETTER_ACK | LETTER_DATA | LETTER_FIN) != 0
    )


cdef inline flow_t* revive(table_t* table, uint64_t* slot, const flow_key_t* key, uint32_t hash) noexcept nogil:
    """The flow behind a tombstone goes on, with its old numbers and what its history already says."""
    cdef uint32_t index
    cdef const tombstone_t* stone = &table.tombstones[(<uint32_t>slot[0] - 1) & ~<uint32_t>TOMBSTONE]
    cdef flow_t* flow = new_flow(table, key, hash, &index)
    if flow == NULL:
        return NULL
    flow.flow_id = stone.flow_id
    flow.stream = stone.stream
    flow.base_seq[0], flow.base_seq[1] = stone.base_seq[0], stone.base_seq[1]
    flow.state = <uint16_t>((stone.state | FLOW_LIVE) & ~<uint32_t>(FLOW_TIMED | FLOW_LONE))
    if is_opened(stone):                         # a SYN is no retry any more
        flow.state &= ~<uint32_t>FLOW_SYN
    if stone.state & FLOW_COUNTED:               # else it begins with its first packet
        flow.state |= FLOW_RETURNED
    flow.direction[0].letters = stone.letters[0] & LETTERS
    flow.direction[1].letters = stone.letters[1] & LETTERS
    slot[0] = (<uint64_t>hash << 32) | (index + 1)
    return flow


cdef inline bint fill_slot(table_t* table, uint64_t* slot, uint32_t hash, uint32_t index) noexcept nogil:
    """Put an index into the empty slot that find_slot found. False: no memory."""
    slot[0] = (<uint64_t>hash << 32) | (index + 1)
    table.used += 1
    if table.used * 2 > table.mask and not grow_slots(table):
        table.failed = 1
        return False
    return True


cdef inline flow_t* supersede(table_t* table, flow_t* old) noexcept nogil:
    """The same ports are used again: a new flow takes the key's slot."""
    cdef uint64_t* slot = find_slot(table, &old.key, old.hash)
    cdef uint32_t index
    cdef flow_t* flow = new_flow(table, &old.key, old.hash, &index)
    if flow == NULL:
        return NULL
    old.state |= FLOW_SUPERSEDED
    flow.state |= FLOW_REUSES
    slot[0] = (<uint64_t>old.hash << 32) | (index + 1)
    return flow


# ---------------------------------------------------------------- streams

cdef inline void set_bases(flow_t* flow, uint32_t side, uint32_t seq, uint32_t ack, uint16_t flags) noexcept nogil:
    """Of either direction that has none yet."""
    # Without branches: which way a packet goes is random.
    cdef uint16_t own_base = FLOW_BASE_A << side, other_base = FLOW_BASE_B >> side
    if not flow.state & own_base:
        flow.base_seq[side] = seq if flags & TCP_SYN else seq - 1
        flow.state |= own_base
    if flags & TCP_ACK and not flow.state & other_base:
        flow.base_seq[1 - side] = ack - 1
        flow.state |= other_base


cdef inline flow_t* move_base(
    table_t* table, flow_t* flow, uint32_t side, uint32_t seq, uint32_t ack, uint16_t flags, bint analysed, bint* fresh
) noexcept nogil:
    """touch_tcp where something may change."""
    if flags & TCP_SYN and flow.state & (FLOW_BASE_A << side) and flow.base_seq[side] != seq:
        if flags & TCP_ACK:
            flow.base_seq[side] = seq
            if analysed:
                flow.state |= FLOW_MOVED
        else:
            flow = supersede(table, flow)
            fresh[0] = True
            if flow == NULL:
                return NULL
    if analysed:
        set_bases(flow, side, seq, ack, flags)
    return flow


cdef inline flow_t* touch_tcp(
    table_t* table, flow_t* flow, uint32_t side, uint32_t seq, uint32_t ack, uint16_t flags, bint analysed, bint* fresh
) noexcept nogil:
    """The stream of a TCP header as Wireshark 4.0 numbers it; NULL only when memory is short.

    Each direction has a base: its SYN's number, one less than its first packet's, or what the other side
    acknowledges less one. A pure SYN that differs from its direction's base opens a new stream; a SYN/ACK that differs
    moves the base.
    flow: what find_flow gives for the key.  fresh: set where it is left for a new one.
    analysed: False for headers that set no base: quoted by an ICMP error, in a fragment, or longer than their packet.
    """
    # Of a stream that is begun only another SYN can change what it is.
    if flow.state & BASES == BASES and not flags & TCP_SYN:
        return flow
    flow = move_base(table, flow, side, seq, ack, flags, analysed, fresh)
    if flow != NULL:
        copy_base(flow)
    return flow


cdef inline bint bury(table_t* table, flow_t* flow) noexcept nogil:
    """Leave a tombstone in place of a flow; the caller has written it out, and releases it."""
    cdef tombstone_t* stone
    if flow.state & FLOW_SUPERSEDED:
        return True
    if not has_place(
        &table.tombstones, &table.tombstone_capacity, table.tombstone_count, sizeof(tombstone_t), 1024
    ):
        return False
    stone = &table.tombstones[table.tombstone_count]
    stone.key = flow.key
    stone.hash = flow.hash
    stone.flow_id = flow.flow_id
    stone.stream = flow.stream
    stone.base_seq[0], stone.base_seq[1] = flow.base_seq[0], flow.base_seq[1]
    stone.state = flow.state
    stone.letters[0], stone.letters[1] = flow.direction[0].letters, flow.direction[1].letters
    find_slot(table, &flow.key, flow.hash)[0] = (
        <uint64_t>flow.hash << 32 | ((table.tombstone_count | TOMBSTONE) + 1)
    )
    table.tombstone_count += 1
    return True


cdef inline bint release_flow(table_t* table, uint32_t index) noexcept nogil:
    """Its place may be used again. False: no memory."""
    cdef flow_t* flow = flow_at(table, index)
    if not has_place(&table.released, &table.released_capacity, table.released_count, sizeof(uint32_t), 1024):
        return False
    if flow.tcp != NULL:
        release_tcp(table, flow.tcp)
        flow.tcp = NULL
    flow.state = 0
    set_last_frame(flow, 0)
    table.released[table.released_count] = index
    table.released_count += 1
    table.live -= 1
    return True
