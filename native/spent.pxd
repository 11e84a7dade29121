"""What flows hold, given back while they are read for the last time.

A chunk goes when all that is in it has been read: its flows to the sums over flows, the state of TCP to the system.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from blocks cimport blocks_t, give_block
from flow cimport CHUNK_FLOWS, flow_t, table_t
from tcp cimport tcp_free, tcp_t

ctypedef struct spent_chunks_t:
    uint32_t* counts                 # (chunk_count,) places of each chunk that nobody needs
    uint32_t near                    # the chunk of the last one: the next is near

ctypedef struct spent_t:             # of a table
    spent_chunks_t flows
    spent_chunks_t streams


cdef inline bint spent_init(spent_t* spent, const table_t* table) noexcept nogil:
    """False: no memory; spent_free is still to be called."""
    cdef uint32_t index
    spent.flows.near = spent.streams.near = 0
    spent.flows.counts = <uint32_t*>calloc(<size_t>table.chunk_count + 1, sizeof(uint32_t))
    spent.streams.counts = <uint32_t*>calloc(<size_t>table.tcp_chunk_count + 1, sizeof(uint32_t))
    if spent.flows.counts == NULL or spent.streams.counts == NULL:
        return False
    for index in range(table.released_count):
        spent.flows.counts[table.released[index] // CHUNK_FLOWS] += 1
    return True


cdef inline void spent_free(spent_t* spent) noexcept nogil:
    free(spent.flows.counts)
    free(spent.streams.counts)


cdef inline bint is_last(
    spent_chunks_t* spent, const uint8_t** chunks, uint32_t count, size_t size, const uint8_t* place
) noexcept nogil:
    """Count a place, of so many bytes; whether it is the last of its chunk, which is chunks[spent.near]."""
    cdef uint32_t tried = 0
    while chunks[spent.near] == NULL or not chunks[spent.near] <= place < chunks[spent.near] + CHUNK_FLOWS * size:
        spent.near = spent.near + 1 if spent.near + 1 < count else 0
        tried += 1
        if tried > count:
            return False
    spent.counts[spent.near] += 1
    return spent.counts[spent.near] == CHUNK_FLOWS


cdef inline void spend(spent_t* spent, table_t* table, flow_t* flow, blocks_t* blocks) noexcept nogil:
    """Give back a flow and what it holds; it must not be told again."""
    cdef tcp_t* tcp = flow.tcp
    if tcp != NULL:
        tcp_free(tcp)
        flow.tcp = NULL
        if is_last(
            &spent.streams, <const uint8_t**>table.tcp_chunks, table.tcp_chunk_count, sizeof(tcp_t), <uint8_t*>tcp
        ):
            give_block(blocks, table.tcp_chunks[spent.streams.near], CHUNK_FLOWS * sizeof(tcp_t))
            table.tcp_chunks[spent.streams.near] = NULL
    if is_last(&spent.flows, <const uint8_t**>table.chunks, table.chunk_count, sizeof(flow_t), <uint8_t*>flow):
        give_block(blocks, table.chunks[spent.flows.near], CHUNK_FLOWS * sizeof(flow_t))
        table.chunks[spent.flows.near] = NULL
