"""What is asked of every flow: conditions, sums, the worst rows, sums per key. Told as a program, run over batches.

A program is a list of steps, each of which makes a vector of int64 out of columns, constants or earlier steps; rows
come as C structs in a buffer and are taken in chunks that stay in cache. So a question about flows is written in
Python, in the one file that wants the answer, and costs a nanosecond a flow and step; numpy would do the same, and
takes longer to import than most captures take to analyse.

Arithmetic wraps as that of C's unsigned numbers, division by what is not positive is 0: the numbers come out of a
capture. Memory is bounded by what the program says, not by the number of rows.
"""
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from keys cimport NO_KEY, expect_key, key_at, keys_free, keys_init, keys_t, likely_number, number_of
from wire cimport prefetch_write

cdef extern from * nogil:
    """
    #include <string.h>
    /* Copies of the sizes that columns have, each a load and a store. */
    static inline void pcap_copy_part(uint8_t *to, const uint8_t *from, uint32_t size) {
        switch (size) {
        case 16: memcpy(to, from, 16); break;
        case 8: memcpy(to, from, 8); break;
        case 4: memcpy(to, from, 4); break;
        case 2: memcpy(to, from, 2); break;
        case 1: *to = *from; break;
        default: memcpy(to, from, size);
        }
    }
    /* Vectors of four numbers where the processor has them: which of both is chosen when the module is loaded. */
    #if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
    #define PCAP_WIDE __attribute__((target_clones("avx2", "default")))
    #else
    #define PCAP_WIDE
    #endif
    #define PCAP_EACH(expression) for (uint32_t row = 0; row < count; row++) out[row] = (expression)
    /* op_t of watch.pyx from OP_ADD on, but for OP_DIVIDE. Arithmetic wraps. */
    PCAP_WIDE static void pcap_combine(
        uint32_t op, const int64_t *restrict a, const int64_t *restrict b, const int64_t *restrict c, uint32_t count,
        int64_t *restrict out) {
        switch (op) {
        case 2: PCAP_EACH((int64_t)((uint64_t)a[row] + (uint64_t)b[row])); break;
        case 3: PCAP_EACH((int64_t)((uint64_t)a[row] - (uint64_t)b[row])); break;
        case 4: PCAP_EACH((int64_t)((uint64_t)a[row] * (uint64_t)b[row])); break;
        case 6: PCAP_EACH(a[row] < b[row] ? a[row] : b[row]); break;
        case 7: PCAP_EACH(a[row] > b[row] ? a[row] : b[row]); break;
        case 8: PCAP_EACH(a[row] < b[row]); break;
        case 9: PCAP_EACH(a[row] == b[row]); break;
        case 10: PCAP_EACH((a[row] != 0) & (b[row] != 0)); break;
        case 11: PCAP_EACH((a[row] != 0) | (b[row] != 0)); break;
        case 12: PCAP_EACH(a[row] == 0); break;
        case 13: PCAP_EACH(a[row] ? b[row] : c[row]); break;
        }
    }
    """
    void copy_part "pcap_copy_part"(uint8_t* to, const uint8_t* of, uint32_t size) noexcept
    void combine "pcap_combine"(
        uint32_t op, const int64_t* a, const int64_t* b, const int64_t* c, uint32_t count, int64_t* out
    ) noexcept

cdef enum:
    ROWS = 128                       # a chunk
    MAX_STEPS = 4096
    MAX_SUMS = 16
    MAX_PARTS = 8
    MAX_KEY = 64                     # bytes
    MAX_WORDS = 8                    # of eight bytes
    MAX_KEPT = 100

cdef enum op_t:
    OP_CONSTANT = 0
    OP_LOAD
    OP_ADD
    OP_SUBTRACT
    OP_MULTIPLY
    OP_DIVIDE                        # floor; 0 where the divisor is not positive
    OP_LEAST
    OP_MOST
    OP_LESS
    OP_EQUAL
    OP_AND
    OP_OR
    OP_NOT
    OP_CHOOSE                        # b where a, else c
    OPS

cdef enum type_t:
    TYPE_U8 = 0
    TYPE_U16
    TYPE_U32
    TYPE_I64                         # u64 too
    TYPE_I32
    TYPES

