"""A flow: its numbers, its counters, and what a table of flows holds.

A flow is 256 bytes, of which most packets touch 128: the first line and their own direction. What more there is to
say of a TCP flow is in tcp.pxd's tcp_t, which a packet reaches only in part. One that is a single segment yet has
96 bytes elsewhere (lone.pxd, where find_flow is).
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from flow_key cimport flow_key_t
from packet cimport HAS_TIME, packet_t
from tcp cimport tcp_t

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
    FLOW_ASKED = 2048                # of KIND_BESIDE: its number was asked for
    FLOW_SYN = 16384                 # a pure SYN of the client was seen, with a time
    FLOW_ANNOUNCED = 32768           # of UDP: its packets have the numbers of what was announced, see media.pxd
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
    uint32_t* numbers                # its flow_id and stream; NULL: a stream number that no flow of ours has
    uint32_t* shared                 # the stream number to take, to be given where it is NO_NUMBER; NULL: its own

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


# ---------------------------------------------------------------- the segment that is all of a stream

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
