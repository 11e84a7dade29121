"""Byte keys of one width, numbered from 0 in the order in which they come; at most `limit` of them.

The hash is keyed, so that a capture cannot be made to collide.

A flood brings a million keys to a table that takes thirty thousand. When it is full, a bit for each of its hashes tells
of nearly all others that it has them not: 32 KiB that stay in the processor, where slots and keys are far away.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from flow_key cimport mix
from pages cimport empty_slots
from wire cimport load64, prefetch_read

cdef enum:
    NO_KEY = 0xFFFFFFFF
    FIRST_KEYS = 64
    FEW_KEYS = 8192                  # where there are more, there is room for many at once
    MANY_KEYS = 131072
    BITS_A_KEY = 8                   # of a full table: one in nine that it has not looks as if it had it

ctypedef struct keys_t:
    uint64_t* slots                  # hash << 32 | number + 1
    uint8_t* keys                    # (capacity, width)
    uint64_t seed[2]
    uint32_t width                   # a multiple of eight
    uint32_t mask
    uint32_t count
    uint32_t capacity
    uint32_t limit
    uint64_t* present                # of a full table, by the upper bits of a hash; else NULL
    uint32_t present_shift
    uint8_t failed                   # memory ran out


cdef inline uint32_t next_capacity(uint32_t capacity, uint32_t limit) noexcept nogil:
    """Of a table that is full: twice as much, but for one large step."""
    if capacity == FEW_KEYS:
        capacity = MANY_KEYS
    elif capacity:
        capacity = capacity * 2 if capacity < 0x80000000u else 0xFFFFFFFFu
    else:
        capacity = FIRST_KEYS
    return capacity if capacity < limit else limit


cdef inline bint keys_init(keys_t* keys, uint32_t width, uint32_t limit, const uint64_t* seed) noexcept nogil:
    """False: no memory; keys_free is still to be called."""
    memset(keys, 0, sizeof(keys_t))
    keys.width = width
    keys.limit = limit
    keys.seed[0], keys.seed[1] = seed[0], seed[1]
    return grow_keys(keys)


cdef inline void keys_free(keys_t* keys) noexcept nogil:
    free(keys.slots)
    free(keys.keys)
    free(keys.present)
    keys.slots = NULL
    keys.keys = NULL
    keys.present = NULL


cdef inline const uint8_t* key_at(const keys_t* keys, uint32_t number) noexcept nogil:
    return keys.keys + <size_t>number * keys.width


cdef inline uint32_t hash_words(const uint8_t* key, size_t width, const uint64_t* seed) noexcept nogil:
    """width: bytes, a multiple of eight.  seed: (2,)."""
    cdef uint64_t wide = seed[0]
    cdef size_t at = 0
    while at + 8 < width:
        wide = mix(load64(key + at) ^ seed[1], load64(key + at + 8) ^ wide)
        at += 16
    if at < width:
        wide = mix(load64(key + at) ^ seed[1], wide)
    return <uint32_t>(wide ^ (wide >> 32))


cdef inline bint grow_keys(keys_t* keys) noexcept nogil:
    """Room for more; False: no memory."""
    cdef uint32_t capacity = next_capacity(keys.capacity, keys.limit), at
    cdef size_t mask = 2 * FIRST_KEYS - 1, index
    cdef uint64_t* slots
    # One more: of none at all a C library may give NULL.
    cdef uint8_t* grown = <uint8_t*>realloc(keys.keys, <size_t>capacity * keys.width + 1)
    if grown == NULL:
        return False
    keys.keys = grown
    while mask + 1 < 2 * <size_t>capacity:
        mask = mask * 2 + 1
    slots = empty_slots(mask + 1)
    if slots == NULL:
        return False
    for index in range(<size_t>keys.mask + 1 if keys.slots != NULL else 0):
        if keys.slots[index]:
            at = <uint32_t>(keys.slots[index] >> 32) & <uint32_t>mask
            while slots[at]:
                at = (at + 1) & <uint32_t>mask
            slots[at] = keys.slots[index]
    free(keys.slots)
    keys.slots = slots
    keys.mask = <uint32_t>mask
    keys.capacity = capacity
    return True


cdef inline void note_present(keys_t* keys) noexcept nogil:
    """The table is full. Without memory for it, nothing is known to be lacking."""
    cdef uint32_t at, hash
    keys.present_shift = 26
    while keys.present_shift and (<uint64_t>1 << (32 - keys.present_shift)) < <uint64_t>BITS_A_KEY * keys.count:
        keys.present_shift -= 1
    keys.present = <uint64_t*>calloc(<size_t>1 << (26 - keys.present_shift), sizeof(uint64_t))
    if keys.present == NULL:
        return
    for at in range(<size_t>keys.mask + 1):
        if keys.slots[at]:
            hash = <uint32_t>(keys.slots[at] >> 32) >> keys.present_shift
            keys.present[hash >> 6] |= <uint64_t>1 << (hash & 63)


cdef inline bint is_beyond(const keys_t* keys, uint32_t hash) noexcept nogil:
    """Whether a key with this hash has no place, and never will have. False does not say that it has one."""
    cdef uint32_t bit = hash >> keys.present_shift
    return keys.present != NULL and not keys.present[bit >> 6] >> (bit & 63) & 1


cdef inline uint32_t expect_key(const keys_t* keys, const uint8_t* key) noexcept nogil:
    """The hash of a key that will be asked for soon; its slot is fetched."""
    cdef uint32_t hash = hash_words(key, keys.width, keys.seed)
    if not is_beyond(keys, hash):
        prefetch_read(&keys.slots[hash & keys.mask])
    return hash


cdef inline uint32_t likely_number(const keys_t* keys, uint32_t hash) noexcept nogil:
    """The number of a key whose slot was fetched, very likely, while the key itself is fetched; NO_KEY: none yet."""
    cdef uint64_t slot = 0 if is_beyond(keys, hash) else keys.slots[hash & keys.mask]
    if <uint32_t>(slot >> 32) != hash or not slot:
        return NO_KEY
    prefetch_read(key_at(keys, <uint32_t>slot - 1))
    return <uint32_t>slot - 1


cdef inline bint equal_keys(const uint8_t* one, const uint8_t* other, uint32_t width) noexcept nogil:
    cdef uint64_t difference = 0
    cdef uint32_t at
    for at in range(0, width, 8):
        difference |= load64(one + at) ^ load64(other + at)
    return difference == 0


cdef inline uint32_t number_of(keys_t* keys, const uint8_t* key, uint32_t hash, bint* fresh) noexcept nogil:
    """The number of a key, given where it has none; NO_KEY beyond the limit. fresh: whether it was given now.

    hash: as expect_key gives it.
    """
    cdef uint32_t at = hash & keys.mask, number
    fresh[0] = False
    if is_beyond(keys, hash):
        return NO_KEY
    while keys.slots[at]:
        number = <uint32_t>keys.slots[at] - 1
        if <uint32_t>(keys.slots[at] >> 32) == hash and equal_keys(key_at(keys, number), key, keys.width):
            return number
        at = (at + 1) & keys.mask
    if keys.count == keys.limit:
        return NO_KEY
    if keys.count == keys.capacity:
        if not grow_keys(keys):
            keys.failed = 1
            return NO_KEY
        at = hash & keys.mask
        while keys.slots[at]:
            at = (at + 1) & keys.mask
    number = keys.count
    keys.slots[at] = (<uint64_t>hash << 32) | (number + 1)
    memcpy(keys.keys + <size_t>number * keys.width, key, keys.width)
    keys.count += 1
    if keys.count == keys.limit:
        note_present(keys)
    fresh[0] = True
    return number
