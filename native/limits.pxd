"""Windows: their scale, the periods for which they are closed, and who holds a transfer up.

tests/reference/tcp_measures_windows.py is the same in plain Python.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from packet cimport packet_t
from tcp cimport (
    LEAST_FULL,
    LIMIT_APPLICATION,
    LIMIT_CONGESTION,
    LIMIT_NONE,
    LIMIT_RECEIVER,
    LIMIT_WAITING,
    LIMIT_WAITING_RECEIVER,
    SIDE_WAITED,
    SIDE_ZERO_OPEN,
    STATE_ACKNOWLEDGED,
    STATE_FIN,
    STATE_PAYLOAD,
    STATE_SCALED,
    STATE_SHORT,
    STATE_STAMPED,
    STATE_SYN,
    STATE_WINDOW,
    SUMS,
    TCP_FIN,
    TCP_RST,
    TCP_SYN,
    side_t,
    tcp_t,
    trip_to,
    troubles_of,
    troubles_t,
)

cdef extern from * nogil:
    """
    /* limit_t of what holding() found, four bits each: nothing, short, idle, both; the same with a full window. */
    #define PCAP_LIMITS 0x44003321u
    """
    const uint32_t LIMITS "PCAP_LIMITS"

cdef enum:
    STAMP_BYTES = 12                 # of the timestamps option in every segment


cdef inline void note_full(tcp_t* tcp, int sender) noexcept nogil:
    """Payload of a full segment, from what was seen and what the other side allows, has changed."""
    cdef side_t* own = &tcp.side[sender]
    cdef int32_t full = <int32_t>own.largest if own.largest > LEAST_FULL else LEAST_FULL
    cdef int32_t mss = tcp.heading.mss[1 - sender], most = mss - STAMP_BYTES * ((own.states & STATE_STAMPED) != 0)
    own.full = most if mss and most < full else full


cdef inline uint8_t holding(const side_t* own, const side_t* other) noexcept nogil:
    """What holds a sender of data up from now to the next segment. Without branches: it changes with every packet."""
    cdef int32_t outstanding = <int32_t>(own.top - own.acknowledged)
    cdef uint32_t idle = outstanding <= 0
    cdef uint32_t known = (other.states & STATE_SYN) | (other.window_bytes == 0)
    cdef uint32_t full = (<int64_t>outstanding + own.full > other.window_bytes) & (known != 0)
    return <uint8_t>(LIMITS >> (full << 4 | idle << 3 | (own.states & STATE_SHORT)) & 0xF)


cdef inline uint8_t limit_of(const side_t* own, const side_t* other) noexcept nogil:
    """What holds a side up from now to the next segment."""
    cdef uint32_t states = own.states
    if states & (STATE_PAYLOAD | STATE_ACKNOWLEDGED) != STATE_PAYLOAD | STATE_ACKNOWLEDGED:
        return LIMIT_NONE
    if not other.states & STATE_WINDOW or (states & STATE_FIN and <int32_t>(own.top - own.acknowledged) <= 0):
        return LIMIT_NONE
    return holding(own, other)


cdef inline uint64_t limit_time(const side_t* side, uint32_t limit, int64_t now) noexcept nogil:
    """ns for which a side was held up by one of the SUMS, until now."""
    return side.limits[limit] + (<uint64_t>now & -<uint64_t>(side.limit == limit))


cdef inline void start(side_t* side, int64_t now) noexcept nogil:
    """From now on time goes to what holds the side up: stop() adds its own time, so this is taken off before.

    What it is is random, so it goes there without a branch. In between the sums are no times.
    """
    cdef troubles_t* troubles
    side.limits[side.limit % SUMS] -= <uint64_t>now & -<uint64_t>(side.limit < SUMS)
    if side.limit == LIMIT_WAITING_RECEIVER:
        troubles = troubles_of(side)
        if troubles == NULL:
            side.limit = LIMIT_NONE
        else:
            troubles.waiting_receiver -= <uint64_t>now
            side.bits |= SIDE_WAITED


cdef inline void stop(side_t* side, int64_t now) noexcept nogil:
    """The time since start() was held up; what holds the side up from now on is open."""
    side.limits[side.limit % SUMS] += <uint64_t>now & -<uint64_t>(side.limit < SUMS)
    if side.limit == LIMIT_WAITING_RECEIVER:
        side.troubles.waiting_receiver += <uint64_t>now


cdef inline void hold(side_t* side, uint8_t limit, int64_t now) noexcept nogil:
    """Behind start(): something else holds the side up from now on, or still the same."""
    if limit != side.limit:
        stop(side, now)
        side.limit = limit
        start(side, now)


cdef inline bint has_waited(const side_t* side) noexcept nogil:
    """Whether settle() finds anything."""
    return side.limit == LIMIT_WAITING or side.limits[LIMIT_WAITING] != 0 or side.bits & SIDE_WAITED


cdef inline void settle(const tcp_t* tcp, int sender) noexcept nogil:
    """It sends again after everything was acknowledged. The ACK took a while to get there and show.

    Behind stop(). Without a branch: whether it waited at all is random.
    """
    cdef side_t* own = <side_t*>&tcp.side[sender]
    cdef uint64_t waited = own.limits[LIMIT_WAITING], near = <uint64_t>trip_to(tcp, sender), travelled
    near &= -<uint64_t>(not own.states & STATE_SHORT)
    travelled = near if near < waited else waited
    own.limits[LIMIT_APPLICATION] += waited - travelled
    own.limits[LIMIT_CONGESTION] += travelled
    own.limits[LIMIT_WAITING] = 0
    if own.bits & SIDE_WAITED:
        own.bits &= ~<uint16_t>SIDE_WAITED
        own.limits[LIMIT_RECEIVER] += own.troubles.waiting_receiver
        own.troubles.waiting_receiver = 0


cdef inline uint32_t window_of(const side_t* own, const side_t* other, const packet_t* packet) noexcept nogil:
    """The window in bytes, as far as the scale is known. A SYN's window is never scaled."""
    if packet.tcp_flags & TCP_SYN or not own.states & STATE_SCALED:
        return packet.tcp_window
    if other.states & (STATE_SYN | STATE_SCALED) == STATE_SYN:
        return packet.tcp_window
    return <uint32_t>packet.tcp_window << own.shift


cdef inline void open_window(side_t* side, int64_t now) noexcept nogil:
    """A zero-window period ends, if there is one."""
    cdef troubles_t* troubles = side.troubles
    if side.bits & SIDE_ZERO_OPEN:
        troubles.zero_ns += <uint64_t>(now - troubles.zero_since)
        side.bits &= ~<uint16_t>SIDE_ZERO_OPEN


cdef inline void close_window(side_t* side, int64_t now) noexcept nogil:
    cdef troubles_t* troubles = troubles_of(side)
    if troubles != NULL and not side.bits & SIDE_ZERO_OPEN:
        troubles.zero_periods += 1
        troubles.zero_since = now
        side.bits |= SIDE_ZERO_OPEN


cdef inline void take_window(side_t* own, side_t* other, const packet_t* packet, int64_t now) noexcept nogil:
    """The window that a segment announces; a reset's means nothing, and ends what was closed."""
    if packet.tcp_flags & TCP_RST:
        open_window(own, now)
        open_window(other, now)
        return
    if packet.tcp_window:
        open_window(own, now)
    elif not packet.tcp_flags & (TCP_SYN | TCP_FIN):
        close_window(own, now)
    own.window_bytes = window_of(own, other, packet)
    own.states |= STATE_WINDOW
