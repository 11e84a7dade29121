"""One DNS message: its header, its first question, the first address among its answers. RFC 1035 section 4.

Of a message that was cut, what is left is read. Every step through it goes forwards, but for the pointers of
compressed names: each has to lead before everything that the name was read from so far, so that no chain of them
comes back.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from flow_key cimport mix
from wire cimport be16, load64

cdef enum:
    DNS_HEADER = 12
    MAX_NAME = 255                   # bytes with the lengths of its labels, RFC 1035 section 3.1
    MAX_POINTERS = 126               # more than labels fit in a name
    MAX_RECORDS = 32                 # answers looked through for an address
    RECORD_FIXED = 10                # type, class, time to live, length
    TYPE_A = 1
    TYPE_AAAA = 28
    CLASS_MASK = 0x7FFF              # the highest bit is mDNS's own, RFC 6762 sections 5.4 and 10.2
    OPCODES = 0x77                   # query, inverse query, status, notify, update, stateful (RFC 8490), in bits

cdef enum dns_flag_t:                # bits of dns_message_t.flags
    DNS_RESPONSE = 0x8000
    DNS_AUTHORITATIVE = 0x0400
    DNS_TRUNCATED = 0x0200
    DNS_RECURSION_DESIRED = 0x0100
    DNS_RECURSION_AVAILABLE = 0x0080

cdef enum dns_read_t:
    DNS_WHOLE = 0                    # header and first question were read
    DNS_CUT = 1                      # the question lies behind what was captured
    DNS_BARE = 2                     # there is no question
    DNS_NONE = 3                     # no DNS message, or the header was not captured

ctypedef struct dns_message_t:
    uint64_t question                # hash of name, type and class, without case; 0: not known
    uint32_t length                  # on the wire
    uint16_t id
    uint16_t flags
    uint16_t answers
    uint16_t type                    # of the question; without one, of the first answer
    uint16_t question_class
    uint8_t address_version          # 4, 6, 0: no address among the answers
    uint8_t name_length              # 0: not known; the root has 1
    uint8_t address[16]              # IPv4 as ::ffff:a.b.c.d
    uint8_t name[MAX_NAME]           # as in an uncompressed message


cdef inline int read_name(
    const uint8_t* data, uint32_t size, uint32_t length, uint32_t at, uint8_t* name, uint32_t* total, uint32_t* next
) noexcept nogil:
    """The name at `at`, uncompressed, into name (MAX_NAME,). Returns DNS_WHOLE, DNS_CUT or DNS_NONE.

    size: bytes captured.  length: bytes on the wire, at least size.  total: of the name.  next: place behind it.
    """
    cdef uint32_t begin = at, used = 0, pointers = 0, step, target
    next[0] = 0
    while True:
        if at >= size:
            return DNS_CUT if at < length else DNS_NONE
        step = data[at]
        if step >= 0xC0:
            if at + 1 >= size:
                return DNS_CUT if at + 1 < length else DNS_NONE
            target = (step & 0x3F) << 8 | data[at + 1]
            pointers += 1
            if target >= begin or target < DNS_HEADER or pointers > MAX_POINTERS:
                return DNS_NONE
            if not next[0]:
                next[0] = at + 2
            begin = at = target
            continue
        if step > 63 or used + step + 1 > MAX_NAME:
            return DNS_NONE              # two kinds of label that never came into use, RFC 6891 section 5
        if at + step >= size:
            return DNS_CUT if at + step < length else DNS_NONE
        memcpy(name + used, data + at, step + 1)
        used += step + 1
        at += step + 1
        if step == 0:
            break
    total[0] = used
    if not next[0]:
        next[0] = at
    return DNS_WHOLE


cdef inline uint32_t skip_name(const uint8_t* data, uint32_t size, uint32_t at) noexcept nogil:
    """The place behind a name that nobody asks for; `size` where it is not to be seen."""
    while at < size and data[at] and data[at] < 64:
        at += data[at] + 1
    if at >= size or 64 <= data[at] < 0xC0:
        return size
    return at + (2 if data[at] else 1)


cdef inline uint64_t lowered(uint64_t letters) noexcept nogil:
    """Eight bytes with A to Z made small. The lengths of labels are below A."""
    cdef uint64_t ones = 0x0101010101010101
    cdef uint64_t low = letters & (0x7F * ones)
    cdef uint64_t big = (low + (0x80 - 0x41) * ones) & ~(low + (0x80 - 0x5B) * ones) & ~letters & (0x80 * ones)
    return letters | big >> 2


cdef inline uint64_t hash_name(const uint8_t* name, uint32_t total, const uint64_t* seed) noexcept nogil:
    """Keyed, without case (RFC 4343); never 0.  name: readable up to the next multiple of eight, what follows is 0."""
    cdef uint64_t wide = seed[2] ^ total
    cdef uint32_t at
    for at in range(0, total, 8):
        wide = mix(wide ^ lowered(load64(name + at)), seed[3] | 1) ^ seed[0]
    return wide | 1


cdef inline uint64_t hash_question(const dns_message_t* message, const uint64_t* seed) noexcept nogil:
    cdef uint8_t padded[MAX_NAME + 9]
    cdef uint64_t kind = <uint64_t>message.type << 16 | message.question_class
    memcpy(padded, message.name, message.name_length)
    memset(padded + message.name_length, 0, 8)
    return mix(hash_name(padded, message.name_length, seed) ^ kind, seed[1] | 1) | 1


cdef inline void read_address(
    const uint8_t* data, uint32_t size, uint32_t at, uint32_t records, dns_message_t* message
) noexcept nogil:
    """The first A or AAAA record from `at` on."""
    cdef uint32_t kind, length
    for _ in range(records if records < MAX_RECORDS else MAX_RECORDS):
        at = skip_name(data, size, at)
        if size < RECORD_FIXED or at > size - RECORD_FIXED:
            return
        kind = be16(data + at)
        length = be16(data + at + 8)
        at += RECORD_FIXED
        if length > size - at:
            return
        if kind == TYPE_A and length == 4:
            message.address_version = 4
            memset(message.address, 0, 10)
            message.address[10] = message.address[11] = 0xFF
            memcpy(message.address + 12, data + at, 4)
            return
        if kind == TYPE_AAAA and length == 16:
            message.address_version = 6
            memcpy(message.address, data + at, 16)
            return
        at += length


cdef inline int read_question(
    const uint8_t* data, uint32_t size, dns_message_t* message, uint32_t* next
) noexcept nogil:
    """Name, type and class from behind the header: of the first question, without one of the first answer."""
    cdef uint32_t total = 0
    cdef int found = read_name(data, size, message.length, DNS_HEADER, message.name, &total, next)
    if found != DNS_WHOLE:
        return found
    if next[0] + 4 > size:
        return DNS_CUT if next[0] + 4 <= message.length else DNS_NONE
    message.name_length = <uint8_t>total
    message.type = be16(data + next[0])
    message.question_class = be16(data + next[0] + 2) & CLASS_MASK
    next[0] += 4
    return DNS_WHOLE


cdef inline int read_message(
    const uint8_t* data, uint32_t size, uint32_t length, const uint64_t* seed, dns_message_t* message
) noexcept nogil:
    """Read what was captured of a message. Only where the answer is not DNS_NONE is there one.

    data: (size,) from its header on.  length: on the wire.  seed: (4,) of hashes.
    """
    cdef uint32_t questions, next = 0
    cdef int found
    size = size if size < length else length
    if size < DNS_HEADER:
        return DNS_NONE
    message.length = length
    message.id = be16(data)
    message.flags = be16(data + 2)
    questions = be16(data + 4)
    message.answers = be16(data + 6)
    message.question = 0
    message.type = message.question_class = 0
    message.address_version = message.name_length = 0
    if not OPCODES >> (message.flags >> 11 & 15) & 1 or questions * 5 > length - DNS_HEADER:
        return DNS_NONE
    if not questions:
        if message.answers:
            found = read_question(data, size, message, &next)
            read_address(data, size, DNS_HEADER, message.answers, message)
        return DNS_BARE
    found = read_question(data, size, message, &next)
    if found != DNS_WHOLE:
        return found
    message.question = hash_question(message, seed)
    for _ in range(1, questions if questions < MAX_RECORDS else MAX_RECORDS):
        next = skip_name(data, size, next) + 4
    if message.flags & DNS_RESPONSE:
        read_address(data, size, next, message.answers, message)
    return DNS_WHOLE


cdef inline uint32_t escape_name(const uint8_t* name, uint32_t total, uint8_t* text) noexcept nogil:
    """A name as text, into text (4 * MAX_NAME,): RFC 1035 section 5.1 and RFC 4343 section 2.1. Returns its length.

    Labels are divided by dots, the last is the one below the root; the root is a dot. What is no printable ASCII is
    \\DDD, a dot or backslash inside a label has a backslash before it.
    """
    cdef uint32_t at = 0, used = 0, end
    cdef uint8_t letter
    if total <= 1:
        text[0] = c"."
        return total
    while at < total and name[at]:
        if used:
            text[used] = c"."
            used += 1
        end = at + name[at] + 1
        at += 1
        while at < end and at < total:
            letter = name[at]
            at += 1
            if letter < 0x21 or letter > 0x7E:
                text[used] = c"\\"
                text[used + 1] = c"0" + letter // 100
                text[used + 2] = c"0" + letter // 10 % 10
                text[used + 3] = c"0" + letter % 10
                used += 4
                continue
            if letter == c"." or letter == c"\\":
                text[used] = c"\\"
                used += 1
            text[used] = letter
            used += 1
    return used