cdef enum fold_t:
    FOLD_SUM = 0
    FOLD_LEAST
    FOLD_MOST
    FOLDS

ctypedef struct step_t:
    uint32_t op
    uint32_t a                       # earlier steps; of OP_LOAD the type
    uint32_t b
    uint32_t c
    int64_t value                    # of OP_CONSTANT; of OP_LOAD the offset in the row

ctypedef struct fold_row_t:
    uint32_t step
    uint32_t fold

ctypedef struct part_t:              # bytes of a row that belong to a key
    uint32_t offset
    uint32_t size

ctypedef struct key_t:
    part_t parts[MAX_PARTS]
    uint32_t count
    uint32_t width

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

ctypedef struct group_t:             # what is known of one key, before its values
    int64_t rows
    int64_t distinct
    int64_t last                     # of the sequence
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
    keys_t keys
    keys_t items
    group_t* groups                  # (capacity,)
    int64_t* values                  # (capacity, fold_count)
    uint32_t capacity
    int64_t beyond                   # rows of keys that found no place

ctypedef struct wanted_t:            # a row of a chunk that a group counts
    uint64_t key[MAX_WORDS]
    uint32_t hash
    uint32_t row
    uint32_t number                  # of the group, very likely; NO_KEY: it is not known yet
    uint32_t item_hash               # of its item, valid with `number`


# ---------------------------------------------------------------- steps

cdef inline void load(
    const step_t* step, const uint8_t* rows, size_t itemsize, uint32_t count, int64_t* out
) noexcept nogil:
    """A column of the rows; unaligned loads."""
    cdef const uint8_t* at = rows + step.value
    cdef uint32_t row
    cdef uint16_t narrow
    cdef uint32_t middle
    cdef int32_t signed_middle
    for row in range(count):
        if step.a == TYPE_U32:
            memcpy(&middle, at, 4)
            out[row] = middle
        elif step.a == TYPE_I64:
            memcpy(&out[row], at, 8)
        elif step.a == TYPE_U16:
            memcpy(&narrow, at, 2)
            out[row] = narrow
        elif step.a == TYPE_I32:
            memcpy(&signed_middle, at, 4)
            out[row] = signed_middle
        else:
            out[row] = at[0]
        at += itemsize


cdef inline int64_t floor_of(int64_t a, int64_t b) noexcept nogil:
    """a / b, downwards."""
    if b <= 0:
        return 0
    return a // b - (a % b < 0)                  # C's division is towards zero


cdef inline void divide(const int64_t* a, const int64_t* b, uint32_t count, int64_t* out) noexcept nogil:
    cdef uint32_t row
    for row in range(count):
        out[row] = floor_of(a[row], b[row])


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
        if tally.keep == 0 or not ranks_below(tally, 0, score, number):
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


# ---------------------------------------------------------------- sums per key

cdef inline void fill_key(uint8_t* key, const key_t* told, const uint8_t* row, uint32_t begin) noexcept nogil:
    cdef uint32_t part, at = begin
    for part in range(told.count):
        copy_part(key + at, row + told.parts[part].offset, told.parts[part].size)
        at += told.parts[part].size


cdef inline bint grow_groups(groups_t* groups) noexcept nogil:
    cdef uint32_t capacity = groups.capacity * 2 if groups.capacity else 64
    cdef group_t* rows = <group_t*>realloc(groups.groups, capacity * sizeof(group_t))
    cdef int64_t* values
    if rows == NULL:
        return False
    groups.groups = rows
    values = <int64_t*>realloc(groups.values, (<size_t>capacity * groups.fold_count + 1) * sizeof(int64_t))
    if values == NULL:
        return False
    groups.values = values
    groups.capacity = capacity
    return True


cdef inline bint open_group(groups_t* groups, uint32_t number) noexcept nogil:
    cdef uint32_t at
    if number >= groups.capacity and not grow_groups(groups):
        return False
    memset(&groups.groups[number], 0, sizeof(group_t))
    for at in range(groups.fold_count):
        groups.values[<size_t>number * groups.fold_count + at] = empty_fold(groups.folds[at].fold)
    return True


