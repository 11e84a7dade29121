"""DNS over TCP: where in a stream its messages begin, RFC 1035 section 4.2.2 and RFC 7766.

Two bytes of length stand before each message. Streams are not put together: segments are followed in order, of each
message the head is kept until its question is there, and the message counts when its last byte passes. A segment that
is missing ends that; from the next one that begins with a plausible message, it goes on. Segments in between are
counted.
"""
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from dns cimport COUNT_NOT_DNS, COUNT_UNMEASURED, NOBODY, dns_t, met_t, take_message
from dns_message cimport DNS_HEADER, DNS_NONE, DNS_WHOLE, dns_message_t, read_message
from flow cimport LETTER_SYN, LETTER_SYN_ACK, flow_t
from flow_key cimport flow_key_t, same_key
from packet cimport packet_t
from wire cimport be16

cdef enum:
    HEAD_BYTES = 320                 # the length, header and longest question, with some of the first answer
    FIRST_STREAMS = 64
    IDLE_FRAMES = 65536              # a stream not seen for so long begins anew

cdef enum phase_t:
    PHASE_BETWEEN = 0                # `next` is where a message begins
    PHASE_HEAD = 1                   # some bytes of it are in the carry
    PHASE_REST = 2                   # it was read, `next` is behind its last byte

ctypedef struct carry_t:             # a message under way
    uint32_t have
    int read                         # dns_read_t
    dns_message_t message
    uint8_t head[HEAD_BYTES]

ctypedef struct dns_side_t:          # what one side sends
    carry_t* carry
    uint32_t next                    # sequence number
    uint8_t begun
    uint8_t sure                     # `next` was found by lengths from the stream's begin on
    uint8_t phase

ctypedef struct dns_stream_t:
    flow_key_t key
    uint64_t first_frame             # of the flow: ports that are used again begin anew
    uint64_t last_frame
    uint32_t hash
    uint32_t next                    # in the chain, or of those free
    uint8_t live
    dns_side_t side[2]

ctypedef struct dns_streams_t:
    dns_stream_t* streams
    uint32_t* heads
    uint32_t mask
    uint32_t capacity
    uint32_t begun
    uint32_t unused


# ---------------------------------------------------------------- table

cdef inline void end_stream(dns_stream_t* stream) noexcept nogil:
    free(stream.side[0].carry)
    free(stream.side[1].carry)
    memset(stream.side, 0, sizeof(stream.side))


cdef inline void streams_free(dns_t* dns) noexcept nogil:
    cdef dns_streams_t* streams = <dns_streams_t*>dns.streams
    cdef uint32_t index
    if streams == NULL:
        return
    for index in range(streams.begun):
        end_stream(&streams.streams[index])
    free(streams.streams)
    free(streams.heads)
    free(streams)
    dns.streams = NULL


cdef inline bint grow_streams(dns_streams_t* streams) noexcept nogil:
    cdef uint32_t capacity = streams.capacity * 2 if streams.capacity else FIRST_STREAMS, index
    cdef uint32_t* head
    cdef dns_stream_t* grown = <dns_stream_t*>realloc(streams.streams, capacity * sizeof(dns_stream_t))
    if grown == NULL:
        return False
    streams.streams = grown
    head = <uint32_t*>malloc(capacity * sizeof(uint32_t))
    if head == NULL:
        return False
    memset(head, 0xFF, capacity * sizeof(uint32_t))
    free(streams.heads)
    streams.heads = head
    streams.mask = capacity - 1
    streams.capacity = capacity
    for index in range(streams.begun):           # none is free when they grow
        head = &streams.heads[grown[index].hash & streams.mask]
        grown[index].next = head[0]
        head[0] = index
    return True


cdef inline dns_stream_t* stream_of(dns_t* dns, const met_t* met) noexcept nogil:
    """The stream of a flow, made where there is none. NULL only when memory is short."""
    cdef dns_streams_t* streams = <dns_streams_t*>dns.streams
    cdef dns_stream_t* stream
    cdef uint32_t at
    if streams == NULL:
        streams = <dns_streams_t*>calloc(1, sizeof(dns_streams_t))
        if streams == NULL:
            return NULL
        streams.unused = NOBODY
        dns.streams = streams
    if streams.unused == NOBODY and streams.begun == streams.capacity and not grow_streams(streams):
        return NULL
    at = streams.heads[met.hash & streams.mask]
    while at != NOBODY:
        stream = &streams.streams[at]
        if stream.hash == met.hash and same_key(&stream.key, &met.flow.key):
            if stream.first_frame != met.flow.first_frame:
                end_stream(stream)
                stream.first_frame = met.flow.first_frame
            stream.last_frame = met.frame
            return stream
        at = stream.next
    if streams.unused != NOBODY:
        at = streams.unused
        streams.unused = streams.streams[at].next
    else:
        at = streams.begun
        streams.begun += 1
    stream = &streams.streams[at]
    memset(stream, 0, sizeof(dns_stream_t))
    stream.key = met.flow.key
    stream.hash = met.hash
    stream.first_frame = met.flow.first_frame
    stream.last_frame = met.frame
    stream.live = 1
    stream.next = streams.heads[met.hash & streams.mask]
    streams.heads[met.hash & streams.mask] = at
    return stream


