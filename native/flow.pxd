"""The flow table: five-tuple → flow, its numbers, its counters.

One table a shard; a flow's packets all fall into the shard that its hash names, so threads never meet in a flow.
Numbers that depend on the order of the whole file (flow_id, Wireshark's stream) are given afterwards, batch by
batch, from the lists of what each shard found new.

An entry may exist for the number alone: Wireshark numbers the streams of tunnels, of packets quoted by ICMP errors
and of malformed ones too, though no packet of ours belongs to them.

A flow is 256 bytes, of which most packets touch 128: the first line and their own direction. What more there is to
say of a TCP flow is in tcp.pxd's tcp_t, which a packet reaches only in part. One that is a single segment yet has
96 bytes elsewhere (lone.pxd, where find_flow is).
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from completeness cimport completeness_bits
from flow_key cimport KIND_ICMP, KIND_TCP, KIND_UDP, flow_key_t, same_key
from gaps cimport gaps_t, merge_gaps, note_gap
from grow cimport has_place
from limits cimport note_full
from packet cimport HAS_PORTS, HAS_TCP, HAS_TIME, NO_VLAN, OPTION_MSS, OPTION_SCALE, aligned_alloc, packet_t
from pages cimport empty_slots, fault_in
from sizes cimport carry_of_square, stay_or_add
from tcp cimport (
    TCP_ACK,
    TCP_FIN,
    TCP_PSH,
    TCP_RST,
    TCP_SELDOM,
    TCP_SYN,
    WITHOUT_ACK,
    heading_t,
    tcp_free,
    tcp_t,
    trailing_zeros,
)

cdef extern from * nogil:
    """
    static inline uint64_t pcap_choose(int first, uint64_t a, uint64_t b) {
        uint64_t mask = -(uint64_t)(first != 0);
        return (a & mask) | (b & ~mask);
    }
    """
    uint64_t choose "pcap_choose"(bint first, uint64_t a, uint64_t b) noexcept

cdef enum:
    FLAG_SYN = 1                     # its place in heading_t.flag_count
    CHUNK_FLOWS = 1024
    NO_NUMBER = 0xFFFFFFFF
    TOMBSTONE = 0x80000000           # bit of a slot's index
    LONE = 0x40000000                # another: the index is that of a lone_t
    CHUNK_LONES = 2730               # as many as a block holds
    HISTORY = 16                     # a letter a direction, and one for who began
    OPENING_REUSES = 0x8000          # beside the TCP flags of an opening: it has MARK_REUSED_PORTS

cdef enum flow_state_t:              # bits of flow_t.state
    FLOW_COUNTED = 1                 # has packets of its own, hence a flow_id
    FLOW_CLIENT_B = 2                # the client is side b of the key
    FLOW_SUPERSEDED = 4              # its ports were used again: no longer found by its key
    FLOW_BASE_A = 8                  # base_seq[0] is known
    FLOW_BASE_B = 16
    BASES = 24                       # both
    FLOW_RETURNED = 32               # continues a flow that was written out
    FLOW_TIMED = 64                  # first and last time are valid
    FLOW_CLOSED = 128                # a FIN or RST was seen
    FLOW_SERVER_FIRST = 256          # the first packet came from the server side
    FLOW_LIVE = 512                  # this place of the pool is in use
    FLOW_OPENING = 1024              # a SYN/ACK waits for its ACK
    FLOW_MOVED = 4096                # this packet is a SYN/ACK with another number than the one before
    FLOW_REUSES = 2048               # its first SYN used the ports of a flow before it
    FLOW_SYN = 16384                 # a pure SYN of the client was seen, with a time
    FLOW_LONE = 8192                 # nothing but its first segment was seen: opening_of has it, there is no tcp_t

cdef enum letter_t:                  # Zeek's history letters, in each direction
    LETTER_SYN = 1
    LETTER_SYN_ACK = 2
    LETTER_ACK = 4
    LETTER_DATA = 8
    LETTER_FIN = 16
    LETTER_RST = 32
    LETTERS = 63                     # all of them
    LETTER_WINDOW = 64               # no letter: a segment said how wide its window is
    LETTER_PAID = 128                # nor this: payload with a time, so first_payload and last_payload are valid
    COMPLETE_ACK = 256               # nor these: that there was an ACK,
    COMPLETE_DATA = 512              # or payload, is in `completeness`

ctypedef struct direction_t:         # 64 bytes
    uint64_t packets
    uint64_t bytes                   # original lengths
    uint64_t payload_bytes
    int64_t first_payload            # ns, these two are valid with LETTER_PAID
    int64_t last_payload
    uint32_t squares                 # of the original lengths, the lower half: see sizes.pxd
    uint32_t pushes                  # PSH; other flags are in heading_t. Without TCP the upper half of the squares
    uint32_t shortest                # original length of a packet
    uint32_t longest
    uint16_t window_min              # as on the wire; these three are valid with LETTER_WINDOW. Of UDP: gaps_t
    uint16_t window_max
    uint16_t window_last
    uint16_t letters

ctypedef struct flow_t:              # 256 bytes
    flow_key_t key
    tcp_t* tcp                       # NULL without TCP, and with FLOW_LONE
    int64_t last_seen
    uint32_t last_frame_low          # see last_frame()
    uint16_t last_frame_high
    uint16_t state
    # second line
    uint64_t first_frame
    int64_t first_seen
    uint32_t hash
    uint32_t flow_id                 # these two are fresh_t.numbers
    uint32_t stream
    uint32_t base_seq[2]             # a stream that is begun has them in side_t.base too
    uint16_t vlan_id
    uint16_t path
    uint16_t syn_retries
    uint8_t history_length
    char history[HISTORY]
    uint8_t socks                    # socks_state_t
    uint8_t completeness             # bits, see completeness.pxd
    uint8_t pad[3]
    # third line on
    direction_t direction[2]         # from a, from b

ctypedef struct opening_t:           # what the first segment said; with FLOW_LONE in place of the silent direction
    int64_t timestamp
    uint32_t seq
    uint32_t ack                     # though it says nothing without the flag, tshark remembers it
    uint32_t tsval
    uint16_t window
    uint16_t mss
    uint16_t flags
    uint8_t scale
    uint8_t options
    uint8_t ttl
    uint8_t side                     # that it came from

ctypedef struct lone_t:              # 96 bytes: a flow that is nothing but its first segment, see lone.pxd
    flow_key_t key
    uint32_t flow_id                 # these two are fresh_t.numbers
    uint32_t stream                  # before the flow has its numbers: which of table_t.fresh asks for them
    uint32_t hash
    uint32_t frame_low
    opening_t opening                # its flags are 0 where this place of the pool is not in use
    uint16_t frame_high
    uint16_t vlan_id
    uint16_t path
    uint16_t original_length

ctypedef struct tombstone_t:         # what stays of a flow that was written out
    flow_key_t key
    uint32_t hash
    uint32_t flow_id
    uint32_t stream
    uint32_t base_seq[2]
    uint16_t state
    uint16_t letters[2]

ctypedef struct fresh_t:             # something that wants a number
    uint32_t order
    uint8_t wants_stream
    uint8_t wants_flow
    uint8_t kind                     # of the flow
    uint32_t* numbers                # its flow_id and stream; NULL: a number of KIND_TCP that nothing of ours has

ctypedef struct table_t:
    uint64_t* slots                  # hash << 32 | index + 1; 0 is empty
    uint32_t mask
    uint32_t used
    flow_t** chunks
    tcp_t** tcp_chunks               # what TCP flows have beside
    uint32_t tcp_chunk_count
    uint32_t tcp_chunk_capacity
    uint32_t tcp_left                # streams that the last chunk has room for
    tcp_t* tcp_released              # a chain through tcp_t.now
    uint32_t chunk_count
    uint32_t chunk_capacity
    uint32_t allocated
    uint32_t* released               # indices to use again
    uint32_t released_count
    uint32_t released_capacity
    lone_t** lone_chunks
    uint32_t lone_chunk_count
    uint32_t lone_chunk_capacity
    uint32_t lone_allocated
    uint32_t lone_released           # index + 1 of one to use again, whose `stream` leads to the next; 0: none
    uint32_t live                    # flows, and lone ones
    tombstone_t* tombstones
    uint32_t tombstone_count
    uint32_t tombstone_capacity
    fresh_t* fresh                   # (2 * fresh_capacity,): the second half is for sort_fresh
    uint32_t fresh_count
    uint32_t fresh_capacity
    uint64_t seed[4]
    uint8_t failed                   # memory ran out


# ---------------------------------------------------------------- one flow

cdef inline uint64_t last_frame(const flow_t* flow) noexcept nogil:
    return <uint64_t>flow.last_frame_high << 32 | flow.last_frame_low


cdef inline void set_last_frame(flow_t* flow, uint64_t frame) noexcept nogil:
    flow.last_frame_low = <uint32_t>frame
    flow.last_frame_high = <uint16_t>(frame >> 32)


cdef inline uint32_t client_side(const flow_t* flow) noexcept nogil:
    """Of the key: 0 is a, 1 is b."""
    return 1 if flow.state & FLOW_CLIENT_B else 0


cdef inline uint32_t first_side(const flow_t* flow) noexcept nogil:
    """Of the key: the one that sent the first packet."""
    return 1 - client_side(flow) if flow.state & FLOW_SERVER_FIRST else client_side(flow)


cdef inline uint16_t told_letters(uint8_t completeness) noexcept nogil:
    """COMPLETE_ACK and COMPLETE_DATA of the bits in completeness.pxd."""
    return <uint16_t>((completeness & 12) << 6)


cdef inline void copy_base(const flow_t* flow) noexcept nogil:
    """Wireshark's base of both directions into the stream, where it is begun."""
    if flow.tcp != NULL:
        flow.tcp.side[0].base, flow.tcp.side[1].base = flow.base_seq[0], flow.base_seq[1]


