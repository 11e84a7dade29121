"""What a packet adds to its flow: counters of either direction, letters of history, the handshake."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from completeness cimport completeness_bits
from flow cimport (
    FLOW_CLIENT_B,
    FLOW_CLOSED,
    FLOW_OPENING,
    FLOW_RETURNED,
    FLOW_SERVER_FIRST,
    FLOW_SYN,
    FLOW_TIMED,
    HISTORY,
    LETTER_ACK,
    LETTER_DATA,
    LETTER_FIN,
    LETTER_PAID,
    LETTER_RST,
    LETTER_SYN,
    LETTER_SYN_ACK,
    LETTER_WINDOW,
    choose,
    client_side,
    direction_t,
    flow_t,
    set_last_frame,
    told_letters,
)
from flow_key cimport KIND_ICMP, KIND_UDP
from gaps cimport gaps_t, merge_gaps, note_gap
from limits cimport note_full
from packet cimport HAS_PORTS, HAS_TCP, HAS_TIME, OPTION_MSS, OPTION_SCALE, packet_t
from sizes cimport carry_of_square, stay_or_add
from tcp cimport TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SELDOM, TCP_SYN, WITHOUT_ACK, heading_t, trailing_zeros


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
