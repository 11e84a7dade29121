"""Whether a condition holds for packets, row by row, without making columns of them first.

A condition comes as steps in postfix order. A step leaves one answer a row on a stack: no, unknown (the value is
absent) or yes, in this order, so that `and` is the least of two, `or` the greatest, `not` the mirror: Kleene's logic,
as filters/compiled.py has it. What the columns mean, and where they are absent, stands in packet_columns.py.
"""
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memset

from batch cimport tcp_row_t
from packet cimport (
    DECODE_MALFORMED,
    HAS_FRAGMENT,
    HAS_ICMP,
    HAS_IP,
    HAS_IP_ID,
    HAS_PORTS,
    HAS_SCTP,
    HAS_TCP,
    HAS_TIME,
    HAS_UDP,
    MORE_FRAGMENTS,
    NO_INTERFACE,
    NO_VLAN,
    packet_t,
)
from wire cimport be64

cdef enum:
    NO = 0
    UNKNOWN = 1
    YES = 2
    NO_NUMBER = 0xFFFFFFFF
    MAX_STEPS = 1024
    MAX_ROWS = 65536

cdef enum:
    STEP_RANGE = 0                   # first <= value <= last
    STEP_BITS = 1                    # value & first
    STEP_NETWORK = 2                 # address inside a network
    STEP_NULL = 3
    STEP_NOT = 4
    STEP_AND = 5
    STEP_OR = 6

cdef enum:
    FRAME_NUMBER = 0
    TIMESTAMP = 1
    INTERFACE_ID = 2
    LINK_TYPE = 3
    CAPTURED_LENGTH = 4
    ORIGINAL_LENGTH = 5
    VLAN_ID = 6
    INNER_VLAN_ID = 7
    IP_VERSION = 8
    SRC = 9
    DST = 10
    PROTOCOL = 11
    TTL = 12
    DSCP = 13
    ECN = 14
    IP_ID = 15
    FRAGMENT_OFFSET = 16
    MORE = 17
    SRC_PORT = 18
    DST_PORT = 19
    ICMP_TYPE = 20
    ICMP_CODE = 21
    PAYLOAD_LENGTH = 22
    FLOW_ID = 23
    STREAM = 24
    FROM_CLIENT = 25
    TCP_FLAGS = 26
    TCP_SEQ = 27
    TCP_ACK = 28
    TCP_WINDOW = 29
    TCP_WINDOW_RAW = 30
    TCP_MARKS = 31
    ACK_RTT = 32
    BYTES_IN_FLIGHT = 33
    COLUMNS = 34

ONE = 1                              # Python's, of any length

COLUMN_NAMES = (
    "frame_number", "timestamp", "interface_id", "link_type", "captured_length", "original_length", "vlan_id",
    "inner_vlan_id", "ip_version", "src", "dst", "protocol", "ttl", "dscp", "ecn", "ip_id", "fragment_offset",
    "more_fragments", "src_port", "dst_port", "icmp_type", "icmp_code", "payload_length", "flow_id", "stream",
    "from_client", "tcp_flags", "tcp_seq", "tcp_ack", "tcp_window", "tcp_window_raw", "tcp_marks", "ack_rtt",
    "bytes_in_flight",
)

ctypedef struct step_t:
    uint8_t kind
    uint8_t column
    uint8_t ip_version
    int64_t first
    int64_t last
    uint64_t network[2]              # big-endian halves
    uint64_t mask[2]

ctypedef struct rows_t:              # parallel, one a packet
    const packet_t* packets
    const tcp_row_t* segments        # NULL where nobody asked for them
    const uint64_t* frame_number
    const uint32_t* flow_id
    const uint32_t* stream
    const uint8_t* from_client


cdef inline bint knows_payload(const packet_t* packet) noexcept nogil:
    """Whether the transport header ends inside the packet."""
    if packet.present & HAS_TCP:
        return packet.decode_status != DECODE_MALFORMED or packet.transport_length != 0
    return packet.present & (HAS_UDP | HAS_SCTP | HAS_ICMP) != 0


