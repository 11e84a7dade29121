"""Lines and words of protocols made of text. Nothing is copied, and nothing behind the captured bytes is read."""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp

ctypedef struct text_t:              # a stretch of a packet
    const uint8_t* at
    uint32_t size


cdef inline text_t part(const text_t* text, uint32_t begin, uint32_t end) noexcept nogil:
    """text[begin:end], for 0 <= begin <= end <= its size."""
    return text_t(at=text.at + begin, size=end - begin)


cdef inline uint32_t find(const text_t* text, uint8_t character) noexcept nogil:
    """Where a character is; the text's size where it is not."""
    cdef uint32_t at = 0
    while at < text.size and text.at[at] != character:
        at += 1
    return at


cdef inline bint is_letter(uint8_t character) noexcept nogil:
    return b"a" <= (character | 32) <= b"z"


cdef inline bint is_space(uint8_t character) noexcept nogil:
    """Whether it may stand around a value, the end of a folded line included."""
    return character == 32 or 9 <= character <= 13


cdef inline void strip_left(text_t* text) noexcept nogil:
    """Forget spaces before it."""
    while text.size and is_space(text.at[0]):
        text[0] = part(text, 1, text.size)


cdef inline void strip_right(text_t* text) noexcept nogil:
    """And behind it."""
    while text.size and is_space(text.at[text.size - 1]):
        text.size -= 1


cdef inline bint next_line(text_t* rest, text_t* line, bint quotes) noexcept nogil:
    """Take a line from the rest: up to CR, LF or both. False: nothing is left.

    quotes: what ends a line does not between two quotation marks, as Wireshark reads SDP.
    """
    cdef uint32_t at = 0, end
    cdef uint8_t character
    cdef bint quoted = False
    if rest.size == 0:
        return False
    while at < rest.size:
        character = rest.at[at]
        if quotes and character == b'"':
            quoted = not quoted
        elif (character == b"\r" or character == b"\n") and not quoted:
            break
        at += 1
    end = at
    if at + 1 < rest.size and rest.at[at] == b"\r" and rest.at[at + 1] == b"\n":
        at += 2
    elif at < rest.size:
        at += 1
    line[0] = part(rest, 0, end)
    rest[0] = part(rest, at, rest.size)
    return True


cdef inline bint next_header(text_t* rest, text_t* line) noexcept nogil:
    """Take a header from the rest, with the lines that it goes on in. False: an empty line, or nothing, was left."""
    cdef text_t more
    if not next_line(rest, line, False) or line.size == 0:
        return False
    while rest.size and (rest.at[0] == b" " or rest.at[0] == b"\t"):
        next_line(rest, &more, False)
        line.size = <uint32_t>(more.at + more.size - line.at)
    return True


cdef inline bint next_word(text_t* rest, text_t* word) noexcept nogil:
    """Take a word from the rest, and the space behind it. False: none is left."""
    cdef uint32_t end
    while rest.size and rest.at[0] == b" ":
        rest[0] = part(rest, 1, rest.size)
    end = find(rest, b" ")
    word[0] = part(rest, 0, end)
    rest[0] = part(rest, end + 1 if end < rest.size else end, rest.size)
    return word.size != 0


cdef inline bint is_text(const text_t* text, const char* wanted) noexcept nogil:
    cdef uint32_t at = 0
    while at < text.size and wanted[at] and text.at[at] == <uint8_t>wanted[at]:
        at += 1
    return at == text.size and wanted[at] == 0


cdef inline bint is_word(const text_t* text, const char* wanted) noexcept nogil:
    """The same, whatever the case of its letters; wanted: in lower case."""
    cdef uint32_t at = 0
    cdef uint8_t character
    while at < text.size and wanted[at]:
        character = text.at[at]
        if b"A" <= character <= b"Z":
            character += 32
        if character != <uint8_t>wanted[at]:
            return False
        at += 1
    return at == text.size and wanted[at] == 0


cdef inline bint begins_with(const text_t* text, const text_t* wanted) noexcept nogil:
    return text.size >= wanted.size and memcmp(text.at, wanted.at, wanted.size) == 0


cdef inline uint32_t leading_number(const text_t* text, uint32_t most, uint32_t* digits) noexcept nogil:
    """The decimal number that a text begins with, `most` where it is more than that; digits: of how many."""
    cdef uint32_t value = 0, digit
    digits[0] = 0
    while digits[0] < text.size and b"0" <= text.at[digits[0]] <= b"9":
        digit = text.at[digits[0]] - <uint32_t>b"0"
        value = value * 10 + digit if value <= (most - digit) // 10 else most
        digits[0] += 1
    return value
