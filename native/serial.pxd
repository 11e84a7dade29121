"""TCP sequence numbers: 32-bit serial arithmetic (RFC 9293, section 3.4)."""
from libc.stdint cimport int32_t, uint32_t


cdef inline bint before(uint32_t one, uint32_t other) noexcept nogil:
    """Whether `one` comes before `other`; of numbers half the space apart each comes before the other."""
    return <int32_t>(one - other) < 0


cdef inline bint after(uint32_t one, uint32_t other) noexcept nogil:
    return before(other, one)