cdef inline bint of_record(
    const rows_t* rows, const packet_t* packet, uint32_t row, uint8_t column, int64_t* value
) noexcept nogil:
    """Columns up to the IP header."""
    if column == FRAME_NUMBER:
        value[0] = <int64_t>rows.frame_number[row]
        return True
    if column == TIMESTAMP:
        value[0] = packet.timestamp
        return packet.present & HAS_TIME != 0
    if column == INTERFACE_ID:
        value[0] = packet.interface_id
        return packet.interface_id != NO_INTERFACE
    if column == LINK_TYPE:
        value[0] = packet.link_type
        return True
    if column == CAPTURED_LENGTH:
        value[0] = packet.captured_length
        return True
    if column == ORIGINAL_LENGTH:
        value[0] = packet.original_length
        return True
    if column == VLAN_ID:
        value[0] = packet.vlan_id
        return packet.vlan_id != NO_VLAN
    value[0] = packet.inner_vlan_id
    return packet.inner_vlan_id != NO_VLAN


cdef inline bint of_network(const packet_t* packet, uint8_t column, int64_t* value) noexcept nogil:
    if column == IP_ID:
        value[0] = packet.ip_id
        return packet.present & HAS_IP_ID != 0
    if column == FRAGMENT_OFFSET:
        value[0] = packet.fragment_offset
        return packet.present & HAS_FRAGMENT != 0
    if column == MORE:
        value[0] = packet.present & MORE_FRAGMENTS != 0
        return packet.present & HAS_FRAGMENT != 0
    if column == IP_VERSION:
        value[0] = packet.ip_version
    elif column == PROTOCOL:
        value[0] = packet.protocol
    elif column == TTL:
        value[0] = packet.ttl
    elif column == DSCP:
        value[0] = packet.traffic_class >> 2
    elif column == ECN:
        value[0] = packet.traffic_class & 3
    else:
        value[0] = 0                             # an address: only whether there is one
    return packet.present & HAS_IP != 0


cdef inline bint of_transport(
    const rows_t* rows, const packet_t* packet, uint32_t row, uint8_t column, int64_t* value
) noexcept nogil:
    """Columns from the ports to the flow."""
    if column == SRC_PORT:
        value[0] = packet.src_port
        return packet.present & HAS_PORTS != 0
    if column == DST_PORT:
        value[0] = packet.dst_port
        return packet.present & HAS_PORTS != 0
    if column == ICMP_TYPE:
        value[0] = packet.icmp_type
        return packet.present & HAS_ICMP != 0
    if column == ICMP_CODE:
        value[0] = packet.icmp_code
        return packet.present & HAS_ICMP != 0
    if column == PAYLOAD_LENGTH:
        value[0] = packet.payload_length
        return knows_payload(packet)
    if column == FLOW_ID:
        value[0] = rows.flow_id[row]
        return rows.flow_id[row] != NO_NUMBER
    if column == STREAM:
        value[0] = rows.stream[row]
        return rows.stream[row] != NO_NUMBER
    value[0] = rows.from_client[row]
    return rows.flow_id[row] != NO_NUMBER


cdef inline bint of_segment(
    const rows_t* rows, const packet_t* packet, uint32_t row, uint8_t column, int64_t* value
) noexcept nogil:
    """Columns of TCP, and what was found of the segment."""
    cdef const tcp_row_t* segment = &rows.segments[row] if rows.segments != NULL else NULL
    cdef bint judged = segment != NULL and segment.judged
    if column == TCP_MARKS:
        value[0] = segment.marks if judged else 0
        return judged
    if column == ACK_RTT:
        value[0] = segment.ack_rtt if segment != NULL else 0
        return value[0] != 0
    if column == BYTES_IN_FLIGHT:
        value[0] = segment.in_flight if segment != NULL else 0
        return value[0] != 0
    if column == TCP_FLAGS:
        value[0] = packet.tcp_flags
    elif column == TCP_SEQ:
        value[0] = packet.tcp_seq
    elif column == TCP_ACK:
        value[0] = packet.tcp_ack
    elif column == TCP_WINDOW and judged:
        value[0] = segment.window
    else:
        value[0] = packet.tcp_window
    return packet.present & HAS_TCP != 0