cdef inline void note_gap(group_t* group, int64_t value) noexcept nogil:
    """The step from the row before; backwards counts as none."""
    cdef double gap = <double>value - <double>group.last if value > group.last else 0.0
    if group.rows > 1:
        group.gaps += 1
        group.gap_sum += gap
        group.gap_squares += gap * gap
    group.last = value


cdef inline void fill_item(uint64_t* key, const groups_t* groups, uint32_t number, const uint8_t* row) noexcept nogil:
    """The key of a row's item in a group."""
    memset(key, 0, groups.items.width)
    memcpy(key, &number, 4)
    fill_key(<uint8_t*>key, &groups.item, row, 4)


cdef inline bint add_item(
    groups_t* groups, group_t* group, uint32_t number, const wanted_t* wanted, const uint8_t* row
) noexcept nogil:
    """Count what a group has once of each. False: no memory."""
    cdef uint64_t[MAX_WORDS] key
    cdef bint fresh = False
    fill_item(key, groups, number, row)
    number_of(
        &groups.items, <uint8_t*>key,
        wanted.item_hash if number == wanted.number else expect_key(&groups.items, <uint8_t*>key), &fresh,
    )
    group.distinct += fresh
    return not groups.items.failed


cdef inline bint add_to_group(
    groups_t* groups, const wanted_t* wanted, const int64_t* values, const uint8_t* row
) noexcept nogil:
    """values: of all steps, ROWS each.  row: the one that is wanted.  False: no memory."""
    cdef bint fresh = False
    cdef uint32_t fold, number = number_of(&groups.keys, <const uint8_t*>wanted.key, wanted.hash, &fresh)
    cdef group_t* group
    if number == NO_KEY:
        groups.beyond += 1
        return not groups.keys.failed
    if fresh and not open_group(groups, number):
        return False
    group = &groups.groups[number]
    group.rows += 1
    for fold in range(groups.fold_count):
        fold_in(
            &groups.values[<size_t>number * groups.fold_count + fold], groups.folds[fold].fold,
            values[<size_t>groups.folds[fold].step * ROWS + wanted.row],
        )
    if groups.sequence >= 0:
        note_gap(group, values[<size_t>groups.sequence * ROWS + wanted.row])
    return add_item(groups, group, number, wanted, row) if groups.item.width else True


cdef inline uint32_t want_groups(
    const groups_t* groups, const int64_t* where, const uint8_t* rows, size_t itemsize, uint32_t count,
    wanted_t* wanted
) noexcept nogil:
    """The rows of a chunk that a question is about, with their keys, which are looked for in memory; how many."""
    cdef uint64_t[MAX_WORDS] item
    cdef uint32_t row, number, found = 0, at
    for row in range(count):
        if where[row]:
            wanted[found].row = row
            memset(wanted[found].key, 0, groups.keys.width)
            fill_key(<uint8_t*>wanted[found].key, &groups.key, rows + row * itemsize, 0)
            wanted[found].hash = expect_key(&groups.keys, <uint8_t*>wanted[found].key)
            found += 1
    for at in range(found):
        number = likely_number(&groups.keys, wanted[at].hash)
        wanted[at].number = NO_KEY
        if number < groups.capacity:
            wanted[at].number = number
            prefetch_write(&groups.groups[number])
            prefetch_write(&groups.values[<size_t>number * groups.fold_count])
            if groups.item.width:
                fill_item(item, groups, number, rows + wanted[at].row * itemsize)
                wanted[at].item_hash = expect_key(&groups.items, <uint8_t*>item)
    return found


cdef inline int64_t field_of(const groups_t* groups, uint32_t number, uint32_t field) noexcept nogil:
    """0: rows, 1: distinct items, from 2: values."""
    if field == 0:
        return groups.groups[number].rows
    if field == 1:
        return groups.groups[number].distinct
    return groups.values[<size_t>number * groups.fold_count + field - 2]


# ---------------------------------------------------------------- the watcher

