"""The DNS transactions of a scan that is over, as rows and as sums.

Rows come in order of the frame of their first message, read from the temporary file and from memory at once; see
native/dns_merge.pxd.
"""
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.errno cimport errno
from libc.stdint cimport INT64_MIN, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort, realloc

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
from dns_domain cimport distinct_names, domain_t
from dns_message cimport DNS_NONE, MAX_NAME, dns_message_t, escape_name, read_message
from dns_out cimport DNS_ANSWERED, DNS_ASKED_TIMED, dns_row_t
from dns_summary cimport (
    FATES,
    TROUBLES,
    add_transaction,
    by_name_bytes,
    dns_summary_free,
    dns_summary_new,
    dns_summary_t,
    kept_t,
    latency_of,
    resolver_t,
    shown_t,
)
from spread cimport bars_t, percentiles, raise_all, spread_t

cdef enum:
    LONGEST_TEXT = 4 * MAX_NAME
    MAX_TYPES = 20
    PAGES_BACK = 65536               # transactions between two times that pages of the file are given back

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

    def summary(self, *, bytes seed not None, end_ns, uint64_t open_ns, uint32_t resolvers, uint32_t domains):
        """Sums over all transactions: see native/dns_summary.pxd.

        seed: 32 bytes.  end_ns: of the capture, or None.  open_ns: so long before it a query is not yet unanswered.
        resolvers, domains: how many are told, those with most transactions and half as many with most trouble or the
        longest names.  Returns a dict.  Raises MemoryError.
        """
        cdef dns_summary_t* summary
        cdef merge_t merge
        cdef const dns_row_t* row
        cdef uint32_t passed = 0
        cdef uint64_t keys[4]
        for index in range(4):
            keys[index] = int.from_bytes(seed[index * 8:index * 8 + 8], "little")
        summary = dns_summary_new(keys)
        if summary == NULL:
            raise MemoryError
        try:
            summary.knows_end = end_ns is not None
            if summary.knows_end:
                summary.open_after = max(<object>INT64_MIN, end_ns - open_ns)
            merge.sources = NULL
            with nogil:
                if merge_begin(&merge, self.dns, self.mapped):
                    row = merge_next(&merge)
                    while row != NULL:
                        add_transaction(summary, row, name_of(row))
                        row = merge_next(&merge)
                        passed += 1
                        if passed % PAGES_BACK == 0 and self.mapped != NULL:
                            madvise(self.mapped, self.size, MADV_DONTNEED)  # resident memory counts file pages
                else:
                    summary.failed = 1
                free(merge.sources)
                if self.mapped != NULL:
                    madvise(self.mapped, self.size, MADV_DONTNEED)
            if summary.failed:
                raise MemoryError
            return summary_told(summary, resolvers, domains)
        finally:
            dns_summary_free(summary)


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


# ---------------------------------------------------------------- sums as Python values

cdef int by_transactions(const void* one, const void* other) noexcept nogil:
    cdef const resolver_t* a = (<const resolver_t* const*>one)[0]
    cdef const resolver_t* b = (<const resolver_t* const*>other)[0]
    cdef uint64_t first = transactions_of(a), second = transactions_of(b)
    if first != second:
        return 1 if first < second else -1
    return (a > b) - (a < b)         # their order is that of the capture


cdef int by_trouble(const void* one, const void* other) noexcept nogil:
    cdef const resolver_t* a = (<const resolver_t* const*>one)[0]
    cdef const resolver_t* b = (<const resolver_t* const*>other)[0]
    cdef uint64_t first = trouble_of(a), second = trouble_of(b)
    if first != second:
        return 1 if first < second else -1
    return (a > b) - (a < b)


cdef int by_queries(const void* one, const void* other) noexcept nogil:
    cdef const domain_t* a = (<const domain_t* const*>one)[0]
    cdef const domain_t* b = (<const domain_t* const*>other)[0]
    if a.transactions != b.transactions:
        return 1 if a.transactions < b.transactions else -1
    return (a > b) - (a < b)


cdef inline uint64_t transactions_of(const resolver_t* one) noexcept nogil:
    cdef uint64_t total = 0
    cdef int fate
    for fate in range(FATES):
        total += one.fates[fate]
    return total


cdef inline uint64_t trouble_of(const resolver_t* one) noexcept nogil:
    """Transactions that went wrong: unanswered, or with an error other than that a name does not exist."""
    cdef uint64_t total = one.fates[1]
    cdef int rcode
    for rcode in range(1, 16):
        if rcode != 3:
            total += one.rcodes[rcode]
    return total


cdef dict summary_told(dns_summary_t* summary, uint32_t resolvers, uint32_t domains):
    cdef int trouble
    cdef uint32_t number, at
    types = sorted([(-<object>summary.types[number], number) for number in range(65536) if summary.types[number]])
    return {
        "resolvers_total": summary.resolver_count,
        "resolvers": [
            resolver_told(&summary.resolvers[place]) for place in resolver_places(summary, resolvers)
        ],
        "all": resolver_told(&summary.all_of_them),
        "domains_total": summary.domain_count + summary.dropped_domains,
        "domains": [domain_told(&summary.domains[place]) for place in domain_places(summary, domains)],
        "services": [summary.services[number] for number in range(3)],
        "groups": summary.groups,
        "types": [(number, -count) for count, number in types[:MAX_TYPES]],
        "types_total": len(types),
        "kept": [
            [kept_told(&summary.kept[trouble][at]) for at in range(summary.kept_count[trouble])]
            for trouble in range(TROUBLES)
        ],
    }


