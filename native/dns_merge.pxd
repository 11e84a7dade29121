"""All DNS transactions in order of frame: the runs of the file and what stayed in memory, merged."""
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc

from dns cimport dns_shards_t
from dns_out cimport compare_rows, dns_out_t, dns_row_t, row_bytes

ctypedef struct source_t:            # sorted rows, one behind the other
    const uint8_t* at
    const uint8_t* end

ctypedef struct merge_t:
    source_t* sources                # a heap: the one with the first row is on top
    uint32_t count


cdef inline bint is_before(const source_t* one, const source_t* other) noexcept nogil:
    return compare_rows(<const dns_row_t*>one.at, <const dns_row_t*>other.at) < 0


cdef inline void sink(merge_t* merge, uint32_t at) noexcept nogil:
    """Put the source at a place of the heap where it belongs."""
    cdef uint32_t child
    cdef source_t moved = merge.sources[at]
    while True:
        child = 2 * at + 1
        if child >= merge.count:
            break
        if child + 1 < merge.count and is_before(&merge.sources[child + 1], &merge.sources[child]):
            child += 1
        if not is_before(&merge.sources[child], &moved):
            break
        merge.sources[at] = merge.sources[child]
        at = child
    merge.sources[at] = moved


cdef inline void add_sources(merge_t* merge, const dns_out_t* out, const uint8_t* mapped) noexcept nogil:
    cdef uint32_t run
    for run in range(out.run_count):
        merge.sources[merge.count].at = mapped + out.runs[run].offset
        merge.sources[merge.count].end = mapped + out.runs[run].offset + out.runs[run].bytes
        merge.count += 1
    if out.used:
        merge.sources[merge.count].at = out.bytes
        merge.sources[merge.count].end = out.bytes + out.used
        merge.count += 1


cdef inline bint merge_begin(merge_t* merge, const dns_shards_t* dns, const uint8_t* mapped) noexcept nogil:
    """Begin with the first transaction.  mapped: the file.  False when memory is short."""
    cdef uint32_t shard, most = 1, at
    for shard in range(dns.count):
        most += dns.shards[shard].out.run_count + 1
    free(merge.sources)
    merge.count = 0
    merge.sources = <source_t*>malloc(most * sizeof(source_t))
    if merge.sources == NULL:
        return False
    for shard in range(dns.count):
        add_sources(merge, &dns.shards[shard].out, mapped)
    for at in range(merge.count // 2, 0, -1):
        sink(merge, at - 1)
    return True


cdef inline const dns_row_t* merge_next(merge_t* merge) noexcept nogil:
    """The next row, its name behind it; NULL at the end."""
    cdef const dns_row_t* row
    if merge.count == 0:
        return NULL
    row = <const dns_row_t*>merge.sources[0].at
    merge.sources[0].at += row_bytes(row)
    if merge.sources[0].at >= merge.sources[0].end:
        merge.count -= 1
        merge.sources[0] = merge.sources[merge.count]
    if merge.count > 1:
        sink(merge, 0)
    return row


cdef inline const uint8_t* name_of(const dns_row_t* row) noexcept nogil:
    return <const uint8_t*>row + sizeof(dns_row_t)
