"""What is kept of a TCP flow beside its counters: the state of Wireshark's judgement and of our own measures.

A flow costs `tcp_t` (704 bytes, from flow_table.pxd's pool) from its second packet on. What most segments touch lies
together: payload reaches the first line of the stream and of both sides, and the sender's others; an acknowledgement
the same of the side that is acknowledged. What only a direction with trouble needs is allocated when trouble comes.
"""
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from coverage cimport coverage_free, coverage_t
from lateness cimport lateness_free
from packet cimport NO_SCALE, packet_t
from spread cimport spread_free, spread_t
from unacked cimport UNACKED_BOUNDED, unacked_begin, unacked_free, unacked_t

cdef extern from * nogil:
    """
    #define pcap_trailing_zeros(value) ((uint32_t)__builtin_ctz(value))
    """
    uint32_t trailing_zeros "pcap_trailing_zeros"(uint32_t value) noexcept

cdef enum:
    TCP_FIN = 0x01
    TCP_SYN = 0x02
    TCP_RST = 0x04
    TCP_PSH = 0x08
    TCP_ACK = 0x10
    TCP_CONTROL = 0x07               # SYN, FIN, RST
    TCP_SELDOM = 0xE7                # those and URG, ECE, CWR
    SCALE_UNKNOWN = -1
    SCALE_NONE = -2                  # one side's SYN came without the option: windows are as on the wire
    MAX_RECENTS = 16
    LEAST_FULL = 536                 # payload of a full segment, at least (RFC 9293's default)
    WITHOUT_ACK = 6                  # place in heading_t.flag_count
    SELDOM_FLAGS = 7

cdef enum mark_t:                    # bits of a packet's tcp_marks, the order of the public table
    MARK_RETRANSMISSION = 1 << 0
    MARK_FAST_RETRANSMISSION = 1 << 1
    MARK_SPURIOUS_RETRANSMISSION = 1 << 2
    MARK_OUT_OF_ORDER = 1 << 3
    MARK_LOST_SEGMENT = 1 << 4
    MARK_ACK_LOST_SEGMENT = 1 << 5
    MARK_DUPLICATE_ACK = 1 << 6
    MARK_ZERO_WINDOW = 1 << 7
    MARK_ZERO_WINDOW_PROBE = 1 << 8
    MARK_ZERO_WINDOW_PROBE_ACK = 1 << 9
    MARK_WINDOW_FULL = 1 << 10
    MARK_WINDOW_UPDATE = 1 << 11
    MARK_KEEP_ALIVE = 1 << 12
    MARK_KEEP_ALIVE_ACK = 1 << 13
    MARK_REUSED_PORTS = 1 << 14
    MARK_SEEN_TWICE = 1 << 15        # ours
    MARK_FAST_OPEN_SYN = 1 << 16
    MARK_FAST_OPEN_ACK = 1 << 17
    MARK_FAST_OPEN_IGNORED = 1 << 18
    MARKS = 19

cdef enum cause_t:                   # why a segment was sent again
    CAUSE_UNKNOWN = 0
    CAUSE_RTO
    CAUSE_FAST
    CAUSE_TAIL_LOSS
    CAUSE_SYN_RETRY
    CAUSES

cdef enum fill_t:                    # why a segment came later than what it precedes
    FILL_REORDERED = 0               # overtaken on the way
    FILL_REPAIRED                    # sent again, the first was lost before the capture point
    FILL_LATE                        # acknowledged before: the capture had missed it
    FILLS

cdef enum:                           # limit_t: what holds a sender up
    LIMIT_RECEIVER = 0
    LIMIT_CONGESTION
    LIMIT_APPLICATION
    LIMIT_WAITING                    # all is acknowledged: the application's time if more data follows
    LIMIT_WAITING_RECEIVER           # the same under a closed window
    LIMIT_NONE                       # no data yet, or the end was acknowledged
    SUMS = 4                         # those of them that side_t.limits has

