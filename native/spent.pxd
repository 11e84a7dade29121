"""State of TCP that is given back flow by flow, while the flows are read for the last time.

A pool's chunk goes when all of its streams have been read: memory that the sums over flows take is found there.
"""
from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free

from flow cimport CHUNK_FLOWS, flow_t, table_t
from pages cimport give_back
from tcp cimport tcp_free, tcp_t

ctypedef struct spent_t:             # of a table
    uint32_t* counts                 # (tcp_chunk_count,) streams of each chunk that were given back
    uint32_t chunk                   # of the last one: the next is near


cdef inline bint spent_init(spent_t* spent, const table_t* table) noexcept nogil:
    """False: no memory."""
    spent.chunk = 0
    spent.counts = <uint32_t*>calloc(table.tcp_chunk_count + 1, sizeof(uint32_t))
    return spent.counts != NULL


cdef inline bint is_in_chunk(const table_t* table, uint32_t chunk, const tcp_t* tcp) noexcept nogil:
    cdef const tcp_t* first = table.tcp_chunks[chunk]
    return first != NULL and first <= tcp < first + CHUNK_FLOWS


cdef inline void spend(spent_t* spent, table_t* table, flow_t* flow) noexcept nogil:
    """Give back what a flow holds; it must not be told again."""
    cdef tcp_t* tcp = flow.tcp
    cdef uint32_t tried = 0
    tcp_free(tcp)
    flow.tcp = NULL
    while not is_in_chunk(table, spent.chunk, tcp):
        spent.chunk = spent.chunk + 1 if spent.chunk + 1 < table.tcp_chunk_count else 0
        tried += 1
        if tried > table.tcp_chunk_count:
            return
    spent.counts[spent.chunk] += 1
    if spent.counts[spent.chunk] == CHUNK_FLOWS:
        # Pages first: the allocator may keep what is freed.
        give_back(table.tcp_chunks[spent.chunk], CHUNK_FLOWS * sizeof(tcp_t))
        free(table.tcp_chunks[spent.chunk])
        table.tcp_chunks[spent.chunk] = NULL
