"""What is asked of every flow: conditions, sums, the worst rows, sums per key. Told as a program, run over batches.

A program is a list of steps (terms.pxd); rows come as C structs in a buffer and are taken in chunks that stay in cache.
So a question about flows is written in Python, in the one file that wants the answer, and costs a nanosecond a flow and
step; numpy would do the same, and takes longer to import than most captures take to analyse.

Arithmetic wraps as that of C's unsigned numbers, division by what is not positive is 0: the numbers come out of a
capture. Memory is bounded by what the program says, not by the number of rows.
"""
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from fold cimport FOLDS, MAX_SUMS, empty_fold, fold_row_t, fold_rows
from groups cimport (
    WANTED,
    add_to_group,
    expect_groups,
    field_of,
    fold_groups,
    groups_t,
    is_any,
    key_t,
    part_shift,
    piece_t,
    record_of,
    sequence_t,
    want_groups,
    wanted_t,
)
from keyed cimport keyed_free, keyed_init, row_at
from likeness cimport DEGREES, degree_of
from relay cimport observer_t
from tally cimport MAX_KEPT, keep_rows, tally_t
from terms cimport (
    OP_CONSTANT,
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
from vectors cimport ROWS, WORDS, bit_count

cdef enum:
    MAX_STEPS = 4096
    MAX_PARTS = 8
    MAX_KEY = 64                     # bytes

ctypedef struct watch_t:
    terms_t terms
    tally_t* tallies
    groups_t* groups
    uint32_t tally_count
    uint32_t group_count
    size_t itemsize
    uint64_t rows


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
