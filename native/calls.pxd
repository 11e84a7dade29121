"""What a batch's packets announce: its SIP messages in file order, before its flows are tracked."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from batch cimport batch_t, list_t, pieces_of
from dns cimport is_dns
from keyed cimport find_row, hash_of, kept_at, keyed_free, keyed_init, keyed_t, known_row
from media cimport announce, announce_beside, end_of, end_t, media_free, media_init, media_t
from packet cimport HAS_FRAGMENT, HAS_TCP, HAS_UDP, IN_FRAGMENT, packet_t
from parts cimport next_description, skip_to_boundary
from sdp cimport TRANSPORT_RTP, begin_description, description_t, next_medium
from sip cimport (
    MAX_DIALOGS,
    SIP_PORT,
    START_RESPONSE,
    dialog_key_t,
    dialog_t,
    forget_heard,
    names_method,
    read_sip,
    session_of,
    session_t,
    sip_t,
    uses_port,
    was_heard,
)
from tcp cimport TCP_SYN
from text cimport find, is_letter, part, text_t
from window cimport payload_of, window_t

cdef enum:
    LEAST_MESSAGE = 32               # bytes: fewer describe no session
    MAX_OFFERS = 65536               # of fax and modem
    HTTP_PORT = 80                   # Wireshark takes what begins with words there for something else
    HTTP_PORT_TOO = 8080
    RTSP_PORT = 554
    SAP_PORT = 9875
    SAP_IPV6 = 16                    # flags of SAP, RFC 2974
    SAP_UNREADABLE = 3               # encrypted or compressed

ctypedef struct offer_key_t:         # 16 bytes: a medium of an offer that its answer announces again
    uint64_t frame
    uint64_t position                # among the media: 1, 2, …

ctypedef struct calls_t:
    media_t media
    keyed_t dialogs
    keyed_t offers
    uint64_t seed[4]


cdef inline bint calls_init(calls_t* calls, const uint64_t* seed) noexcept nogil:
    """False: no memory. calls_free is to be called in any case."""
    calls.seed[0], calls.seed[1], calls.seed[2], calls.seed[3] = seed[0], seed[1], seed[2], seed[3]
    return (
        media_init(&calls.media, seed)
        and keyed_init(&calls.dialogs, sizeof(dialog_key_t), sizeof(dialog_t), MAX_DIALOGS, 0, seed, NULL)
        and keyed_init(&calls.offers, sizeof(offer_key_t), sizeof(end_t), MAX_OFFERS, 0, seed, NULL)
    )


cdef inline void calls_free(calls_t* calls) noexcept nogil:
    media_free(&calls.media)
    keyed_free(&calls.dialogs)
    keyed_free(&calls.offers)


cdef inline bint calls_failed(const calls_t* calls) noexcept nogil:
    return calls.dialogs.failed or calls.offers.failed or calls.media.ends.failed or calls.media.announced.failed


cdef inline void announce_all(
    calls_t* calls, const text_t* body, const session_t* session, bint answers, uint64_t frame
) noexcept nogil:
    """What a description says. An answer is of so many media with those that were offered before."""
    cdef media_t* media = &calls.media
    cdef description_t description
    cdef end_t end
    begin_description(&description, body, session.offer.media if session.offer != NULL else 0)
    while next_medium(&description):
        end = end_of(description.connection.address, <uint16_t>description.port, description.connection.ip_version)
        if description.transport != TRANSPORT_RTP:
            announce(media, &end, frame, frame)
            if session.offer != NULL and not answers:
                keep_offer(calls, session.offer.frame, description.position, &end)
            continue
        announce(media, &end, session.setup, frame)
        # Port 0, where it comes behind the last one, is announced too.
        end.port = <uint16_t>(description.control_port if description.control_port else description.port + 1)
        announce_beside(media, &end, session.setup, frame)
    if session.offer == NULL:
        return
    if answers:
        announce_offered(calls, session.offer, description.refused, frame)
    session.offer.media = <uint8_t>description.media


cdef inline void keep_offer(calls_t* calls, uint64_t frame, uint32_t position, const end_t* end) noexcept nogil:
    """Of fax and modem, that a request in a frame offers at a position."""
    cdef offer_key_t key = offer_key_t(frame=frame, position=position)
    cdef uint32_t number
    if find_row(&calls.offers, <const uint8_t*>&key, hash_of(&calls.offers, <const uint8_t*>&key), &number) != NULL:
        memcpy(kept_at(&calls.offers, number), end, sizeof(end_t))


cdef inline void announce_offered(
    calls_t* calls, const dialog_t* offer, uint32_t refused, uint64_t frame
) noexcept nogil:
    """What Wireshark announces once more at an answer: fax and modem, where the answer does not refuse them."""
    cdef offer_key_t key
    cdef uint32_t position, number
    for position in range(1, offer.media + 1):
        key = offer_key_t(frame=offer.frame, position=position)
        if not refused >> position & 1 and known_row(
            &calls.offers, <const uint8_t*>&key, hash_of(&calls.offers, <const uint8_t*>&key), &number
        ) != NULL:
            announce(&calls.media, <const end_t*>kept_at(&calls.offers, number), frame, frame)


cdef inline void announce_alone(calls_t* calls, const text_t* body, uint64_t frame) noexcept nogil:
    """A description that counts from its frame on, and answers nothing."""
    cdef session_t session = session_t(setup=frame, offer=NULL)
    announce_all(calls, body, &session, False, frame)


cdef inline void announce_parts(calls_t* calls, const sip_t* message, uint64_t frame) noexcept nogil:
    """Descriptions among the parts of a message count from that on."""
    cdef text_t rest = message.body, body
    if not skip_to_boundary(&rest, &message.boundary, &body):
        return
    while next_description(&rest, &message.boundary, &body):
        announce_alone(calls, &body, frame)


cdef inline void hear(calls_t* calls, const packet_t* packet, text_t payload, uint64_t frame) noexcept nogil:
    """The messages of a packet: one of a datagram, of a segment as many as there are."""
    cdef sip_t message
    cdef session_t session
    cdef bint datagram = packet.present & HAS_UDP, asked = False
    while read_sip(&payload, &message):
        if not datagram and (not message.whole or not asked and was_heard(&calls.dialogs, packet, calls.seed)):
            return                               # it goes on in another segment, or comes again
        asked = True
        session = session_of(&calls.dialogs, packet, &message, frame, calls.seed)
        if session.setup:
            announce_all(calls, &message.body, &session, message.start == START_RESPONSE, frame)
        if message.boundary.size:
            announce_parts(calls, &message, frame)
        if datagram:
            return


cdef inline void hear_sap(calls_t* calls, text_t payload, uint64_t frame) noexcept nogil:
    """SAP (RFC 2974): what is sent to a group. Behind the sender and what proves it, the type may stand, or not."""
    cdef uint32_t begin
    if payload.at[0] & SAP_UNREADABLE:
        return
    begin = 4 + (16 if payload.at[0] & SAP_IPV6 else 4) + payload.at[1] * 4
    if begin + 2 > payload.size:
        return
    payload = part(&payload, begin, payload.size)
    if payload.at[0] != b"v" or payload.at[1] != b"=":
        begin = find(&payload, 0)
        if begin == payload.size:
            return
        payload = part(&payload, begin + 1, payload.size)
    announce_alone(calls, &payload, frame)


cdef inline bint is_sap(const packet_t* packet) noexcept nogil:
    return packet.present & HAS_UDP and uses_port(packet, SAP_PORT)


cdef inline bint is_opening(const packet_t* packet) noexcept nogil:
    """Whether a connection of SIP begins."""
    return packet.present & HAS_TCP and packet.tcp_flags & TCP_SYN and uses_port(packet, SIP_PORT)


cdef inline bint is_taken(const packet_t* packet) noexcept nogil:
    """Whether it uses a port at which Wireshark reads text of another protocol, whatever it says."""
    return uses_port(packet, HTTP_PORT) or uses_port(packet, HTTP_PORT_TOO) or uses_port(packet, RTSP_PORT)


cdef inline bint may_speak(const window_t* window, const packet_t* packet) noexcept nogil:
    """Whether a packet may hold a message: it begins with letters, over TCP mostly with those of a method."""
    cdef uint32_t captured
    cdef const uint8_t* payload
    cdef bint datagram = packet.present & HAS_UDP
    if packet.present & (HAS_FRAGMENT | IN_FRAGMENT):
        return False
    if not datagram and not packet.present & HAS_TCP or is_dns(packet):
        return False
    if is_opening(packet):
        return True
    if packet.payload_length < LEAST_MESSAGE:
        return False
    payload = payload_of(window, packet, &captured)
    if captured < LEAST_MESSAGE:
        return False
    if is_sap(packet):
        return True
    if not is_letter(payload[0]) or not is_letter(payload[1]) or not is_letter(payload[2]):
        return False
    if datagram or uses_port(packet, SIP_PORT):
        return True
    return names_method(payload) and not is_taken(packet)


cdef inline void hear_batch(calls_t* calls, const batch_t* batch) noexcept nogil:
    cdef uint32_t piece, at, row
    cdef const list_t* said
    cdef text_t payload
    for piece in range(pieces_of(batch.rows)):
        said = &batch.said[piece]
        for at in range(said.count):
            row = <uint32_t>said.items[at]
            payload.at = payload_of(batch.window, &batch.packets[row], &payload.size)
            if is_opening(&batch.packets[row]):
                forget_heard(&calls.dialogs, &batch.packets[row], calls.seed)
            elif is_sap(&batch.packets[row]):
                hear_sap(calls, payload, batch.frame_number[row])
            else:
                hear(calls, &batch.packets[row], payload, batch.frame_number[row])
