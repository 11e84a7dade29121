"""Integer sums per key: a row of columns each.

Exact up to a number of keys; what comes beyond is summed in one last row. That of an address fills a cache line.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from blocks cimport blocks_t
from keyed cimport find_row, kept_at, keyed_free, keyed_init, keyed_t, row_at
from spread cimport bit_length
from wire cimport be64, load64

cdef enum:
    SUM_COLUMNS = 5

ctypedef struct sums_t:
    keyed_t keyed
    int64_t beyond[SUM_COLUMNS]


cdef inline bint sums_init(
    sums_t* sums, size_t width, uint32_t limit, uint32_t expected, const uint64_t* seed, blocks_t* pool
) noexcept nogil:
    """See keyed_init; sums_free is to be called in any case."""
    memset(sums.beyond, 0, sizeof(sums.beyond))
    return keyed_init(&sums.keyed, width, SUM_COLUMNS * sizeof(int64_t), limit, expected, seed, pool)


cdef inline void sums_free(sums_t* sums) noexcept nogil:
    keyed_free(&sums.keyed)


cdef inline int64_t* values_of(const sums_t* sums, uint32_t number) noexcept nogil:
    """(SUM_COLUMNS,)"""
    return <int64_t*>kept_at(&sums.keyed, number)


cdef inline int64_t* sums_row(sums_t* sums, const uint8_t* key, uint32_t hash) noexcept nogil:
    """The row of a key, (SUM_COLUMNS,), made where there is none; the last common one beyond the limit."""
    cdef uint32_t number, before = sums.keyed.count
    cdef uint8_t* row = find_row(&sums.keyed, key, hash, &number)
    if row == NULL:
        return sums.beyond
    row += sums.keyed.width
    if sums.keyed.count != before:
        memset(row, 0, SUM_COLUMNS * sizeof(int64_t))
    return <int64_t*>row


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
    cdef const uint8_t* left = row_at(&sums.keyed, one)
    cdef const uint8_t* right = row_at(&sums.keyed, other)
    cdef size_t at = 0
    while at < sums.keyed.width and load64(left + at) == load64(right + at):
        at += 8
    return at < sums.keyed.width and be64(left + at) < be64(right + at)


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
    cdef int64_t bound = top_bound(totals, sums.keyed.count, limit)
    cdef uint32_t number, larger = 0, equal = 0, room
    for number in range(sums.keyed.count):
        if totals[number] > bound:
            chosen[larger] = number
            larger += 1
    room = limit - larger
    if bound < 0 or room == 0:
        return larger
    for number in range(sums.keyed.count):
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


cdef inline bytes part_of_rows(const sums_t* sums, size_t begin, size_t size):
    """A part of all rows, one behind the other, in the order in which they were met."""
    cdef bytes out = PyBytes_FromStringAndSize(NULL, sums.keyed.count * size)
    cdef uint32_t number
    for number in range(sums.keyed.count):
        memcpy(PyBytes_AS_STRING(out) + number * size, row_at(&sums.keyed, number) + begin, size)
    return out


cdef inline bytes sums_keys(const sums_t* sums):
    """(count, width)"""
    return part_of_rows(sums, 0, sums.keyed.width)


cdef inline bytes sums_values(const sums_t* sums):
    """(count, SUM_COLUMNS) int64"""
    return part_of_rows(sums, sums.keyed.width, SUM_COLUMNS * sizeof(int64_t))


cdef inline list sums_top(const sums_t* sums, int first, int second, uint32_t limit):
    """[(key, values)] of the rows with the largest sum of two columns, largest first, of equals by key."""
    cdef uint32_t* chosen = <uint32_t*>malloc((limit + 1) * sizeof(uint32_t))
    cdef uint32_t index, count, column
    cdef int64_t* totals = <int64_t*>malloc((<size_t>sums.keyed.count + 1) * sizeof(int64_t))
    if chosen == NULL or totals == NULL:
        free(chosen)
        free(totals)
        raise MemoryError
    for index in range(sums.keyed.count):
        totals[index] = sum_of(sums, index, first, second)
    count = choose_top(sums, totals, limit, chosen)
    free(totals)
    rows = []
    for index in range(count):
        key = (<const char*>row_at(&sums.keyed, chosen[index]))[:sums.keyed.width]
        values = [values_of(sums, chosen[index])[column] for column in range(SUM_COLUMNS)]
        rows.append((-(values[first] + values[second]), key, values))
    free(chosen)
    rows.sort()
    return [(key, values) for _, key, values in rows]
