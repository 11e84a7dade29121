"""Vectors of ROWS numbers and masks of as many bits: what the terms of a question are made of, for a chunk of rows.

All loops go over a whole vector, whatever rows there are: what stands behind the last row is never looked at. An
operand is a vector or one number that all rows have in common: with `one` the number that its address leads to.
Arithmetic wraps as that of C's unsigned numbers.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef extern from * nogil:
    """
    #include <stdint.h>
    #include <string.h>
    #define PCAP_ROWS 128
    #define PCAP_WORDS 2
    /* Vectors of four numbers where the processor has them: which of both is chosen when the module is loaded. */
    #if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
    #define PCAP_WIDE __attribute__((target_clones("avx2", "default")))
    #else
    #define PCAP_WIDE
    #endif

    #define PCAP_BIT_1(n) UINT64_C(1) << (n)
    #define PCAP_BIT_4(n) PCAP_BIT_1(n), PCAP_BIT_1((n) + 1), PCAP_BIT_1((n) + 2), PCAP_BIT_1((n) + 3)
    #define PCAP_BIT_16(n) PCAP_BIT_4(n), PCAP_BIT_4((n) + 4), PCAP_BIT_4((n) + 8), PCAP_BIT_4((n) + 12)
    static const uint64_t pcap_bits[64] = {PCAP_BIT_16(0), PCAP_BIT_16(16), PCAP_BIT_16(32), PCAP_BIT_16(48)};
    /* For every row; `set`: whether its bit is. What is chosen from is read before: loads under a condition are not
       made vectors of. */
    #define PCAP_EACH(...) for (uint32_t word = 0; word < PCAP_WORDS; word++) { \\
        const uint64_t bits = mask[word]; \\
        for (uint32_t row = 64 * word; row < 64 * word + 64; row++) { \\
            const uint64_t bit = pcap_bits[row - 64 * word]; const int set = (bits & bit) != 0; __VA_ARGS__; } }

    /* Columns of rows that are so many bytes apart; unaligned loads. */
    #define PCAP_COLUMN(type) for (uint32_t row = 0; row < count; row++) { \\
        type value; memcpy(&value, at + row * itemsize, sizeof value); out[row] = (int64_t)value; } break
    static inline void pcap_load_column(
        uint32_t kind, const uint8_t *at, size_t itemsize, uint32_t count, int64_t *restrict out) {
        switch (kind) {
        case 0: PCAP_COLUMN(uint8_t);
        case 1: PCAP_COLUMN(uint16_t);
        case 2: PCAP_COLUMN(uint32_t);
        case 3: PCAP_COLUMN(int64_t);
        case 4: PCAP_COLUMN(int32_t);
        }
    }
    /* Of each state the bits that are kept. */
    static inline void pcap_keep_states(uint8_t *restrict states, const uint8_t *restrict kept, uint32_t count) {
        for (uint32_t at = 0; at < count; at++) states[at] &= kept[at];
    }
    /* Whether the first numbers are all the same. */
    PCAP_WIDE static int pcap_is_one(const int64_t *a, uint32_t count) {
        uint64_t different = 0;
        for (uint32_t row = 0; row < count; row++) different |= (uint64_t)(a[row] ^ a[0]);
        return different == 0;
    }

    /* x of a, y of b. */
    #define PCAP_PAIRS(expression) \\
        if (a_one) { const int64_t x = *a; for (uint32_t row = 0; row < PCAP_ROWS; row++) { \\
            const int64_t y = b[row]; out[row] = (expression); } } \\
        else if (b_one) { const int64_t y = *b; for (uint32_t row = 0; row < PCAP_ROWS; row++) { \\
            const int64_t x = a[row]; out[row] = (expression); } } \\
        else for (uint32_t row = 0; row < PCAP_ROWS; row++) { \\
            const int64_t x = a[row], y = b[row]; out[row] = (expression); } break
    static inline int64_t pcap_floor_of(int64_t x, int64_t y) {
        return y <= 0 ? 0 : x / y - (x % y < 0);  /* C's division is towards zero */
    }
    /* op_t of terms.pxd. */
    PCAP_WIDE static void pcap_combine_rows(
        uint32_t op, const int64_t *a, int a_one, const int64_t *b, int b_one, int64_t *restrict out) {
        switch (op) {
        case 2: PCAP_PAIRS((int64_t)((uint64_t)x + (uint64_t)y));
        case 3: PCAP_PAIRS((int64_t)((uint64_t)x - (uint64_t)y));
        case 4: PCAP_PAIRS((int64_t)((uint64_t)x * (uint64_t)y));
        case 5: PCAP_PAIRS(pcap_floor_of(x, y));
        case 6: PCAP_PAIRS(x < y ? x : y);
        case 7: PCAP_PAIRS(x > y ? x : y);
        }
    }
    static inline int64_t pcap_combine_one(uint32_t op, int64_t x, int64_t y) {
        switch (op) {
        case 2: return (int64_t)((uint64_t)x + (uint64_t)y);
        case 3: return (int64_t)((uint64_t)x - (uint64_t)y);
        case 4: return (int64_t)((uint64_t)x * (uint64_t)y);
        case 5: return pcap_floor_of(x, y);
        case 6: return x < y ? x : y;
        case 7: return x > y ? x : y;
        case 8: return x < y;
        default: return x == y;
        }
    }

    /* A bit of each row. */
    #define PCAP_COMPARED(xs, ys, condition) for (uint32_t word = 0; word < PCAP_WORDS; word++) { \\
        uint64_t bits = 0; \\
        for (uint32_t row = 0; row < 64; row++) { \\
            const int64_t x = (xs), y = (ys); bits |= (condition) ? pcap_bits[row] : 0; } \\
        out[word] = bits; } break
    #define PCAP_COMPARE(condition) \\
        if (a_one) { const int64_t left = *a; PCAP_COMPARED(left, b[word * 64 + row], condition); } \\
        if (b_one) { const int64_t right = *b; PCAP_COMPARED(a[word * 64 + row], right, condition); } \\
        PCAP_COMPARED(a[word * 64 + row], b[word * 64 + row], condition)
    PCAP_WIDE static void pcap_compare_rows(
        uint32_t op, const int64_t *a, int a_one, const int64_t *b, int b_one, uint64_t *restrict out) {
        switch (op) {
        case 8: PCAP_COMPARE(x < y);
        case 9: PCAP_COMPARE(x == y);
        default:
            PCAP_COMPARED(a[word * 64 + row], 0, x != y);
        }
    }
    /* 1 where the bit is set. */
    PCAP_WIDE static void pcap_expand_mask(const uint64_t *mask, int64_t *restrict out) {
        PCAP_EACH(out[row] = set)
    }
    PCAP_WIDE static void pcap_choose_rows(
        const uint64_t *mask, const int64_t *b, int b_one, const int64_t *c, int c_one, int64_t *restrict out) {
        const int64_t one = *b, other = *c;
        if (b_one && c_one) PCAP_EACH(out[row] = set ? one : other)
        else if (b_one) PCAP_EACH(const int64_t y = c[row]; out[row] = set ? one : y)
        else if (c_one) PCAP_EACH(const int64_t x = b[row]; out[row] = set ? x : other)
        else PCAP_EACH(const int64_t x = b[row], y = c[row]; out[row] = set ? x : y)
    }
    /* By halves: gcc makes no vectors of a running least. */
    #define PCAP_EXTREME(better) { \\
        for (uint32_t row = 0; row < 64; row++) { \\
            const uint64_t bit = pcap_bits[row]; \\
            const int64_t first = a[row], second = a[row + 64]; \\
            const int64_t x = mask[0] & bit ? first : value, y = mask[1] & bit ? second : value; \\
            best[row] = x better y ? x : y; } \\
        for (uint32_t half = 32; half; half /= 2) for (uint32_t row = 0; row < half; row++) { \\
            const int64_t x = best[row], y = best[row + half]; best[row] = x better y ? x : y; } \\
        return best[0] better value ? best[0] : value; }
    /* What the rows of a mask come to: fold_t of watch.pyx. */
    PCAP_WIDE static int64_t pcap_fold_rows(uint32_t fold, const uint64_t *mask, const int64_t *a, int64_t value) {
        int64_t best[64];
        if (fold == 0) {
            uint64_t sum = 0;
            PCAP_EACH(const uint64_t more = (uint64_t)a[row]; sum += set ? more : 0)
            return (int64_t)(sum + (uint64_t)value);
        }
        if (fold == 1) PCAP_EXTREME(<)
        PCAP_EXTREME(>)
    }
    #define pcap_first_bit(word) ((uint32_t)__builtin_ctzll(word))
    #define pcap_bit_count(word) ((uint32_t)__builtin_popcountll(word))
    """
    enum:
        ROWS "PCAP_ROWS"                # a chunk
        WORDS "PCAP_WORDS"              # of a mask
    void load_column "pcap_load_column"(
        uint32_t kind, const uint8_t* at, size_t itemsize, uint32_t count, int64_t* out
    ) noexcept
    void keep_states "pcap_keep_states"(uint8_t* states, const uint8_t* kept, uint32_t count) noexcept
    bint is_one "pcap_is_one"(const int64_t* a, uint32_t count) noexcept
    void combine "pcap_combine_rows"(
        uint32_t op, const int64_t* a, bint a_one, const int64_t* b, bint b_one, int64_t* out
    ) noexcept
    int64_t combine_one "pcap_combine_one"(uint32_t op, int64_t x, int64_t y) noexcept
    # Any other op: whether a is not 0.
    void compare "pcap_compare_rows"(
        uint32_t op, const int64_t* a, bint a_one, const int64_t* b, bint b_one, uint64_t* out
    ) noexcept
    void expand "pcap_expand_mask"(const uint64_t* mask, int64_t* out) noexcept
    void choose "pcap_choose_rows"(
        const uint64_t* mask, const int64_t* b, bint b_one, const int64_t* c, bint c_one, int64_t* out
    ) noexcept
    int64_t fold_vector "pcap_fold_rows"(uint32_t fold, const uint64_t* mask, const int64_t* a, int64_t value) noexcept
    uint32_t first_bit "pcap_first_bit"(uint64_t word) noexcept
    uint32_t bit_count "pcap_bit_count"(uint64_t word) noexcept
