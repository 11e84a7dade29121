"""SNMP in UDP: Wireshark gives what follows the first message between two ports a stream number of its own.

Its dissector opens a conversation for its requests, with the very addresses and ports of the one that it is called in,
and what comes then falls into that. For us it is one flow, whose number is that of its first packet; the other number
is that of an entry beside it in the table, which has no packets and is there as soon as a message was seen.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from flow cimport FLOW_ASKED, flow_t, table_t
from flow_key cimport KIND_BESIDE, KIND_UDP, flow_key_t, hash_key
from flow_table cimport find_slot, push_fresh
from lone cimport flow_of_slot
from packet cimport HAS_FRAGMENT, HAS_UDP, IN_FRAGMENT, packet_t
from window cimport payload_of, window_t

cdef enum:
    SNMP_PORT = 161
    SNMP_TRAP_PORT = 162
    SEQUENCE = 16                    # universal types of BER, in the lower five bits
    INTEGER = 2
    TYPE_BITS = 0xDF                 # of an identifier: its class and type, not whether it is constructed
    LONG_LENGTH = 0x80


cdef inline bint is_snmp(uint16_t src_port, uint16_t dst_port) noexcept nogil:
    """Whether Wireshark asks SNMP first: it goes by the lower port."""
    cdef uint16_t low = src_port if src_port < dst_port else dst_port
    return low == SNMP_PORT or low == SNMP_TRAP_PORT


cdef inline bint is_message(const uint8_t* data, uint32_t captured, uint32_t size) noexcept nogil:
    """Whether a payload begins as a message (RFC 1157): a sequence that ends in its `size` bytes, an integer in it."""
    cdef uint32_t at = 2, length, left
    if captured < 3 or data[0] & TYPE_BITS != SEQUENCE:
        return False
    length = data[1]
    if length == LONG_LENGTH:                    # without a length: nobody sends that
        return False
    if length > LONG_LENGTH:
        left = length - LONG_LENGTH
        length = 0
        if captured - at <= left:
            return False
        while left:
            length = length << 8 | data[at]
            at += 1
            left -= 1
    return length <= size - at and data[at] & TYPE_BITS == INTEGER


cdef inline bint begins(const packet_t* packet, const window_t* window) noexcept nogil:
    """Whether a packet holds a message."""
    cdef uint32_t captured, size = packet.payload_length, sent
    cdef const uint8_t* payload
    if not packet.present & HAS_UDP or packet.present & (HAS_FRAGMENT | IN_FRAGMENT):
        return False
    payload = payload_of(window, packet, &captured)
    sent = packet.original_length - packet.transport_offset - packet.transport_length
    if size > sent:                              # it claims more than was sent
        size = sent
    return is_message(payload, captured if captured < size else size, size)


cdef inline flow_t* stream_beside(
    table_t* table, flow_t* flow, const packet_t* packet, const window_t* window, uint32_t item
) noexcept nogil:
    """The entry whose stream number a UDP packet of a flow has: the flow itself, up to the first message.

    packet: NULL for a header that is not a packet's own.
    """
    cdef flow_key_t key = flow.key
    cdef uint64_t* slot
    cdef flow_t* beside
    cdef uint32_t hash
    cdef bint created = False
    key.kind = KIND_BESIDE
    hash = hash_key(&key, table.seed)
    slot = find_slot(table, &key, hash)
    if slot[0] == 0:
        if packet != NULL and begins(packet, window):
            flow_of_slot(table, slot, &key, hash, &created)
        return flow
    beside = flow_of_slot(table, slot, &key, hash, &created)
    if beside == NULL:
        return flow
    if not beside.state & FLOW_ASKED:
        beside.state |= FLOW_ASKED
        push_fresh(table, KIND_UDP, &beside.flow_id, item, True, False)
    return beside
