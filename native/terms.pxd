"""Terms of rows: a program of steps, each made of columns, constants or earlier steps, worked out when it is asked for.

Most of what a question needs is the same in all rows of a chunk: a kind of trouble that none of them has, a condition
that none meets. So a step is one number as long as that is known of it, and what cannot matter behind it is not worked
out: the other side of an AND that no row meets, what is multiplied by 0. Conditions are bits, a word for 64 rows.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from likeness cimport DEGREES, degree_of
from vectors cimport ROWS, WORDS, choose, combine, combine_one, compare, expand, is_one, keep_states, load_column

cdef enum:
    LOADED_AT_ONCE = 16              # rows of which columns are read, so that these stay in the nearest cache

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

cdef enum state_t:                   # of a step, for the rows of a chunk
    NOT_KNOWN = 0
    ONE                              # all rows have the number in `ones`
    EACH                             # each row has its own in `vectors`
    BITS                             # 0 or 1, and not the same in all: in `masks`
    BITS_AND_EACH                    # in both

ctypedef struct step_t:
    uint32_t op
    uint32_t a                       # earlier steps; of OP_LOAD the type
    uint32_t b
    uint32_t c
    int64_t value                    # of OP_CONSTANT; of OP_LOAD the offset in the row

ctypedef struct terms_t:
    step_t* steps
    uint32_t count
    uint8_t* states                  # (steps,) state_t
    uint8_t* kept[DEGREES]           # (steps,) each, 255 where the state stays while rows are so much alike, else 0
    int64_t* ones                    # (steps,)
    int64_t* vectors                 # (steps, ROWS)
    uint64_t* masks                  # (steps, WORDS)
    uint32_t* loads[DEGREES]         # (load_count,) each, the columns that are not still
    uint32_t load_count[DEGREES]
    uint32_t alike                   # likeness of the rows that were last looked at
    uint64_t live[WORDS]             # bits of the rows of the chunk
    uint32_t rows                    # of the chunk
    const uint8_t* first             # its first row

ctypedef struct column_t:            # a step's numbers: that of a row is at[row * stride]
    const int64_t* at
    uint32_t stride


cdef inline bint terms_init(terms_t* terms, uint32_t limit) noexcept nogil:
    """No steps yet, and room for some. False: no memory; terms_free is still to be called."""
    cdef uint32_t degree
    cdef bint right = True
    terms.steps = <step_t*>calloc(limit + 1, sizeof(step_t))
    terms.states = <uint8_t*>calloc(limit + 1, 1)
    terms.ones = <int64_t*>calloc(limit + 1, sizeof(int64_t))
    terms.vectors = <int64_t*>calloc(<size_t>(limit + 1) * ROWS, sizeof(int64_t))
    terms.masks = <uint64_t*>calloc(<size_t>(limit + 1) * WORDS, sizeof(uint64_t))
    for degree in range(DEGREES):
        terms.kept[degree] = <uint8_t*>calloc(limit + 1, 1)
        terms.loads[degree] = <uint32_t*>calloc(limit + 1, sizeof(uint32_t))
        right = right and terms.kept[degree] != NULL and terms.loads[degree] != NULL
    return (
        right and terms.steps != NULL and terms.states != NULL and terms.ones != NULL and terms.vectors != NULL
        and terms.masks != NULL
    )


cdef inline void terms_free(terms_t* terms) noexcept nogil:
    cdef uint32_t degree
    for degree in range(DEGREES):
        free(terms.kept[degree])
        free(terms.loads[degree])
    free(terms.steps)
    free(terms.states)
    free(terms.ones)
    free(terms.vectors)
    free(terms.masks)


cdef inline bint is_still(const uint8_t* kept, const step_t* step, bint still) noexcept nogil:
    """Whether a step is made of nothing but constants and still columns. still: whether it is such a column."""
    if step.op == OP_CONSTANT:
        return True
    if step.op == OP_LOAD:
        return still
    if step.op == OP_NOT:
        return kept[step.a] != 0
    if step.op == OP_CHOOSE and not kept[step.c]:
        return False
    return kept[step.a] and kept[step.b]


cdef inline void add_step(terms_t* terms, const step_t* step, const uint8_t* still) noexcept nogil:
    """still: (DEGREES,), of OP_LOAD, whether the column is the same in all rows that are so much alike."""
    cdef uint32_t degree
    terms.steps[terms.count] = step[0]
    for degree in range(DEGREES):
        terms.kept[degree][terms.count] = 255 if is_still(terms.kept[degree], step, still[degree]) else 0
        if step.op == OP_LOAD and not still[degree]:
            terms.loads[degree][terms.load_count[degree]] = terms.count
            terms.load_count[degree] += 1
    terms.count += 1


# ---------------------------------------------------------------- a chunk

cdef inline uint64_t first_bits(uint32_t count) noexcept nogil:
    return 0 if count == 0 else <uint64_t>-1 >> (64 - count if count < 64 else 0)


cdef inline void load_all(terms_t* terms, const uint8_t* rows, size_t itemsize, uint32_t degree) noexcept nogil:
    """What is not still, a few rows at a time: each line of a row is fetched once for all of its columns."""
    cdef uint32_t begin = 0, count, at
    cdef const uint32_t* loads = terms.loads[degree]
    cdef const step_t* step
    while begin < terms.rows:
        count = terms.rows - begin if terms.rows - begin < LOADED_AT_ONCE else LOADED_AT_ONCE
        for at in range(terms.load_count[degree]):
            step = &terms.steps[loads[at]]
            load_column(
                step.a, rows + begin * itemsize + step.value, itemsize, count,
                &terms.vectors[<size_t>loads[at] * ROWS + begin],
            )
        begin += count


cdef inline void begin_chunk(
    terms_t* terms, const uint8_t* rows, size_t itemsize, uint32_t count, uint32_t likeness
) noexcept nogil:
    """Rows of which terms will be asked; at most ROWS."""
    cdef uint32_t at, degree = degree_of(likeness)
    if degree and likeness == terms.alike:
        keep_states(terms.states, terms.kept[degree], terms.count)
    else:
        memset(terms.states, NOT_KNOWN, terms.count)
    for at in range(WORDS):
        terms.live[at] = first_bits(count - 64 * at if count > 64 * at else 0)
    terms.alike = likeness
    terms.rows = count
    terms.first = rows
    load_all(terms, rows, itemsize, degree)


cdef inline const int64_t* numbers_of(terms_t* terms, uint32_t number) noexcept nogil:
    """Of a step that is known: its vector, or with ONE that number."""
    if terms.states[number] == ONE:
        return &terms.ones[number]
    if terms.states[number] == BITS:
        expand(&terms.masks[<size_t>number * WORDS], &terms.vectors[<size_t>number * ROWS])
        terms.states[number] = BITS_AND_EACH
    return &terms.vectors[<size_t>number * ROWS]


cdef inline column_t column_of(terms_t* terms, uint32_t number) noexcept nogil:
    demand(terms, number)
    return column_t(at=numbers_of(terms, number), stride=0 if terms.states[number] == ONE else 1)


cdef inline void become_one(terms_t* terms, uint32_t number, int64_t value) noexcept nogil:
    terms.states[number] = ONE
    terms.ones[number] = value


cdef inline bint is_zero(const terms_t* terms, uint32_t number) noexcept nogil:
    """Whether it is known that no row has anything but 0."""
    return terms.states[number] == ONE and terms.ones[number] == 0


cdef inline bint is_met_by_all(const terms_t* terms, uint32_t number) noexcept nogil:
    return terms.states[number] == ONE and terms.ones[number] != 0


cdef inline void become_bits(terms_t* terms, uint32_t number, const uint64_t* mask) noexcept nogil:
    """mask: bits of no row may be set, too."""
    cdef uint64_t* out = &terms.masks[<size_t>number * WORDS]
    cdef uint64_t some = 0, missing = 0
    cdef uint32_t word
    for word in range(WORDS):
        out[word] = mask[word] & terms.live[word]
        some |= out[word]
        missing |= out[word] ^ terms.live[word]
    if some and missing:
        terms.states[number] = BITS
    else:
        become_one(terms, number, some != 0)


cdef inline void mask_of(terms_t* terms, uint32_t number, uint64_t* mask) noexcept nogil:
    """Which rows have anything but 0; the step is known."""
    cdef uint32_t word
    cdef uint64_t all_rows
    if terms.states[number] == ONE:
        all_rows = <uint64_t>-1 if terms.ones[number] else 0
        for word in range(WORDS):
            mask[word] = terms.live[word] & all_rows
    elif terms.states[number] == EACH:
        compare(OP_NOT, &terms.vectors[<size_t>number * ROWS], False, NULL, False, mask)
        for word in range(WORDS):
            mask[word] &= terms.live[word]
    else:
        memcpy(mask, &terms.masks[<size_t>number * WORDS], WORDS * sizeof(uint64_t))


# ---------------------------------------------------------------- steps

cdef inline void demand(terms_t* terms, uint32_t number) noexcept nogil:
    """Make sure that a step is known."""
    if terms.states[number] == NOT_KNOWN:
        work_out(terms, number, &terms.steps[number])


cdef inline void load_one(terms_t* terms, uint32_t number, const step_t* step) noexcept nogil:
    """A column that was read already, or is the same in all rows."""
    cdef int64_t* numbers = &terms.vectors[<size_t>number * ROWS]
    if terms.kept[degree_of(terms.alike)][number]:
        load_column(step.a, terms.first + step.value, 0, 1, numbers)
        become_one(terms, number, numbers[0])
    elif is_one(numbers, terms.rows):
        become_one(terms, number, numbers[0])
    else:
        terms.states[number] = EACH


cdef inline void become_met(terms_t* terms, uint32_t number, uint32_t condition) noexcept nogil:
    """As a condition that is known."""
    cdef uint64_t mask[WORDS]
    mask_of(terms, condition, mask)
    become_bits(terms, number, mask)


cdef inline bint settles(const terms_t* terms, uint32_t number, bint any) noexcept nogil:
    """Whether what is known of a condition decides what it is joined to."""
    return is_met_by_all(terms, number) if any else is_zero(terms, number)


cdef inline void joined(terms_t* terms, uint32_t number, const step_t* step, bint any) noexcept nogil:
    """Two conditions of which any has to be met, or both."""
    cdef uint64_t one[WORDS]
    cdef uint64_t other[WORDS]
    cdef uint32_t word
    if not settles(terms, step.b, any):
        demand(terms, step.a)
        if not settles(terms, step.a, any):
            demand(terms, step.b)
    if settles(terms, step.a, any) or settles(terms, step.b, any):
        become_one(terms, number, any)
        return
    mask_of(terms, step.a, one)
    mask_of(terms, step.b, other)
    for word in range(WORDS):
        one[word] = one[word] | other[word] if any else one[word] & other[word]
    become_bits(terms, number, one)


cdef inline void opposite(terms_t* terms, uint32_t number, const step_t* step) noexcept nogil:
    cdef uint64_t mask[WORDS]
    cdef uint32_t word
    demand(terms, step.a)
    mask_of(terms, step.a, mask)
    for word in range(WORDS):
        mask[word] = ~mask[word]
    become_bits(terms, number, mask)


cdef inline void compared(terms_t* terms, uint32_t number, const step_t* step) noexcept nogil:
    cdef uint64_t mask[WORDS]
    cdef const int64_t* left
    cdef const int64_t* right
    demand(terms, step.a)
    demand(terms, step.b)
    left, right = numbers_of(terms, step.a), numbers_of(terms, step.b)
    if terms.states[step.a] == ONE and terms.states[step.b] == ONE:
        become_one(terms, number, combine_one(step.op, left[0], right[0]))
        return
    compare(step.op, left, terms.states[step.a] == ONE, right, terms.states[step.b] == ONE, mask)
    become_bits(terms, number, mask)


cdef inline void take_chosen(
    terms_t* terms, uint32_t number, const uint64_t* mask, const column_t* one, const column_t* other
) noexcept nogil:
    choose(mask, one.at, one.stride == 0, other.at, other.stride == 0, &terms.vectors[<size_t>number * ROWS])
    terms.states[number] = EACH


cdef inline void become_same(terms_t* terms, uint32_t number, uint32_t as_step) noexcept nogil:
    """As another step is."""
    cdef column_t column = column_of(terms, as_step)
    if column.stride == 0:
        become_one(terms, number, column.at[0])
    else:
        memcpy(&terms.vectors[<size_t>number * ROWS], column.at, ROWS * sizeof(int64_t))
        terms.states[number] = EACH


cdef inline void chosen(terms_t* terms, uint32_t number, const step_t* step) noexcept nogil:
    cdef uint64_t mask[WORDS]
    cdef column_t one, other
    demand(terms, step.a)
    if terms.states[step.a] == ONE:
        become_same(terms, number, step.b if terms.ones[step.a] else step.c)
        return
    mask_of(terms, step.a, mask)
    one = column_of(terms, step.b)
    other = column_of(terms, step.c)
    take_chosen(terms, number, mask, &one, &other)


cdef inline void multiplied(terms_t* terms, uint32_t number, const step_t* step) noexcept nogil:
    """By a condition, or by what no row has, it is no multiplication."""
    cdef int64_t nothing = 0
    cdef column_t zero = column_t(at=&nothing, stride=0), other
    if not is_zero(terms, step.b):
        demand(terms, step.a)
        if not is_zero(terms, step.a):
            demand(terms, step.b)
    if is_zero(terms, step.a) or is_zero(terms, step.b):
        become_one(terms, number, 0)
    elif terms.states[step.a] >= BITS:
        other = column_of(terms, step.b)
        take_chosen(terms, number, &terms.masks[<size_t>step.a * WORDS], &other, &zero)
    elif terms.states[step.b] >= BITS:
        other = column_of(terms, step.a)
        take_chosen(terms, number, &terms.masks[<size_t>step.b * WORDS], &other, &zero)
    else:
        combined(terms, number, step)


cdef inline void combined(terms_t* terms, uint32_t number, const step_t* step) noexcept nogil:
    cdef column_t a = column_of(terms, step.a), b = column_of(terms, step.b)
    if a.stride == 0 and b.stride == 0:
        become_one(terms, number, combine_one(step.op, a.at[0], b.at[0]))
        return
    combine(step.op, a.at, a.stride == 0, b.at, b.stride == 0, &terms.vectors[<size_t>number * ROWS])
    terms.states[number] = EACH


cdef inline void work_out(terms_t* terms, uint32_t number, const step_t* step) noexcept nogil:
    if step.op == OP_CONSTANT:
        become_one(terms, number, step.value)
    elif step.op == OP_LOAD:
        load_one(terms, number, step)
    elif step.op == OP_AND:
        joined(terms, number, step, False)
    elif step.op == OP_OR:
        joined(terms, number, step, True)
    elif step.op == OP_NOT:
        opposite(terms, number, step)
    elif step.op == OP_CHOOSE:
        chosen(terms, number, step)
    elif step.op == OP_MULTIPLY:
        multiplied(terms, number, step)
    elif step.op == OP_LESS or step.op == OP_EQUAL:
        compared(terms, number, step)
    else:
        combined(terms, number, step)
