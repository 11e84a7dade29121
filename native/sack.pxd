"""The blocks of a selective acknowledgement (RFC 2018), read where a packet has the option: few have."""
from libc.stdint cimport uint8_t, uint32_t

from packet cimport packet_t
from wire cimport be32

cdef enum:
    MAX_SACK = 4
    KIND_SACK = 5
    LEAST_SACK = 10                  # with one block
    TCP_HEADER = 20
    DATA_OFFSET = 12                 # place of the header's length in it

ctypedef struct sack_t:
    uint32_t count
    uint32_t left[MAX_SACK]
    uint32_t right[MAX_SACK]


cdef inline void read_blocks(const uint8_t* at, uint32_t length, sack_t* sack) noexcept nogil:
    """The whole blocks in an option of `length` bytes, its kind and length among them."""
    cdef uint32_t block
    sack.count = (length - 2) // 8
    if sack.count > MAX_SACK:
        sack.count = MAX_SACK
    for block in range(sack.count):
        sack.left[block] = be32(at + 2 + block * 8)
        sack.right[block] = be32(at + 6 + block * 8)


cdef inline void read_sack(const uint8_t* frame, const packet_t* packet, sack_t* sack) noexcept nogil:
    """The last SACK option of a packet. Of one that was cut, the blocks that were captured."""
    cdef uint32_t begin = <uint32_t>packet.transport_offset + TCP_HEADER
    # Without a length: the header is longer than what was sent, see read_tcp().
    cdef uint32_t end = packet.transport_offset + packet.transport_length if packet.transport_length else 0xFFFFFFFF
    cdef uint32_t left, whole, length
    cdef const uint8_t* at
    cdef bint read = False
    sack.count = 0
    if end > packet.captured_length:
        end = packet.captured_length
    if end <= begin:
        return
    left = end - begin
    whole = (frame[begin - TCP_HEADER + DATA_OFFSET] >> 4) * 4 - TCP_HEADER
    at = frame + begin
    while left >= 2 and at[0] != 0:
        length = 1 if at[0] == 1 else at[1]
        if length > whole or (length < 2 and at[0] != 1):
            return
        if at[0] == KIND_SACK:
            if length < LEAST_SACK and not read:     # tshark gives up there
                return
            read = True
            read_blocks(at, length if length < left else left, sack)
        if length > left:
            return
        at += length
        left -= length
        whole -= length
