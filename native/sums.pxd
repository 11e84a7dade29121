"""Integer sums per key: a hash table of byte keys with a row of columns each.

Exact up to a number of keys; what comes beyond is summed in one last row. The hash is keyed, so that a capture cannot
be made to collide.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from keys cimport equal_keys, hash_words
from pages cimport empty_slots
from wire cimport prefetch_read, prefetch_write

cdef enum:
    SUM_COLUMNS = 5
    FIRST_ROWS = 1024                # a power of two
    MANY_ROWS = 131072               # where there are more, there is room for many at once

ctypedef struct sums_t:
    uint8_t* keys                    # (count, width)
    int64_t* values                  # (count, SUM_COLUMNS)
    uint64_t* slots                  # hash << 32 | number + 1
    uint64_t seed[2]
    size_t width                     # a multiple of eight
    uint32_t mask
    uint32_t count
    uint32_t capacity
    uint32_t limit
    int64_t beyond[SUM_COLUMNS]
    uint8_t failed                   # memory ran out


cdef inline bint sums_init(
    sums_t* sums, size_t width, uint32_t limit, uint32_t expected, const uint64_t* seed
) noexcept nogil:
    """expected: keys at most, as far as known: memory for as many is asked for at once, and touched as they come."""
    memset(sums, 0, sizeof(sums_t))
    sums.width = width
    sums.limit = limit
    sums.seed[0], sums.seed[1] = seed[0], seed[1]
    sums.capacity = FIRST_ROWS
    while sums.capacity < expected and sums.capacity < limit:
        sums.capacity *= 2
    sums.mask = sums.capacity * 2 - 1
    sums.slots = empty_slots(<size_t>sums.mask + 1)
    sums.keys = <uint8_t*>malloc(sums.capacity * width)
    sums.values = <int64_t*>malloc(sums.capacity * SUM_COLUMNS * sizeof(int64_t))
    return sums.slots != NULL and sums.keys != NULL and sums.values != NULL


cdef inline void sums_free(sums_t* sums) noexcept nogil:
    free(sums.slots)
    free(sums.keys)
    free(sums.values)
    sums.slots = NULL
    sums.keys = NULL
    sums.values = NULL


cdef inline uint32_t sums_hash(const sums_t* sums, const uint8_t* key) noexcept nogil:
    return hash_words(key, sums.width, sums.seed)


cdef inline bint grow_sums(sums_t* sums) noexcept nogil:
    cdef size_t capacity = <size_t>sums.capacity * (8 if sums.capacity == MANY_ROWS else 2), index
    cdef uint32_t mask = <uint32_t>(capacity * 2 - 1), at
    cdef uint64_t* slots = empty_slots(capacity * 2)
    cdef uint8_t* keys = <uint8_t*>realloc(sums.keys, capacity * sums.width)
    cdef int64_t* values = <int64_t*>realloc(sums.values, capacity * SUM_COLUMNS * sizeof(int64_t))
    if keys != NULL:
        sums.keys = keys
    if values != NULL:
        sums.values = values
    if slots == NULL or keys == NULL or values == NULL:
        free(slots)
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


cdef inline int64_t* sums_row(sums_t* sums, const uint8_t* key, uint32_t hash) noexcept nogil:
    """The row of a key, (SUM_COLUMNS,), made where there is none; the last common one beyond the limit."""
    cdef uint32_t at = hash & sums.mask, number
    while sums.slots[at]:
        number = <uint32_t>sums.slots[at] - 1
        if <uint32_t>(sums.slots[at] >> 32) == hash and equal_keys(
            sums.keys + number * sums.width, key, <uint32_t>sums.width
        ):
            return sums.values + <size_t>number * SUM_COLUMNS
        at = (at + 1) & sums.mask
    if sums.count == sums.limit:
        return sums.beyond
    if sums.count == sums.capacity:
        # Trying again for every key would take minutes.
        if sums.failed or not grow_sums(sums):
            sums.failed = 1
            return sums.beyond
        at = hash & sums.mask
        while sums.slots[at]:
            at = (at + 1) & sums.mask
    number = sums.count
    sums.slots[at] = (<uint64_t>hash << 32) | (number + 1)
    memcpy(sums.keys + number * sums.width, key, sums.width)
    memset(sums.values + <size_t>number * SUM_COLUMNS, 0, SUM_COLUMNS * sizeof(int64_t))
    sums.count += 1
    return sums.values + <size_t>number * SUM_COLUMNS


cdef inline uint32_t sums_expect(const sums_t* sums, const uint8_t* key) noexcept nogil:
    """The hash of a key whose row will be asked for soon."""
    cdef uint32_t hash = sums_hash(sums, key)
    prefetch_read(&sums.slots[hash & sums.mask])
    return hash


cdef inline void sums_near(const sums_t* sums, uint32_t hash) noexcept nogil:
    """Fetch the key and the row that are very likely those of this hash, whose slot was fetched before."""
    cdef uint64_t slot = sums.slots[hash & sums.mask]
    if slot and <uint32_t>(slot >> 32) == hash:
        prefetch_read(sums.keys + (<uint32_t>slot - 1) * sums.width)
        prefetch_write(sums.values + <size_t>(<uint32_t>slot - 1) * SUM_COLUMNS)


cdef inline int64_t sum_of(const sums_t* sums, uint32_t number, int first, int second) noexcept nogil:
    cdef const int64_t* row = sums.values + <size_t>number * SUM_COLUMNS
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


cdef inline int64_t top_bound(const int64_t* totals, uint32_t count, size_t limit) noexcept nogil:
    """The last of the `limit` largest, found bit by bit; -1 when there are fewer."""
    cdef int64_t bound = 0, step = 1, largest = 0
    cdef uint32_t number
    if count <= limit:
        return -1
    for number in range(count):
        largest = max(largest, totals[number])
    while step <= largest >> 1:
        step <<= 1
    while step:
        if is_reached(totals, count, bound + step, limit):
            bound += step
        step >>= 1
    return bound


cdef inline bint is_key_before(const sums_t* sums, uint32_t one, uint32_t other) noexcept nogil:
    return memcmp(sums.keys + one * sums.width, sums.keys + other * sums.width, sums.width) < 0


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


cdef inline bytes sums_keys(const sums_t* sums):
    """The keys of all rows, one behind the other, in the order in which they were met."""
    return (<const char*>sums.keys)[:<size_t>sums.count * sums.width]


cdef inline bytes sums_values(const sums_t* sums):
    """The values of all rows, (count, SUM_COLUMNS) int64, in the same order."""
    return (<const char*>sums.values)[:<size_t>sums.count * SUM_COLUMNS * sizeof(int64_t)]


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
        key = (<const char*>(sums.keys + chosen[index] * sums.width))[:sums.width]
        values = [sums.values[<size_t>chosen[index] * SUM_COLUMNS + column] for column in range(SUM_COLUMNS)]
        rows.append((-(values[first] + values[second]), key, values))
    free(chosen)
    rows.sort()
    return [(key, values) for _, key, values in rows]
