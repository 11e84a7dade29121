"""Rows by key: a hash table of byte keys of one width, numbered from 0 in the order in which they come.

Behind a key lies what its owner keeps of it, in the same row; rows come in blocks and are never moved. There are at
most `limit` of them. The hash is keyed, so that a capture cannot be made to collide.

A flood brings a million keys to a table that takes thirty thousand. When it is full, a bit for each of its hashes tells
of nearly all others that it has them not: 32 KiB of thirty thousand keys, where slots and rows are far away.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from blocks cimport BLOCK_BYTES, blocks_t, take_block
from flow_key cimport mix
from grow cimport has_place
from pages cimport empty_slots
from wire cimport load64, prefetch_read, prefetch_write

cdef enum:
    NO_KEY = 0xFFFFFFFF
    FIRST_KEYS = 64
    FEW_KEYS = 8192                  # where there are more, there is room for many at once,
    MANY_KEYS = 131072
    MOST_KEYS = 1048576              # and for most
    BITS_A_KEY = 8                   # of a full table: one in nine that it has not looks as if it had it

ctypedef struct keyed_t:
    uint64_t* slots                  # hash << 32 | number + 1
    uint8_t** blocks                 # of rows
    blocks_t* pool                   # where they come from
    uint64_t seed[2]
    size_t width                     # of a key, a multiple of eight
    size_t stride                    # from a row to the next
    uint32_t shift                   # a block has 1 << shift rows
    uint32_t mask
    uint32_t count
    uint32_t capacity                # keys that there are slots enough for
    uint32_t limit
    uint32_t block_count
    uint32_t block_capacity
    uint32_t present_shift
    uint64_t* present                # of a full table, by the upper bits of a hash; else NULL
    uint8_t failed                   # memory ran out


# ---------------------------------------------------------------- memory

cdef inline uint32_t next_capacity(uint32_t capacity, uint32_t limit) noexcept nogil:
    """Of a table that is full: twice as much, but for two large steps."""
    if capacity == FEW_KEYS:
        capacity = MANY_KEYS
    elif capacity == MANY_KEYS:
        capacity = MOST_KEYS
    elif capacity:
        capacity = capacity * 2 if capacity < 0x80000000u else 0xFFFFFFFFu
    else:
        capacity = FIRST_KEYS
    return capacity if capacity < limit else limit


cdef inline bint add_slots(keyed_t* table, uint32_t expected) noexcept nogil:
    """Slots for more, and at least for so many as far as the limit allows; False: no memory."""
    cdef uint32_t capacity = next_capacity(table.capacity, table.limit), at
    cdef size_t mask = 2 * FIRST_KEYS - 1, index
    cdef uint64_t* slots
    while capacity < expected and capacity < table.limit:
        capacity = next_capacity(capacity, table.limit)
    while mask + 1 < 2 * <size_t>capacity:
        mask = mask * 2 + 1
    slots = empty_slots(mask + 1)
    if slots == NULL:
        return False
    for index in range(<size_t>table.mask + 1 if table.slots != NULL else 0):
        if table.slots[index]:
            at = <uint32_t>(table.slots[index] >> 32) & <uint32_t>mask
            while slots[at]:
                at = (at + 1) & <uint32_t>mask
            slots[at] = table.slots[index]
    free(table.slots)
    table.slots = slots
    table.mask = <uint32_t>mask
    table.capacity = capacity
    return True


cdef inline bint add_block(keyed_t* table) noexcept nogil:
    if not has_place(&table.blocks, &table.block_capacity, table.block_count, sizeof(uint8_t*), 4):
        return False
    # Of the first block a small capture touches little.
    table.blocks[table.block_count] = <uint8_t*>take_block(table.pool, table.block_count != 0)
    if table.blocks[table.block_count] == NULL:
        return False
    table.block_count += 1
    return True


cdef inline bint has_room(keyed_t* table) noexcept nogil:
    """Whether there is room for one more row and its slot; made where there is none."""
    if table.count >> table.shift == table.block_count and not add_block(table):
        return False
    return table.count < table.capacity or add_slots(table, 0)


cdef inline bint keyed_init(
    keyed_t* table, size_t width, size_t kept, uint32_t limit, uint32_t expected, const uint64_t* seed, blocks_t* pool
) noexcept nogil:
    """width, kept: bytes of a key and behind it, multiples of eight.  expected: keys at most, as far as known.

    pool: see take_block.  False: no memory; keyed_free is still to be called.
    """
    memset(table, 0, sizeof(keyed_t))
    table.pool = pool
    table.width = width
    table.stride = width + kept
    while (table.stride << (table.shift + 1)) <= BLOCK_BYTES:
        table.shift += 1
    table.limit = limit
    table.seed[0], table.seed[1] = seed[0], seed[1]
    return add_slots(table, expected)


cdef inline void keyed_free(keyed_t* table) noexcept nogil:
    cdef uint32_t block
    for block in range(table.block_count):
        free(table.blocks[block])
    free(table.blocks)
    free(table.slots)
    free(table.present)
    memset(table, 0, sizeof(keyed_t))


# ---------------------------------------------------------------- looking

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


cdef inline uint32_t hash_of(const keyed_t* table, const uint8_t* key) noexcept nogil:
    # The widths of nearly all: an address or two, and what little goes with them. Each without a loop.
    if table.width == 24:
        return hash_words(key, 24, table.seed)
    if table.width == 40:
        return hash_words(key, 40, table.seed)
    return hash_words(key, table.width, table.seed)


cdef inline uint8_t* row_at(const keyed_t* table, uint32_t number) noexcept nogil:
    """The key of a number."""
    return table.blocks[number >> table.shift] + (number & ((<uint32_t>1 << table.shift) - 1)) * table.stride


cdef inline uint8_t* kept_at(const keyed_t* table, uint32_t number) noexcept nogil:
    """What is kept behind it."""
    return row_at(table, number) + table.width


cdef inline bint is_beyond(const keyed_t* table, uint32_t hash) noexcept nogil:
    """Whether a key with this hash has no place, and never will have. False does not say that it has one."""
    cdef uint32_t bit = hash >> table.present_shift
    return table.present != NULL and not table.present[bit >> 6] >> (bit & 63) & 1


cdef inline void expect_presence(const keyed_t* table, uint32_t hash) noexcept nogil:
    """is_beyond will be asked for a hash soon."""
    if table.present != NULL:
        prefetch_read(&table.present[hash >> table.present_shift >> 6])


cdef inline void expect_slot(const keyed_t* table, uint32_t hash) noexcept nogil:
    """A key with this hash will be asked for soon."""
    prefetch_read(&table.slots[hash & table.mask])


cdef inline uint32_t expect_key(const keyed_t* table, const uint8_t* key) noexcept nogil:
    """The hash of a key that will be asked for soon; its slot is fetched."""
    cdef uint32_t hash = hash_of(table, key)
    expect_slot(table, hash)
    return hash


cdef inline uint32_t likely_number(const keyed_t* table, uint32_t hash) noexcept nogil:
    """The number of a key whose slot was fetched, very likely, while its row is fetched; NO_KEY: none yet."""
    cdef uint64_t slot = table.slots[hash & table.mask]
    cdef const uint8_t* row
    if <uint32_t>(slot >> 32) != hash or not slot:
        return NO_KEY
    row = row_at(table, <uint32_t>slot - 1)
    prefetch_write(row)
    prefetch_write(row + table.stride - 1)
    return <uint32_t>slot - 1


cdef inline bint equal_keys(const uint8_t* one, const uint8_t* other, size_t width) noexcept nogil:
    cdef uint64_t difference = 0
    cdef size_t at
    for at in range(0, width, 8):
        difference |= load64(one + at) ^ load64(other + at)
    return difference == 0


cdef inline void note_present(keyed_t* table) noexcept nogil:
    """The table is full. Without memory for it, nothing is known to be lacking."""
    cdef uint32_t at, hash
    table.present_shift = 26
    while table.present_shift and (<uint64_t>1 << (32 - table.present_shift)) < <uint64_t>BITS_A_KEY * table.count:
        table.present_shift -= 1
    table.present = <uint64_t*>calloc(<size_t>1 << (26 - table.present_shift), sizeof(uint64_t))
    if table.present == NULL:
        return
    for at in range(<size_t>table.mask + 1):
        if table.slots[at]:
            hash = <uint32_t>(table.slots[at] >> 32) >> table.present_shift
            table.present[hash >> 6] |= <uint64_t>1 << (hash & 63)


cdef inline uint8_t* add_row(keyed_t* table, const uint8_t* key, uint32_t hash, uint32_t* number) noexcept nogil:
    """See find_row; the key has no row."""
    cdef uint32_t at
    cdef uint8_t* row
    if table.count == table.limit:
        return NULL
    # Trying again for every key would take minutes.
    if table.failed or not has_room(table):
        table.failed = 1
        return NULL
    number[0] = table.count
    row = row_at(table, table.count)
    memcpy(row, key, table.width)
    table.count += 1
    at = hash & table.mask
    while table.slots[at]:
        at = (at + 1) & table.mask
    table.slots[at] = (<uint64_t>hash << 32) | table.count
    if table.count == table.limit:
        note_present(table)
    return row


cdef inline uint8_t* known_row(
    const keyed_t* table, const uint8_t* key, uint32_t hash, uint32_t* number
) noexcept nogil:
    """The row of a key and its number. NULL: it has none.  hash: as hash_of gives it."""
    cdef uint32_t at = hash & table.mask
    cdef uint8_t* row
    while table.slots[at]:
        if <uint32_t>(table.slots[at] >> 32) == hash:
            number[0] = <uint32_t>table.slots[at] - 1
            row = row_at(table, number[0])
            if equal_keys(row, key, table.width):
                return row
        at = (at + 1) & table.mask
    return NULL


cdef inline uint8_t* find_row(keyed_t* table, const uint8_t* key, uint32_t hash, uint32_t* number) noexcept nogil:
    """As known_row, and where there is none it is made: the table counts one more, and behind the key lies anything.

    NULL: it finds no place.
    """
    cdef uint8_t* row
    if is_beyond(table, hash):
        return NULL
    row = known_row(table, key, hash, number)
    return row if row != NULL else add_row(table, key, hash, number)