cdef inline void forget_idle(dns_t* dns, uint64_t now) noexcept nogil:
    """At a boundary: streams that were not seen for long."""
    cdef dns_streams_t* streams = <dns_streams_t*>dns.streams
    cdef dns_stream_t* stream
    cdef uint32_t index
    cdef uint32_t* link
    if streams == NULL:
        return
    for index in range(streams.begun):
        stream = &streams.streams[index]
        if not stream.live or stream.last_frame + IDLE_FRAMES > now:
            continue
        link = &streams.heads[stream.hash & streams.mask]
        while link[0] != index:
            link = &streams.streams[link[0]].next
        link[0] = stream.next
        end_stream(stream)
        stream.live = 0
        stream.next = streams.unused
        streams.unused = index


# ---------------------------------------------------------------- segments

cdef inline carry_t* carry_of(dns_t* dns, dns_side_t* side) noexcept nogil:
    if side.carry == NULL:
        side.carry = <carry_t*>malloc(sizeof(carry_t))
        if side.carry == NULL:
            dns.failed = 1
            return NULL
        side.carry.have = 0
    return side.carry


cdef inline void drop_carry(dns_side_t* side) noexcept nogil:
    free(side.carry)
    side.carry = NULL
    side.phase = PHASE_BETWEEN


cdef inline void lose(dns_t* dns, dns_side_t* side, uint32_t at) noexcept nogil:
    """It is not known where the next message begins: perhaps at `at`."""
    drop_carry(side)
    side.sure = 0
    side.next = at


cdef inline bint is_likely(const dns_message_t* message, int read) noexcept nogil:
    """Whether what was read somewhere in a stream is a message, and not what happens to look like one."""
    cdef uint32_t kind = message.question_class
    return read == DNS_WHOLE and (kind == 1 or kind == 3 or kind == 4 or kind == 254 or kind == 255)


cdef inline void read_head(
    dns_t* dns, const met_t* met, dns_side_t* side, const uint8_t* head, uint32_t have, uint32_t left
) noexcept nogil:
    """A message whose head is here.  have: bytes of it with its length.  left: from its first byte to the end of
    the segment, at least have; side.next is its first byte.
    """
    cdef uint32_t length = be16(head)
    cdef dns_message_t read
    cdef dns_message_t* message = &read
    cdef int found
    if length + 2 > left:
        if carry_of(dns, side) == NULL:
            return
        message = &side.carry.message
    found = read_message(head + 2, have - 2, length, dns.seed, message)
    if found == DNS_NONE or not (side.sure or is_likely(message, found)):
        if side.sure:
            dns.counts[<int>COUNT_NOT_DNS] += 1
        else:
            dns.counts[<int>COUNT_UNMEASURED] += 1
        lose(dns, side, side.next + left)
        return
    side.next += length + 2
    side.sure = 1
    if length + 2 > left:
        side.carry.read = found
        side.phase = PHASE_REST
        return
    take_message(dns, met, message, found)
    drop_carry(side)


cdef inline bint begin_head(
    dns_t* dns, dns_side_t* side, const uint8_t* payload, uint32_t size, uint32_t at
) noexcept nogil:
    """Keep what is there of a message whose head goes on in the next segment."""
    cdef carry_t* carry = carry_of(dns, side)
    if carry == NULL:
        return False
    carry.have = size - at
    memcpy(carry.head, payload + at, carry.have)
    side.phase = PHASE_HEAD
    return True


cdef inline uint32_t wanted_of(const carry_t* carry) noexcept nogil:
    """How many bytes of a message, its length among them, are to be there before it is read."""
    cdef uint32_t whole
    if carry.have < 2:
        return 2
    whole = be16(carry.head) + 2
    if whole < DNS_HEADER + 2:
        return 2                                 # no message is so short
    return whole if whole < HEAD_BYTES else HEAD_BYTES