cdef enum side_bits_t:
    SIDE_SEEN = 1                    # `window` is valid
    SIDE_AFTER_SYN = 2               # its last packet was a SYN, whose window is not scaled
    SIDE_FLIGHT_KNOWN = 4            # no segment before this one was missed since the last acknowledgement
    SIDE_FLIGHT = 8                  # something is unacknowledged: flight_begin and flight_end are valid
    SIDE_INITIAL_RTT = 16            # of the stream, in side 0: `opening` is the initial RTT
    SIDE_ZERO_OPEN = 32              # the window that it announced is closed, since troubles.zero_since
    SIDE_WAITED = 64                 # troubles.waiting_receiver may be more than 0
    EPISODE_SACK = 128               # sack_high,
    EPISODE_FAST = 256               # fast_until,
    EPISODE_RTO = 512                # rto_until of troubles are valid
    EPISODE_TAIL_PROBE = 1024        # the last segment came again and nothing was acknowledged since
    EPISODE_FILL = 2048              # troubles.fill_end and fill_time are valid
    EPISODES = 3968
    SIDE_PROVABLE = 8192             # an acknowledgement may prove that what came again was not needed
    SIDE_SYN_TIME = 4096             # of the stream, in side 0: `opening` is the time of a SYN, or was
    SIDE_FAST_OPEN = 16384           # of the stream, in side 0: a SYN with a cookie carried data
    SIDE_SACKED = 32768              # its last packet had SACK blocks, of troubles.sacked bytes

cdef enum state_t:                   # bits of side_t.states: our own measures
    STATE_ACKNOWLEDGED = 1           # `acknowledged` is valid
    STATE_REPAIRED = 2               # repair_begin and repair_end of troubles, which is there, are valid
    STATE_SHORT = 4                  # the last new segment was not a full one. limits.pxd knows its place
    STATE_SYN = 4096                 # its SYN was seen, so whether it scales its window is known
    STATE_ISN = 8                    # isn is valid
    STATE_SCALED = 16                # its SYN had the window scale option: shift is valid
    STATE_SACK_PERMITTED = 32
    STATE_FIN = 64
    STATE_WINDOW = 128               # window_bytes is valid
    STATE_FED_BACK = 256             # feedback is valid
    STATE_UNSURE = 512               # coverage began with a pure ACK, which may have been a keep-alive
    STATE_WINDOW_PROBE = 1024        # sent a byte into a closed window
    STATE_PAYLOAD = 2048             # payload was seen
    STATE_STAMPED = 8192             # stamps.latest is valid
    STATE_PROBE = 16384              # the echo of stamps.probe is awaited
    STATE_STOOD_STILL = 32768        # of the stream, in side 0: its time ran backwards, troubles.still is valid

cdef enum recent_bits_t:
    RECENT_STAMPED = 1               # tsval is valid
    RECENT_FILL = 2                  # it filled a hole: nothing was sent twice as far as captured
    RECENT_PROVEN_DSACK = 4          # it was not needed
    RECENT_PROVEN_TIMESTAMP = 8

ctypedef struct recent_t:            # a segment that was sent again, or filled a hole
    uint64_t frame
    int64_t time
    uint64_t original                # the first known segment that brought the same, 0 unknown
    int64_t original_time
    uint32_t begin
    uint32_t end
    uint32_t tsval
    uint32_t bits

ctypedef struct troubles_t:          # of one direction
    uint32_t marks[MARKS]
    uint32_t causes[CAUSES]
    uint64_t repeated_bytes          # payload of segments marked retransmission
    uint64_t again_bytes             # captured before
    int64_t left_out_bytes           # payload that is no data: keep-alives, window probes, a reset's text
    uint32_t syn_retries
    uint32_t fin_retries
    uint32_t keep_alives
    uint32_t window_probes
    uint32_t strays                  # changes to another sequence space
    uint32_t spurious_dsack
    uint32_t spurious_timestamps
    uint32_t dsack_blocks
    uint32_t delays
    uint32_t zero_periods
    uint64_t delay_total             # ns from the original to its repetition
    int64_t delay_most
    uint32_t fills[FILLS]            # segments that filled a hole, by fill_t
    uint32_t sack_high
    uint64_t filled_bytes[FILLS]
    uint64_t waiting_receiver        # ns
    uint64_t zero_ns
    int64_t zero_since
    int64_t still                    # of the stream, in side 0: where time stood when it last ran backwards,
    uint64_t still_frame             # and the frame from which on
    int64_t fill_time                # of the last segment that filled a hole and was captured once
    uint32_t fill_end
    uint32_t fast_until
    uint32_t rto_until
    uint8_t recent_count
    uint8_t recent_next
    uint8_t recent_room              # a power of two, MAX_RECENTS at most
    recent_t* recents                # (recent_room,) or NULL
    uint32_t mark_frames[MARKS]      # the first with each mark, 0 none, or beyond what fits
    uint32_t loss_runs               # stretches of the sequence that were lost at a time
    uint32_t loss_run                # segments of the last of them
    uint32_t loss_run_most
    uint32_t loss_end                # behind the last lost segment
    uint32_t repair_begin            # bytes sent more than once: no round-trip times from them (Karn),
    uint32_t repair_end              # with STATE_REPAIRED
    uint32_t copies                  # that no sender made
    uint32_t copies_as_repairs       # those of them that `causes` takes for repairs of loss
    uint32_t sacked                  # bytes in the SACK blocks of the last packet, with SIDE_SACKED
    uint32_t overtaken               # segments that the receiver lacked for a while, though they were sent once
    uint8_t loss_known               # loss_end is valid

