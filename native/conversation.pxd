"""A flow as people ask for it: client and server told apart, how it opened and ended, in Zeek's words.

The table keeps a flow by the order of its addresses (flow_key.pxd); this is its row in the results.
"""
from libc.stdint cimport INT64_MIN, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from flow cimport (
    FLAG_SYN,
    FLOW_RETURNED,
    FLOW_TIMED,
    HISTORY,
    LETTER_FIN,
    LETTER_PAID,
    LETTER_RST,
    LETTER_SYN,
    LETTER_SYN_ACK,
    LETTER_WINDOW,
    client_side,
    direction_t,
    flow_t,
    last_frame,
    lone_t,
    opening_t,
)
from flow_key cimport KIND_ICMP, KIND_TCP, KIND_UDP, flow_key_t
from gaps cimport gap_deviation, gaps_t, mean_gap
from likeness cimport ALIKE_LONE, ALIKE_QUIET, UNLIKE, likeness_of
from lone cimport client_sent, lone_frame
from packet cimport NO_SCALE, OPTIONS_CUT
from sizes cimport size_deviation
from tcp cimport TCP_RST, WITHOUT_ACK, heading_t
from tcp_row cimport tcp_side_row_t, tell_nothing
from told cimport tell_lone, told_t

cdef enum conn_state_t:              # Zeek's conn_state, by the index of its name in analysis/flows.py
    STATE_NONE = 0
    STATE_OTH
    STATE_S0
    STATE_S1
    STATE_S2
    STATE_S3
    STATE_SF
    STATE_REJ
    STATE_RSTO
    STATE_RSTR
    STATE_RSTOS0
    STATE_RSTRH
    STATE_SH
    STATE_SHR

cdef enum ended_t:
    ENDED_NOT_TCP = 0
    ENDED_OPEN
    ENDED_FIN
    ENDED_RESET

cdef enum quiet_t:
    NOT_QUIET = 0                    # also of a row that is not filled
    QUIET_TCP                        # nothing was found of its TCP: both sides say nothing
    QUIET_OTHER                      # it is not TCP: zeros

cdef enum:
    LONE_BY_SERVER = 0x8000          # beside the TCP flags of a flow's only segment: the server sent it

ctypedef struct side_row_t:
    int64_t packets
    int64_t bytes
    int64_t payload_bytes
    int64_t first_payload_ns         # INT64_MIN without payload
    int64_t last_payload_ns
    int64_t gap_mean_ns              # of UDP packets with payload; 0 without gaps
    int64_t gap_stddev_ns
    double size_stddev               # original lengths, bytes; negative where unknown
    uint32_t flag_count[8]
    uint32_t window_min              # scaled as far as the scale is known; valid with `windows`
    uint32_t window_max
    uint32_t window_last
    uint32_t shortest                # original length of a packet
    uint32_t longest
    uint16_t mss                     # 0 without the option
    uint8_t scale                    # NO_SCALE without the option
    uint8_t options                  # tcp_option_t bits of its SYN
    uint8_t windows
    uint8_t ttl                      # of its latest SYN, 0 unknown
    uint8_t reset_ttl                # of its first reset, 0 none
    uint8_t zero
    tcp_side_row_t tcp

ctypedef struct flow_row_t:
    uint8_t client[16]
    uint8_t server[16]
    int64_t first_ns                 # INT64_MIN without a time, as all times here
    int64_t last_ns
    int64_t handshake_network_ns
    int64_t handshake_client_ns
    int64_t initial_rtt_ns
    int64_t first_byte_ns            # from the client's last payload before it to the server's first
    uint64_t first_frame
    uint64_t last_frame
    side_row_t side[2]               # client, server
    uint32_t flow_id
    uint32_t stream
    uint16_t client_port
    uint16_t server_port
    uint16_t vlan_id
    uint16_t path
    uint16_t syn_retries
    uint8_t kind
    uint8_t ip_version
    uint8_t protocol
    uint8_t conn_state
    uint8_t ended
    uint8_t completeness
    uint8_t bounded                  # a list was full
    uint8_t returned                 # it was written out before its end: judged in parts
    uint8_t icmp_type                # of the first packet
    uint8_t icmp_code
    uint8_t quiet                    # quiet_t
    char history[HISTORY]
    uint16_t lone                    # of a flow that is nothing but a segment: its TCP flags, LONE_BY_SERVER; else 0


