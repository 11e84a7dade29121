"""SIP (RFC 3261): the sessions that its messages describe, and since which frame each description counts.

An answer counts from its request on, as Wireshark has it: from the last request with its Call-ID that went the other
way between the same two ends, if that has its CSeq and nothing else came after it. A request that is sent again says
nothing new. Over TCP neither is looked for, and every message counts from itself on.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from flow_key cimport mix
from keyed cimport find_row, hash_of, kept_at, keyed_t, known_row
from media cimport end_t
from packet cimport HAS_UDP, packet_t
from parts cimport boundary_of, is_description
from text cimport find, is_letter, is_text, is_word, leading_number, next_header, next_line, part, strip_left, text_t
from wire cimport be32

cdef enum:
    SIP_PORT = 5060
    LONGEST_METHOD = 16
    LONGEST_CALL_ID = 127            # of a longer one Wireshark compares so much
    MAX_DIALOGS = 262144             # what comes beyond is taken as over TCP
    ANY_BEFORE = 0x80000000          # bytes: half of all sequence numbers
    SENT_AGAIN = 1048576             # of another port: what is further back is another connection

cdef enum start_t:
    START_NONE = 0
    START_REQUEST = 1
    START_RESPONSE = 2

cdef enum dialog_state_t:
    DIALOG_NEW = 0
    DIALOG_ASKED = 1                 # a request was the last message
    DIALOG_GOES_ON = 2               # a provisional response
    DIALOG_ANSWERED = 3              # a final one

ctypedef struct sip_t:               # a message
    uint8_t start                    # start_t
    uint8_t numbered                 # it has a CSeq
    uint8_t described                # its body is a session description
    uint8_t whole                    # all of its body was captured, as far as it says how long that is
    uint32_t code                    # of a response
    uint32_t number                  # of its CSeq
    char method[LONGEST_METHOD]      # of that, zeros behind it
    text_t call_id
    text_t boundary                  # of the parts of its body, empty where it has none
    text_t body

ctypedef struct dialog_key_t:        # 64 bytes: one direction
    uint64_t call_id[2]              # its digest
    end_t ends[2]                    # sender and receiver

ctypedef struct dialog_t:            # 40 bytes, behind its key: the last message
    uint64_t frame                   # of the request or final response; of one sent again the first; 0 unknown
    char method[LONGEST_METHOD]
    uint32_t number
    uint32_t code
    uint8_t state                    # dialog_state_t
    uint8_t described                # the request had a description, or its answer,
    uint8_t answered                 # which came
    uint8_t media                    # of the request's description
    uint8_t zero[4]

ctypedef struct session_t:           # what a message's description comes to
    uint64_t setup                   # the frame from which on it counts; 0: there is none, or it says nothing new
    dialog_t* offer                  # the request that it is in, or that it answers; NULL: neither


# ---------------------------------------------------------------- a message

cdef inline uint8_t read_start(text_t line, uint32_t* code) noexcept nogil:
    """What kind of message a first line begins. START_NONE: it is no SIP."""
    cdef uint32_t digits, space = find(&line, b" ")
    cdef text_t first = part(&line, 0, space), rest = part(&line, space, line.size), word
    if space == line.size:
        return START_NONE
    rest = part(&rest, 1, rest.size)
    space = find(&rest, b" ")
    word = part(&rest, 0, space)
    if is_text(&first, "SIP/2.0"):
        code[0] = leading_number(&word, 999, &digits)
        return START_RESPONSE if word.size == 3 and digits == 3 and space < rest.size else START_NONE
    if space == rest.size or find(&word, b":") == word.size:
        return START_NONE
    rest = part(&rest, space + 1, rest.size)
    return START_REQUEST if is_text(&rest, "SIP/2.0") else START_NONE


cdef inline bint read_sequence(const text_t* value, sip_t* message) noexcept nogil:
    """CSeq: 4711 INVITE. False: Wireshark gives up here."""
    cdef uint32_t at
    cdef text_t method
    message.number = leading_number(value, 0xFFFFFFFFu, &at)
    message.numbered = 1
    while at < value.size and not is_letter(value.at[at]):
        at += 1
    method = part(value, at, value.size)
    if method.size == 0 or method.size > LONGEST_METHOD:
        return False
    memset(message.method, 0, LONGEST_METHOD)
    # Its last place is a zero in Wireshark.
    memcpy(message.method, method.at, method.size if method.size < LONGEST_METHOD else LONGEST_METHOD - 1)
    return True


cdef inline bint read_header(const text_t* line, sip_t* message, uint32_t* length) noexcept nogil:
    """One header, those unfolded that go on in the next line. False: Wireshark gives up here."""
    cdef uint32_t colon = find(line, b":"), digits
    cdef text_t name = part(line, 0, colon), value
    if colon == line.size:
        return True
    value = part(line, colon + 1, line.size)
    strip_left(&value)
    if is_word(&name, "cseq"):
        return read_sequence(&value, message)
    if is_word(&name, "call-id") or is_word(&name, "i"):
        message.call_id = part(&value, 0, value.size if value.size < LONGEST_CALL_ID else LONGEST_CALL_ID)
    elif is_word(&name, "content-type") or is_word(&name, "c"):
        message.described = is_description(&value)
        message.boundary = boundary_of(&value)
    elif is_word(&name, "content-length") or is_word(&name, "l"):
        length[0] = leading_number(&value, 0x7FFFFFFFu, &digits)
        if digits != value.size:
            # Nor a space behind it: Wireshark takes such a message to have no body.
            length[0] = 0
    return True


cdef inline bint read_sip(text_t* rest, sip_t* message) noexcept nogil:
    """Take a message from the bytes that were captured. False: none begins there that Wireshark reads to its end."""
    cdef text_t line
    cdef uint32_t length = 0xFFFFFFFFu
    memset(message, 0, sizeof(sip_t))
    if not next_line(rest, &line, False):
        return False
    message.start = read_start(line, &message.code)
    if message.start == START_NONE:
        return False
    while next_header(rest, &line):
        if not read_header(&line, message, &length):
            return False
    message.whole = length <= rest.size or length == 0xFFFFFFFFu
    message.body = part(rest, 0, length if length < rest.size else rest.size)
    rest[0] = part(rest, message.body.size, rest.size)
    message.described = message.described and message.body.size
    return True


cdef inline bint uses_port(const packet_t* packet, uint16_t port) noexcept nogil:
    """Whether it comes from a port or goes there."""
    return packet.src_port == port or packet.dst_port == port


cdef inline bint names_method(const uint8_t* payload) noexcept nogil:
    """Whether a response begins here, or a request with a method that is registered, by the first four bytes."""
    cdef uint32_t word = be32(payload)
    return (
        word == 0x5349502F                                                      # SIP/
        or word == 0x494E5649 or word == 0x41434B20 or word == 0x42594520       # INVI, ACK, BYE
        or word == 0x43414E43 or word == 0x4F505449 or word == 0x52454749       # CANC, OPTI, REGI
        or word == 0x50524143 or word == 0x53554253 or word == 0x4E4F5449       # PRAC, SUBS, NOTI
        or word == 0x5055424C or word == 0x494E464F or word == 0x52454645       # PUBL, INFO, REFE
        or word == 0x4D455353 or word == 0x55504441                             # MESS, UPDA
    )


# ---------------------------------------------------------------- dialogs

cdef inline void digest(const text_t* text, const uint64_t* seed, uint64_t[2] into) noexcept nogil:
    """128 bits of a Call-ID, keyed: nobody can make two alike."""
    cdef uint64_t word
    cdef uint32_t at = 0, size
    into[0] = seed[0] ^ text.size
    into[1] = seed[1]
    while at < text.size:
        word = 0
        size = text.size - at if text.size - at < 8 else 8
        memcpy(&word, text.at + at, size)
        into[0] = mix(into[0] ^ word, seed[2])
        into[1] = mix(into[1] ^ word, seed[3])
        at += 8


cdef inline dialog_key_t direction_of(
    const packet_t* packet, const text_t* call_id, const uint64_t* seed, bint reverse
) noexcept nogil:
    cdef dialog_key_t key
    memset(&key, 0, sizeof(dialog_key_t))
    digest(call_id, seed, key.call_id)
    memcpy(key.ends[reverse].address, packet.src, 16)
    memcpy(key.ends[not reverse].address, packet.dst, 16)
    key.ends[reverse].port, key.ends[not reverse].port = packet.src_port, packet.dst_port
    key.ends[0].ip_version = key.ends[1].ip_version = packet.ip_version
    return key


cdef inline bint is_again(const dialog_t* dialog, const sip_t* message) noexcept nogil:
    """Whether a message is the last one of its direction once more."""
    if dialog.number != message.number or memcmp(dialog.method, message.method, LONGEST_METHOD):
        return False
    if message.start == START_RESPONSE:
        return dialog.state == DIALOG_ANSWERED and message.code >= 200 and message.code == dialog.code
    return (
        dialog.state == DIALOG_ASKED
        and memcmp(message.method, <const char*>"ACK\0", 4) and memcmp(message.method, <const char*>"CANCEL\0", 7)
    )


cdef inline bint note_message(dialog_t* dialog, const sip_t* message, uint64_t frame) noexcept nogil:
    """Follow one direction. Whether the message was sent before."""
    cdef bint again = is_again(dialog, message)
    if dialog.state == DIALOG_NEW or dialog.number != message.number:
        memset(dialog, 0, sizeof(dialog_t))
        memcpy(dialog.method, message.method, LONGEST_METHOD)
        dialog.number = message.number
    if message.start == START_REQUEST:
        dialog.state = DIALOG_ASKED
        if not again:
            dialog.frame = frame
            dialog.described = message.described
            dialog.answered = 0
            dialog.media = 0
    elif message.code >= 200:
        dialog.state = DIALOG_ANSWERED
        dialog.code = message.code
        if not again:
            dialog.frame = frame
    else:
        dialog.state = DIALOG_GOES_ON
    return again


cdef inline dialog_t* request_of(
    keyed_t* dialogs, const packet_t* packet, const sip_t* message, const uint64_t* seed
) noexcept nogil:
    """What a response answers; NULL: it is not known."""
    cdef dialog_key_t key = direction_of(packet, &message.call_id, seed, True)
    cdef dialog_t* asked
    cdef uint32_t number
    if known_row(dialogs, <const uint8_t*>&key, hash_of(dialogs, <const uint8_t*>&key), &number) == NULL:
        return NULL
    asked = <dialog_t*>kept_at(dialogs, number)
    if (
        asked.number != message.number or asked.state != DIALOG_ASKED
        or memcmp(asked.method, message.method, LONGEST_METHOD)
    ):
        return NULL
    return asked


cdef inline dialog_t* dialog_of(keyed_t* dialogs, const dialog_key_t* key) noexcept nogil:
    """NULL: there are too many."""
    cdef uint32_t number, count = dialogs.count
    cdef dialog_t* dialog
    if find_row(dialogs, <const uint8_t*>key, hash_of(dialogs, <const uint8_t*>key), &number) == NULL:
        return NULL
    dialog = <dialog_t*>kept_at(dialogs, number)
    if dialogs.count != count:
        memset(dialog, 0, sizeof(dialog_t))
    return dialog


cdef inline dialog_key_t segments_of(const packet_t* packet, const uint64_t* seed, bint reverse) noexcept nogil:
    """The entry of a direction's TCP segments, beside those of its calls."""
    cdef text_t none = text_t(at=NULL, size=0)
    cdef dialog_key_t key = direction_of(packet, &none, seed, reverse)
    key.ends[0].zero[0] = packet.protocol            # no datagram has it
    return key


