"""What is asked of every flow: conditions, sums, the worst rows, sums per key. Told as a program, run over batches.

A program is a list of steps (terms.pxd); rows come as C structs in a buffer and are taken in chunks that stay in cache.
So a question about flows is written in Python, in the one file that wants the answer, and costs a nanosecond a flow and
step; numpy would do the same, and takes longer to import than most captures take to analyse.

Arithmetic wraps as that of C's unsigned numbers, division by what is not positive is 0: the numbers come out of a
capture. Memory is bounded by what the program says, not by the number of rows.
"""
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from keyed cimport (
    NO_KEY,
    expect_presence,
    expect_slot,
    find_row,
    hash_of,
    is_beyond,
    kept_at,
    keyed_free,
    keyed_init,
    keyed_t,
    likely_number,
    row_at,
)
from likeness cimport DEGREES, degree_of
from relay cimport observer_t
from terms cimport (
    OP_CONSTANT,
    OP_LESS,
    OP_LOAD,
    OPS,
    TYPES,
    add_step,
    begin_chunk,
    column_of,
    column_t,
    demand,
    is_zero,
    mask_of,
    step_t,
    terms_free,
    terms_init,
    terms_t,
)
from vectors cimport ROWS, WORDS, bit_count, compare, first_bit, fold_vector

cdef extern from * nogil:
    """
    #include <string.h>
    /* A part of a key as it lies in memory: a number that stands at its place in a word. */
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    #define pcap_part_shift(at, size) (64 - 8 * ((at) + (size)))
    #else
    #define pcap_part_shift(at, size) (8 * (at))
    #endif
    static inline uint64_t pcap_load_part(const uint8_t *at, uint32_t size) {
        uint64_t wide; uint32_t middle; uint16_t narrow;
        switch (size) {
        case 8: memcpy(&wide, at, 8); return wide;
        case 4: memcpy(&middle, at, 4); return middle;
        case 2: memcpy(&narrow, at, 2); return narrow;
        default: return *at;
        }
    }
    """
    uint32_t part_shift "pcap_part_shift"(uint32_t at, uint32_t size) noexcept
    uint64_t load_part "pcap_load_part"(const uint8_t* at, uint32_t size) noexcept

cdef enum:
    MAX_STEPS = 4096
    MAX_SUMS = 16
    MAX_PARTS = 8
    MAX_PIECES = 64
    MAX_KEY = 64                     # bytes
    MAX_WORDS = 8                    # of eight bytes
    MAX_KEPT = 100
    FEW = 24                         # rows that are folded one by one
    WANTED = 32                      # rows that are looked up at a time

cdef enum fold_t:
    FOLD_SUM = 0
    FOLD_LEAST
    FOLD_MOST
    FOLDS

ctypedef struct fold_row_t:
    uint32_t step
    uint32_t fold

ctypedef struct piece_t:             # of a row, within a word of a key
    uint32_t offset
    uint8_t size                     # 1, 2, 4 or 8
    uint8_t shift
    uint8_t word
    uint8_t first                    # of its word

ctypedef struct key_t:
    piece_t pieces[MAX_PIECES]
    uint32_t count
    uint32_t width                   # bytes

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

ctypedef struct sequence_t:          # of the rows of one key
    int64_t last
    int64_t gaps
    double gap_sum
    double gap_squares

ctypedef struct groups_t:            # the same per key
    uint32_t where
    uint32_t fold_count
    fold_row_t folds[MAX_SUMS]
    key_t key
    key_t item                       # counted once a key; width 0: not asked for
    int64_t sequence                 # step whose differences are measured; -1: not asked for
    keyed_t keys                     # with a record each: rows, values, and what `distinct` and `steps` place
    keyed_t items
    uint32_t record                  # words
    uint32_t distinct                # word of the count of items; 0: not asked for
    uint32_t steps                   # word of a sequence_t; 0: not asked for
    int64_t beyond                   # rows of keys that found no place