cdef inline uint8_t tcp_state(uint16_t client, uint16_t server, bint answered) noexcept nogil:
    """conn_state from the letters of both sides; `answered`: the server sent anything."""
    cdef bint syn = (client & LETTER_SYN) != 0, accepted = (server & LETTER_SYN_ACK) != 0
    cdef bint finished = client & LETTER_FIN and server & LETTER_FIN
    if syn and accepted:
        if client & LETTER_RST and not finished:
            return STATE_RSTO
        if server & LETTER_RST and not finished:
            return STATE_RSTR
        if finished:
            return STATE_SF
        if client & LETTER_FIN:
            return STATE_S2
        return STATE_S3 if server & LETTER_FIN else STATE_S1
    if syn:
        if server & LETTER_RST:
            return STATE_REJ
        if client & LETTER_RST:
            return STATE_RSTOS0
        if finished:
            return STATE_SF
        if client & LETTER_FIN:
            return STATE_SH
        return STATE_OTH if answered else STATE_S0
    if accepted and server & LETTER_RST:
        return STATE_RSTRH
    if finished:
        return STATE_SF
    return STATE_SHR if accepted and server & LETTER_FIN else STATE_OTH


cdef inline uint8_t conn_state(const flow_t* flow, const direction_t* client, const direction_t* server) noexcept nogil:
    if flow.key.kind == KIND_TCP:
        return tcp_state(client.letters, server.letters, server.packets != 0)
    if flow.key.kind != KIND_UDP:
        return STATE_NONE
    if client.packets and server.packets:
        return STATE_SF
    return STATE_S0 if client.packets else STATE_SHR


cdef inline uint8_t how_ended(const flow_t* flow) noexcept nogil:
    """How a TCP flow stood when it was last seen: a reset wins, then any FIN."""
    cdef uint16_t letters = flow.direction[0].letters | flow.direction[1].letters
    if flow.key.kind != KIND_TCP:
        return ENDED_NOT_TCP
    if letters & LETTER_RST:
        return ENDED_RESET
    return ENDED_FIN if letters & LETTER_FIN else ENDED_OPEN


cdef inline uint8_t window_shift(const heading_t* heading, int sender) noexcept nogil:
    """How far windows are scaled: not at all where either SYN came without the option, as a SYN's count tells."""
    cdef int other = 1 - sender
    cdef bint known = heading.flag_count[other][FLAG_SYN] != 0 and not heading.options[other] & OPTIONS_CUT
    if heading.scale[sender] == NO_SCALE or (known and heading.scale[other] == NO_SCALE):
        return 0
    return heading.scale[sender]


cdef inline void fill_headers(
    side_row_t* side, const direction_t* own, const heading_t* heading, int sender
) noexcept nogil:
    """What the TCP headers of one side said."""
    cdef const uint32_t* seldom = heading.flag_count[sender]
    cdef uint8_t shift = window_shift(heading, sender)
    side.flag_count[0], side.flag_count[1], side.flag_count[2] = seldom[0], seldom[1], seldom[2]
    side.flag_count[3], side.flag_count[4] = own.pushes, <uint32_t>own.packets - seldom[WITHOUT_ACK]
    side.flag_count[5], side.flag_count[6], side.flag_count[7] = seldom[3], seldom[4], seldom[5]
    side.mss = heading.mss[sender]
    side.scale = heading.scale[sender]
    side.options = heading.options[sender]
    side.ttl = heading.ttl[sender]
    side.reset_ttl = heading.reset_ttl[sender]
    side.windows = own.letters & LETTER_WINDOW != 0
    side.window_min = <uint32_t>own.window_min << shift
    side.window_max = <uint32_t>own.window_max << shift
    side.window_last = <uint32_t>own.window_last << shift