cdef class Watcher:
    """Runs a program over rows.

    itemsize: bytes of a row.  steps: (op, a, b, c, value) each, see op_t; operands come before their step.
    tallies: (condition, score, rows to keep, [(step, fold)]) each, see fold_t; steps by number.
    groups: (condition, [(offset, size)] of the key, [(offset, size)] of the items to be counted once, step of the
    sequence or -1, limit of keys, limit of items, [(step, fold)]) each.
    seed: 16 bytes.  still: [(offset, size)] of what rows have in common that are observed as alike.
    Raises ValueError for a program that does not hold together, MemoryError.
    """
    cdef step_t* steps
    cdef uint8_t* still              # (steps,) whether it depends on nothing but constants and what is in `still`
    cdef uint32_t settled            # likeness of the rows that the still steps stand for
    cdef uint32_t settled_rows       # of each such step
    cdef int64_t* values             # (steps, ROWS)
    cdef tally_t* tallies
    cdef groups_t* groups
    cdef uint32_t step_count
    cdef uint32_t tally_count
    cdef uint32_t group_count
    cdef size_t itemsize
    cdef uint64_t rows

    def __cinit__(
        self, uint32_t itemsize, steps not None, tallies not None, groups not None, bytes seed not None,
        still=(),
    ):
        cdef uint64_t keys[2]
        if not 0 < itemsize <= 65536 or len(steps) > MAX_STEPS or len(seed) != 16:
            raise ValueError(f"rows of {itemsize} bytes, {len(steps)} steps and a seed of {len(seed)} bytes")
        keys[0] = int.from_bytes(seed[:8], "little")
        keys[1] = int.from_bytes(seed[8:], "little")
        self.itemsize = itemsize
        self.steps = <step_t*>calloc(len(steps) + 1, sizeof(step_t))
        self.still = <uint8_t*>calloc(len(steps) + 1, 1)
        self.values = <int64_t*>calloc((len(steps) + 1) * ROWS, sizeof(int64_t))
        self.tallies = <tally_t*>calloc(len(tallies) + 1, sizeof(tally_t))
        self.groups = <groups_t*>calloc(len(groups) + 1, sizeof(groups_t))
        if not (self.steps and self.still and self.values and self.tallies and self.groups):
            raise MemoryError
        for step in steps:
            op, a, b, c, value = step
            self.add_step(op, a, b, c, value)
            self.still[self.step_count - 1] = self.is_still(&self.steps[self.step_count - 1], still)
        for tally in tallies:
            where, score, keep, folds = tally
            self.add_tally(where, score, keep, folds)
        for one in groups:
            self.add_groups(keys, one)

    def __dealloc__(self):
        cdef uint32_t at
        for at in range(self.tally_count):
            free(self.tallies[at].copies)
        for at in range(self.group_count):
            keys_free(&self.groups[at].keys)
            keys_free(&self.groups[at].items)
            free(self.groups[at].groups)
            free(self.groups[at].values)
        free(self.steps)
        free(self.still)
        free(self.values)
        free(self.tallies)
        free(self.groups)

    cdef add_step(self, uint32_t op, uint32_t a, uint32_t b, uint32_t c, int64_t value):
        cdef uint32_t number = self.step_count, row
        cdef uint32_t widths[TYPES]
        widths[0], widths[1], widths[2], widths[3], widths[4] = 1, 2, 4, 8, 4
        if op >= OPS:
            raise ValueError(f"step {number}: there is no operation {op}")
        if op == OP_LOAD:
            if a >= TYPES or not 0 <= value <= <int64_t>(self.itemsize - widths[a]):
                raise ValueError(f"step {number}: type {a} at byte {value} of a row of {self.itemsize}")
        elif op != OP_CONSTANT and (max(a, b, c) >= number):
            raise ValueError(f"step {number} uses one that does not come before it")
        self.steps[number] = step_t(op=op, a=a, b=b, c=c, value=value)
        if op == OP_CONSTANT:
            for row in range(ROWS):
                self.values[<size_t>number * ROWS + row] = value
        self.step_count += 1

    cdef bint is_still(self, const step_t* step, ranges):
        if step.op == OP_CONSTANT:
            return True
        if step.op == OP_LOAD:
            return any([begin <= step.value < begin + size for begin, size in ranges])
        if step.op == OP_NOT:
            return self.still[step.a]
        if step.op == OP_CHOOSE and not self.still[step.c]:
            return False
        return self.still[step.a] and self.still[step.b]

    cdef uint32_t known(self, int64_t step) except? 0xFFFFFFFF:
        if not 0 <= step < self.step_count:
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

    cdef take_key(self, key_t* key, told):
        cdef uint32_t at, width = 0
        if len(told) > MAX_PARTS:
            raise ValueError(f"a key of {len(told)} parts")
        for at in range(len(told)):
            offset, size = told[at]
            if not (0 < size <= MAX_KEY and 0 <= offset <= <int64_t>self.itemsize - size):
                raise ValueError(f"{size} bytes at {offset} of a row of {self.itemsize}")
            key.parts[at] = part_t(offset=offset, size=size)
            width += size
        if width > MAX_KEY - 4:
            raise ValueError(f"a key of {width} bytes")
        key.count = <uint32_t>len(told)
        key.width = width

    cdef add_tally(self, where, score, uint32_t keep, folds):
        cdef tally_t* tally = &self.tallies[self.tally_count]
        cdef uint32_t at
        if keep > MAX_KEPT:
            raise ValueError(f"{keep} rows to keep, expected up to {MAX_KEPT}")
        tally.where, tally.score, tally.keep = self.known(where), self.known(score), keep
        tally.fold_count = self.take_folds(tally.folds, folds)
        for at in range(tally.fold_count):
            tally.values[at] = empty_fold(tally.folds[at].fold)
        tally.copies = <uint8_t*>malloc(keep * self.itemsize + 1)
        self.tally_count += 1
        if tally.copies == NULL:
            raise MemoryError

    cdef add_groups(self, const uint64_t* seed, told):
        cdef groups_t* groups = &self.groups[self.group_count]
        where, key, item, sequence, limit, item_limit, folds = told
        groups.where = self.known(where)
        groups.sequence = -1 if sequence < 0 else self.known(sequence)
        self.take_key(&groups.key, key)
        self.take_key(&groups.item, item)
        if groups.key.width == 0:
            raise ValueError("a key without parts")
        groups.fold_count = self.take_folds(groups.folds, folds)
        self.group_count += 1
        if not keys_init(&groups.keys, (groups.key.width + 7) & ~7u, limit, seed):
            raise MemoryError
        if not keys_init(&groups.items, (groups.item.width + 4 + 7) & ~7u, item_limit, seed):
            raise MemoryError

    def observe(self, rows not None, uint32_t likeness=0):
        """Take a batch of rows, a contiguous buffer. Raises ValueError where it holds no whole number of rows.

        likeness: rows with the same one, but for 0, are alike in `still`.
        """
        cdef Py_buffer buffer
        cdef bint right = True
        PyObject_GetBuffer(rows, &buffer, PyBUF_SIMPLE)
        try:
            if buffer.len % <Py_ssize_t>self.itemsize:
                raise ValueError(f"{buffer.len} bytes are no whole number of rows of {self.itemsize}")
            with nogil:
                right = self.take(<const uint8_t*>buffer.buf, <uint64_t>buffer.len // self.itemsize, likeness)
        finally:
            PyBuffer_Release(&buffer)
        if not right:
            raise MemoryError

    cdef bint take(self, const uint8_t* rows, uint64_t count, uint32_t likeness) noexcept nogil:
        cdef uint32_t chunk
        while count:
            chunk = ROWS if count > ROWS else <uint32_t>count
            if not self.take_chunk(rows, chunk, likeness):
                return False
            rows += chunk * self.itemsize
            count -= chunk
        return True

    cdef bint take_chunk(self, const uint8_t* rows, uint32_t count, uint32_t likeness) noexcept nogil:
        cdef uint32_t number
        cdef const step_t* step
        cdef bint settled = likeness != 0 and likeness == self.settled and count <= self.settled_rows
        if not settled:
            self.settled, self.settled_rows = likeness, count
        for number in range(self.step_count):
            step = &self.steps[number]
            if settled and self.still[number]:
                continue
            if step.op == OP_LOAD:
                load(step, rows, self.itemsize, count, &self.values[<size_t>number * ROWS])
            elif step.op == OP_DIVIDE:
                divide(
                    &self.values[<size_t>step.a * ROWS], &self.values[<size_t>step.b * ROWS], count,
                    &self.values[<size_t>number * ROWS],
                )
            elif step.op != OP_CONSTANT:
                combine(
                    step.op, &self.values[<size_t>step.a * ROWS], &self.values[<size_t>step.b * ROWS],
                    &self.values[<size_t>step.c * ROWS], count, &self.values[<size_t>number * ROWS],
                )
        for number in range(self.tally_count):
            self.tally_chunk(&self.tallies[number], rows, count)
        for number in range(self.group_count):
            if not self.group_chunk(&self.groups[number], rows, count):
                return False
        self.rows += count
        return True

    cdef void tally_chunk(self, tally_t* tally, const uint8_t* rows, uint32_t count) noexcept nogil:
        cdef uint32_t row, at
        cdef const int64_t* where = &self.values[<size_t>tally.where * ROWS]
        for row in range(count):
            if not where[row]:
                continue
            tally.rows += 1
            for at in range(tally.fold_count):
                fold_in(
                    &tally.values[at], tally.folds[at].fold, self.values[<size_t>tally.folds[at].step * ROWS + row]
                )
            keep_row(
                tally, self.values[<size_t>tally.score * ROWS + row], self.rows + row, rows + row * self.itemsize,
                self.itemsize,
            )

    cdef bint group_chunk(self, groups_t* groups, const uint8_t* rows, uint32_t count) noexcept nogil:
        cdef wanted_t[ROWS] wanted
        cdef uint32_t at, found = want_groups(
            groups, &self.values[<size_t>groups.where * ROWS], rows, self.itemsize, count, wanted
        )
        for at in range(found):
            if not add_to_group(groups, &wanted[at], self.values, rows + wanted[at].row * self.itemsize):
                return False
        return True

    def tally(self, uint32_t number):
        """(rows, values, [(score, row as bytes)] of those kept, highest score first, of equals the earlier)."""
        cdef uint32_t at
        cdef tally_t* tally
        if number >= self.tally_count:
            raise IndexError(number)
        tally = &self.tallies[number]
        kept = sorted((-tally.scores[at], tally.numbers[at], tally.places[at]) for at in range(tally.kept))
        rows = [
            (-score, (<const char*>(tally.copies + <size_t>place * self.itemsize))[:self.itemsize])
            for score, _, place in kept
        ]
        return tally.rows, [tally.values[at] for at in range(tally.fold_count)], rows

    def beyond(self, uint32_t number):
        """Rows of keys that found no place in groups. Raises IndexError."""
        if number >= self.group_count:
            raise IndexError(number)
        return self.groups[number].beyond

    def group(self, uint32_t number, at_least not None, uint32_t order, uint32_t most):
        """The groups whose fields reach a least value: (how many, keys in all, rows beyond the limit, groups).

        at_least: [(field, least)].  order: the field of which the largest come first, of equals by key.  Fields: 0 the
        rows, 1 the distinct items, from 2 the values.  groups: `most` of (key, rows, distinct items, values, gaps, sum
        of gaps, sum of their squares).
        """
        cdef uint32_t one
        cdef bint reached
        cdef groups_t* groups
        if number >= self.group_count:
            raise IndexError(number)
        groups = &self.groups[number]
        fields = [(<uint32_t>field, <int64_t>least) for field, least in at_least]
        if order >= groups.fold_count + 2 or any([field >= groups.fold_count + 2 for field, _ in fields]):
            raise ValueError("there is no such field")
        found = []
        for one in range(groups.keys.count):
            reached = True
            for field, least in fields:
                if field_of(groups, one, field) < <int64_t>least:
                    reached = False
                    break
            if reached:
                found.append((-field_of(groups, one, order), self.key_bytes(groups, one), one))
        found.sort()
        return len(found), groups.keys.count, groups.beyond, [
            self.told(groups, one, key) for _, key, one in found[:most]
        ]

    cdef bytes key_bytes(self, const groups_t* groups, uint32_t number):
        return (<const char*>key_at(&groups.keys, number))[:groups.key.width]

    cdef tuple told(self, const groups_t* groups, uint32_t number, bytes key):
        cdef const group_t* group = &groups.groups[number]
        cdef uint32_t at
        values = [groups.values[<size_t>number * groups.fold_count + at] for at in range(groups.fold_count)]
        return key, group.rows, group.distinct, values, group.gaps, group.gap_sum, group.gap_squares
