"""The DNS transactions of a scan that is over, as rows and as sums.

Rows come in order of the frame of their first message, read from the temporary file and from memory at once; see
native/dns_merge.pxd.
"""
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.errno cimport errno
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc

from posix.mman cimport MADV_DONTNEED, MAP_FAILED, MAP_PRIVATE, PROT_READ, madvise, mmap, munmap

from dns cimport (
    COUNT_CUT,
    COUNT_FRAGMENTS,
    COUNT_LEFT,
    COUNT_MESSAGES,
    COUNT_NOT_DNS,
    COUNT_UNMEASURED,
    dns_shards_t,
    finish_dns,
)
from dns_merge cimport merge_begin, merge_next, merge_t, name_of
from dns_message cimport DNS_NONE, MAX_NAME, dns_message_t, escape_name, read_message
from dns_out cimport dns_row_t

cdef enum:
    LONGEST_TEXT = 4 * MAX_NAME

COUNTS = ("messages", "not_dns", "cut", "fragments", "unmeasured", "given_up")
assert (COUNT_MESSAGES, COUNT_NOT_DNS, COUNT_CUT, COUNT_FRAGMENTS, COUNT_UNMEASURED, COUNT_LEFT) == tuple(range(6))


cdef class DnsReader:
    """All transactions of a scanner whose capture is over. Raises MemoryError, and OSError for its temporary file."""
    cdef object scanner
    cdef dns_shards_t* dns
    cdef uint8_t* mapped
    cdef size_t size

    def __cinit__(self, scanner not None):
        cdef void* mapped
        cdef bint done
        self.scanner = scanner
        self.dns = <dns_shards_t*>PyCapsule_GetPointer(scanner.dns_state(), b"pcap_analyzer.dns")
        with nogil:
            done = finish_dns(self.dns)
        if not done:
            if any([self.dns.shards[shard].out.failed_disk for shard in range(self.dns.count)]):
                raise OSError("DNS transactions could not be written to the temporary file: is its disk full?")
            raise MemoryError
        self.size = self.dns.file.bytes
        if self.size:
            mapped = mmap(NULL, self.size, PROT_READ, MAP_PRIVATE, self.dns.file.descriptor, 0)
            if mapped == MAP_FAILED:
                raise OSError(errno, "the temporary file of DNS transactions cannot be read again")
            self.mapped = <uint8_t*>mapped

    def __dealloc__(self):
        if self.mapped != NULL:
            munmap(self.mapped, self.size)

    def counts(self):
        """Messages by what became of them, a dict of COUNTS."""
        cdef uint32_t shard, which
        return {
            name: sum([self.dns.shards[shard].counts[which] for shard in range(self.dns.count)])
            for which, name in enumerate(COUNTS)
        }

    def rows(self):
        """The transactions from the first on."""
        return DnsRows(self)


cdef class DnsRows:
    """One way through the transactions."""
    cdef DnsReader reader
    cdef merge_t merge

    def __cinit__(self, DnsReader reader not None):
        self.reader = reader
        if not merge_begin(&self.merge, reader.dns, reader.mapped):
            raise MemoryError

    def __dealloc__(self):
        free(self.merge.sources)

    def read(self, uint32_t most):
        """The next rows, at most `most`: dns_row_t each, where each name ends in the texts (int32), the texts.

        Names are ASCII, escaped. Empty arrays at the end.
        """
        cdef dns_row_t* rows
        cdef uint32_t count = 0
        cdef size_t used = 0, room = 4096
        cdef uint8_t* texts = <uint8_t*>malloc(room)
        cdef uint8_t* grown
        cdef int32_t* ends
        cdef const dns_row_t* row
        most = min(most, 65536)
        rows_of = bytearray(most * sizeof(dns_row_t))
        ends_of = bytearray(most * sizeof(int32_t))
        rows = <dns_row_t*><char*>rows_of
        ends = <int32_t*><char*>ends_of
        with nogil:
            while texts != NULL and count < most:
                row = merge_next(&self.merge)
                if row == NULL:
                    break
                if used + LONGEST_TEXT > room:
                    room *= 2
                    grown = <uint8_t*>realloc(texts, room)
                    if grown == NULL:
                        free(texts)
                    texts = grown
                    if texts == NULL:
                        break
                rows[count] = row[0]
                used += escape_name(name_of(row), row.name_length, texts + used)
                ends[count] = <int32_t>used
                count += 1
            if self.reader.mapped != NULL:
                madvise(self.reader.mapped, self.reader.size, MADV_DONTNEED)  # resident memory counts file pages
        if texts == NULL:
            raise MemoryError
        try:
            text = texts[:used]
        finally:
            free(texts)
        return rows_of[:count * sizeof(dns_row_t)], ends_of[:count * sizeof(int32_t)], text


