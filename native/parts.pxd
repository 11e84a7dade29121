"""Bodies of messages: whether one is a session description, and those that are made of parts (RFC 2046)."""
from libc.stdint cimport uint32_t

from text cimport begins_with, find, is_word, next_line, part, strip_left, strip_right, text_t


cdef inline bint is_description(const text_t* content_type) noexcept nogil:
    """Of a Content-Type: application/sdp, with parameters or without."""
    cdef uint32_t end = find(content_type, b";")
    cdef text_t name = part(content_type, 0, end)
    if end < content_type.size:
        strip_right(&name)
    return is_word(&name, "application/sdp")


cdef inline text_t boundary_of(const text_t* content_type) noexcept nogil:
    """Of a Content-Type: what stands between the parts; empty where there are none."""
    cdef uint32_t at = find(content_type, b";"), slash = find(content_type, b"/")
    cdef text_t name = part(content_type, 0, slash), value
    cdef text_t none = part(content_type, 0, 0)
    cdef text_t rest = part(content_type, at, content_type.size)
    if not is_word(&name, "multipart"):
        return none
    while rest.size:
        rest = part(&rest, 1, rest.size)
        value = part(&rest, 0, find(&rest, b";"))
        rest = part(&rest, value.size, rest.size)
        at = find(&value, b"=")
        name = part(&value, 0, at)
        strip_left(&name)
        if at == value.size or not is_word(&name, "boundary"):
            continue
        value = part(&value, at + 1, value.size)
        strip_right(&value)
        if value.size >= 2 and value.at[0] == b'"' and value.at[value.size - 1] == b'"':
            value = part(&value, 1, value.size - 1)
        return value
    return none


cdef inline bint is_boundary(const text_t* line, const text_t* boundary) noexcept nogil:
    cdef text_t rest
    if line.size < 2 or line.at[0] != b"-" or line.at[1] != b"-":
        return False
    rest = part(line, 2, line.size)
    return begins_with(&rest, boundary)


cdef inline bint skip_to_boundary(text_t* rest, const text_t* boundary, text_t* skipped) noexcept nogil:
    """Take all up to a boundary, and its line, from the rest. False: there is none."""
    cdef text_t line, begin = rest[0]
    while next_line(rest, &line, False):
        if is_boundary(&line, boundary):
            skipped[0] = part(&begin, 0, <uint32_t>(line.at - begin.at))
            return True
    return False


cdef inline bint next_description(text_t* rest, const text_t* boundary, text_t* body) noexcept nogil:
    """Take parts from the rest, which a boundary ends, up to one that is a session description. False: there is none.

    rest: behind the line of a boundary.
    """
    cdef text_t line, name, value
    cdef uint32_t colon
    cdef bint described
    while skip_to_boundary(rest, boundary, body):
        described = False
        while next_line(body, &line, False) and line.size:
            colon = find(&line, b":")
            name = part(&line, 0, colon)
            value = part(&line, colon + 1 if colon < line.size else colon, line.size)
            strip_left(&value)
            if is_word(&name, "content-type"):
                described = is_description(&value)
        if described:
            return True
    return False
