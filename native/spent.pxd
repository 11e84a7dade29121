"""What flows hold, given back while they are read for the last time.

A chunk goes when all that is in it has been read: that of flows, which has the size of a block, to the sums over them,
that of the state of TCP to the system.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from blocks cimport blocks_t, give_block
from flow cimport CHUNK_FLOWS, flow_t, table_t
from tcp cimport tcp_free, tcp_t

ctypedef struct spent_chunks_t:
    uint8_t** begins                 # (count,) of the chunks; NULL: it is gone
    uint32_t* places                 # (count,) of each chunk that nobody needs
    uint32_t count
    uint32_t near                    # the chunk of the last one: the next is near
    size_t bytes                     # of a chunk

ctypedef struct spent_t:             # of a table
    spent_chunks_t flows
    spent_chunks_t streams


cdef inline bint chunks_init(spent_chunks_t* chunks, uint32_t count, size_t bytes) noexcept nogil:
    chunks.count = count
    chunks.bytes = bytes
    chunks.near = 0
    chunks.begins = <uint8_t**>calloc(<size_t>count + 1, sizeof(uint8_t*))
    chunks.places = <uint32_t*>calloc(<size_t>count + 1, sizeof(uint32_t))
    return chunks.begins != NULL and chunks.places != NULL


cdef inline bint spent_init(spent_t* spent, const table_t* table) noexcept nogil:
    """False: no memory; spent_free is still to be called."""
    cdef uint32_t index
    cdef bint flows = chunks_init(&spent.flows, table.chunk_count, CHUNK_FLOWS * sizeof(flow_t))
    if not chunks_init(&spent.streams, table.tcp_chunk_count, CHUNK_FLOWS * sizeof(tcp_t)) or not flows:
        return False
    for index in range(table.chunk_count):
        spent.flows.begins[index] = <uint8_t*>table.chunks[index]
    for index in range(table.tcp_chunk_count):
        spent.streams.begins[index] = <uint8_t*>table.tcp_chunks[index]
    for index in range(table.released_count):
        spent.flows.places[table.released[index] // CHUNK_FLOWS] += 1
    return True


cdef inline void spent_free(spent_t* spent) noexcept nogil:
    free(spent.flows.begins)
    free(spent.flows.places)
    free(spent.streams.begins)
    free(spent.streams.places)


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
    return chunks.places[chunks.near] == CHUNK_FLOWS


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
