"""Keys of fixed width → dense numbers, so that sums per address become one array addition.

A hash table over bytes; the hash is keyed, so that a capture cannot be made to collide.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy

from wire cimport load64

cdef extern from * nogil:
    """
    static inline uint64_t pcap_stir(uint64_t a, uint64_t b) {
        unsigned __int128 wide = (unsigned __int128)a * b;
        return (uint64_t)wide ^ (uint64_t)(wide >> 64);
    }
    """
    uint64_t stir "pcap_stir"(uint64_t a, uint64_t b) noexcept


cdef class Interner:
    """Numbers keys from 0 in the order in which they come; keys beyond `limit` all get the number `limit`.

    width: bytes a key, a multiple of 8.  seed: 16 bytes.  Raises MemoryError, ValueError for a wrong width.
    """
    cdef uint8_t* keys
    cdef uint64_t* slots             # hash << 32 | number + 1
    cdef uint64_t seed[2]
    cdef uint32_t mask, count, capacity, limit
    cdef size_t width

    def __cinit__(self, size_t width, uint32_t limit, bytes seed not None):
        if width % 8 or not 8 <= width <= 64:
            raise ValueError(f"width is {width}, expected a multiple of 8 up to 64")
        if not 1 <= limit <= 0x3FFFFFFF:
            raise ValueError(f"limit is {limit}, expected 1 to {0x3FFFFFFF}")
        if len(seed) != 16:
            raise ValueError(f"seed has {len(seed)} bytes, expected 16")
        self.width = width
        self.limit = limit
        self.seed[0] = int.from_bytes(seed[:8], "little")
        self.seed[1] = int.from_bytes(seed[8:], "little")
        self.mask = 1023
        self.capacity = 512
        self.slots = <uint64_t*>calloc(self.mask + 1, sizeof(uint64_t))
        self.keys = <uint8_t*>malloc(self.capacity * width)
        if self.slots == NULL or self.keys == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.slots)
        free(self.keys)

    def __len__(self):
        """How many keys have numbers; the rest, if any, stands under `limit`."""
        return self.count

    cdef uint32_t hash(self, const uint8_t* key) noexcept nogil:
        cdef uint64_t wide = self.seed[0]
        cdef size_t at
        for at in range(0, self.width, 8):
            wide = stir(wide ^ load64(key + at), self.seed[1] | 1)
        return <uint32_t>(wide ^ (wide >> 32))

    cdef bint grow(self) noexcept nogil:
        cdef uint32_t mask = self.mask * 2 + 1, at
        cdef uint64_t slot
        cdef size_t index
        cdef uint64_t* slots = <uint64_t*>calloc(<size_t>mask + 1, sizeof(uint64_t))
        cdef uint8_t* keys = <uint8_t*>realloc(self.keys, <size_t>self.capacity * 2 * self.width)
        if keys != NULL:
            self.keys = keys
        if slots == NULL or keys == NULL:
            free(slots)
            return False
        for index in range(<size_t>self.mask + 1):
            slot = self.slots[index]
            if slot:
                at = <uint32_t>(slot >> 32) & mask
                while slots[at]:
                    at = (at + 1) & mask
                slots[at] = slot
        free(self.slots)
        self.slots = slots
        self.mask = mask
        self.capacity *= 2
        return True

    cdef int64_t number_of(self, const uint8_t* key) noexcept nogil:
        """The number of a key; -1 when memory is short."""
        cdef uint32_t hash = self.hash(key), at = hash & self.mask, number
        cdef uint64_t slot
        while True:
            slot = self.slots[at]
            if slot == 0:
                break
            number = <uint32_t>slot - 1
            if <uint32_t>(slot >> 32) == hash and memcmp(self.keys + <size_t>number * self.width, key, self.width) == 0:
                return number
            at = (at + 1) & self.mask
        if self.count == self.limit:
            return self.limit
        if self.count == self.capacity:
            if not self.grow():
                return -1
            at = hash & self.mask
            while self.slots[at]:
                at = (at + 1) & self.mask
        self.slots[at] = (<uint64_t>hash << 32) | (self.count + 1)
        memcpy(self.keys + <size_t>self.count * self.width, key, self.width)
        self.count += 1
        return self.count - 1

    def intern(
        self,
        const uint8_t[:, ::1] keys not None,  # IN   (n, width)
        uint32_t[::1] number not None,        # OUT  (n,)
    ):
        """Number n keys, old ones as before. Raises ValueError when the shapes do not fit."""
        cdef Py_ssize_t row
        cdef int64_t found = 0
        if <size_t>keys.shape[1] != self.width or number.shape[0] < keys.shape[0]:
            raise ValueError(f"keys of {keys.shape[1]} bytes into {number.shape[0]} numbers, width is {self.width}")
        with nogil:
            for row in range(keys.shape[0]):
                found = self.number_of(&keys[row, 0])
                if found < 0:
                    break
                number[row] = <uint32_t>found
        if keys.shape[0] and found < 0:
            raise MemoryError

    def known(self):
        """All keys in order of their numbers, as bytes (count * width)."""
        return (<char*>self.keys)[:<size_t>self.count * self.width]