cdef list resolver_places(dns_summary_t* summary, uint32_t wanted):
    """Those to be told, in order of transactions."""
    cdef uint32_t count = summary.resolver_count, at
    cdef resolver_t** order = <resolver_t**>malloc((count + 1) * sizeof(resolver_t*))
    if order == NULL:
        raise MemoryError
    for at in range(count):
        order[at] = &summary.resolvers[at]
    qsort(order, count, sizeof(resolver_t*), &by_transactions)
    places = [order[at] - summary.resolvers for at in range(min(count, wanted))]
    qsort(order, count, sizeof(resolver_t*), &by_trouble)
    told_ones = set(places)
    for at in range(count):
        if len(places) == wanted + wanted // 2 or not trouble_of(order[at]):
            break
        if order[at] - summary.resolvers not in told_ones:
            places.append(order[at] - summary.resolvers)
    free(order)
    return places


cdef list domain_places(dns_summary_t* summary, uint32_t wanted):
    """Those to be told, in order of transactions; then those with most bytes in names."""
    cdef uint32_t count = summary.domain_count, at
    cdef domain_t** order = <domain_t**>malloc((count + 1) * sizeof(domain_t*))
    if order == NULL:
        raise MemoryError
    for at in range(count):
        order[at] = &summary.domains[at]
    qsort(order, count, sizeof(domain_t*), &by_queries)
    places = [order[at] - summary.domains for at in range(min(count, wanted))]
    qsort(order, count, sizeof(domain_t*), &by_name_bytes)
    told_ones = set(places)
    for at in range(count):
        if len(places) == wanted + wanted // 2:
            break
        if order[at] - summary.domains not in told_ones:
            places.append(order[at] - summary.domains)
    free(order)
    return places


cdef dict spread_told(spread_t* spread):
    """For analysis.durations.round_trips, with percentiles."""
    cdef uint32_t at
    cdef int64_t p50, p95
    cdef const bars_t* bars
    raise_all(spread)
    percentiles(spread, &p50, &p95)
    counts = {}
    if spread.kept != NULL and spread.kept.bars != NULL:
        bars = spread.kept.bars
        counts = {bars.bars[at].bucket: bars.bars[at].count for at in range(bars.count)}
    measured = spread.samples > 0
    return {
        "counts": counts, "samples": spread.samples, "total": spread.total,
        "least": spread.least if measured else None, "most": spread.most if measured else None,
        "p50": p50 if measured else None, "p95": p95 if measured else None,
    }


cdef list shown_told(const shown_t* shown):
    """(frame, flow_id, ns) of each."""
    cdef uint32_t at
    return [(shown.frames[at], shown.flow_ids[at], shown.latencies[at]) for at in range(shown.count)]


cdef dict resolver_told(resolver_t* one):
    cdef int at
    return {
        "address": (<const char*>one.key)[:16], "port": one.key[16] << 8 | one.key[17], "ip_version": one.key[18],
        "service": one.key[19], "transactions": transactions_of(one),
        "fates": [one.fates[at] for at in range(FATES)], "rcodes": [one.rcodes[at] for at in range(16)],
        "tcp": one.tcp, "truncated": one.truncated, "retries": one.retries, "retried": one.retried,
        "extra_responses": one.extra_responses, "copies": one.copies, "query_bytes": one.query_bytes,
        "response_bytes": one.response_bytes,
        "spans": [(one.first_ns[at], one.last_ns[at]) if one.timed[at] else None for at in range(TROUBLES)],
        "shown": [shown_told(&one.shown[at]) for at in range(TROUBLES)],
        "latency": spread_told(&one.latency), "reply": spread_told(&one.reply),
    }


cdef str name_told(const uint8_t* name, uint32_t length):
    cdef uint8_t text[LONGEST_TEXT]
    cdef uint32_t size = escape_name(name, length, text)
    return (<char*>text)[:size].decode("ascii") if size else None


cdef dict domain_told(const domain_t* one):
    return {
        "name": name_told(one.name, one.name_length), "transactions": one.transactions,
        "unanswered": one.unanswered, "missing": one.missing, "text_types": one.text_types,
        "name_bytes": one.name_bytes, "longest": one.longest, "query_bytes": one.query_bytes,
        "response_bytes": one.response_bytes, "names": min(distinct_names(one), one.transactions),
        "span": (one.first_ns, one.last_ns) if one.timed else None, "longest_frame": one.longest_frame,
        "longest_flow": one.longest_flow,
        "client": None if one.many_clients else (<const char*>one.client)[:16], "ip_version": one.ip_version,
    }


cdef dict kept_told(const kept_t* kept):
    cdef const dns_row_t* row = &kept.row
    cdef int64_t latency = latency_of(row)
    answered = bool(row.state & DNS_ANSWERED)
    return {
        "frame": row.frame, "response_frame": row.response_frame if answered else None, "flow_id": row.flow_id,
        "stream": row.stream, "transport": row.transport, "time": row.time if row.state & DNS_ASKED_TIMED else None,
        "client": (<const char*>row.client)[:16], "resolver": (<const char*>row.resolver)[:16],
        "resolver_port": row.resolver_port, "ip_version": row.ip_version, "id": row.id,
        "name": name_told(kept.name, row.name_length), "type": row.type if row.name_length else None,
        "rcode": row.response_flags & 15 if answered else None, "latency": latency if latency >= 0 else None,
        "retries": row.retries,
    }


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
