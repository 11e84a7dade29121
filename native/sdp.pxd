"""Session descriptions (RFC 8866): to which address and port media will be sent, as far as Wireshark goes by it."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from text cimport find, is_text, is_word, leading_number, next_line, next_word, part, strip_left, text_t

cdef extern from "arpa/inet.h" nogil:
    int inet_pton(int family, const char* text, void* address) noexcept

cdef extern from "sys/socket.h" nogil:
    enum:
        AF_INET
        AF_INET6

cdef enum:
    LONGEST_ADDRESS = 46             # of IPv6 as text
    MOST_MEDIA = 4                   # that Wireshark takes of an offer and its answer together, unusable ones included

cdef enum transport_t:
    TRANSPORT_UNKNOWN = 0
    TRANSPORT_RTP = 1                # and RTCP on the next port
    TRANSPORT_FAX = 2                # T.38
    TRANSPORT_MODEM = 3              # SPRT

ctypedef struct connection_t:
    uint8_t address[16]              # IPv4 as ::ffff:a.b.c.d
    uint8_t ip_version               # 0: none is known

ctypedef struct description_t:       # one that is being read
    text_t rest
    connection_t session             # what media have that say no other
    connection_t connection          # of the medium that is being read
    uint32_t port                    # 0: none
    uint32_t control_port            # of RTCP, where the medium says so; 0: the next one
    uint32_t media                   # that were read, and before them in an offer: MOST_MEDIA at most
    uint32_t position                # of the medium that is being read, or was read last: 1, 2, …
    uint32_t refused                 # the first media without a port: 1 << position
    uint32_t taken                   # of RTP, as many as `ports` has
    uint32_t ports[MOST_MEDIA]
    uint8_t transport                # transport_t
    uint8_t within                   # a medium's lines are being read


cdef inline void read_connection(text_t line, connection_t* connection) noexcept nogil:
    """c=IN IP4 192.0.2.1/127. What is no address changes nothing of a session."""
    cdef text_t word
    cdef char[LONGEST_ADDRESS] buffer
    cdef uint8_t[16] address
    cdef uint32_t end
    cdef bint ipv6
    if not next_word(&line, &word) or not next_word(&line, &word):
        return
    ipv6 = is_text(&word, "IP6")
    if not ipv6 and not is_text(&word, "IP4"):
        return
    end = find(&line, b"/")
    if end == 0 or end >= LONGEST_ADDRESS:
        return
    memset(buffer, 0, LONGEST_ADDRESS)
    memcpy(buffer, line.at, end)
    memset(address, 0, 16)
    if not ipv6:
        address[10] = address[11] = 0xFF
    if inet_pton(AF_INET6 if ipv6 else AF_INET, buffer, &address[0 if ipv6 else 12]) == 1:
        memcpy(connection.address, address, 16)
        connection.ip_version = 6 if ipv6 else 4


cdef inline uint8_t transport_of(const text_t* name) noexcept nogil:
    """What Wireshark takes a transport protocol for, by its name and that name's case."""
    if (
        is_text(name, "RTP/AVP") or is_text(name, "RTP/AVPF") or is_text(name, "RTP/SAVP")
        or is_text(name, "RTP/SAVPF") or is_text(name, "UDP/TLS/RTP/SAVP") or is_text(name, "UDP/TLS/RTP/SAVPF")
    ):
        return TRANSPORT_RTP
    if is_text(name, "udptl") or is_text(name, "UDPTL"):
        return TRANSPORT_FAX
    if is_text(name, "udpsprt") or is_text(name, "UDPSPRT"):
        return TRANSPORT_MODEM
    return TRANSPORT_UNKNOWN


cdef inline void read_medium(text_t line, description_t* description) noexcept nogil:
    """m=audio 49170/2 RTP/AVP 0 8. Of several ports the first."""
    cdef text_t word
    cdef uint32_t digits, end
    description.port = description.control_port = 0
    description.transport = TRANSPORT_UNKNOWN
    if not next_word(&line, &word) or not next_word(&line, &word):
        return
    end = find(&word, b"/")
    word = part(&word, 0, end)
    description.port = leading_number(&word, 65536, &digits)
    if digits != end or description.port > 65535:
        description.port = 0
    if next_word(&line, &word):
        description.transport = transport_of(&word)


cdef inline void read_attribute(text_t line, description_t* description) noexcept nogil:
    """a=rtcp:53020. With an address behind it Wireshark does not take it."""
    cdef uint32_t colon = find(&line, b":"), digits, port
    cdef text_t name = part(&line, 0, colon), value = part(&line, colon, line.size)
    if value.size == 0 or not is_word(&name, "rtcp"):
        return
    value = part(&value, 1, value.size)
    strip_left(&value)
    port = leading_number(&value, 65536, &digits)
    description.control_port = port if digits == value.size and port <= 65535 else 0


cdef inline void begin_description(description_t* description, const text_t* body, uint32_t media) noexcept nogil:
    """media: of the offer that this one answers."""
    memset(description, 0, sizeof(description_t))
    description.rest = body[0]
    description.media = media


cdef inline bint is_announced(description_t* description) noexcept nogil:
    """Whether the medium can be sent. Of several with one port, in RTP, it is the first (RFC 9143)."""
    cdef uint32_t at
    if description.transport == TRANSPORT_UNKNOWN or not description.port or not description.connection.ip_version:
        return False
    if description.transport == TRANSPORT_FAX and description.connection.ip_version != 4:
        return False                             # Wireshark knows T.38 over IPv4 alone
    if description.transport == TRANSPORT_RTP:
        for at in range(description.taken):
            if description.ports[at] == description.port:
                return False
        description.ports[description.taken] = description.port
        description.taken += 1
    return True


cdef inline bint next_medium(description_t* description) noexcept nogil:
    """Go on to the next medium that has an address and a port: in `connection`, `port`, `transport`. False: none."""
    cdef text_t line, before
    cdef bint within
    while True:
        before = description.rest
        if not next_line(&description.rest, &line, True) or line.size < 2:
            within = description.within
            description.within = 0
            description.rest.size = 0
            return within and is_announced(description)
        if line.at[1] != b"=":
            continue
        if line.at[0] == b"m":
            if description.within and is_announced(description):
                description.rest = before        # the line begins the next one
                description.within = 0
                return True
            description.within = 1
            description.connection = description.session
            read_medium(part(&line, 2, line.size), description)
            description.position += 1
            if description.position <= MOST_MEDIA and not description.port:
                description.refused |= 1u << description.position
            if description.media == MOST_MEDIA:
                description.transport = TRANSPORT_UNKNOWN
            else:
                description.media += 1
        elif line.at[0] == b"c" and description.within:
            description.connection.ip_version = 0
            read_connection(part(&line, 2, line.size), &description.connection)
        elif line.at[0] == b"c":
            read_connection(part(&line, 2, line.size), &description.session)
        elif line.at[0] == b"a" and description.within:
            read_attribute(part(&line, 2, line.size), description)
