"""DNS in sums: per resolver, per domain, over all; one pass over the transactions in order of frame.

The order is that of the capture, so a bound is met at the same transaction however it was read. Resolvers beyond the
bound are summed in one last row; of domains the half with fewest bytes in names makes room, so that one that carries
much is found wherever it begins. What goes to groups (mDNS, LLMNR) is counted, and no more.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memcmp, memcpy, memset

from dns_domain cimport domain_t, note_name, parent_of
from dns_message cimport DNS_TRUNCATED, MAX_NAME
from dns_out cimport (
    DNS_ANSWERED,
    DNS_ANSWERED_TIMED,
    DNS_ASKED,
    DNS_ASKED_TIMED,
    DNS_LAST_TIMED,
    DNS_MULTICAST,
    dns_row_t,
)
from grow cimport has_place
from keyed cimport hash_words
from spread cimport add_duration, spread_free, spread_t

cdef enum:
    MAX_RESOLVERS = 65536
    MAX_DOMAINS = 16384
    SHOWN_FRAMES = 3                 # of a resolver, for each kind of trouble
    SHOWN_ROWS = 10
    KEY_BYTES = 24
    NO_ERROR = 0
    NAME_ERROR = 3                   # an answer like any other: the name does not exist

cdef enum dns_fate_t:                # what became of a transaction
    FATE_ANSWERED = 0
    FATE_UNANSWERED
    FATE_OPEN                        # the capture ended soon after the query
    FATE_UNASKED                     # the query was not captured
    FATES

cdef enum trouble_t:
    TROUBLE_UNANSWERED = 0
    TROUBLE_FAILED                   # an error other than that the name does not exist
    TROUBLE_SLOW                     # every answered one: the slowest are kept
    TROUBLES

ctypedef struct shown_t:             # frames that show a trouble, with what they are ordered by
    uint64_t frames[SHOWN_FRAMES]
    uint32_t flow_ids[SHOWN_FRAMES]
    int64_t latencies[SHOWN_FRAMES]
    uint32_t count

ctypedef struct resolver_t:
    uint8_t key[KEY_BYTES]           # address, port, version, service; zeros
    uint64_t fates[FATES]
    uint64_t rcodes[16]
    uint64_t tcp
    uint64_t truncated
    uint64_t retries
    uint64_t retried                 # transactions with a retry
    uint64_t extra_responses
    uint64_t copies
    uint64_t query_bytes
    uint64_t response_bytes
    int64_t first_ns[TROUBLES]       # of queries with this trouble; of all of them for TROUBLE_SLOW
    int64_t last_ns[TROUBLES]
    uint8_t timed[TROUBLES]
    shown_t shown[TROUBLES]
    spread_t latency                 # from the first query
    spread_t reply                   # from the last repeat of it

ctypedef struct kept_t:              # a transaction to be shown
    dns_row_t row
    uint8_t name[MAX_NAME]

ctypedef struct index_t:             # key → place, open addressing
    uint64_t* slots                  # hash << 32 | place + 1
    uint32_t mask

ctypedef struct dns_summary_t:
    resolver_t* resolvers
    uint32_t resolver_count
    uint32_t resolver_capacity
    index_t by_resolver
    resolver_t beyond                # resolvers beyond the bound
    resolver_t all_of_them
    domain_t* domains
    uint32_t domain_count
    uint32_t domain_capacity
    index_t by_domain
    domain_t beyond_domains          # where memory is short
    uint64_t dropped_domains
    uint64_t services[3]             # rows
    uint64_t groups                  # messages to groups
    uint64_t* types                  # (65536,) transactions by type
    kept_t kept[TROUBLES][SHOWN_ROWS]
    uint32_t kept_count[TROUBLES]
    uint64_t seed[4]
    int64_t open_after               # a query sent later than this may yet be answered
    uint8_t knows_end
    uint8_t failed


# ---------------------------------------------------------------- memory

cdef inline bint index_begin(index_t* index) noexcept nogil:
    index.mask = 255
    index.slots = <uint64_t*>calloc(index.mask + 1, sizeof(uint64_t))
    return index.slots != NULL


cdef inline bint index_grow(index_t* index) noexcept nogil:
    cdef uint32_t mask = index.mask * 2 + 1, at, slot
    cdef uint64_t* slots = <uint64_t*>calloc(<size_t>mask + 1, sizeof(uint64_t))
    if slots == NULL:
        return False
    for slot in range(index.mask + 1):
        if index.slots[slot]:
            at = <uint32_t>(index.slots[slot] >> 32) & mask
            while slots[at]:
                at = (at + 1) & mask
            slots[at] = index.slots[slot]
    free(index.slots)
    index.slots = slots
    index.mask = mask
    return True


cdef inline dns_summary_t* dns_summary_new(const uint64_t* seed) noexcept nogil:
    """An empty summary; NULL when memory is short.  seed: (4,) of hashes."""
    cdef dns_summary_t* summary = <dns_summary_t*>calloc(1, sizeof(dns_summary_t))
    if summary == NULL:
        return NULL
    memcpy(summary.seed, seed, sizeof(summary.seed))
    summary.types = <uint64_t*>calloc(65536, sizeof(uint64_t))
    if not index_begin(&summary.by_resolver) or not index_begin(&summary.by_domain) or summary.types == NULL:
        dns_summary_free(summary)
        return NULL
    return summary


cdef inline void resolver_free(resolver_t* one) noexcept nogil:
    spread_free(&one.latency)
    spread_free(&one.reply)


cdef inline void dns_summary_free(dns_summary_t* summary) noexcept nogil:
    cdef uint32_t index
    for index in range(summary.resolver_count):
        resolver_free(&summary.resolvers[index])
    resolver_free(&summary.beyond)
    resolver_free(&summary.all_of_them)
    free(summary.resolvers)
    free(summary.domains)
    free(summary.by_resolver.slots)
    free(summary.by_domain.slots)
    free(summary.types)
    free(summary)


# ---------------------------------------------------------------- finding the row

cdef inline resolver_t* resolver_of(dns_summary_t* summary, const dns_row_t* row) noexcept nogil:
    """The resolver's sums, made where there are none; the common last ones beyond the bound."""
    cdef uint8_t key[KEY_BYTES]
    cdef index_t* index = &summary.by_resolver
    cdef resolver_t* one
    cdef uint32_t hash, at
    memset(key, 0, KEY_BYTES)
    memcpy(key, row.resolver, 16)
    key[16], key[17] = row.resolver_port >> 8, row.resolver_port & 0xFF
    key[18], key[19] = row.ip_version, row.service
    hash = hash_words(key, KEY_BYTES, summary.seed)
    at = hash & index.mask
    while index.slots[at]:
        one = &summary.resolvers[<uint32_t>index.slots[at] - 1]
        if <uint32_t>(index.slots[at] >> 32) == hash and memcmp(one.key, key, KEY_BYTES) == 0:
            return one
        at = (at + 1) & index.mask
    if summary.resolver_count == MAX_RESOLVERS:
        return &summary.beyond
    if not has_place(
        &summary.resolvers, &summary.resolver_capacity, summary.resolver_count, sizeof(resolver_t), 16
    ):
        summary.failed = 1
        return &summary.beyond
    one = &summary.resolvers[summary.resolver_count]
    memset(one, 0, sizeof(resolver_t))
    memcpy(one.key, key, KEY_BYTES)
    summary.resolver_count += 1
    index.slots[at] = <uint64_t>hash << 32 | summary.resolver_count
    if summary.resolver_count * 2 > index.mask and not index_grow(index):
        summary.failed = 1
    return one


