"""Bodies of messages: whether one is a session description, and those that are made of parts (RFC 2046)."""
from libc.stdint cimport uint32_t

from text cimport begins_with, find, is_space, is_word, next_header, next_line, part, strip_left, strip_right, text_t


cdef inline bint is_description(const text_t* content_type) noexcept nogil:
    """Of a Content-Type: application/sdp, with parameters or without."""
    cdef uint32_t end = find(content_type, b";")
    cdef text_t name = part(content_type, 0, end)
    if end < content_type.size:
        strip_right(&name)
    return is_word(&name, "application/sdp")


cdef inline bint next_parameter(text_t* rest, text_t* name, text_t* value) noexcept nogil:
    """Take ; name = value from the rest, the value without its quotes or up to a space. False: nothing is left."""
    cdef uint32_t at = 0
    cdef bint quoted = False
    if rest.size == 0:
        return False
    rest[0] = part(rest, 1, rest.size)
    while at < rest.size and (quoted or rest.at[at] != b";"):
        if rest.at[at] == b'"':
            quoted = not quoted
        at += 1
    value[0] = part(rest, 0, at)
    rest[0] = part(rest, at, rest.size)
    at = find(value, b"=")
    name[0] = part(value, 0, at)
    strip_left(name)
    strip_right(name)
    value[0] = part(value, at + 1 if at < value.size else at, value.size)
    strip_left(value)
    at = 0
    if value.size and value.at[0] == b'"':
        value[0] = part(value, 1, value.size)
        at = find(value, b'"')
    else:
        while at < value.size and not is_space(value.at[at]):
            at += 1
    value[0] = part(value, 0, at)
    return True


cdef inline text_t boundary_of(const text_t* content_type) noexcept nogil:
    """Of a Content-Type: what stands between the parts; empty where there are none."""
    cdef uint32_t at = find(content_type, b";"), slash = find(content_type, b"/")
    cdef text_t name = part(content_type, 0, slash), value
    cdef text_t none = part(content_type, 0, 0)
    cdef text_t rest = part(content_type, at, content_type.size)
    if not is_word(&name, "multipart"):
        return none
    while next_parameter(&rest, &name, &value):
        if is_word(&name, "boundary"):
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
        while next_header(body, &line):
            colon = find(&line, b":")
            name = part(&line, 0, colon)
            value = part(&line, colon + 1 if colon < line.size else colon, line.size)
            strip_left(&value)
            if is_word(&name, "content-type") or is_word(&name, "c"):
                described = is_description(&value)
        if described:
            return True
    return False
