"""What a batch's packets announce: its SIP messages in file order, before its flows are tracked."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from batch cimport batch_t, list_t, pieces_of
from dns cimport is_dns
from keyed cimport keyed_free, keyed_init, keyed_t
from media cimport announce, announce_beside, end_of, end_t, media_free, media_init, media_t
from packet cimport HAS_FRAGMENT, HAS_TCP, HAS_UDP, IN_FRAGMENT, packet_t
from parts cimport next_description, skip_to_boundary
from sdp cimport TRANSPORT_RTP, begin_description, description_t, next_medium
from sip cimport (
    MAX_DIALOGS,
    SIP_PORT,
    dialog_key_t,
    dialog_t,
    read_sip,
    session_of,
    session_t,
    sip_t,
    was_heard,
)
from text cimport is_letter, text_t
from window cimport payload_of, window_t

cdef enum:
    LEAST_MESSAGE = 32               # bytes: fewer describe no session

ctypedef struct calls_t:
    media_t media
    keyed_t dialogs
    uint64_t seed[4]


cdef inline bint calls_init(calls_t* calls, const uint64_t* seed) noexcept nogil:
    """False: no memory. calls_free is to be called in any case."""
    calls.seed[0], calls.seed[1], calls.seed[2], calls.seed[3] = seed[0], seed[1], seed[2], seed[3]
    return media_init(&calls.media, seed) and keyed_init(
        &calls.dialogs, sizeof(dialog_key_t), sizeof(dialog_t), MAX_DIALOGS, 0, seed, NULL
    )


cdef inline void calls_free(calls_t* calls) noexcept nogil:
    media_free(&calls.media)
    keyed_free(&calls.dialogs)


cdef inline bint calls_failed(const calls_t* calls) noexcept nogil:
    return calls.dialogs.failed or calls.media.ends.failed or calls.media.announced.failed


cdef inline uint32_t announce_all(
    media_t* media, const text_t* body, uint64_t setup, uint32_t offered, uint64_t frame
) noexcept nogil:
    """What a description says. Returns how many media there are, as of MOST_MEDIA, with those offered before."""
    cdef description_t description
    cdef end_t end
    begin_description(&description, body, offered)
    while next_medium(&description):
        end = end_of(description.connection.address, <uint16_t>description.port, description.connection.ip_version)
        announce(media, &end, setup if description.transport == TRANSPORT_RTP else frame, frame)
        if description.transport == TRANSPORT_RTP:
            # The port behind the last is none.
            end.port = <uint16_t>(description.control_port if description.control_port else description.port + 1)
            announce_beside(media, &end, setup, frame)
    return description.media


cdef inline void announce_session(
    media_t* media, const sip_t* message, const session_t* session, uint64_t frame
) noexcept nogil:
    cdef uint32_t offered = session.offer.media if session.offer != NULL else 0
    offered = announce_all(media, &message.body, session.setup, offered, frame)
    if session.offer != NULL:
        session.offer.media = <uint8_t>offered


cdef inline void announce_parts(media_t* media, const sip_t* message, uint64_t frame) noexcept nogil:
    """Descriptions among the parts of a message count from that on."""
    cdef text_t rest = message.body, body
    if not skip_to_boundary(&rest, &message.boundary, &body):
        return
    while next_description(&rest, &message.boundary, &body):
        announce_all(media, &body, frame, 0, frame)


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
            announce_session(&calls.media, &message, &session, frame)
        if message.boundary.size:
            announce_parts(&calls.media, &message, frame)
        if datagram:
            return


cdef inline bint may_speak(const window_t* window, const packet_t* packet) noexcept nogil:
    """Whether a packet may hold a message: it begins with letters; over TCP, from or to the port of SIP alone."""
    cdef uint32_t captured
    cdef const uint8_t* payload
    if packet.present & HAS_TCP:
        if packet.src_port != SIP_PORT and packet.dst_port != SIP_PORT:
            return False
    elif not packet.present & HAS_UDP or is_dns(packet):
        return False
    if packet.payload_length < LEAST_MESSAGE or packet.present & (HAS_FRAGMENT | IN_FRAGMENT):
        return False
    payload = payload_of(window, packet, &captured)
    return (
        captured >= LEAST_MESSAGE
        and is_letter(payload[0]) and is_letter(payload[1]) and is_letter(payload[2])
    )


cdef inline void hear_batch(calls_t* calls, const batch_t* batch) noexcept nogil:
    cdef uint32_t piece, at, row
    cdef const list_t* said
    cdef text_t payload
    for piece in range(pieces_of(batch.rows)):
        said = &batch.said[piece]
        for at in range(said.count):
            row = <uint32_t>said.items[at]
            payload.at = payload_of(batch.window, &batch.packets[row], &payload.size)
            hear(calls, &batch.packets[row], payload, batch.frame_number[row])
