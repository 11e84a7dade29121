"""What is said of a flow as it stands: at the end, and when it is written out."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset

from flow cimport FLOW_LONE, OPENING_REUSES, flow_t, lone_t, opening_packet, opening_t, take_opening
from flow_count cimport count_opening
from flow_key cimport KIND_TCP
from lone cimport tell_counters
from packet cimport packet_t
from sizes cimport sum_of_squares
from tcp cimport (
    MARK_REUSED_PORTS,
    first_byte,
    heading_begin,
    heading_t,
    initial_rtt,
    mark_frame,
    tcp_t,
    trailing_zeros,
)
from tcp_row cimport tcp_side_row_t, tell_nothing, tell_side

cdef enum:
    FEW_PACKETS = 4                  # a flow with fewer may have said nothing

ctypedef struct told_t:              # a flow, or a part of one, with the results of its TCP analysis
    flow_t flow
    heading_t heading
    uint64_t squares[2]              # of original lengths, by a, by b
    int64_t initial_rtt              # ns, 0 unknown
    int64_t first_byte               # ns, -1 unknown
    const lone_t* lone               # of collect alone: the flow, of which nothing else is told yet; or NULL
    uint8_t quiet                    # nothing is to be said of its TCP: `side` is not filled
    tcp_side_row_t side[2]           # of a, of b


cdef inline void tell_reuse(told_t* told, int sender) noexcept nogil:
    """A flow that says nothing but that its SYN used the ports of another."""
    cdef uint32_t place = trailing_zeros(MARK_REUSED_PORTS)
    cdef int at
    told.quiet = 0
    memset(told.side, 0, sizeof(told.side))
    for at in range(2):
        tell_nothing(&told.side[at])
    told.side[sender].marks[place] = 1
    told.side[sender].mark_frames[place] = mark_frame(told.flow.first_frame)


cdef inline void tell_rest(told_t* told) noexcept nogil:
    """Beside a flow without state of TCP and its heading, which are there."""
    cdef int at
    told.initial_rtt = 0
    told.first_byte = -1
    told.quiet = 1
    for at in range(2):
        told.squares[at] = sum_of_squares(
            told.flow.direction[at].pushes if told.flow.key.kind != KIND_TCP else 0, told.flow.direction[at].squares
        )


cdef inline void tell_quiet(told_t* told, const flow_t* flow) noexcept nogil:
    """Of a flow without state of TCP."""
    cdef opening_t opening
    cdef packet_t packet
    told.flow = flow[0]
    heading_begin(&told.heading)
    if not flow.state & FLOW_LONE:
        tell_rest(told)
        return
    opening = take_opening(&told.flow)
    opening_packet(&opening, &packet)
    count_opening(&told.heading, opening.side, &packet)
    tell_rest(told)
    if opening.flags & OPENING_REUSES:
        tell_reuse(told, opening.side)


cdef inline void tell_lone(told_t* told, const lone_t* lone) noexcept nogil:
    """As tell_quiet of the same flow unpacked."""
    cdef tcp_t scratch
    tell_counters(lone, &told.flow, &scratch)
    told.heading = scratch.heading
    tell_rest(told)


cdef inline bint says_nothing(const tcp_side_row_t* side) noexcept nogil:
    """Whether a direction is as one that has sent no data."""
    cdef tcp_side_row_t nothing
    memset(&nothing, 0, sizeof(tcp_side_row_t))
    tell_nothing(&nothing)
    return memcmp(side, &nothing, sizeof(tcp_side_row_t)) == 0


cdef inline void tell(told_t* told, const flow_t* flow) noexcept nogil:
    """What is to be said of a flow as it stands."""
    cdef int at
    if flow.tcp == NULL:
        tell_quiet(told, flow)
        return
    told.flow = flow[0]
    told.flow.tcp = NULL
    told.heading = flow.tcp.heading
    told.initial_rtt = initial_rtt(flow.tcp)
    told.first_byte = first_byte(flow.tcp)
    for at in range(2):
        told.squares[at] = sum_of_squares(flow.tcp.heading.squares[at], flow.direction[at].squares)
        tell_side(&told.side[at], flow.tcp, at, flow.direction[at].payload_bytes)
    told.quiet = (
        flow.direction[0].packets + flow.direction[1].packets < FEW_PACKETS
        and says_nothing(&told.side[0]) and says_nothing(&told.side[1])
    )