cdef inline uint32_t go_on_with_head(
    dns_t* dns, const met_t* met, dns_side_t* side, const uint8_t* payload, uint32_t size, uint32_t length
) noexcept nogil:
    """Add a segment's begin to the head that is kept. Returns how many bytes of it that took."""
    cdef carry_t* carry = side.carry
    cdef uint32_t wanted = wanted_of(carry), take, used = 0, before = carry.have
    cdef uint8_t head[HEAD_BYTES]
    while carry.have < wanted and used < size:
        take = wanted - carry.have
        take = take if take < size - used else size - used
        memcpy(carry.head + carry.have, payload + used, take)
        carry.have += take
        used += take
        wanted = wanted_of(carry)
    if carry.have < wanted and size == length:
        side.next += used
        return used
    if carry.have < wanted and carry.have < DNS_HEADER + 2:
        lose(dns, side, side.next + length)      # cut by the snap length
        dns.counts[<int>COUNT_UNMEASURED] += 1
        return length
    memcpy(head, carry.head, carry.have)
    wanted = carry.have
    carry.have = 0
    side.next -= before                          # back to the message's first byte
    side.phase = PHASE_BETWEEN
    read_head(dns, met, side, head, wanted, before + length)
    return length if be16(head) + 2 > before + length else be16(head) + 2 - before


cdef inline void read_segment(
    dns_t* dns, const met_t* met, dns_side_t* side, const uint8_t* payload, uint32_t size, uint32_t length
) noexcept nogil:
    """The messages in a segment's bytes from side.next on.  size: captured.  length: on the wire."""
    cdef uint32_t at = 0, wanted, begin = side.next
    if side.phase == PHASE_HEAD:
        at = go_on_with_head(dns, met, side, payload, size, length)
    while at < length and side.phase == PHASE_BETWEEN and side.next == begin + at:
        wanted = 2
        if at < size and size - at >= 2:
            wanted = be16(payload + at) + 2
            if wanted < DNS_HEADER + 2:          # no message is so short
                dns.counts[<int>COUNT_NOT_DNS if side.sure else <int>COUNT_UNMEASURED] += 1
                lose(dns, side, begin + length)
                return
        wanted = wanted if wanted < HEAD_BYTES else HEAD_BYTES
        if at < size and wanted > 2 and (wanted <= size - at or size < length and DNS_HEADER + 2 <= size - at):
            read_head(dns, met, side, payload + at, size - at, length - at)
        elif size < length:
            dns.counts[<int>COUNT_UNMEASURED] += 1
            lose(dns, side, begin + length)
            return
        elif side.sure:
            if begin_head(dns, side, payload, size, at):
                side.next = begin + length
            return
        else:
            dns.counts[<int>COUNT_UNMEASURED] += 1
            lose(dns, side, begin + length)
            return
        at = side.next - begin if side.phase == PHASE_BETWEEN else length


cdef inline void take_segment(
    dns_t* dns, const met_t* met, int sender, const uint8_t* payload, uint32_t size
) noexcept nogil:
    """A TCP segment of a flow on DNS's port.  sender: side of the flow's key.  size: bytes of payload captured."""
    cdef const packet_t* packet = met.packet
    cdef dns_stream_t* stream
    cdef dns_side_t* side
    cdef uint32_t skipped, end = packet.tcp_seq + packet.payload_length
    if not packet.payload_length:
        return
    stream = stream_of(dns, met)
    if stream == NULL:
        dns.failed = 1
        return
    side = &stream.side[sender]
    if not side.begun:
        side.begun = 1
        side.next = packet.tcp_seq
        side.sure = is_first_segment(met.flow, sender, packet)
    if <int32_t>(end - side.next) <= 0 and not (side.phase == PHASE_REST and end == side.next):
        return                                   # seen before, or the middle of a message that was read
    if side.phase == PHASE_REST and <int32_t>(end - side.next) >= 0:
        take_message(dns, met, &side.carry.message, side.carry.read)
        drop_carry(side)
    if <int32_t>(packet.tcp_seq - side.next) > 0:
        dns.counts[<int>COUNT_UNMEASURED] += side.sure
        lose(dns, side, packet.tcp_seq)
    skipped = side.next - packet.tcp_seq
    if skipped < packet.payload_length:
        read_segment(
            dns, met, side, payload + skipped, size - skipped if size > skipped else 0,
            packet.payload_length - skipped,
        )


cdef inline bint is_first_segment(const flow_t* flow, int sender, const packet_t* packet) noexcept nogil:
    """Whether the segment is the first behind its side's SYN, and so begins with a message."""
    return (
        flow.direction[sender].letters & (LETTER_SYN | LETTER_SYN_ACK)
        and packet.tcp_seq == flow.base_seq[sender] + 1
    )
