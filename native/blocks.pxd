"""Memory in blocks of one size, handed on by who is through with it to who begins.

Flows that are read for the last time and the sums that they go into need much the same: a page that changes hands is
neither taken back by the system nor emptied and brought in again, which costs 2 us.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t
from libc.stdlib cimport free

from packet cimport aligned_alloc
from pages cimport fault_in, give_back

cdef enum:
    BLOCK_BYTES = 262144
    MAX_READY = 16                   # more than that is given back

ctypedef struct blocks_t:
    void* ready[MAX_READY]
    uint32_t count


cdef inline void* take_block(blocks_t* blocks, bint whole) noexcept nogil:
    """BLOCK_BYTES that say anything, the caller's to free; NULL when memory is short.

    blocks: NULL where nobody hands any on.  whole: all of it will be touched.
    """
    cdef void* block
    if blocks != NULL and blocks.count:
        blocks.count -= 1
        return blocks.ready[blocks.count]
    block = aligned_alloc(4096, BLOCK_BYTES)
    if block != NULL and whole:
        fault_in(block, BLOCK_BYTES)
    return block


cdef inline void give_block(blocks_t* blocks, void* memory, size_t size) noexcept nogil:
    """Memory that nobody uses any more, allocated by itself."""
    if size == BLOCK_BYTES and blocks.count < MAX_READY:
        blocks.ready[blocks.count] = memory
        blocks.count += 1
        return
    give_back(memory, size)          # pages first: the allocator may keep what is freed
    free(memory)


cdef inline void blocks_free(blocks_t* blocks) noexcept nogil:
    while blocks.count:
        blocks.count -= 1
        free(blocks.ready[blocks.count])
