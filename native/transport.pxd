"""Transport headers: TCP with its options, UDP and UDP-Lite, SCTP, ICMP and ICMPv6.

Payload lengths come from the headers, never from the captured bytes. What tshark 4.0 shows of a damaged header was
found by experiment and is followed, because stream numbers count on it; each rule stands where it is applied.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from cursor cimport cursor_t, lacking, note_conversation
from packet cimport (
    DECODE_MALFORMED, DECODE_OK, HAS_ECHO, HAS_ICMP, HAS_PORTS, HAS_SCTP, HAS_TCP, HAS_UDP, IN_FRAGMENT,
    LAYER_TRANSPORT, OPTION_FAST_OPEN, OPTION_MSS, OPTION_SACK, OPTION_SACK_PERMITTED, OPTION_SCALE,
    OPTION_TIMESTAMPS, OPTIONS_CUT, decode_status_t, packet_t,
)
from paths cimport NAME_IP, NAME_IPV6
from sack cimport KIND_SACK, LEAST_SACK
from tunnel cimport tunnel_of_ports
from wire cimport be16, be32, clamp, has, skip, view_t

cdef enum:
    TCP_HEADER = 20
    TCP_SHOWN = 16                  # up to the window: tshark reads it before it shows fields and finds the stream
    UDP_HEADER = 8
    SCTP_HEADER = 12
    ICMP_HEADER = 8
    ICMP_SHOWN = 6
    QUOTE_OF_REDIRECT = 8           # of what a redirect quotes, tshark reads the IP header and eight bytes (RFC 792)
    MAX_WINDOW_SCALE = 14           # RFC 7323 section 2.3
    EXPERIMENTAL_FAST_OPEN = 0xF989     # RFC 7413 appendix B, RFC 6994
    ONLY_TIMESTAMPS = 0x0101080A    # NOP, NOP, timestamps of ten bytes: nearly every segment of a modern stream


cdef inline void place_transport(cursor_t* cursor, packet_t* packet, uint32_t length) noexcept nogil:
    """Note where the innermost transport header stands; `length` is cut to what was captured."""
    cdef size_t offset = cursor.view.data - cursor.frame
    if length > cursor.view.size:
        length = cursor.view.size
    if offset > 0xFFFF:
        # Only an absurd chain of headers comes so far: no header is better than a wrong one.
        offset = 0xFFFF
        length = 0
    packet.transport_offset = <uint16_t>offset
    packet.transport_length = <uint16_t>length


cdef inline void read_tcp_option(const uint8_t* at, uint32_t length, packet_t* packet) noexcept nogil:
    """One TCP option of `length` bytes; a known kind with a wrong length is passed over, as tshark does."""
    cdef uint32_t kind = at[0]
    if kind == 8 and length == 10:
        packet.tcp_tsval = be32(at + 2)
        packet.tcp_tsecr = be32(at + 6)
        packet.tcp_options |= OPTION_TIMESTAMPS
    elif kind == 2 and length == 4:
        packet.tcp_mss = be16(at + 2)
        packet.tcp_options |= OPTION_MSS
    elif kind == 3 and length == 3:
        packet.tcp_scale = at[2] if at[2] <= MAX_WINDOW_SCALE else MAX_WINDOW_SCALE
        packet.tcp_options |= OPTION_SCALE
    elif kind == 4 and length == 2:
        packet.tcp_options |= OPTION_SACK_PERMITTED
    elif kind == KIND_SACK and length >= LEAST_SACK:
        packet.tcp_options |= OPTION_SACK
    elif (kind == 34 and length > 2) or (
        (kind == 253 or kind == 254) and length > 4 and be16(at + 2) == EXPERIMENTAL_FAST_OPEN
    ):                               # with a cookie
        packet.tcp_options |= OPTION_FAST_OPEN


cdef inline void read_tcp_options(const uint8_t* at, uint32_t left, uint32_t whole, packet_t* packet) noexcept nogil:
    """Of `whole` bytes of options the `left` that were captured, up to the first whose length is wrong.

    OPTIONS_CUT where tshark would read what was not captured: it reads on behind the end of options, asks for all but
    two bytes of what is left to an option that is too long, and reads of a SACK option that was cut the blocks before
    that. Likewise where it gives up: at a SACK option without a whole block, if it is the first.
    """
    cdef uint32_t length
    while left != 0 and at[0] != 0:
        length = 1
        if at[0] != 1:
            if whole < 2:
                return
            if left < 2:
                packet.tcp_options |= OPTIONS_CUT
                return
            length = at[1]
            if length < 2:
                return
            if length > whole:
                if left < whole - 2:
                    packet.tcp_options |= OPTIONS_CUT
                return
            if length > left:
                packet.tcp_options |= OPTIONS_CUT | (OPTION_SACK if at[0] == KIND_SACK and left >= LEAST_SACK else 0)
                return
            if at[0] == KIND_SACK and length < LEAST_SACK and not packet.tcp_options & OPTION_SACK:
                packet.tcp_options |= OPTIONS_CUT
                return
            read_tcp_option(at, length, packet)
        at += length
        left -= length
        whole -= length
    if left < whole:
        packet.tcp_options |= OPTIONS_CUT


cdef inline decode_status_t read_tcp(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """TCP header, RFC 9293.

    Cut after the ports: they are shown and there is no stream. Cut after the window: fields, payload length and stream
    are there as if it were whole.
    """
    cdef view_t* view = &cursor.view
    cdef const uint8_t* data = view.data
    cdef uint32_t header, options
    cursor.layer = LAYER_TRANSPORT
    if not has(view, TCP_SHOWN):
        return read_cut_tcp(cursor, packet)
    header = (data[12] >> 4) * 4
    packet.src_port = be16(data)
    packet.dst_port = be16(data + 2)
    packet.tcp_seq = be32(data + 4)
    packet.tcp_ack = be32(data + 8)
    packet.tcp_flags = be16(data + 12) & 0x0FFF
    packet.tcp_window = be16(data + 14)
    packet.present |= HAS_PORTS
    place_transport(cursor, packet, header)
    if header < TCP_HEADER:
        # tshark numbers and judges it before it looks at the header's length, and stops there: see judge_unsaid().
        note_conversation(cursor, packet)
        packet.payload_length = view.wire - header
        return DECODE_MALFORMED
    packet.present |= HAS_TCP
    packet.payload_length = view.wire - header if header <= view.wire else 0
    options = header - TCP_HEADER
    if options == 12 and view.size >= 32 and be32(data + TCP_HEADER) == ONLY_TIMESTAMPS:
        packet.tcp_tsval = be32(data + 24)
        packet.tcp_tsecr = be32(data + 28)
        packet.tcp_options = OPTION_TIMESTAMPS
        return DECODE_OK
    if has(view, header):
        read_tcp_options(data + TCP_HEADER, options, options, packet)
        return DECODE_OK
    if has(view, TCP_HEADER):
        read_tcp_options(data + TCP_HEADER, view.size - TCP_HEADER, options, packet)
    else:
        packet.tcp_options |= OPTIONS_CUT            # even if none would have followed: tshark stops there
    if header > view.wire:
        # Longer than what was sent: tshark shows its fields, analyses nothing, and knows of no payload.
        packet.transport_length = 0
    return lacking(view, header)


cdef inline decode_status_t read_cut_tcp(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """What is left of a TCP header of less than 16 bytes: the ports, perhaps."""
    cdef view_t* view = &cursor.view
    cdef const uint8_t* data = view.data
    place_transport(cursor, packet, view.size)
    if not has(view, 4):
        return lacking(view, TCP_HEADER)
    packet.src_port = be16(data)
    packet.dst_port = be16(data + 2)
    packet.present |= HAS_PORTS
    return lacking(view, TCP_HEADER)


cdef inline decode_status_t read_udp(cursor_t* cursor, packet_t* packet, bint lite) noexcept nogil:
    """UDP header, RFC 768, and UDP-Lite, RFC 3828, whose length field is the checksum's coverage.

    A length below 8 is shown with its ports and gets no stream number; one beyond the IP payload does.
    """
    cdef view_t* view = &cursor.view
    cdef uint32_t length
    cursor.layer = LAYER_TRANSPORT
    place_transport(cursor, packet, UDP_HEADER)
    if has(view, 4):
        packet.src_port = be16(view.data)
        packet.dst_port = be16(view.data + 2)
        packet.present |= HAS_PORTS
    if not has(view, UDP_HEADER):
        return lacking(view, UDP_HEADER)
    length = be16(view.data + 4)
    if lite:
        # Coverage 1 to 7 is forbidden; 0 is the whole packet.
        cursor.flawed |= length > view.wire or 0 < length < UDP_HEADER
        length = view.wire
    elif length == 0 and packet.ip_version == 6:
        # RFC 2675 section 4: a length of 0 in a jumbogram is "the rest".
        length = view.wire
    if length < UDP_HEADER:
        return DECODE_MALFORMED
    cursor.flawed |= length > view.wire and not packet.present & IN_FRAGMENT
    packet.present |= HAS_UDP
    packet.payload_length = length - UDP_HEADER
    clamp(view, length)
    skip(view, UDP_HEADER)
    if view.wire != 0:
        cursor.next = tunnel_of_ports(packet.src_port, packet.dst_port)
    return DECODE_OK


cdef inline decode_status_t read_sctp(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """SCTP common header, RFC 9260 section 3.1; its chunks are payload here."""
    cdef view_t* view = &cursor.view
    cursor.layer = LAYER_TRANSPORT
    place_transport(cursor, packet, SCTP_HEADER)
    if not has(view, SCTP_HEADER):
        return lacking(view, SCTP_HEADER)
    packet.src_port = be16(view.data)
    packet.dst_port = be16(view.data + 2)
    packet.present |= HAS_PORTS | HAS_SCTP
    packet.payload_length = view.wire - SCTP_HEADER if view.wire > SCTP_HEADER else 0
    return DECODE_OK


cdef inline decode_status_t read_icmp_header(cursor_t* cursor, packet_t* packet, uint32_t shown) noexcept nogil:
    """Type, code and payload length, alike in ICMP and ICMPv6. On DECODE_OK the view stands behind eight bytes.

    Of a header that is cut, ICMP shows type and code from six bytes on, ICMPv6 from two.
    """
    cdef view_t* view = &cursor.view
    cursor.layer = LAYER_TRANSPORT
    place_transport(cursor, packet, ICMP_HEADER)
    if has(view, shown):
        packet.icmp_type = view.data[0]
        packet.icmp_code = view.data[1]
        packet.present |= HAS_ICMP
    if not has(view, ICMP_HEADER):
        return lacking(view, ICMP_HEADER)
    packet.icmp_id = be16(view.data + 4)
    packet.payload_length = view.wire - ICMP_HEADER if view.wire > ICMP_HEADER else 0
    skip(view, ICMP_HEADER)
    return DECODE_OK


cdef inline decode_status_t read_icmp(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """ICMP, RFC 792: an error quotes the packet that caused it, an echo has an identifier."""
    cdef decode_status_t status = read_icmp_header(cursor, packet, ICMP_SHOWN)
    cdef uint32_t kind = packet.icmp_type
    if status != DECODE_OK:
        return status
    if kind == 8 or kind == 0:
        packet.present |= HAS_ECHO
    elif kind == 3 or kind == 4 or kind == 5 or kind == 11 or kind == 12:
        cursor.quote = cursor.view
        cursor.quoted_layer = NAME_IP
        if kind == 5 and cursor.quote.size != 0:
            clamp(&cursor.quote, (cursor.quote.data[0] & 15) * 4 + QUOTE_OF_REDIRECT)
    return DECODE_OK


cdef inline decode_status_t read_icmpv6(cursor_t* cursor, packet_t* packet) noexcept nogil:
    """ICMPv6, RFC 4443."""
    cdef decode_status_t status = read_icmp_header(cursor, packet, 2)
    cdef uint32_t kind = packet.icmp_type
    if status != DECODE_OK:
        return status
    if kind == 128 or kind == 129:
        packet.present |= HAS_ECHO
    elif 1 <= kind <= 4:
        cursor.quote = cursor.view
        cursor.quoted_layer = NAME_IPV6
    return DECODE_OK