cdef inline void fill_side(side_row_t* side, const told_t* told, int sender) noexcept nogil:
    """What one side sent."""
    cdef const direction_t* own = &told.flow.direction[sender]
    cdef bint timed = (own.letters & LETTER_PAID) != 0
    side.packets = <int64_t>own.packets
    side.bytes = <int64_t>own.bytes
    side.payload_bytes = <int64_t>own.payload_bytes
    side.first_payload_ns = own.first_payload if timed else INT64_MIN
    side.last_payload_ns = own.last_payload if timed else INT64_MIN
    side.shortest = own.shortest
    side.longest = own.longest
    side.size_stddev = size_deviation(own.packets, own.bytes, told.squares[sender])
    side.gap_mean_ns = side.gap_stddev_ns = 0
    if told.flow.key.kind == KIND_UDP:
        side.gap_mean_ns = mean_gap(own.last_payload - own.first_payload, own.packets) if timed else 0
        side.gap_stddev_ns = gap_deviation(<const gaps_t*>&own.window_min, side.gap_mean_ns, own.packets)
    fill_headers(side, own, &told.heading, sender)


cdef inline void fill_handshake(flow_row_t* row, const heading_t* heading) noexcept nogil:
    """SYN → SYN/ACK, SYN/ACK → ACK, from the latest SYN that was answered."""
    if heading.last_syn and heading.syn_ack:
        row.handshake_network_ns = heading.syn_ack - heading.last_syn
    if heading.syn_ack and heading.ack:
        row.handshake_client_ns = heading.ack - heading.syn_ack


cdef inline uint8_t quiet_kind(const told_t* told) noexcept nogil:
    if not told.quiet:
        return NOT_QUIET
    return QUIET_TCP if told.flow.key.kind == KIND_TCP else QUIET_OTHER


cdef inline void fill_tcp(flow_row_t* row, const told_t* told, int client) noexcept nogil:
    """Both sides of TCP; what nothing is said of stays where it was said of the row's flow before."""
    cdef uint8_t quiet = quiet_kind(told)
    cdef int side
    if quiet == NOT_QUIET:
        row.side[0].tcp = told.side[client]
        row.side[1].tcp = told.side[1 - client]
    elif quiet != row.quiet:
        for side in range(2):
            memset(&row.side[side].tcp, 0, sizeof(tcp_side_row_t))
            if quiet == QUIET_TCP:
                tell_nothing(&row.side[side].tcp)
    row.quiet = quiet
    row.bounded = row.side[0].tcp.bounded != 0 or row.side[1].tcp.bounded != 0


cdef inline void fill_ends(flow_row_t* row, const flow_key_t* key, int client) noexcept nogil:
    memcpy(row.client, &key.b[0] if client else &key.a[0], 16)
    memcpy(row.server, &key.a[0] if client else &key.b[0], 16)
    row.client_port = key.b_port if client else key.a_port
    row.server_port = key.a_port if client else key.b_port