# ---------------------------------------------------------------- table

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
    table_t* table, uint8_t kind, uint32_t* numbers, uint32_t order, bint stream, bint counted
) noexcept nogil:
    """Ask for numbers. stream: for one of its kind.  counted: for a flow_id."""
    if not has_place(&table.fresh, &table.fresh_capacity, table.fresh_count, 2 * sizeof(fresh_t), 1024):
        table.failed = 1
        return False
    table.fresh[table.fresh_count] = fresh_t(
        order=order, wants_stream=stream, wants_flow=counted, kind=kind, numbers=numbers
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


# ---------------------------------------------------------------- counters

cdef inline opening_t* opening_of(flow_t* flow) noexcept nogil:
    """The direction that has sent nothing."""
    return <opening_t*>&flow.direction[1 - first_side(flow)]


cdef inline void fill_opening(opening_t* opening, const packet_t* packet, uint32_t side) noexcept nogil:
    opening.timestamp = packet.timestamp
    opening.seq = packet.tcp_seq
    opening.ack = packet.tcp_ack
    opening.tsval = packet.tcp_tsval
    opening.window = packet.tcp_window
    opening.mss = packet.tcp_mss
    opening.flags = packet.tcp_flags
    opening.scale = packet.tcp_scale
    opening.options = packet.tcp_options
    opening.ttl = packet.ttl
    opening.side = <uint8_t>side


cdef inline void keep_opening(flow_t* flow, const opening_t* opening) noexcept nogil:
    """Keep what the first segment said, not what came of it."""
    opening_of(flow)[0] = opening[0]
    flow.tcp = NULL
    flow.state |= FLOW_LONE


cdef inline opening_t take_opening(flow_t* flow) noexcept nogil:
    """The same the other way: the direction is again as one that has sent nothing."""
    cdef opening_t opening = opening_of(flow)[0]
    memset(opening_of(flow), 0, sizeof(direction_t))
    flow.state &= ~<uint32_t>FLOW_LONE
    return opening


cdef inline void opening_packet(const opening_t* opening, packet_t* packet) noexcept nogil:
    """The packet that an opening was filled from, as far as a stream asks for it."""
    memset(packet, 0, sizeof(packet_t))
    packet.present = HAS_TIME
    packet.timestamp = opening.timestamp
    packet.tcp_seq = opening.seq
    packet.tcp_ack = opening.ack
    packet.tcp_tsval = opening.tsval
    packet.tcp_window = opening.window
    packet.tcp_mss = opening.mss
    packet.tcp_flags = opening.flags & ~<uint32_t>OPENING_REUSES
    packet.tcp_scale = opening.scale
    packet.tcp_options = opening.options
    packet.ttl = opening.ttl


cdef inline void note_letter(
    flow_t* flow, direction_t* direction, uint16_t letter, char name, bint client
) noexcept nogil:
    """A letter of Zeek's history, once a direction: capitals for the client."""
    if direction.letters & letter:
        return
    direction.letters |= letter
    if flow.history_length < HISTORY:
        flow.history[flow.history_length] = name if client else name + 32
        flow.history_length += 1


cdef inline bint begins_as_client(uint16_t tcp_flags, uint16_t src_port, uint16_t dst_port) noexcept nogil:
    """Whether the sender of a stream's first segment is the client: SYN, SYN/ACK, the higher port, the first sender."""
    return not tcp_flags & TCP_ACK if tcp_flags & TCP_SYN else src_port >= dst_port


cdef inline void decide_client(flow_t* flow, const packet_t* packet, uint32_t side) noexcept nogil:
    """On the first packet, for good."""
    cdef bint sender = True
    if packet.present & HAS_PORTS:
        sender = begins_as_client(
            packet.tcp_flags if packet.present & HAS_TCP else 0, packet.src_port, packet.dst_port
        )
    if sender != (side == 0):
        flow.state |= FLOW_CLIENT_B
    if not sender:
        flow.state |= FLOW_SERVER_FIRST


cdef inline void count_handshake(flow_t* flow, const packet_t* packet, bint client) noexcept nogil:
    cdef heading_t* heading = &flow.tcp.heading
    cdef uint16_t flags = packet.tcp_flags
    if not packet.present & HAS_TIME or flags & TCP_RST:
        return
    if flags & TCP_SYN:
        if flags & TCP_ACK:
            if not client and not heading.syn_ack:
                heading.syn_ack = packet.timestamp
                flow.state |= FLOW_OPENING
        elif client and not heading.ack:
            if flow.state & FLOW_SYN and flow.syn_retries < 0xFFFF:
                flow.syn_retries += 1
            flow.state |= FLOW_SYN
            if not heading.syn_ack:
                heading.last_syn = packet.timestamp
    elif flags & TCP_ACK and client and heading.syn_ack and not heading.ack:
        heading.ack = packet.timestamp
        flow.state &= ~<uint32_t>FLOW_OPENING


cdef inline void count_seldom(heading_t* heading, int sender, const packet_t* packet) noexcept nogil:
    """Flags that few headers have or lack, what a SYN says, and from how far away it and a reset come."""
    cdef uint32_t flags = packet.tcp_flags
    cdef uint32_t left = (flags & 0x07) | (flags >> 2 & 0x38) | (0 if flags & TCP_ACK else 1 << WITHOUT_ACK)
    while left:
        heading.flag_count[sender][trailing_zeros(left)] += 1
        left &= left - 1
    if flags & TCP_RST and heading.reset_ttl[sender] == 0:
        heading.reset_ttl[sender] = packet.ttl
    if not flags & TCP_SYN:
        return
    heading.ttl[sender] = packet.ttl
    if packet.tcp_options & OPTION_MSS:
        heading.mss[sender] = packet.tcp_mss
    if packet.tcp_options & OPTION_SCALE:
        heading.scale[sender] = packet.tcp_scale
    heading.options[sender] |= packet.tcp_options


cdef inline void count_opening(heading_t* heading, int sender, const packet_t* packet) noexcept nogil:
    """The same of a stream's first segment, and what of a handshake it is."""
    count_seldom(heading, sender, packet)
    if packet.tcp_flags & TCP_SYN:
        if packet.tcp_flags & TCP_ACK:
            heading.syn_ack = packet.timestamp
        else:
            heading.last_syn = packet.timestamp


cdef inline void count_window(direction_t* direction, uint16_t window) noexcept nogil:
    cdef uint16_t least = direction.window_min if direction.letters & LETTER_WINDOW else window
    direction.window_min = window if window < least else least
    direction.window_max = window if window > direction.window_max else direction.window_max
    direction.window_last = window
    direction.letters |= LETTER_WINDOW


cdef inline void count_tcp(flow_t* flow, direction_t* direction, const packet_t* packet, bint client) noexcept nogil:
    """What TCP adds. Written without branches where packets differ at random."""
    cdef uint16_t flags = packet.tcp_flags
    cdef uint16_t letter
    cdef int sender
    direction.pushes += (flags & TCP_PSH) != 0
    if flags & (TCP_SELDOM | TCP_ACK) != TCP_ACK:
        sender = flow.tcp.client if client else 1 - flow.tcp.client
        count_seldom(&flow.tcp.heading, sender, packet)
        note_full(flow.tcp, 1 - sender)
    if flags & TCP_SYN:
        if flags & TCP_ACK:
            note_letter(flow, direction, LETTER_SYN_ACK, c"H", client)
        else:
            note_letter(flow, direction, LETTER_SYN, c"S", client)
    elif not flags & TCP_RST:                    # a reset's window means nothing
        count_window(direction, packet.tcp_window)
    letter = <uint16_t>choose(
        packet.payload_length != 0, LETTER_DATA,
        LETTER_ACK * (flags & (TCP_ACK | TCP_SYN | TCP_FIN | TCP_RST) == TCP_ACK)
    )
    if letter & ~<uint32_t>direction.letters and flow.history_length < HISTORY:
        note_letter(flow, direction, letter, c"D" if letter == LETTER_DATA else c"A", client)
    if flags & (TCP_FIN | TCP_RST):
        flow.state |= FLOW_CLOSED
        if flags & TCP_FIN:
            note_letter(flow, direction, LETTER_FIN, c"F", client)
        if flags & TCP_RST:
            note_letter(flow, direction, LETTER_RST, c"R", client)
    if flags & TCP_SYN or flow.state & FLOW_OPENING:     # else its cache line stays untouched
        count_handshake(flow, packet, client)


cdef inline void open_flow(flow_t* flow, const packet_t* packet, uint64_t frame_number, uint32_t side) noexcept nogil:
    """The first packet of its own: what is said of the flow once."""
    if not flow.state & FLOW_RETURNED:
        decide_client(flow, packet, side)
        if flow.state & FLOW_SERVER_FIRST:
            flow.history[0] = c"^"
            flow.history_length = 1
    flow.first_frame = frame_number
    flow.vlan_id = packet.vlan_id
    flow.path = packet.path
    if flow.key.kind == KIND_ICMP and not flow.state & FLOW_RETURNED:
        flow.base_seq[0] = <uint32_t>packet.icmp_type << 8 | packet.icmp_code    # of TCP alone otherwise


cdef inline void note_completeness(flow_t* flow, const packet_t* packet, uint32_t side, bint opened) noexcept nogil:
    """opened: by this packet."""
    cdef uint8_t bits = completeness_bits(
        packet.tcp_flags, packet.payload_length != 0, opened and not flow.state & FLOW_RETURNED
    )
    flow.completeness |= bits
    flow.direction[side].letters |= told_letters(bits)


cdef inline void note_payload(flow_t* flow, direction_t* direction, int64_t now) noexcept nogil:
    """Payload at a time."""
    if not direction.letters & LETTER_PAID:
        direction.letters |= LETTER_PAID
        direction.first_payload = now
    elif flow.key.kind == KIND_UDP:
        note_gap(<gaps_t*>&direction.window_min, now - direction.last_payload)
    direction.last_payload = now


cdef inline void count_packet(
    flow_t* flow, const packet_t* packet, uint64_t frame_number, uint32_t side
) noexcept nogil:
    """Add one packet to its flow and direction."""
    cdef direction_t* direction = &flow.direction[side]
    cdef bint client = side == client_side(flow)
    cdef int64_t now = packet.timestamp
    cdef uint32_t length = packet.original_length, least, carry
    cdef uint32_t* upper
    set_last_frame(flow, frame_number)
    if packet.present & HAS_TIME:
        if not flow.state & FLOW_TIMED:
            flow.state |= FLOW_TIMED
            flow.first_seen = flow.last_seen = now
        elif now > flow.last_seen:
            flow.last_seen = now
        elif now < flow.first_seen:
            flow.first_seen = now
        if packet.payload_length:
            note_payload(flow, direction, now)
    least = length if direction.packets == 0 else direction.shortest
    direction.shortest = length if length < least else least
    direction.longest = length if length > direction.longest else direction.longest
    direction.packets += 1
    direction.bytes += length
    direction.payload_bytes += packet.payload_length
    carry = carry_of_square(&direction.squares, length)
    if carry:
        upper = &direction.pushes if flow.tcp == NULL else &flow.tcp.heading.squares[side]
        upper[0] = stay_or_add(upper[0], carry)
    if flow.tcp != NULL:
        count_tcp(flow, direction, packet, client)
    elif packet.payload_length and not direction.letters & LETTER_DATA:
        note_letter(flow, direction, LETTER_DATA, c"D", client)


# ---------------------------------------------------------------- flows written out and merged again

cdef inline void merge_direction(direction_t* into, const direction_t* later) noexcept nogil:
    if later.packets == 0:
        return
    if into.packets == 0 or later.shortest < into.shortest:
        into.shortest = later.shortest
    if later.longest > into.longest:
        into.longest = later.longest
    if later.letters & LETTER_PAID:
        if not into.letters & LETTER_PAID:
            into.first_payload = later.first_payload
        into.last_payload = later.last_payload
    if later.letters & LETTER_WINDOW:
        if not into.letters & LETTER_WINDOW:
            into.window_min = later.window_min
        elif later.window_min < into.window_min:
            into.window_min = later.window_min
        if later.window_max > into.window_max:
            into.window_max = later.window_max
        into.window_last = later.window_last
    into.packets += later.packets
    into.bytes += later.bytes
    into.payload_bytes += later.payload_bytes
    into.pushes += later.pushes
    into.letters |= later.letters


cdef inline void merge_flow(flow_t* into, const flow_t* later) noexcept nogil:
    """Join two parts of one flow, the earlier one first."""
    cdef int index
    if later.state & FLOW_TIMED:
        if not into.state & FLOW_TIMED or later.first_seen < into.first_seen:
            into.first_seen = later.first_seen
        if not into.state & FLOW_TIMED or later.last_seen > into.last_seen:
            into.last_seen = later.last_seen
    into.state |= later.state
    into.completeness |= later.completeness
    if into.key.kind == KIND_UDP:
        for index in range(2):
            merge_gaps(<gaps_t*>&into.direction[index].window_min, <const gaps_t*>&later.direction[index].window_min)
    into.last_frame_low = later.last_frame_low
    into.last_frame_high = later.last_frame_high
    into.syn_retries += later.syn_retries
    for index in range(later.history_length):
        if into.history_length < HISTORY:
            into.history[into.history_length] = later.history[index]
            into.history_length += 1
    merge_direction(&into.direction[0], &later.direction[0])
    merge_direction(&into.direction[1], &later.direction[1])


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