ctypedef struct watch_t:
    terms_t terms
    tally_t* tallies
    groups_t* groups
    uint32_t tally_count
    uint32_t group_count
    size_t itemsize
    uint64_t rows

ctypedef struct wanted_t:            # a row of a chunk that a group counts
    uint64_t key[MAX_WORDS]
    uint64_t item[MAX_WORDS]         # its key, with the number of the group in front
    const uint8_t* at
    uint32_t hash
    uint32_t row
    uint32_t number                  # of the group, very likely; NO_KEY: it is not known yet
    uint32_t item_hash               # of its item, valid with `number`
    int64_t* record                  # of the group, see add_to_group


# ---------------------------------------------------------------- folds

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


# ---------------------------------------------------------------- the worst rows

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


# ---------------------------------------------------------------- sums per key

cdef inline void fill_part(
    const piece_t* piece, uint32_t size, wanted_t* wanted, uint32_t found, size_t place
) noexcept nogil:
    """size: piece.size, each one in a loop of its own.  place: of the word in wanted_t."""
    cdef uint32_t index
    cdef uint64_t* word
    cdef uint64_t part, kept = 0 if piece.first else <uint64_t>-1
    for index in range(found):
        word = <uint64_t*>(<char*>&wanted[index] + place)
        part = load_part(wanted[index].at + piece.offset, size)
        word[0] = part if size == 8 else part << piece.shift | (word[0] & kept)


cdef inline void fill_keys(const key_t* told, wanted_t* wanted, uint32_t found, size_t place) noexcept nogil:
    """Keys of rows, part by part.  place: of their first word in wanted_t.

    In words: what is written in bytes is read in words only after it has left the processor.
    """
    cdef uint32_t at
    cdef const piece_t* piece
    cdef size_t word
    for at in range(told.count):
        piece = &told.pieces[at]
        word = place + piece.word * sizeof(uint64_t)
        if piece.size == 8:
            fill_part(piece, 8, wanted, found, word)
        elif piece.size == 4:
            fill_part(piece, 4, wanted, found, word)
        elif piece.size == 2:
            fill_part(piece, 2, wanted, found, word)
        else:
            fill_part(piece, 1, wanted, found, word)


cdef inline void name_group(wanted_t* wanted, uint32_t number) noexcept nogil:
    """Put the number of its group in front of an item's key."""
    cdef uint64_t place = <uint64_t>0xFFFFFFFFu << part_shift(0, 4)
    wanted.item[0] = (wanted.item[0] & ~place) | <uint64_t>number << part_shift(0, 4)


cdef inline int64_t* record_of(const groups_t* groups, uint32_t number) noexcept nogil:
    return <int64_t*>kept_at(&groups.keys, number)


cdef inline void open_group(const groups_t* groups, int64_t* record) noexcept nogil:
    cdef uint32_t at
    memset(record, 0, groups.record * sizeof(int64_t))
    for at in range(groups.fold_count):
        record[1 + at] = empty_fold(groups.folds[at].fold)


cdef inline void note_gap(sequence_t* sequence, int64_t value, int64_t rows) noexcept nogil:
    """The step from the row before; backwards counts as none. rows: so far, this one too."""
    cdef double gap = <double>value - <double>sequence.last if value > sequence.last else 0.0
    if rows > 1:
        sequence.gaps += 1
        sequence.gap_sum += gap
        sequence.gap_squares += gap * gap
    sequence.last = value


cdef inline void name_item(groups_t* groups, wanted_t* wanted, uint32_t number) noexcept nogil:
    """Of a group, which will be asked for it."""
    name_group(wanted, number)
    wanted.item_hash = hash_of(&groups.items, <const uint8_t*>wanted.item)
    expect_presence(&groups.items, wanted.item_hash)


cdef inline bint add_item(groups_t* groups, int64_t* record, uint32_t number, wanted_t* wanted) noexcept nogil:
    """Count what a group has once of each. False: no memory."""
    cdef uint32_t before = groups.items.count, item
    if number != wanted.number:
        name_item(groups, wanted, number)
    find_row(&groups.items, <const uint8_t*>wanted.item, wanted.item_hash, &item)
    record[groups.distinct] += groups.items.count - before
    return not groups.items.failed