def dns_row_layout():
    """numpy's description of dns_row_t: names, formats, offsets, itemsize; taken from the C struct."""
    cdef dns_row_t row
    cdef char* base = <char*>&row
    fields = [
        ("frame", "<u8", <char*>&row.frame - base), ("response_frame", "<u8", <char*>&row.response_frame - base),
        ("time", "<i8", <char*>&row.time - base), ("last_time", "<i8", <char*>&row.last_time - base),
        ("response_time", "<i8", <char*>&row.response_time - base),
        ("client", "V16", <char*>&row.client - base), ("resolver", "V16", <char*>&row.resolver - base),
        ("address", "V16", <char*>&row.address - base), ("flow_id", "<u4", <char*>&row.flow_id - base),
        ("stream", "<u4", <char*>&row.stream - base), ("query_bytes", "<u4", <char*>&row.query_bytes - base),
        ("response_bytes", "<u4", <char*>&row.response_bytes - base),
        ("client_port", "<u2", <char*>&row.client_port - base),
        ("resolver_port", "<u2", <char*>&row.resolver_port - base), ("id", "<u2", <char*>&row.id - base),
        ("type", "<u2", <char*>&row.type - base), ("question_class", "<u2", <char*>&row.question_class - base),
        ("query_flags", "<u2", <char*>&row.query_flags - base),
        ("response_flags", "<u2", <char*>&row.response_flags - base), ("answers", "<u2", <char*>&row.answers - base),
        ("retries", "<u2", <char*>&row.retries - base), ("repeats", "<u2", <char*>&row.repeats - base),
        ("copies", "<u2", <char*>&row.copies - base), ("state", "u1", <char*>&row.state - base),
        ("service", "u1", <char*>&row.service - base), ("transport", "u1", <char*>&row.transport - base),
        ("ip_version", "u1", <char*>&row.ip_version - base),
        ("address_version", "u1", <char*>&row.address_version - base),
        ("name_length", "u1", <char*>&row.name_length - base),
    ]
    return {
        "names": [name for name, _, _ in fields],
        "formats": [kind for _, kind, _ in fields],
        "offsets": [offset for _, _, offset in fields],
        "itemsize": sizeof(dns_row_t),
    }


def read_dns_message(const uint8_t[::1] data not None, uint32_t length):
    """What is read of one message, as a dict; None where there is none.

    data: what was captured of it.  length: bytes on the wire.
    """
    cdef dns_message_t message
    cdef uint64_t seed[4]
    cdef uint8_t text[LONGEST_TEXT]
    cdef uint32_t size
    cdef int found
    seed[0], seed[1], seed[2], seed[3] = 1, 2, 3, 4
    found = read_message(&data[0] if len(data) else NULL, <uint32_t>len(data), length, seed, &message)
    if found == DNS_NONE:
        return None
    size = escape_name(message.name, message.name_length, text)
    return {
        "found": ("whole", "cut", "bare")[found], "id": message.id, "flags": message.flags,
        "name": (<char*>text)[:size].decode("ascii") if size else None, "type": message.type,
        "class": message.question_class, "question": message.question, "answers": message.answers,
        "address": (<char*>message.address)[:16] if message.address_version else None,
        "address_version": message.address_version,
    }
