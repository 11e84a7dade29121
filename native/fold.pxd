"""How the numbers of rows come to one: their sum, the least, the most."""
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint32_t, uint64_t

from terms cimport column_t
from vectors cimport WORDS, first_bit, fold_vector

cdef enum:
    MAX_SUMS = 16
    FEW = 24                         # rows that are folded one by one

cdef enum fold_t:
    FOLD_SUM = 0
    FOLD_LEAST
    FOLD_MOST
    FOLDS

ctypedef struct fold_row_t:
    uint32_t step
    uint32_t fold


cdef inline int64_t empty_fold(uint32_t fold) noexcept nogil:
    return INT64_MAX if fold == FOLD_LEAST else INT64_MIN if fold == FOLD_MOST else 0


cdef inline void fold_in(int64_t* value, uint32_t fold, int64_t more) noexcept nogil:
    if fold == FOLD_SUM:
        value[0] = <int64_t>(<uint64_t>value[0] + <uint64_t>more)
    elif fold == FOLD_LEAST:
        value[0] = more if more < value[0] else value[0]
    else:
        value[0] = more if more > value[0] else value[0]


cdef inline void fold_rows(
    int64_t* value, uint32_t fold, const column_t* column, const uint64_t* mask, uint32_t count
) noexcept nogil:
    """Fold the `count` rows of a mask, one at least."""
    cdef uint32_t word
    cdef uint64_t left
    if column.stride == 0:
        fold_in(value, fold, column.at[0] if fold != FOLD_SUM else <int64_t>(<uint64_t>column.at[0] * count))
    elif count > FEW:
        value[0] = fold_vector(fold, mask, column.at, value[0])
    else:
        for word in range(WORDS):
            left = mask[word]
            while left:
                fold_in(value, fold, column.at[64 * word + first_bit(left)])
                left &= left - 1
