"""Lists that grow to twice their room."""
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy


cdef inline bint has_place(
    void* items, uint32_t* capacity, uint32_t count, size_t size, uint32_t first
) noexcept nogil:
    """Whether a list has room for one more behind its last; made where there is none. False: no memory, nothing lost.

    items: where its pointer lies, NULL before the first.  count: in the list.  size: of one, bytes.
    first: how many there is room for at first.
    """
    cdef uint32_t room = capacity[0] * 2 if capacity[0] else first
    cdef void* memory
    if count < capacity[0]:
        return True
    if room <= capacity[0]:
        return False
    memcpy(&memory, items, sizeof(void*))        # a pointer to whatever it is, which a void** may not name
    memory = realloc(memory, room * size)
    if memory == NULL:
        return False
    memcpy(items, &memory, sizeof(void*))
    capacity[0] = room
    return True