ctypedef struct stamps_t:            # round-trip times by the timestamps option, one sample at a time
    int64_t probe_time
    uint32_t probe
    uint32_t probe_begin
    uint32_t latest
    uint32_t samples

ctypedef struct side_t:              # one direction as a sender, 256 bytes
    # Wireshark's state; 0 stands for unknown in next_seq, contiguous and last_ack, as it does there
    uint32_t next_seq
    uint32_t contiguous
    uint32_t last_ack
    uint32_t duplicates
    uint32_t flight_begin            # its unacknowledged bytes
    uint32_t flight_end
    uint32_t flight_most
    uint32_t base                    # of the flow's base_seq: where Wireshark counts from
    uint16_t window                  # as on the wire
    uint16_t last_marks
    uint16_t bits
    int8_t scale
    # our own
    uint8_t limit
    uint16_t states                  # STATE_ bits
    uint8_t shift                    # window scale of its SYN
    uint8_t duplicate_count          # ACKs that repeat `acknowledged`, 255 at most
    uint32_t acknowledged            # the highest ACK of the other side
    uint32_t top                     # behind its last number, FIN included; valid with coverage.known
    uint32_t window_bytes            # the last window it announced, scaled
    uint32_t largest                 # payload of a segment
    int32_t full                     # payload of a full segment, see limits.pxd
    # second line
    spread_t rtt                     # of its data, by Karn's rule
    coverage_t coverage              # what is there without holes; the rest of it is in the third line
    unacked_t unacked
    int64_t next_time                # of Wireshark
    # fourth line
    uint64_t limits[SUMS]            # ns, by limit_t; see start() in limits.pxd
    stamps_t stamps
    troubles_t* troubles

ctypedef struct heading_t:           # what only few headers of a stream say, 104 bytes
    int64_t last_syn                 # ns, the client's latest before the answer; these three are 0 where unknown
    int64_t syn_ack                  # the first
    int64_t ack                      # the client's first behind it
    uint16_t mss[2]                  # option of the SYN of a, of b; 0 unknown
    uint8_t scale[2]                 # the same; NO_SCALE without the option
    uint8_t options[2]               # tcp_option_t bits of their SYNs
    uint32_t squares[2]              # of the original lengths of a, of b, the upper half: see sizes.pxd
    uint32_t flag_count[2][SELDOM_FLAGS]  # FIN SYN RST URG ECE CWR, and without ACK; by a, by b
    uint8_t ttl[2]                   # of the latest SYN of a, of b, 0 unknown
    uint8_t reset_ttl[2]             # of their first reset, 0 none

ctypedef struct tcp_t:               # 704 bytes
    int64_t now                      # of the last packet, never going back
    uint64_t stamped_total[2]        # ns, of stamps.samples round trips
    int64_t ack_time[2]              # ns: of the last packet of a, of b, as Wireshark has it
    int64_t feedback[2]              # ns, when the other side last sent an ACK
    uint8_t client                   # the side that opened the stream
    uint8_t started                  # now is valid
    uint8_t requested                # request is valid
    uint8_t quiet                    # see plain.pxd
    # second line, and beyond it what is only counted
    int64_t opening                  # ns: the latest pure SYN, then the initial RTT; see initial_rtt()
    int64_t request                  # ns: the client's last new payload, then the server's delay; see first_byte()
    heading_t heading
    uint32_t isn[2]                  # of the SYN of a, of b, with STATE_ISN
    # fourth line
    side_t side[2]                   # from a, from b