cdef inline bint add_to_group(groups_t* groups, wanted_t* wanted, const column_t* sequence) noexcept nogil:
    """Count a row in its group, but for what is folded; wanted.record: where that is done, NULL where the group found
    no place. False: no memory.
    """
    cdef uint32_t number, before = groups.keys.count
    cdef uint8_t* row = find_row(&groups.keys, <const uint8_t*>wanted.key, wanted.hash, &number)
    cdef int64_t* record
    wanted.record = NULL
    if row == NULL:
        groups.beyond += 1
        return not groups.keys.failed
    record = wanted.record = <int64_t*>(row + groups.keys.width)
    if groups.keys.count != before:
        open_group(groups, record)
    record[0] += 1
    if groups.steps:
        note_gap(<sequence_t*>&record[groups.steps], sequence.at[wanted.row * sequence.stride], record[0])
    return add_item(groups, record, number, wanted) if groups.distinct else True


cdef inline void fold_wanted(
    fold_t fold, uint32_t word, const wanted_t* wanted, uint32_t found, const column_t* column
) noexcept nogil:
    """A column into the records of its rows; fold: each one in a loop of its own."""
    cdef uint32_t at
    for at in range(found):
        if wanted[at].record != NULL:
            fold_in(&wanted[at].record[word], fold, column.at[wanted[at].row * column.stride])


cdef inline void fold_groups(
    const groups_t* groups, const wanted_t* wanted, uint32_t found, const column_t* columns
) noexcept nogil:
    """columns: of the folds."""
    cdef uint32_t at, fold
    for at in range(groups.fold_count):
        fold = groups.folds[at].fold
        if fold == FOLD_SUM:
            fold_wanted(FOLD_SUM, 1 + at, wanted, found, &columns[at])
        elif fold == FOLD_LEAST:
            fold_wanted(FOLD_LEAST, 1 + at, wanted, found, &columns[at])
        else:
            fold_wanted(FOLD_MOST, 1 + at, wanted, found, &columns[at])


cdef inline bint is_any(const uint64_t* mask) noexcept nogil:
    cdef uint64_t rows = 0
    cdef uint32_t word
    for word in range(WORDS):
        rows |= mask[word]
    return rows != 0


cdef inline uint32_t want_groups(
    groups_t* groups, uint64_t* mask, const uint8_t* rows, size_t itemsize, wanted_t* wanted
) noexcept nogil:
    """Up to WANTED rows of a mask, which leave it, with their keys, which are looked for in memory; how many are left.

    Those whose keys found no place are counted here.
    """
    cdef uint32_t word, row, kept = 0, found = 0
    for word in range(WORDS):
        while mask[word] and found < WANTED:
            row = 64 * word + first_bit(mask[word])
            mask[word] &= mask[word] - 1
            wanted[found].row = row
            wanted[found].at = rows + row * itemsize
            found += 1
    fill_keys(&groups.key, wanted, found, <char*>wanted.key - <char*>wanted)
    for row in range(found):
        wanted[row].hash = hash_of(&groups.keys, <const uint8_t*>wanted[row].key)
        expect_presence(&groups.keys, wanted[row].hash)
    for row in range(found):
        if is_beyond(&groups.keys, wanted[row].hash):
            continue
        expect_slot(&groups.keys, wanted[row].hash)
        if kept != row:
            wanted[kept] = wanted[row]
        kept += 1
    groups.beyond += found - kept
    return kept


