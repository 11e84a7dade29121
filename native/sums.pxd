"""Integer sums per key: a hash table of byte keys with a row of columns each.

Exact up to a number of keys; what comes beyond is summed in one last row. The hash is keyed, so that a capture cannot
be made to collide. A row lies behind its key: that of an address fills a cache line. They come in blocks, never moved.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from blocks cimport BLOCK_BYTES, blocks_t, take_block
from keys cimport equal_keys, hash_words
from pages cimport empty_slots
from spread cimport bit_length
from wire cimport be64, load64, prefetch_read, prefetch_write

cdef enum:
    SUM_COLUMNS = 5
    FIRST_ROWS = 1024                # a power of two
    MANY_ROWS = 131072               # where there are more, there is room for many at once

ctypedef struct sums_t:
    uint8_t** blocks                 # of rows, each a key and SUM_COLUMNS values
    blocks_t* pool                   # where they come from
    uint64_t* slots                  # hash << 32 | number + 1
    uint64_t seed[2]
    size_t width                     # of a key, a multiple of eight
    size_t stride                    # from a row to the next
    uint32_t shift                   # a block has 1 << shift rows
    uint32_t block_count
    uint32_t mask
    uint32_t count
    uint32_t capacity                # keys that there are slots enough for
    uint32_t limit
    int64_t beyond[SUM_COLUMNS]
    uint8_t failed                   # memory ran out


cdef inline bint sums_init(
    sums_t* sums, size_t width, uint32_t limit, uint32_t expected, const uint64_t* seed, blocks_t* pool
) noexcept nogil:
    """expected: keys at most, as far as known: slots for as many come at once.  False: no memory; see sums_free."""
    memset(sums, 0, sizeof(sums_t))
    sums.pool = pool
    sums.width = width
    sums.stride = width + SUM_COLUMNS * sizeof(int64_t)
    while (sums.stride << (sums.shift + 1)) <= BLOCK_BYTES:
        sums.shift += 1
    sums.limit = limit
    sums.seed[0], sums.seed[1] = seed[0], seed[1]
    sums.capacity = FIRST_ROWS
    while sums.capacity < expected and sums.capacity < limit:
        sums.capacity *= 2
    sums.mask = sums.capacity * 2 - 1
    sums.slots = empty_slots(<size_t>sums.mask + 1)
    sums.blocks = <uint8_t**>calloc((<size_t>limit >> sums.shift) + 1, sizeof(uint8_t*))
    return sums.slots != NULL and sums.blocks != NULL


cdef inline void sums_free(sums_t* sums) noexcept nogil:
    cdef uint32_t block
    for block in range(sums.block_count):
        free(sums.blocks[block])
    free(sums.blocks)
    free(sums.slots)
    sums.blocks = NULL
    sums.slots = NULL
    sums.block_count = sums.count = 0


cdef inline uint8_t* key_of(const sums_t* sums, uint32_t number) noexcept nogil:
    return sums.blocks[number >> sums.shift] + (number & ((<uint32_t>1 << sums.shift) - 1)) * sums.stride


cdef inline int64_t* values_of(const sums_t* sums, uint32_t number) noexcept nogil:
    """(SUM_COLUMNS,)"""
    return <int64_t*>(key_of(sums, number) + sums.width)


cdef inline uint32_t sums_hash(const sums_t* sums, const uint8_t* key) noexcept nogil:
    return hash_words(key, sums.width, sums.seed)


cdef inline bint grow_slots(sums_t* sums) noexcept nogil:
    cdef size_t capacity = <size_t>sums.capacity * (8 if sums.capacity == MANY_ROWS else 2), index
    cdef uint32_t mask = <uint32_t>(capacity * 2 - 1), at
    cdef uint64_t* slots = empty_slots(capacity * 2)
    if slots == NULL:
        return False
    for index in range(<size_t>sums.mask + 1):
        if sums.slots[index]:
            at = <uint32_t>(sums.slots[index] >> 32) & mask
            while slots[at]:
                at = (at + 1) & mask
            slots[at] = sums.slots[index]
    free(sums.slots)
    sums.slots = slots
    sums.mask = mask
    sums.capacity = <uint32_t>capacity
    return True


cdef inline bint has_room(sums_t* sums) noexcept nogil:
    """Whether there is room for one more row and its slot; made where there is none."""
    if sums.count >> sums.shift == sums.block_count:
        # Of the first block a small capture touches little.
        sums.blocks[sums.block_count] = <uint8_t*>take_block(sums.pool, sums.block_count != 0)
        if sums.blocks[sums.block_count] == NULL:
            return False
        sums.block_count += 1
    return sums.count < sums.capacity or grow_slots(sums)


cdef inline int64_t* sums_row(sums_t* sums, const uint8_t* key, uint32_t hash) noexcept nogil:
    """The row of a key, (SUM_COLUMNS,), made where there is none; the last common one beyond the limit."""
    cdef uint32_t at = hash & sums.mask
    cdef uint8_t* row
    while sums.slots[at]:
        if <uint32_t>(sums.slots[at] >> 32) == hash:
            row = key_of(sums, <uint32_t>sums.slots[at] - 1)
            if equal_keys(row, key, <uint32_t>sums.width):
                return <int64_t*>(row + sums.width)
        at = (at + 1) & sums.mask
    if sums.count == sums.limit:
        return sums.beyond
    # Trying again for every key would take minutes.
    if sums.failed or not has_room(sums):
        sums.failed = 1
        return sums.beyond
    at = hash & sums.mask                        # slots may have moved
    while sums.slots[at]:
        at = (at + 1) & sums.mask
    row = key_of(sums, sums.count)
    sums.count += 1
    sums.slots[at] = (<uint64_t>hash << 32) | sums.count
    memcpy(row, key, sums.width)
    memset(row + sums.width, 0, SUM_COLUMNS * sizeof(int64_t))
    return <int64_t*>(row + sums.width)


cdef inline uint32_t sums_expect(const sums_t* sums, const uint8_t* key) noexcept nogil:
    """The hash of a key whose row will be asked for soon."""
    cdef uint32_t hash = sums_hash(sums, key)
    prefetch_read(&sums.slots[hash & sums.mask])
    return hash


cdef inline void sums_near(const sums_t* sums, uint32_t hash) noexcept nogil:
    """Fetch the row that is very likely that of this hash, whose slot was fetched before."""
    cdef uint64_t slot = sums.slots[hash & sums.mask]
    cdef const uint8_t* row
    if slot and <uint32_t>(slot >> 32) == hash:
        row = key_of(sums, <uint32_t>slot - 1)
        prefetch_write(row)
        prefetch_write(row + sums.stride - 1)


cdef inline int64_t sum_of(const sums_t* sums, uint32_t number, int first, int second) noexcept nogil:
    cdef const int64_t* row = values_of(sums, number)
    return row[first] + row[second]


cdef inline bint is_reached(const int64_t* totals, uint32_t count, int64_t bound, size_t limit) noexcept nogil:
    """Whether at least `limit` totals are `bound` or more."""
    cdef uint32_t at = 0, end
    cdef size_t rows = 0
    while at < count and rows < limit:           # a stretch without a branch at a time
        end = at + 256 if count - at > 256 else count
        while at < end:
            rows += totals[at] >= bound
            at += 1
    return rows >= limit


cdef inline int64_t lowest_of(const int64_t* totals, uint32_t count, size_t limit, int64_t* span) noexcept nogil:
    """The least of the totals that have as many bits as the last of the `limit` largest; span: to the largest of them.

    Most captures have a few giants: no bit is looked for that only they have.
    """
    cdef uint32_t counts[65]
    cdef uint32_t number, bits = 64, larger = 0
    cdef int64_t least = INT64_MAX, most = 0
    memset(counts, 0, sizeof(counts))
    for number in range(count):
        counts[bit_length(<uint64_t>totals[number])] += 1
    while bits and larger + counts[bits] < limit:
        larger += counts[bits]
        bits -= 1
    for number in range(count):
        if bit_length(<uint64_t>totals[number]) == bits:
            least = min(least, totals[number])
            most = max(most, totals[number])
    span[0] = most - least
    return least


cdef inline int64_t top_bound(const int64_t* totals, uint32_t count, size_t limit) noexcept nogil:
    """The last of the `limit` largest, found bit by bit; -1 when there are fewer. Totals are not negative."""
    cdef int64_t bound, step = 1, span
    if count <= limit:
        return -1
    bound = lowest_of(totals, count, limit, &span)
    while step <= span >> 1:
        step <<= 1
    if span == 0:
        step = 0
    while step:
        if is_reached(totals, count, bound + step, limit):
            bound += step
        step >>= 1
    return bound


cdef inline bint is_key_before(const sums_t* sums, uint32_t one, uint32_t other) noexcept nogil:
    """As memcmp, which takes as long to be called."""
    cdef const uint8_t* left = key_of(sums, one)
    cdef const uint8_t* right = key_of(sums, other)
    cdef size_t at = 0
    while at < sums.width and load64(left + at) == load64(right + at):
        at += 8
    return at < sums.width and be64(left + at) < be64(right + at)


cdef inline void sift_key(const sums_t* sums, uint32_t* heap, uint32_t count) noexcept nogil:
    """The top of a heap of row numbers goes down to its place; the largest key stands on top."""
    cdef uint32_t at = 0, child, moved = heap[0]
    while at * 2 + 1 < count:
        child = at * 2 + 1
        if child + 1 < count and is_key_before(sums, heap[child], heap[child + 1]):
            child += 1
        if not is_key_before(sums, moved, heap[child]):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = moved


cdef inline void raise_key(const sums_t* sums, uint32_t* heap, uint32_t at) noexcept nogil:
    """The last of a heap of row numbers goes up to its place."""
    cdef uint32_t moved = heap[at]
    while at and is_key_before(sums, heap[(at - 1) // 2], moved):
        heap[at] = heap[(at - 1) // 2]
        at = (at - 1) // 2
    heap[at] = moved


cdef inline uint32_t choose_top(
    const sums_t* sums, const int64_t* totals, uint32_t limit, uint32_t* chosen
) noexcept nogil:
    """The numbers of the `limit` rows with the largest sums, of equals those with the smaller keys; how many."""
    cdef int64_t bound = top_bound(totals, sums.count, limit)
    cdef uint32_t number, larger = 0, equal = 0, room
    for number in range(sums.count):
        if totals[number] > bound:
            chosen[larger] = number
            larger += 1
    room = limit - larger
    if bound < 0 or room == 0:
        return larger
    for number in range(sums.count):
        if totals[number] != bound:
            continue
        if equal < room:
            chosen[larger + equal] = number
            raise_key(sums, chosen + larger, equal)
            equal += 1
        elif is_key_before(sums, number, chosen[larger]):
            chosen[larger] = number
            sift_key(sums, chosen + larger, room)
    return larger + equal


cdef inline bytes column_of(const sums_t* sums, size_t begin, size_t size):
    """A part of all rows, one behind the other, in the order in which they were met."""
    cdef bytes out = PyBytes_FromStringAndSize(NULL, sums.count * size)
    cdef uint32_t number
    for number in range(sums.count):
        memcpy(PyBytes_AS_STRING(out) + number * size, key_of(sums, number) + begin, size)
    return out


cdef inline bytes sums_keys(const sums_t* sums):
    """(count, width)"""
    return column_of(sums, 0, sums.width)


cdef inline bytes sums_values(const sums_t* sums):
    """(count, SUM_COLUMNS) int64"""
    return column_of(sums, sums.width, SUM_COLUMNS * sizeof(int64_t))


cdef inline list sums_top(const sums_t* sums, int first, int second, uint32_t limit):
    """[(key, values)] of the rows with the largest sum of two columns, largest first, of equals by key."""
    cdef uint32_t* chosen = <uint32_t*>malloc((limit + 1) * sizeof(uint32_t))
    cdef uint32_t index, count, column
    cdef int64_t* totals = <int64_t*>malloc((<size_t>sums.count + 1) * sizeof(int64_t))
    if chosen == NULL or totals == NULL:
        free(chosen)
        free(totals)
        raise MemoryError
    for index in range(sums.count):
        totals[index] = sum_of(sums, index, first, second)
    count = choose_top(sums, totals, limit, chosen)
    free(totals)
    rows = []
    for index in range(count):
        key = (<const char*>key_of(sums, chosen[index]))[:sums.width]
        values = [values_of(sums, chosen[index])[column] for column in range(SUM_COLUMNS)]
        rows.append((-(values[first] + values[second]), key, values))
    free(chosen)
    rows.sort()
    return [(key, values) for _, key, values in rows]
