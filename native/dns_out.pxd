"""DNS transactions that are over: rows with their names, sorted by frame, in memory or in runs of a temporary file.

Each shard collects its own; where there are many it sorts what it has and writes a run. At the end all runs and what
stayed in memory are merged (dns_merge.pxd), so the order is that of the capture however many shards there were.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memcpy

from grow cimport has_place

cdef extern from "<unistd.h>" nogil:
    ssize_t pwrite(int descriptor, const void* data, size_t length, long long offset)

cdef extern from * nogil:
    """
    #define pcap_take_bytes(at, value) __atomic_fetch_add(at, value, __ATOMIC_RELAXED)
    """
    uint64_t take_bytes "pcap_take_bytes"(uint64_t* at, uint64_t value) noexcept

cdef enum:
    RUN_BYTES = 1048576
    FIRST_BYTES = 16384
    FIRST_ROWS = 128

cdef enum dns_state_t:               # bits of dns_row_t.state
    DNS_ASKED = 1                    # a query was captured
    DNS_ANSWERED = 2                 # a response was captured
    DNS_MULTICAST = 4                # to a group: a message by itself, nobody owes an answer
    DNS_ASKED_TIMED = 8              # time is valid,
    DNS_LAST_TIMED = 16              # last_time is,
    DNS_ANSWERED_TIMED = 32          # response_time is
    DNS_LEFT = 64                    # too many were open: an answer would not have been recognised any more

ctypedef struct dns_row_t:           # 152 bytes, then the name's bytes up to a multiple of eight
    uint64_t frame                   # of the first message
    uint64_t response_frame          # valid with DNS_ANSWERED
    uint64_t serial                  # of one shard: orders what has the same frame
    int64_t time                     # of the query, ns
    int64_t last_time                # of the query when it was repeated last
    int64_t response_time
    uint8_t client[16]
    uint8_t resolver[16]
    uint8_t address[16]              # first A or AAAA of the response
    uint32_t flow_id
    uint32_t stream
    uint32_t query_bytes
    uint32_t response_bytes
    uint16_t client_port
    uint16_t resolver_port
    uint16_t id
    uint16_t type
    uint16_t question_class
    uint16_t query_flags
    uint16_t response_flags
    uint16_t answers
    uint16_t retries
    uint16_t repeats                 # responses after the first
    uint16_t copies                  # messages that were captured again
    uint8_t state                    # dns_state_t bits
    uint8_t service                  # 0 DNS, 1 mDNS, 2 LLMNR
    uint8_t transport                # 17 or 6
    uint8_t ip_version
    uint8_t address_version          # 0: no address
    uint8_t name_length              # 0: not captured

ctypedef struct run_t:
    uint64_t offset
    uint64_t bytes

ctypedef struct dns_file_t:          # shared by the shards
    int descriptor                   # -1: everything stays in memory
    uint64_t bytes

ctypedef struct dns_out_t:
    uint8_t* bytes
    size_t used
    size_t capacity
    size_t* places                   # of the rows
    uint32_t count
    uint32_t place_capacity
    run_t* runs
    uint32_t run_count
    uint32_t run_capacity
    uint8_t failed_disk              # the file could not be written


cdef inline size_t row_bytes(const dns_row_t* row) noexcept nogil:
    """With its name."""
    return (sizeof(dns_row_t) + row.name_length + 7) & ~<size_t>7


cdef inline int compare_rows(const dns_row_t* one, const dns_row_t* other) noexcept nogil:
    if one.frame != other.frame:
        return 1 if one.frame > other.frame else -1
    return (one.serial > other.serial) - (one.serial < other.serial)


cdef inline int by_frame(const void* one, const void* other) noexcept nogil:
    return compare_rows((<const dns_row_t* const*>one)[0], (<const dns_row_t* const*>other)[0])


cdef inline bint make_room(dns_out_t* out, size_t wanted) noexcept nogil:
    cdef size_t capacity = out.capacity if out.capacity else FIRST_BYTES
    cdef uint8_t* grown
    if out.used + wanted > out.capacity:
        while capacity < out.used + wanted:
            capacity *= 2
        grown = <uint8_t*>realloc(out.bytes, capacity)
        if grown == NULL:
            return False
        out.bytes = grown
        out.capacity = capacity
    return has_place(&out.places, &out.place_capacity, out.count, sizeof(size_t), FIRST_ROWS)


cdef inline bint put_row(dns_out_t* out, dns_file_t* file, const dns_row_t* row, const uint8_t* name) noexcept nogil:
    """Add one row; what is then a run is written. False when memory is short."""
    cdef size_t wanted = row_bytes(row)
    if not make_room(out, wanted):
        return False
    out.places[out.count] = out.used
    memcpy(out.bytes + out.used, row, sizeof(dns_row_t))
    memcpy(out.bytes + out.used + sizeof(dns_row_t), name, row.name_length)
    out.count += 1
    out.used += wanted
    return out.used < RUN_BYTES or file.descriptor < 0 or write_run(out, file)


cdef inline bint sort_rows(dns_out_t* out) noexcept nogil:
    """Put the rows in memory in order of frame."""
    cdef const dns_row_t** rows = <const dns_row_t**>malloc((out.count + 1) * sizeof(dns_row_t*))
    cdef uint8_t* sorted_bytes = <uint8_t*>malloc(out.used + 1)
    cdef size_t at = 0, size
    cdef uint32_t index
    if rows == NULL or sorted_bytes == NULL:
        free(rows)
        free(sorted_bytes)
        return False
    for index in range(out.count):
        rows[index] = <const dns_row_t*>(out.bytes + out.places[index])
    qsort(rows, out.count, sizeof(dns_row_t*), &by_frame)
    for index in range(out.count):
        size = row_bytes(rows[index])
        memcpy(sorted_bytes + at, rows[index], size)
        out.places[index] = at
        at += size
    free(rows)
    free(out.bytes)
    out.bytes = sorted_bytes
    out.capacity = out.used + 1
    return True


cdef inline bint write_run(dns_out_t* out, dns_file_t* file) noexcept nogil:
    """Write what is in memory behind all other runs of the file. False when memory is short."""
    cdef uint64_t offset, done = 0
    cdef ssize_t written
    if not has_place(&out.runs, &out.run_capacity, out.run_count, sizeof(run_t), 16) or not sort_rows(out):
        return False
    offset = take_bytes(&file.bytes, out.used)
    while done < out.used:
        written = pwrite(file.descriptor, out.bytes + done, out.used - done, <long long>(offset + done))
        if written <= 0:
            out.failed_disk = 1
            return True
        done += <uint64_t>written
    out.runs[out.run_count] = run_t(offset=offset, bytes=out.used)
    out.run_count += 1
    out.used = out.count = 0
    return True


cdef inline void out_free(dns_out_t* out) noexcept nogil:
    free(out.bytes)
    free(out.places)
    free(out.runs)