cdef inline void expect_groups(groups_t* groups, wanted_t* wanted, uint32_t found) noexcept nogil:
    """What want_groups looked for has come; fetch what it leads to, step by step."""
    cdef uint32_t at
    if groups.item.width:
        fill_keys(&groups.item, wanted, found, <char*>wanted.item - <char*>wanted)
    for at in range(found):
        wanted[at].number = likely_number(&groups.keys, wanted[at].hash)
        if groups.item.width and wanted[at].number != NO_KEY:
            name_item(groups, &wanted[at], wanted[at].number)
    if not groups.item.width:
        return
    for at in range(found):
        if wanted[at].number != NO_KEY and not is_beyond(&groups.items, wanted[at].item_hash):
            expect_slot(&groups.items, wanted[at].item_hash)
    for at in range(found):
        if wanted[at].number != NO_KEY and not is_beyond(&groups.items, wanted[at].item_hash):
            likely_number(&groups.items, wanted[at].item_hash)


cdef inline int64_t field_of(const groups_t* groups, uint32_t number, uint32_t field) noexcept nogil:
    """0: rows, 1: distinct items, from 2: values."""
    cdef const int64_t* record = record_of(groups, number)
    if field == 1:
        return record[groups.distinct] if groups.distinct else 0
    return record[field - 1] if field else record[0]


# ---------------------------------------------------------------- rows, chunk by chunk

cdef bint take(watch_t* watch, const uint8_t* rows, uint64_t count, uint32_t likeness) noexcept nogil:
    cdef uint32_t chunk
    while count:
        chunk = ROWS if count > ROWS else <uint32_t>count
        if not take_chunk(watch, rows, chunk, likeness):
            return False
        rows += chunk * watch.itemsize
        count -= chunk
    return True


cdef bint take_chunk(watch_t* watch, const uint8_t* rows, uint32_t count, uint32_t likeness) noexcept nogil:
    cdef uint32_t number
    begin_chunk(&watch.terms, rows, watch.itemsize, count, likeness)
    for number in range(watch.tally_count):
        tally_chunk(watch, &watch.tallies[number], rows)
    for number in range(watch.group_count):
        if not group_chunk(watch, &watch.groups[number], rows):
            return False
    watch.rows += count
    return True


cdef void tally_chunk(watch_t* watch, tally_t* tally, const uint8_t* rows) noexcept nogil:
    cdef uint64_t mask[WORDS]
    cdef uint32_t at, count = 0
    cdef column_t column
    demand(&watch.terms, tally.where)
    if is_zero(&watch.terms, tally.where):
        return
    mask_of(&watch.terms, tally.where, mask)
    for at in range(WORDS):
        count += bit_count(mask[at])
    if count == 0:
        return
    tally.rows += count
    for at in range(tally.fold_count):
        column = column_of(&watch.terms, tally.folds[at].step)
        fold_rows(&tally.values[at], tally.folds[at].fold, &column, mask, count)
    column = column_of(&watch.terms, tally.score)
    keep_rows(tally, &column, mask, watch.rows, rows, watch.itemsize)


cdef bint group_chunk(watch_t* watch, groups_t* groups, const uint8_t* rows) noexcept nogil:
    cdef uint64_t mask[WORDS]
    cdef wanted_t[WANTED] wanted
    cdef column_t[MAX_SUMS] columns
    cdef column_t sequence = column_t(at=NULL, stride=0)
    cdef uint32_t at, found
    demand(&watch.terms, groups.where)
    if is_zero(&watch.terms, groups.where):
        return True
    mask_of(&watch.terms, groups.where, mask)
    for at in range(groups.fold_count):
        columns[at] = column_of(&watch.terms, groups.folds[at].step)
    if groups.sequence >= 0:
        sequence = column_of(&watch.terms, <uint32_t>groups.sequence)
    while is_any(mask):
        found = want_groups(groups, mask, rows, watch.itemsize, wanted)
        expect_groups(groups, wanted, found)
        for at in range(found):
            if not add_to_group(groups, &wanted[at], &sequence):
                return False
        fold_groups(groups, wanted, found, columns)
    return True


cdef bint observe_rows(void* watch, const uint8_t* rows, uint64_t count, uint32_t likeness) noexcept nogil:
    return take(<watch_t*>watch, rows, count, likeness)


# ---------------------------------------------------------------- the watcher

