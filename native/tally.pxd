"""What is asked of all rows that meet a condition: sums over them, and the worst of them as they are."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fold cimport MAX_SUMS, fold_row_t
from terms cimport OP_LESS, column_t
from vectors cimport WORDS, compare, first_bit

cdef enum:
    MAX_KEPT = 100

ctypedef struct tally_t:             # over all rows that meet a condition
    uint32_t where
    uint32_t score
    uint32_t keep
    uint32_t fold_count
    fold_row_t folds[MAX_SUMS]
    int64_t rows
    int64_t values[MAX_SUMS]
    uint32_t kept                    # a heap, the lowest score on top
    int64_t scores[MAX_KEPT]
    uint64_t numbers[MAX_KEPT]       # of rows: of equal scores the earlier is kept
    uint8_t* copies                  # (keep, itemsize)
    uint32_t places[MAX_KEPT]        # of copies


cdef inline bint ranks_below(const tally_t* tally, uint32_t at, int64_t score, uint64_t number) noexcept nogil:
    return tally.scores[at] < score or (tally.scores[at] == score and tally.numbers[at] > number)


cdef inline void put(tally_t* tally, uint32_t at, int64_t score, uint64_t number, uint32_t place) noexcept nogil:
    tally.scores[at] = score
    tally.numbers[at] = number
    tally.places[at] = place


cdef inline void sink(tally_t* tally, int64_t score, uint64_t number, uint32_t place) noexcept nogil:
    """Put a row in place of the lowest."""
    cdef uint32_t at = 0, child
    while at * 2 + 1 < tally.kept:
        child = at * 2 + 1
        if child + 1 < tally.kept and ranks_below(tally, child + 1, tally.scores[child], tally.numbers[child]):
            child += 1
        if not ranks_below(tally, child, score, number):
            break
        put(tally, at, tally.scores[child], tally.numbers[child], tally.places[child])
        at = child
    put(tally, at, score, number, place)


cdef inline void keep_row(
    tally_t* tally, int64_t score, uint64_t number, const uint8_t* row, size_t itemsize
) noexcept nogil:
    """Keep a row if it is among the `keep` with the highest score."""
    cdef uint32_t at, parent, place
    if tally.kept == tally.keep:
        if not ranks_below(tally, 0, score, number):
            return
        place = tally.places[0]
        memcpy(tally.copies + place * itemsize, row, itemsize)
        sink(tally, score, number, place)
        return
    at = place = tally.kept
    memcpy(tally.copies + place * itemsize, row, itemsize)
    tally.kept += 1
    while at:
        parent = (at - 1) // 2
        if ranks_below(tally, parent, score, number):
            break
        put(tally, at, tally.scores[parent], tally.numbers[parent], tally.places[parent])
        at = parent
    put(tally, at, score, number, place)


cdef inline void leave_out_lower(const tally_t* tally, const column_t* scores, uint64_t* mask) noexcept nogil:
    """Of rows behind all that were kept: those that cannot be among them. (Of equals the earlier is kept.)"""
    cdef uint64_t higher[WORDS]
    cdef uint32_t word
    if scores.stride:
        compare(OP_LESS, &tally.scores[0], True, scores.at, False, higher)
    for word in range(WORDS):
        if scores.stride:
            mask[word] &= higher[word]
        elif scores.at[0] <= tally.scores[0]:
            mask[word] = 0


cdef inline void keep_rows(
    tally_t* tally, const column_t* scores, uint64_t* mask, uint64_t first, const uint8_t* rows, size_t itemsize
) noexcept nogil:
    """Keep those of the rows in a mask that have the highest scores so far. first: the number of the first row."""
    cdef uint32_t word, row
    if tally.keep == 0:
        return
    if tally.kept == tally.keep:
        leave_out_lower(tally, scores, mask)
    for word in range(WORDS):
        while mask[word]:
            row = 64 * word + first_bit(mask[word])
            keep_row(tally, scores.at[row * scores.stride], first + row, rows + row * itemsize, itemsize)
            mask[word] &= mask[word] - 1