cdef inline void fill_row(flow_row_t* row, const told_t* told) noexcept nogil:
    """The row of one whole flow. Before, the row is zeroed or that of another flow."""
    cdef const flow_t* flow = &told.flow
    cdef int client = client_side(flow)
    cdef const direction_t* from_client = &flow.direction[client]
    cdef const direction_t* from_server = &flow.direction[1 - client]
    fill_ends(row, &flow.key, client)
    row.first_ns = flow.first_seen if flow.state & FLOW_TIMED else INT64_MIN
    row.last_ns = flow.last_seen if flow.state & FLOW_TIMED else INT64_MIN
    fill_side(&row.side[0], told, client)
    fill_side(&row.side[1], told, 1 - client)
    row.first_frame = flow.first_frame
    row.last_frame = last_frame(flow)
    row.flow_id = flow.flow_id
    row.stream = flow.stream
    row.vlan_id = flow.vlan_id
    row.path = flow.path
    row.syn_retries = flow.syn_retries
    row.kind = flow.key.kind
    row.ip_version = flow.key.ip_version
    row.protocol = flow.key.protocol
    row.conn_state = conn_state(flow, from_client, from_server)
    row.ended = how_ended(flow)
    row.completeness = flow.completeness
    row.returned = flow.state & FLOW_RETURNED != 0
    memset(row.history, 0, HISTORY)
    memcpy(row.history, flow.history, flow.history_length)
    row.handshake_network_ns = row.handshake_client_ns = row.initial_rtt_ns = INT64_MIN
    row.first_byte_ns = INT64_MIN
    row.icmp_type = <uint8_t>(flow.base_seq[0] >> 8) if flow.key.kind == KIND_ICMP else 0
    row.icmp_code = <uint8_t>(flow.base_seq[0] & 0xFF) if flow.key.kind == KIND_ICMP else 0
    row.lone = 0
    fill_tcp(row, told, client)
    if flow.key.kind == KIND_TCP:
        fill_handshake(row, &told.heading)
        if told.initial_rtt:
            row.initial_rtt_ns = told.initial_rtt
        if told.first_byte >= 0:
            row.first_byte_ns = told.first_byte


cdef inline void fill_lone_row(flow_row_t* row, told_t* told, const lone_t* lone) noexcept nogil:
    """As fill_row, of a flow that is nothing but a segment. told: scratch memory.

    Where the row's flow before was one of the same kind, what follows from that alone is there: a flood's rows take a
    fifth of the time. What is written here is what flow_row_still_parts leaves out.
    """
    cdef const opening_t* opening = &lone.opening
    cdef side_row_t* sender
    cdef bint by_client = client_sent(lone)
    cdef uint16_t kind = opening.flags | (0 if by_client else LONE_BY_SERVER)
    if row.lone != kind:
        tell_lone(told, lone)
        fill_row(row, told)
        row.lone = kind
        return
    fill_ends(row, &lone.key, opening.side if by_client else 1 - opening.side)
    row.first_ns = row.last_ns = opening.timestamp
    row.first_frame = row.last_frame = lone_frame(lone)
    row.flow_id = lone.flow_id
    row.stream = lone.stream
    row.vlan_id = lone.vlan_id
    row.path = lone.path
    row.ip_version = lone.key.ip_version
    sender = &row.side[0 if by_client else 1]
    sender.bytes = sender.shortest = sender.longest = lone.original_length
    if opening.flags & TCP_RST:
        sender.reset_ttl = opening.ttl
        return
    sender.mss = opening.mss
    sender.scale = opening.scale
    sender.options = opening.options
    sender.ttl = opening.ttl


cdef inline void fill_collected(flow_row_t* row, told_t* told) noexcept nogil:
    """The row of a flow as collect gives it."""
    if told.lone != NULL:
        fill_lone_row(row, told, told.lone)
    else:
        fill_row(row, told)


cdef inline uint32_t likeness_of_rows(const flow_row_t* rows, uint32_t count) noexcept nogil:
    """Of a batch of rows, one at least; see flow_row_still_parts."""
    cdef uint32_t row
    cdef uint16_t kind = rows[0].lone
    for row in range(1, count):
        if rows[row].quiet != rows[0].quiet:
            return UNLIKE
        if rows[row].lone != kind:
            kind = 0
    if kind:
        return likeness_of(ALIKE_LONE, kind)
    return likeness_of(ALIKE_QUIET, rows[0].quiet) if rows[0].quiet != NOT_QUIET else UNLIKE