cdef inline troubles_t* troubles_of(side_t* side) noexcept nogil:
    """NULL only when memory is short: then what is found of the side is not exact."""
    if side.troubles == NULL:
        side.troubles = <troubles_t*>calloc(1, sizeof(troubles_t))
        if side.troubles == NULL:
            side.unacked.notes |= UNACKED_BOUNDED
    return side.troubles


cdef inline uint32_t mark_frame(uint64_t frame) noexcept nogil:
    """As the first with a mark; 0 where its number is too high."""
    return <uint32_t>frame if frame <= 0xFFFFFFFFu else 0


cdef inline bint note_marks(side_t* side, const packet_t* packet, uint32_t marks, uint64_t frame) noexcept nogil:
    """Count the marks of a packet in its direction. False: no memory."""
    cdef troubles_t* troubles = troubles_of(side)
    cdef uint32_t left = marks, bit
    if troubles == NULL:
        return False
    while left:
        bit = trailing_zeros(left)
        if troubles.marks[bit] == 0:
            troubles.mark_frames[bit] = mark_frame(frame)
        troubles.marks[bit] += 1
        left &= left - 1
    if marks & MARK_RETRANSMISSION:
        troubles.repeated_bytes += packet.payload_length
    return True


cdef inline void heading_begin(heading_t* heading) noexcept nogil:
    memset(heading, 0, sizeof(heading_t))
    heading.scale[0] = heading.scale[1] = NO_SCALE


cdef inline void tcp_count(tcp_t* tcp, int client) noexcept nogil:
    """A stream whose segments are counted and not judged: its heading, and of its sides what note_full asks for."""
    cdef int at
    heading_begin(&tcp.heading)
    tcp.client = <uint8_t>client
    for at in range(2):
        tcp.side[at].largest = 0
        tcp.side[at].states = 0


cdef inline void tcp_begin(tcp_t* tcp, int client) noexcept nogil:
    """A stream of which nothing is known yet but who opened it."""
    cdef int at
    memset(tcp, 0, sizeof(tcp_t))
    heading_begin(&tcp.heading)
    tcp.client = <uint8_t>client
    for at in range(2):
        unacked_begin(&tcp.side[at].unacked)
        tcp.side[at].scale = SCALE_UNKNOWN
        tcp.side[at].bits = SIDE_FLIGHT_KNOWN
        tcp.side[at].limit = LIMIT_NONE
        tcp.side[at].full = LEAST_FULL


cdef inline int64_t initial_rtt(const tcp_t* tcp) noexcept nogil:
    """As Wireshark has it, ns; 0 unknown."""
    return tcp.opening if tcp.side[0].bits & SIDE_INITIAL_RTT else 0


cdef inline int64_t first_byte(const tcp_t* tcp) noexcept nogil:
    """ns from the client's last new payload before the server's first to that; -1 unknown."""
    return tcp.request if tcp.requested and tcp.side[1 - tcp.client].states & STATE_PAYLOAD else -1


cdef inline int64_t trip_to(const tcp_t* tcp, int side) noexcept nogil:
    """ns from the capture point to a side and back, by the handshake; 0 unknown."""
    cdef const heading_t* heading = &tcp.heading
    cdef bint client = side == tcp.client
    cdef int64_t begin = heading.syn_ack if client else heading.last_syn
    cdef int64_t end = heading.ack if client else heading.syn_ack
    return end - begin if (begin != 0) & (end != 0) else 0


cdef inline void tcp_free(tcp_t* tcp) noexcept nogil:
    """Give back all that a flow allocated."""
    cdef int at
    cdef side_t* side
    for at in range(2):
        side = &tcp.side[at]
        unacked_free(&side.unacked)
        coverage_free(&side.coverage)
        lateness_free(&side.rtt)
        spread_free(&side.rtt)
        if side.troubles != NULL:
            free(side.troubles.recents)
            free(side.troubles)
            side.troubles = NULL
