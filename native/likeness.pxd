"""How much rows of flows are alike: what tells a thread that looks at them how little it has to look at.

A likeness is a number. Rows with the same one are alike in what is still in its degree (rows.pyx), which it ends with;
0 is the degree of rows that have nothing in common.
"""
from libc.stdint cimport uint32_t

cdef enum:
    DEGREE_BITS = 2

cdef enum degree_t:
    UNLIKE = 0
    ALIKE_QUIET                      # nothing is said of their TCP
    ALIKE_LONE                       # each is nothing but a segment, of the same kind
    DEGREES


cdef inline uint32_t likeness_of(degree_t degree, uint32_t kind) noexcept nogil:
    return kind << DEGREE_BITS | <uint32_t>degree


cdef inline uint32_t degree_of(uint32_t likeness) noexcept nogil:
    return likeness & ((1 << DEGREE_BITS) - 1)