cdef inline int by_name_bytes(const void* one, const void* other) noexcept nogil:
    """Most bytes in names first, of equal ones those that were there first."""
    cdef const domain_t* a = (<const domain_t* const*>one)[0]
    cdef const domain_t* b = (<const domain_t* const*>other)[0]
    if a.name_bytes != b.name_bytes:
        return 1 if a.name_bytes < b.name_bytes else -1
    return (a > b) - (a < b)


cdef inline bint drop_domains(dns_summary_t* summary) noexcept nogil:
    """Forget the half of the domains with fewest bytes in names. False when memory is short."""
    cdef uint32_t count = summary.domain_count, place, at, hash
    cdef index_t* index = &summary.by_domain
    cdef domain_t* kept = <domain_t*>malloc(summary.domain_capacity * sizeof(domain_t))
    cdef domain_t** order = <domain_t**>malloc(count * sizeof(domain_t*))
    if kept == NULL or order == NULL:
        free(kept)
        free(order)
        return False
    for place in range(count):
        order[place] = &summary.domains[place]
    qsort(order, count, sizeof(domain_t*), &by_name_bytes)
    memset(index.slots, 0, (<size_t>index.mask + 1) * sizeof(uint64_t))
    for place in range(count // 2):
        kept[place] = order[place][0]
        hash = hash_words(kept[place].name, sizeof(kept[place].name), summary.seed)
        at = hash & index.mask
        while index.slots[at]:
            at = (at + 1) & index.mask
        index.slots[at] = <uint64_t>hash << 32 | (place + 1)
    summary.dropped_domains += count - count // 2
    summary.domain_count = count // 2
    free(order)
    free(summary.domains)
    summary.domains = kept
    return True


cdef inline domain_t* domain_of(dns_summary_t* summary, const uint8_t* name, uint32_t length) noexcept nogil:
    """The sums of the domain that a name lies in, as resolver_of.  length: of the name, not 0."""
    cdef domain_t parent
    cdef index_t* index = &summary.by_domain
    cdef domain_t* one
    cdef uint32_t hash, at
    memset(&parent, 0, sizeof(domain_t))
    parent_of(name, length, &parent)
    hash = hash_words(parent.name, sizeof(parent.name), summary.seed)
    at = hash & index.mask
    while index.slots[at]:
        one = &summary.domains[<uint32_t>index.slots[at] - 1]
        if <uint32_t>(index.slots[at] >> 32) == hash and memcmp(one.name, parent.name, sizeof(parent.name)) == 0:
            return one
        at = (at + 1) & index.mask
    if summary.domain_count == MAX_DOMAINS:
        if not drop_domains(summary):
            summary.failed = 1
            return &summary.beyond_domains
        at = hash & index.mask
        while index.slots[at]:
            at = (at + 1) & index.mask
    if not has_place(&summary.domains, &summary.domain_capacity, summary.domain_count, sizeof(domain_t), 16):
        summary.failed = 1
        return &summary.beyond_domains
    summary.domains[summary.domain_count] = parent
    summary.domain_count += 1
    index.slots[at] = <uint64_t>hash << 32 | summary.domain_count
    if summary.domain_count * 2 > index.mask and not index_grow(index):
        summary.failed = 1
    return &summary.domains[summary.domain_count - 1]


# ---------------------------------------------------------------- adding

cdef inline int fate_of(const dns_summary_t* summary, const dns_row_t* row) noexcept nogil:
    if row.state & DNS_ANSWERED:
        return FATE_ANSWERED if row.state & DNS_ASKED else FATE_UNASKED
    if summary.knows_end and row.state & DNS_LAST_TIMED and row.last_time > summary.open_after:
        return FATE_OPEN
    return FATE_UNANSWERED


cdef inline void show(shown_t* shown, const dns_row_t* row, int64_t latency) noexcept nogil:
    """Keep a frame: the longest latencies first, of equal ones the earlier."""
    cdef uint32_t at = shown.count, moved
    while at > 0 and shown.latencies[at - 1] < latency:
        at -= 1
    if at == SHOWN_FRAMES:
        return
    if shown.count < SHOWN_FRAMES:
        shown.count += 1
    for moved in range(shown.count - 1, at, -1):
        shown.frames[moved] = shown.frames[moved - 1]
        shown.flow_ids[moved] = shown.flow_ids[moved - 1]
        shown.latencies[moved] = shown.latencies[moved - 1]
    shown.frames[at] = row.frame
    shown.flow_ids[at] = row.flow_id
    shown.latencies[at] = latency


cdef inline void note_span(resolver_t* one, int trouble, const dns_row_t* row) noexcept nogil:
    if not row.state & DNS_ASKED_TIMED:
        return
    if not one.timed[trouble] or row.time < one.first_ns[trouble]:
        one.first_ns[trouble] = row.time
    if not one.timed[trouble] or row.time > one.last_ns[trouble]:
        one.last_ns[trouble] = row.time
    one.timed[trouble] = 1


cdef inline int64_t latency_of(const dns_row_t* row) noexcept nogil:
    """From the first query to the response, ns; below 0: not known, or the clock went back."""
    cdef uint8_t both = DNS_ASKED_TIMED | DNS_ANSWERED_TIMED
    return row.response_time - row.time if row.state & both == both else -1


cdef inline bint has_failed(const dns_row_t* row) noexcept nogil:
    cdef uint32_t rcode = row.response_flags & 15
    return row.state & DNS_ANSWERED and rcode != NO_ERROR and rcode != NAME_ERROR


cdef inline void add_to_resolver(resolver_t* one, const dns_row_t* row, int fate) noexcept nogil:
    cdef int64_t latency = latency_of(row)
    one.fates[fate] += 1
    one.tcp += row.transport == 6
    one.retries += row.retries
    one.retried += row.retries != 0
    one.extra_responses += row.repeats
    one.copies += row.copies
    one.query_bytes += row.query_bytes
    one.response_bytes += row.response_bytes
    note_span(one, TROUBLE_SLOW, row)
    if fate == FATE_UNANSWERED:
        note_span(one, TROUBLE_UNANSWERED, row)
        show(&one.shown[<int>TROUBLE_UNANSWERED], row, 0)
    if not row.state & DNS_ANSWERED:
        return
    one.rcodes[row.response_flags & 15] += 1
    one.truncated += (row.response_flags & DNS_TRUNCATED) != 0
    if has_failed(row):
        note_span(one, TROUBLE_FAILED, row)
        show(&one.shown[<int>TROUBLE_FAILED], row, 0)
    if latency >= 0:
        add_duration(&one.latency, latency)
        show(&one.shown[<int>TROUBLE_SLOW], row, latency)
        if row.response_time >= row.last_time:
            add_duration(&one.reply, row.response_time - row.last_time)


cdef inline void keep(dns_summary_t* summary, int trouble, const dns_row_t* row, const uint8_t* name) noexcept nogil:
    """Keep a whole transaction: the slowest, or the first."""
    cdef kept_t* kept = summary.kept[trouble]
    cdef uint32_t at = summary.kept_count[trouble], moved
    if trouble == TROUBLE_SLOW:
        while at > 0 and latency_of(&kept[at - 1].row) < latency_of(row):
            at -= 1
    if at == SHOWN_ROWS:
        return
    if summary.kept_count[trouble] < SHOWN_ROWS:
        summary.kept_count[trouble] += 1
    for moved in range(summary.kept_count[trouble] - 1, at, -1):
        kept[moved] = kept[moved - 1]
    kept[at].row = row[0]
    memcpy(kept[at].name, name, row.name_length)


cdef inline void add_to_domain(
    dns_summary_t* summary, domain_t* one, const dns_row_t* row, const uint8_t* name, int fate
) noexcept nogil:
    one.transactions += 1
    one.unanswered += fate == FATE_UNANSWERED
    if row.state & DNS_ANSWERED and row.response_flags & 15 == NAME_ERROR:
        one.missing += 1
    one.query_bytes += row.query_bytes
    one.response_bytes += row.response_bytes
    note_name(one, row, name)


cdef inline void add_transaction(dns_summary_t* summary, const dns_row_t* row, const uint8_t* name) noexcept nogil:
    cdef int fate
    summary.services[row.service] += 1
    if row.state & DNS_MULTICAST:
        summary.groups += 1
        return
    fate = fate_of(summary, row)
    add_to_resolver(resolver_of(summary, row), row, fate)
    add_to_resolver(&summary.all_of_them, row, fate)
    if row.name_length:
        summary.types[row.type] += 1
        if row.service == 0:
            add_to_domain(summary, domain_of(summary, name, row.name_length), row, name, fate)
    if fate == FATE_UNANSWERED:
        keep(summary, TROUBLE_UNANSWERED, row, name)
    elif has_failed(row):
        keep(summary, TROUBLE_FAILED, row, name)
    if latency_of(row) >= 0:
        keep(summary, TROUBLE_SLOW, row, name)
