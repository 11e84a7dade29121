"""What is asked of one domain: how many names below it, how long, of which kind, by whom.

A domain is the last two labels of a name, or the last three where the last but one has three letters or fewer below a
country's two (co.uk). How many different names there are is estimated by HyperLogLog (Flajolet 2007): 256 registers,
some 6.5 percent off.
"""
from libc.math cimport log
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from dns_message cimport MAX_NAME, hash_name
from dns_out cimport DNS_ASKED_TIMED, dns_row_t
from spread cimport leading_zeros

cdef enum:
    DOMAIN_BYTES = 136               # two labels, or three of which two are short, and the root; a multiple of eight
    REGISTERS = 256
    REGISTER_BITS = 8
    MAX_LABELS = 128
    TYPE_NULL = 10
    TYPE_TXT = 16

ctypedef struct domain_t:
    uint8_t name[DOMAIN_BYTES]       # in small letters, as in an uncompressed message
    uint32_t name_length
    uint32_t longest                 # bytes of a name below it
    uint64_t transactions
    uint64_t unanswered
    uint64_t missing                 # answered: the name does not exist
    uint64_t text_types              # asked for TXT or NULL
    uint64_t name_bytes              # of all names, the domain itself left out
    uint64_t query_bytes
    uint64_t response_bytes
    int64_t first_ns
    int64_t last_ns
    uint64_t longest_frame
    uint32_t longest_flow
    uint8_t client[16]               # the first that asked
    uint8_t ip_version
    uint8_t many_clients
    uint8_t timed
    uint8_t registers[REGISTERS]


cdef inline void parent_of(const uint8_t* name, uint32_t length, domain_t* domain) noexcept nogil:
    """The domain of a name, in small letters.  length: not 0.  domain: zeroed."""
    cdef uint8_t begins[MAX_LABELS + 1]
    cdef uint32_t labels = 0, at = 0, first, index
    while at < length and name[at]:
        begins[labels] = <uint8_t>at
        labels += 1
        at += name[at] + 1
    first = labels - 2 if labels > 2 else 0
    if labels > 2 and name[begins[labels - 1]] == 2 and name[begins[labels - 2]] <= 3:
        first = labels - 3
    at = begins[first] if labels else 0
    domain.name_length = length - at
    memcpy(domain.name, name + at, domain.name_length)
    for index in range(domain.name_length):
        if 0x41 <= domain.name[index] <= 0x5A:
            domain.name[index] |= 0x20


cdef inline void note_name(domain_t* domain, const dns_row_t* row, const uint8_t* name) noexcept nogil:
    """One more transaction about a name in the domain."""
    cdef uint8_t padded[MAX_NAME + 9]
    cdef uint64_t seed[4]
    cdef uint32_t below = row.name_length - domain.name_length if row.name_length > domain.name_length else 0
    cdef uint64_t hash
    cdef uint8_t rank
    memcpy(padded, name, row.name_length)
    memset(padded + row.name_length, 0, 8)
    # No secret: an estimate has to be the same every time.
    seed[0], seed[1] = 0x243F6A8885A308D3u, 0x13198A2E03707344u
    seed[2], seed[3] = 0xA4093822299F31D0u, 0x082EFA98EC4E6C89u
    hash = hash_name(padded, row.name_length, seed)
    rank = <uint8_t>(leading_zeros(hash << REGISTER_BITS | 1) + 1)
    if rank > domain.registers[hash >> 56]:
        domain.registers[hash >> 56] = rank
    domain.name_bytes += below
    domain.text_types += row.type == TYPE_TXT or row.type == TYPE_NULL
    if below > domain.longest:
        domain.longest = below
        domain.longest_frame = row.frame
        domain.longest_flow = row.flow_id
    note_client(domain, row)
    if row.state & DNS_ASKED_TIMED:
        if not domain.timed or row.time < domain.first_ns:
            domain.first_ns = row.time
        if not domain.timed or row.time > domain.last_ns:
            domain.last_ns = row.time
        domain.timed = 1


cdef inline void note_client(domain_t* domain, const dns_row_t* row) noexcept nogil:
    cdef uint32_t index
    if not domain.ip_version:
        domain.ip_version = row.ip_version
        memcpy(domain.client, row.client, 16)
        return
    for index in range(16):
        if domain.client[index] != row.client[index]:
            domain.many_clients = 1
            return


cdef inline uint64_t distinct_names(const domain_t* domain) noexcept nogil:
    """About how many different names were asked for."""
    cdef double total = 0, estimate
    cdef uint32_t index, empty = 0
    for index in range(REGISTERS):
        total += 1.0 / <double>(<uint64_t>1 << domain.registers[index])
        empty += domain.registers[index] == 0
    estimate = 0.7182725932495458 * REGISTERS * REGISTERS / total
    if estimate <= 2.5 * REGISTERS and empty:
        estimate = REGISTERS * log(<double>REGISTERS / empty)
    return <uint64_t>(estimate + 0.5)