cdef inline bint value_of(const rows_t* rows, uint32_t row, uint8_t column, int64_t* value) noexcept nogil:
    """The value of a column in a row; False where it is absent."""
    cdef const packet_t* packet = &rows.packets[row]
    if column <= INNER_VLAN_ID:
        return of_record(rows, packet, row, column, value)
    if column <= MORE:
        return of_network(packet, column, value)
    if column <= FROM_CLIENT:
        return of_transport(rows, packet, row, column, value)
    return of_segment(rows, packet, row, column, value)


cdef inline uint8_t in_network(const packet_t* packet, const step_t* step) noexcept nogil:
    cdef const uint8_t* address = &packet.src[0] if step.column == SRC else &packet.dst[0]
    if not packet.present & HAS_IP:
        return UNKNOWN
    if packet.ip_version != step.ip_version:
        return NO
    if be64(address) & step.mask[0] != step.network[0] or be64(address + 8) & step.mask[1] != step.network[1]:
        return NO
    return YES


cdef inline void answer(const rows_t* rows, uint32_t count, const step_t* step, uint8_t* answers) noexcept nogil:
    """One step that reads a column."""
    cdef uint32_t row
    cdef int64_t value
    if step.kind == STEP_NETWORK:
        for row in range(count):
            answers[row] = in_network(&rows.packets[row], step)
        return
    for row in range(count):
        if not value_of(rows, row, step.column, &value):
            answers[row] = YES if step.kind == STEP_NULL else UNKNOWN
        elif step.kind == STEP_RANGE:
            answers[row] = YES if step.first <= value <= step.last else NO
        elif step.kind == STEP_BITS:
            answers[row] = YES if value & step.first else NO
        else:
            answers[row] = NO


