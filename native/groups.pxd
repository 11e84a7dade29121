"""Sums per key: rows that meet a condition, counted in the group that their key names.

Thirty-two rows at a time, so that what the table of one waits for comes while keys of others are made.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fold cimport FOLD_LEAST, FOLD_MOST, FOLD_SUM, MAX_SUMS, empty_fold, fold_in, fold_row_t, fold_t
from keyed cimport NO_KEY, expect_presence, expect_slot, find_row, hash_of, is_beyond, kept_at, keyed_t, likely_number
from terms cimport column_t
from vectors cimport WORDS, first_bit

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
    MAX_PIECES = 64
    MAX_WORDS = 8                    # of eight bytes
    WANTED = 32                      # rows that are looked up at a time

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

ctypedef struct wanted_t:            # a row of a chunk that a group counts
    uint64_t key[MAX_WORDS]
    uint64_t item[MAX_WORDS]         # its key, with the number of the group in front
    const uint8_t* at
    uint32_t hash
    uint32_t row
    uint32_t number                  # of the group, very likely; NO_KEY: it is not known yet
    uint32_t item_hash               # of its item, valid with `number`
    int64_t* record                  # of the group, see add_to_group


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
