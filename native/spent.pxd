"""What flows hold, given back while they are read for the last time.

A chunk goes when all that is in it has been read: that of flows, which has the size of a block, to the sums over them,
that of the state of TCP to the system.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from blocks cimport BLOCK_BYTES, blocks_t, give_block
from flow cimport CHUNK_FLOWS, CHUNK_LONES, flow_t, lone_t, table_t
from flow_table cimport lone_at
from tcp cimport tcp_free, tcp_t

ctypedef struct spent_chunks_t:
    uint8_t** begins                 # (count,) of the chunks; NULL: it is gone
    uint32_t* places                 # (count,) of each chunk that nobody needs
    uint32_t count
    uint32_t near                    # the chunk of the last one: the next is near
    size_t bytes                     # of a chunk
    uint32_t room                    # how many it holds

ctypedef struct spent_t:             # of a table
    spent_chunks_t flows
    spent_chunks_t streams
    spent_chunks_t lones


cdef inline bint chunks_init(
    spent_chunks_t* chunks, uint8_t** begins, uint32_t count, size_t bytes, uint32_t room
) noexcept nogil:
    chunks.count = count
    chunks.bytes = bytes
    chunks.room = room
    chunks.near = 0
    chunks.begins = <uint8_t**>calloc(<size_t>count + 1, sizeof(uint8_t*))
    chunks.places = <uint32_t*>calloc(<size_t>count + 1, sizeof(uint32_t))
    if chunks.begins == NULL or chunks.places == NULL:
        return False
    if count:
        memcpy(chunks.begins, begins, count * sizeof(uint8_t*))
    return True


cdef inline bint spent_init(spent_t* spent, const table_t* table) noexcept nogil:
    """False: no memory; spent_free is still to be called."""
    cdef uint32_t index
    if not (
        chunks_init(
            &spent.flows, <uint8_t**>table.chunks, table.chunk_count, CHUNK_FLOWS * sizeof(flow_t), CHUNK_FLOWS
        )
        and chunks_init(
            &spent.streams, <uint8_t**>table.tcp_chunks, table.tcp_chunk_count, CHUNK_FLOWS * sizeof(tcp_t),
            CHUNK_FLOWS,
        )
        and chunks_init(
            &spent.lones, <uint8_t**>table.lone_chunks, table.lone_chunk_count, BLOCK_BYTES, CHUNK_LONES
        )
    ):
        return False
    for index in range(table.released_count):
        spent.flows.places[table.released[index] // CHUNK_FLOWS] += 1
    index = table.lone_released
    while index:
        spent.lones.places[(index - 1) // CHUNK_LONES] += 1
        index = lone_at(table, index - 1).stream
    return True


cdef inline void spent_free(spent_t* spent) noexcept nogil:
    free(spent.flows.begins)
    free(spent.flows.places)
    free(spent.streams.begins)
    free(spent.streams.places)
    free(spent.lones.begins)
    free(spent.lones.places)


cdef inline bint is_last(spent_chunks_t* chunks, const void* place) noexcept nogil:
    """Count a place; whether it was the last of its chunk, which is then the one that is near."""
    cdef const uint8_t* at = <const uint8_t*>place
    cdef uint32_t tried = 0
    while chunks.begins[chunks.near] == NULL or not 0 <= at - chunks.begins[chunks.near] < <int64_t>chunks.bytes:
        chunks.near = chunks.near + 1 if chunks.near + 1 < chunks.count else 0
        tried += 1
        if tried > chunks.count:
            return False
    chunks.places[chunks.near] += 1
    return chunks.places[chunks.near] == chunks.room


cdef inline void give_chunk(spent_chunks_t* chunks, blocks_t* blocks) noexcept nogil:
    give_block(blocks, chunks.begins[chunks.near], chunks.bytes)
    chunks.begins[chunks.near] = NULL


cdef inline void spend(spent_t* spent, table_t* table, flow_t* flow, blocks_t* blocks) noexcept nogil:
    """Give back a flow and what it holds; it must not be told again."""
    cdef tcp_t* tcp = flow.tcp
    if tcp != NULL:
        tcp_free(tcp)
        flow.tcp = NULL
        if is_last(&spent.streams, tcp):
            give_chunk(&spent.streams, blocks)
            table.tcp_chunks[spent.streams.near] = NULL
    if is_last(&spent.flows, flow):
        give_chunk(&spent.flows, blocks)
        table.chunks[spent.flows.near] = NULL


cdef inline void spend_lone(spent_t* spent, table_t* table, lone_t* lone, blocks_t* blocks) noexcept nogil:
    """The same of a flow of lone.pxd."""
    if is_last(&spent.lones, lone):
        give_chunk(&spent.lones, blocks)
        table.lone_chunks[spent.lones.near] = NULL