cdef class Matcher:
    """A condition on packets; see `add` for its steps."""
    cdef step_t* steps
    cdef uint32_t count
    cdef uint32_t depth              # of the stack behind the last step
    cdef uint32_t deepest
    cdef uint8_t* stack              # (deepest, MAX_ROWS)

    def __dealloc__(self):
        free(self.steps)
        free(self.stack)

    cdef step_t* push(self, int taken):
        cdef step_t* grown
        if self.count == MAX_STEPS or self.depth < <uint32_t>taken:
            raise ValueError(f"step {self.count} takes {taken} answers of {self.depth}; at most {MAX_STEPS} steps")
        grown = <step_t*>realloc(self.steps, (self.count + 1) * sizeof(step_t))
        if grown == NULL:
            raise MemoryError
        self.steps = grown
        memset(&self.steps[self.count], 0, sizeof(step_t))
        self.count += 1
        self.depth += 1 - taken
        self.deepest = max(self.deepest, self.depth)
        return &self.steps[self.count - 1]

    cdef step_t* push_column(self, str name):
        cdef int column = COLUMN_NAMES.index(name)
        cdef step_t* step = self.push(0)
        step.column = column
        return step

    def add_range(self, str column not None, first, last):
        """first <= value <= last; an end that is beyond 64 bits is the end of them."""
        cdef int64_t low = min(max(first, INT64_MIN), INT64_MAX)
        cdef int64_t high = min(max(last, INT64_MIN), INT64_MAX)
        cdef step_t* step = self.push_column(column)
        step.first = 1 if first > last or first > INT64_MAX or last < INT64_MIN else low
        step.last = 0 if first > last or first > INT64_MAX or last < INT64_MIN else high

    def add_bits(self, str column not None, int64_t mask):
        """Whether any of the bits is set."""
        cdef step_t* step = self.push_column(column)
        step.kind = STEP_BITS
        step.first = mask

    def add_network(self, str column not None, int ip_version, bytes network not None, prefix):
        """`src` or `dst` inside a network: its 16 bytes, IPv4 as ::ffff:a.b.c.d, of which `prefix` bits count."""
        cdef step_t* step
        if column not in ("src", "dst") or len(network) != 16 or not 0 <= prefix <= 128:
            raise ValueError(f"{column} in {len(network)} bytes, {prefix} bits")
        step = self.push_column(column)
        step.kind = STEP_NETWORK
        step.ip_version = ip_version
        mask = (ONE << 128) - (ONE << (128 - prefix))
        number = int.from_bytes(network, "big") & mask
        step.mask[0], step.mask[1] = divmod(mask, ONE << 64)
        step.network[0], step.network[1] = divmod(number, ONE << 64)

    def add_null(self, str column not None):
        """Whether the value is absent."""
        self.push_column(column).kind = STEP_NULL

    def add_not(self):
        """Of the last answer."""
        self.push(1).kind = STEP_NOT

    def add_and(self):
        """Of the last two answers."""
        self.push(2).kind = STEP_AND

    def add_or(self):
        """Of the last two answers."""
        self.push(2).kind = STEP_OR

    def match(
        self,
        const uint8_t[::1] packets not None,       # IN   (n,) packet_t
        const uint8_t[::1] segments not None,      # IN   (n,) tcp_row_t, or empty: no column of theirs is asked for
        const uint64_t[::1] frame_number not None,  # IN  (n,)
        const uint32_t[::1] flow_id not None,      # IN   (n,) 0xFFFFFFFF without a flow
        const uint32_t[::1] stream not None,       # IN   (n,) 0xFFFFFFFF without a stream
        const uint8_t[::1] from_client not None,   # IN   (n,)
        uint64_t[::1] offset not None,             # OUT  (n,) of the frames that match
        uint32_t[::1] captured not None,           # OUT  (n,)
        uint32_t[::1] original not None,           # OUT  (n,)
        uint32_t[::1] interface_id not None,       # OUT  (n,)
    ):
        """How many rows match; the first so many places of what is written are theirs. Raises ValueError."""
        cdef rows_t rows
        cdef uint32_t row, found = 0, count = <uint32_t>(len(packets) // sizeof(packet_t))
        cdef const packet_t* packet
        if self.depth != 1:
            raise ValueError(f"{self.depth} answers are left, expected 1")
        if count > MAX_ROWS or count * sizeof(packet_t) != <size_t>len(packets) or (
            len(segments) and <size_t>len(segments) != count * sizeof(tcp_row_t)
        ) or count > min(
            len(frame_number), len(flow_id), len(stream), len(from_client), len(offset), len(captured), len(original),
            len(interface_id),
        ):
            raise ValueError(f"{len(packets)} bytes of packets, more than the arrays or than {MAX_ROWS} rows")
        if not count:
            return 0
        if self.stack == NULL:
            self.stack = <uint8_t*>malloc(<size_t>self.deepest * MAX_ROWS)
            if self.stack == NULL:
                raise MemoryError
        rows.packets = <const packet_t*>&packets[0]
        rows.segments = <const tcp_row_t*>&segments[0] if len(segments) else NULL
        rows.frame_number = &frame_number[0]
        rows.flow_id = &flow_id[0]
        rows.stream = &stream[0]
        rows.from_client = &from_client[0]
        with nogil:
            self.evaluate(&rows, count)
            for row in range(count):
                if self.stack[row] == YES:
                    packet = &rows.packets[row]
                    offset[found] = packet.offset
                    captured[found] = packet.captured_length
                    original[found] = packet.original_length
                    interface_id[found] = packet.interface_id
                    found += 1
        return found

    cdef void evaluate(self, const rows_t* rows, uint32_t count) noexcept nogil:
        """The answer of every row into the first place of the stack."""
        cdef uint32_t index, row, top = 0
        cdef const step_t* step
        cdef uint8_t* last
        cdef uint8_t* before
        for index in range(self.count):
            step = &self.steps[index]
            if step.kind <= STEP_NULL:
                answer(rows, count, step, self.stack + <size_t>top * MAX_ROWS)
                top += 1
                continue
            last = self.stack + <size_t>(top - 1) * MAX_ROWS
            if step.kind == STEP_NOT:
                for row in range(count):
                    last[row] = YES - last[row]
                continue
            top -= 1
            before = self.stack + <size_t>(top - 1) * MAX_ROWS
            for row in range(count):
                if step.kind == STEP_AND:
                    before[row] = last[row] if last[row] < before[row] else before[row]
                else:
                    before[row] = last[row] if last[row] > before[row] else before[row]
