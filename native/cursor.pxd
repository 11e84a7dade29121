"""Where decoding stands in a frame, and what a layer may do: name itself, name what follows, make a side record.

Layers do not call each other: each sets `next`, and the loop in decode.pxd goes there. So the depth is bounded in one
place and no frame, however nested, costs stack.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from packet cimport (
    DECODE_MALFORMED, DECODE_TRUNCATED, DECODE_UNSUPPORTED, HAS_TCP, HAS_UDP, MAX_CONVERSATIONS, NO_EXTRA,
    conversation_t, decode_status_t, decoder_t, extra_t, packet_t,
)
from paths cimport named, numbered, paths_t
from wire cimport view_t

ctypedef struct cursor_t:
    view_t view
    const uint8_t* frame    # its first byte
    decoder_t* decoder
    packet_t* owner         # whose extra collects conversations: the packet itself, also inside a quote
    uint32_t next           # layer_name_t of the bytes at `view`, NAME_NONE at the end
    uint16_t path
    uint8_t layer           # decode_layer_t, the last one entered
    uint8_t depth           # layers entered so far
    uint8_t quoted          # inside an ICMP error
    uint8_t hidden          # tshark files this under icmp, so the hierarchy does not show it
    uint8_t pad             # `next` is 802.11 with a header that is padded to four bytes
    uint8_t swapped         # `next` is 802.11 with the bytes of its frame control swapped
    uint8_t flawed          # a length was wrong, but reading went on
    uint8_t by_ethertype    # an ethertype announced `next`
    uint8_t bare            # `next` is PPP that never has an address, nor Cisco HDLC in its place
    uint8_t quoted_layer    # layer_name_t of `quote`
    view_t quote            # the packet that an ICMP error quotes, size 0 without one


cdef inline decode_status_t lacking(const view_t* view, uint32_t length) noexcept nogil:
    """Why `length` bytes are not there: the capture cut them, or they never were on the wire."""
    return DECODE_TRUNCATED if length <= view.wire else DECODE_MALFORMED


cdef inline void enter(cursor_t* cursor, uint32_t name) noexcept nogil:
    """Take a step down the path."""
    if not cursor.hidden:
        cursor.path = named(<paths_t*>cursor.decoder.paths, cursor.path, name)


cdef inline decode_status_t unknown(cursor_t* cursor, uint32_t kind, uint32_t number, uint32_t layer) noexcept nogil:
    """What follows is not read by us: count it under its number."""
    if not cursor.hidden:
        cursor.path = numbered(<paths_t*>cursor.decoder.paths, cursor.path, kind, number)
    cursor.layer = <uint8_t>layer
    return DECODE_UNSUPPORTED


cdef inline extra_t* extra_of(decoder_t* decoder, packet_t* packet) noexcept nogil:
    """The packet's side record, made when first asked for; decoder.extras has room for one a packet."""
    if packet.extra == NO_EXTRA:
        packet.extra = decoder.extra_count
        decoder.extra_count += 1
        memset(&decoder.extras[packet.extra], 0, sizeof(extra_t))
    return &decoder.extras[packet.extra]


cdef inline void note_conversation(cursor_t* cursor, const packet_t* seen) noexcept nogil:
    """Keep a TCP or UDP header that Wireshark numbers although it is not the packet's own."""
    cdef extra_t* extra = extra_of(cursor.decoder, cursor.owner)
    cdef conversation_t* slot
    if extra.conversations == MAX_CONVERSATIONS:
        return
    slot = &extra.conversation[extra.conversations]
    extra.conversations += 1
    memcpy(slot.src, seen.src, 16)
    memcpy(slot.dst, seen.dst, 16)
    slot.src_port = seen.src_port
    slot.dst_port = seen.dst_port
    slot.protocol = seen.protocol
    slot.ip_version = seen.ip_version
    slot.tcp_flags = seen.tcp_flags
    slot.tcp_seq = seen.tcp_seq
    slot.tcp_ack = seen.tcp_ack
    slot.quoted = cursor.quoted


cdef inline void note_outer_transport(cursor_t* cursor, const packet_t* packet) noexcept nogil:
    """A further IP header follows, or a quote ends: a transport header read so far is not the packet's own."""
    if packet.present & (HAS_TCP | HAS_UDP):
        note_conversation(cursor, packet)
        if not cursor.quoted:
            extra_of(cursor.decoder, cursor.owner).own += 1