cdef class Watcher:
    """Runs a program over rows.

    itemsize: bytes of a row.  steps: (op, a, b, c, value) each, see op_t; operands come before their step.
    tallies: (condition, score, rows to keep, [(step, fold)]) each, see fold_t; steps by number.
    groups: (condition, [(offset, size)] of the key, [(offset, size)] of the items to be counted once, step of the
    sequence or -1, limit of keys, limit of items, [(step, fold)]) each.
    seed: 16 bytes.  still: [(offset, size)] of what rows have in common that are observed as alike, one list for the
    first degree, one for the next.
    Raises ValueError for a program that does not hold together, MemoryError.
    """
    cdef watch_t watch
    cdef observer_t looks            # what `observer` is a name for

    def __cinit__(
        self, uint32_t itemsize, steps not None, tallies not None, groups not None, bytes seed not None,
        still=(),
    ):
        cdef uint64_t keys[2]
        if not 0 < itemsize <= 65536 or len(steps) > MAX_STEPS or len(seed) != 16:
            raise ValueError(f"rows of {itemsize} bytes, {len(steps)} steps and a seed of {len(seed)} bytes")
        if len(still) >= DEGREES:
            raise ValueError(f"{len(still)} degrees in which rows are alike, expected up to {DEGREES - 1}")
        keys[0] = int.from_bytes(seed[:8], "little")
        keys[1] = int.from_bytes(seed[8:], "little")
        self.watch.itemsize = itemsize
        self.watch.tallies = <tally_t*>calloc(len(tallies) + 1, sizeof(tally_t))
        self.watch.groups = <groups_t*>calloc(len(groups) + 1, sizeof(groups_t))
        if self.watch.tallies == NULL or self.watch.groups == NULL:
            raise MemoryError
        if not terms_init(&self.watch.terms, <uint32_t>len(steps)):
            raise MemoryError
        for step in steps:
            op, a, b, c, value = step
            self.take_step(op, a, b, c, value, still)
        for tally in tallies:
            where, score, keep, folds = tally
            self.add_tally(where, score, keep, folds)
        for one in groups:
            self.add_groups(keys, one)

    def __dealloc__(self):
        cdef uint32_t at
        for at in range(self.watch.tally_count):
            free(self.watch.tallies[at].copies)
        for at in range(self.watch.group_count):
            keyed_free(&self.watch.groups[at].keys)
            keyed_free(&self.watch.groups[at].items)
        terms_free(&self.watch.terms)
        free(self.watch.tallies)
        free(self.watch.groups)

    cdef take_step(self, uint32_t op, uint32_t a, uint32_t b, uint32_t c, int64_t value, ranges):
        cdef uint32_t number = self.watch.terms.count, degree
        cdef uint8_t still[DEGREES]
        cdef uint32_t widths[TYPES]
        cdef step_t step = step_t(op=op, a=a, b=b, c=c, value=value)
        widths[0], widths[1], widths[2], widths[3], widths[4] = 1, 2, 4, 8, 4
        if op >= OPS:
            raise ValueError(f"step {number}: there is no operation {op}")
        if op == OP_LOAD:
            if a >= TYPES or not 0 <= value <= <int64_t>(self.watch.itemsize - widths[a]):
                raise ValueError(f"step {number}: type {a} at byte {value} of a row of {self.watch.itemsize}")
        elif op != OP_CONSTANT and (max(a, b, c) >= number):
            raise ValueError(f"step {number} uses one that does not come before it")
        for degree in range(DEGREES):
            still[degree] = op == OP_LOAD and 0 < degree <= len(ranges) and any(
                [begin <= value and value + widths[a] <= begin + size for begin, size in ranges[degree - 1]]
            )
        add_step(&self.watch.terms, &step, still)

    cdef uint32_t known(self, int64_t step) except? 0xFFFFFFFF:
        if not 0 <= step < self.watch.terms.count:
            raise ValueError(f"there is no step {step}")
        return <uint32_t>step

    cdef uint32_t take_folds(self, fold_row_t* folds, told) except? 0xFFFFFFFF:
        cdef uint32_t at
        if len(told) > MAX_SUMS:
            raise ValueError(f"{len(told)} values, expected up to {MAX_SUMS}")
        for at in range(len(told)):
            step, fold = told[at]
            if not 0 <= fold < FOLDS:
                raise ValueError(f"there is no fold {fold}")
            folds[at] = fold_row_t(step=self.known(step), fold=fold)
        return <uint32_t>len(told)

    cdef take_key(self, key_t* key, told, uint32_t begin):
        """begin: bytes of the first word that stand before it."""
        cdef uint32_t width = 0
        if len(told) > MAX_PARTS:
            raise ValueError(f"a key of {len(told)} parts")
        for offset, size in told:
            if not (0 < size <= MAX_KEY and 0 <= offset <= <int64_t>self.watch.itemsize - size):
                raise ValueError(f"{size} bytes at {offset} of a row of {self.watch.itemsize}")
            width += size
            if width > MAX_KEY - 4:
                raise ValueError(f"a key of {width} bytes")
            self.take_part(key, offset, size, begin + width - size)
        key.width = width

    cdef take_part(self, key_t* key, uint32_t offset, uint32_t size, uint32_t at):
        """A part as pieces, none of which reaches into the next word. at: its place in the key."""
        cdef uint32_t piece
        while size:
            piece = 8
            while piece > size or piece > 8 - at % 8:
                piece //= 2
            key.pieces[key.count] = piece_t(
                offset=offset, size=piece, shift=part_shift(at % 8, piece), word=at // 8,
                first=at % 8 == 0 or key.count == 0,
            )
            key.count += 1
            offset, size, at = offset + piece, size - piece, at + piece

    cdef add_tally(self, where, score, uint32_t keep, folds):
        cdef tally_t* tally = &self.watch.tallies[self.watch.tally_count]
        cdef uint32_t at
        if keep > MAX_KEPT:
            raise ValueError(f"{keep} rows to keep, expected up to {MAX_KEPT}")
        tally.where, tally.score, tally.keep = self.known(where), self.known(score), keep
        tally.fold_count = self.take_folds(tally.folds, folds)
        for at in range(tally.fold_count):
            tally.values[at] = empty_fold(tally.folds[at].fold)
        tally.copies = <uint8_t*>malloc(keep * self.watch.itemsize + 1)
        self.watch.tally_count += 1
        if tally.copies == NULL:
            raise MemoryError

    cdef add_groups(self, const uint64_t* seed, told):
        cdef groups_t* groups = &self.watch.groups[self.watch.group_count]
        where, key, item, sequence, limit, item_limit, folds = told
        groups.where = self.known(where)
        groups.sequence = -1 if sequence < 0 else self.known(sequence)
        self.take_key(&groups.key, key, 0)
        self.take_key(&groups.item, item, 4)
        if groups.key.width == 0:
            raise ValueError("a key without parts")
        groups.fold_count = self.take_folds(groups.folds, folds)
        groups.record = 1 + groups.fold_count
        if groups.item.width:
            groups.distinct = groups.record
            groups.record += 1
        if groups.sequence >= 0:
            groups.steps = groups.record
            groups.record += sizeof(sequence_t) // sizeof(int64_t)
        self.watch.group_count += 1
        kept = groups.record * sizeof(int64_t)
        if not keyed_init(&groups.keys, (groups.key.width + 7) & ~7u, kept, limit, 0, seed, NULL):
            raise MemoryError
        if not keyed_init(&groups.items, (groups.item.width + 4 + 7) & ~7u, 0, item_limit, 0, seed, NULL):
            raise MemoryError

    def observe(self, rows not None, uint32_t likeness=0):
        """Take a batch of rows, a contiguous buffer. Raises ValueError where it holds no whole number of rows.

        likeness: rows with the same one are alike in what is still in its degree, which its last two bits say; 0: in
        nothing.
        """
        cdef Py_buffer buffer
        cdef uint64_t count
        cdef bint right = True
        if degree_of(likeness) >= DEGREES:
            raise ValueError(f"{degree_of(likeness)} is no degree of likeness")
        PyObject_GetBuffer(rows, &buffer, PyBUF_SIMPLE)
        try:
            if buffer.len % <Py_ssize_t>self.watch.itemsize:
                raise ValueError(f"{buffer.len} bytes are no whole number of rows of {self.watch.itemsize}")
            count = <uint64_t>buffer.len // self.watch.itemsize
            with nogil:
                right = take(&self.watch, <const uint8_t*>buffer.buf, count, likeness)
        finally:
            PyBuffer_Release(&buffer)
        if not right:
            raise MemoryError

    def observer(self):
        """For FlowReader.summary, as a capsule; it is this watcher's."""
        self.looks = observer_t(take=observe_rows, watch=&self.watch)
        return PyCapsule_New(&self.looks, b"pcap_analyzer.observer", NULL)

    def tally(self, uint32_t number):
        """(rows, values, [(score, row as bytes)] of those kept, highest score first, of equals the earlier)."""
        cdef uint32_t at
        cdef tally_t* tally
        if number >= self.watch.tally_count:
            raise IndexError(number)
        tally = &self.watch.tallies[number]
        kept = sorted((-<object>tally.scores[at], tally.numbers[at], tally.places[at]) for at in range(tally.kept))
        rows = [
            (-score, (<const char*>(tally.copies + <size_t>place * self.watch.itemsize))[:self.watch.itemsize])
            for score, _, place in kept
        ]
        return tally.rows, [tally.values[at] for at in range(tally.fold_count)], rows

    def beyond(self, uint32_t number):
        """Rows of keys that found no place in groups. Raises IndexError."""
        if number >= self.watch.group_count:
            raise IndexError(number)
        return self.watch.groups[number].beyond

    def group(self, uint32_t number, at_least not None, uint32_t order, uint32_t most):
        """The groups whose fields reach a least value: (how many, keys in all, rows beyond the limit, groups).

        at_least: [(field, least)].  order: the field of which the largest come first, of equals by key.  Fields: 0 the
        rows, 1 the distinct items, from 2 the values.  groups: `most` of (key, rows, distinct items, values, gaps, sum
        of gaps, sum of their squares).
        """
        cdef uint32_t one, at, conditions = 0
        cdef uint32_t fields[MAX_SUMS]
        cdef int64_t least[MAX_SUMS]
        cdef groups_t* groups
        if number >= self.watch.group_count:
            raise IndexError(number)
        groups = &self.watch.groups[number]
        for field, value in at_least:
            if conditions == MAX_SUMS:
                raise ValueError(f"more than {MAX_SUMS} conditions")
            fields[conditions], least[conditions] = field, value
            conditions += 1
        if order >= groups.fold_count + 2 or any([fields[at] >= groups.fold_count + 2 for at in range(conditions)]):
            raise ValueError("there is no such field")
        found = []
        for one in range(groups.keys.count):
            at = 0
            while at < conditions and field_of(groups, one, fields[at]) >= least[at]:
                at += 1
            if at == conditions:
                found.append((-<object>field_of(groups, one, order), self.key_bytes(groups, one), one))
        found.sort()
        return len(found), groups.keys.count, groups.beyond, [
            self.told(groups, one, key) for _, key, one in found[:most]
        ]

    cdef bytes key_bytes(self, const groups_t* groups, uint32_t number):
        return (<const char*>row_at(&groups.keys, number))[:groups.key.width]

    cdef tuple told(self, const groups_t* groups, uint32_t number, bytes key):
        cdef const int64_t* record = record_of(groups, number)
        cdef const sequence_t* steps = <const sequence_t*>&record[groups.steps]
        cdef uint32_t at
        cdef sequence_t none = sequence_t(last=0, gaps=0, gap_sum=0, gap_squares=0)
        if not groups.steps:
            steps = &none
        values = [record[1 + at] for at in range(groups.fold_count)]
        distinct = field_of(groups, number, 1)
        return key, record[0], distinct, values, steps.gaps, steps.gap_sum, steps.gap_squares