cdef inline void forget_heard(keyed_t* dialogs, const packet_t* packet, const uint64_t* seed) noexcept nogil:
    """A connection begins anew."""
    cdef dialog_key_t key
    cdef uint32_t number, reverse
    for reverse in range(2):
        key = segments_of(packet, seed, reverse)
        if known_row(dialogs, <const uint8_t*>&key, hash_of(dialogs, <const uint8_t*>&key), &number) != NULL:
            (<dialog_t*>kept_at(dialogs, number)).state = DIALOG_NEW


cdef inline bint was_heard(keyed_t* dialogs, const packet_t* packet, const uint64_t* seed) noexcept nogil:
    """Whether a TCP segment comes again: nobody reads it twice.

    Of another port than SIP's no SYN is looked for: a later connection of the same ends is known by its numbers,
    seldom just before the last one's.
    """
    cdef dialog_key_t key = segments_of(packet, seed, False)
    cdef uint32_t end = packet.tcp_seq + packet.payload_length
    cdef dialog_t* segments
    cdef uint32_t reach = ANY_BEFORE if uses_port(packet, SIP_PORT) else SENT_AGAIN
    segments = dialog_of(dialogs, &key)
    if segments == NULL:
        return False
    if segments.state != DIALOG_NEW and <uint32_t>(segments.number - end) < reach:
        return True
    segments.state = DIALOG_ASKED
    segments.number = end
    return False


cdef inline session_t session_of(
    keyed_t* dialogs, const packet_t* packet, const sip_t* message, uint64_t frame, const uint64_t* seed
) noexcept nogil:
    """Follow a message, and tell what its description comes to."""
    cdef session_t session
    cdef dialog_key_t key
    cdef dialog_t* dialog = NULL
    cdef dialog_t* asked = NULL
    cdef bint again
    session.setup = frame if message.described else 0
    session.offer = NULL
    if packet.present & HAS_UDP and message.numbered:
        key = direction_of(packet, &message.call_id, seed, False)
        dialog = dialog_of(dialogs, &key)
    if dialog == NULL:
        return session
    again = note_message(dialog, message, frame)
    if not message.described:
        return session
    if message.start == START_REQUEST:
        session.offer = dialog
        if again and dialog.described:
            session.setup = 0
        return session
    if not again and (200 <= message.code < 300 or message.code >= 400):
        asked = request_of(dialogs, packet, message, seed)
    if asked != NULL:
        session.offer = asked
        session.setup = 0 if asked.answered else asked.frame
        asked.described = asked.answered = 1
    return session
