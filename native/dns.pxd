"""DNS transactions: queries and responses of a flow paired while its packets are tracked.

One table a shard. A transaction is known by client and resolver with their ports, the message's id and its question;
a query that comes again before it was answered belongs to it as a retry. A response belongs to the latest query with
its question, or with its id where one of both has none. What goes to a group (mDNS, LLMNR) is a row by itself.

Nothing here depends on shards, threads or batches: rows leave only where the count of frames is a multiple of
EVICT_FRAMES (spill.pxd), by frame numbers; numbers of flows, which a batch gets when it is over, are filled in before
the next one begins.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from dns_message cimport (
    DNS_CUT,
    DNS_NONE,
    DNS_RESPONSE,
    dns_message_t,
    read_message,
)
from dns_out cimport (
    DNS_ANSWERED,
    DNS_ANSWERED_TIMED,
    DNS_ASKED,
    DNS_ASKED_TIMED,
    DNS_LAST_TIMED,
    DNS_LEFT,
    DNS_MULTICAST,
    dns_file_t,
    dns_out_t,
    dns_row_t,
    out_free,
    put_row,
    sort_rows,
)
from flow cimport NO_NUMBER, flow_t
from grow cimport has_place
from packet cimport HAS_FRAGMENT, HAS_TCP, HAS_TIME, HAS_UDP, packet_t

cdef extern from * nogil:
    """
    /* Whether one of two ports is 53, 5353 or 5355: one branch, which is nearly always the same way. */
    static inline int pcap_is_dns_port(unsigned src, unsigned dst) {
        return (src == 53) | (dst == 53) | ((src & ~2u) == 5353) | ((dst & ~2u) == 5353);
    }
    """
    bint is_dns_port "pcap_is_dns_port"(unsigned src, unsigned dst) noexcept

cdef enum:
    DNS_PORT = 53
    MDNS_PORT = 5353
    LLMNR_PORT = 5355
    NOBODY = 0xFFFFFFFF
    NAME_INLINE = 48                 # bytes of a name that need no memory of their own
    FIRST_EXCHANGES = 256
    LEAVE_FRAMES = 16384             # an answered transaction waits so long for what is repeated
    OPEN_LIMIT = 65536               # unanswered ones that are held
    RECENCY_STEPS = 4096
    MAX_ALIKE = 64                   # transactions of one flow with one id that are looked through
    RETRY_NS = 30000000000           # the longest time-out of resolv.conf: later it is another question
    COPY_NS = 10000000               # the same packet again, as by a port mirror: see decisions on duplicates

cdef enum dns_count_t:
    COUNT_MESSAGES = 0
    COUNT_NOT_DNS                    # on a port of DNS, but no message
    COUNT_CUT                        # messages whose question was not captured
    COUNT_FRAGMENTS                  # messages in the first fragment of a datagram: the rest is not looked at
    COUNT_UNMEASURED                 # TCP segments in which it is not known where a message begins
    COUNT_LEFT                       # transactions given up because too many were open
    DNS_COUNTS

ctypedef struct exchange_t:          # a transaction that is not over yet
    dns_row_t row
    uint64_t question                # hash; 0: not known
    uint64_t last_frame              # of its latest message
    const flow_t* flow               # while the numbers are not known
    uint8_t* long_name               # instead of `name`
    uint32_t next                    # in the chain of its hash, or of those free
    uint32_t before                  # in the chain
    uint32_t hash
    uint16_t ip_id                   # of the query as it was sent last
    uint16_t response_ip_id
    uint8_t live
    uint8_t name[NAME_INLINE]

ctypedef struct met_t:               # where a message was found
    const flow_t* flow
    const packet_t* packet
    uint64_t frame
    uint32_t hash                    # of the flow's key

ctypedef struct dns_t:               # of one shard
    exchange_t* exchanges
    uint32_t capacity
    uint32_t begun                   # places used at least once
    uint32_t unused                  # first of the free ones
    uint32_t live
    uint32_t open                    # unanswered among the live
    uint32_t* heads
    uint32_t mask
    uint32_t* fresh                  # begun in this batch
    uint32_t fresh_count
    uint32_t fresh_capacity
    uint64_t serial
    uint64_t leave_at                # frame of the boundary that was reached; 0: none
    uint64_t leave_bound             # unanswered ones not seen since leave
    void* streams                    # dns_streams_t*: TCP, see dns_stream.pxd
    dns_out_t out
    dns_file_t* file
    const uint64_t* seed
    uint64_t counts[DNS_COUNTS]
    uint8_t failed                   # memory ran out

ctypedef struct dns_shards_t:
    dns_t* shards                    # (count,)
    uint32_t count
    dns_file_t file
    uint8_t finished                 # every transaction is over, rows in memory are sorted


cdef inline bint is_dns(const packet_t* packet) noexcept nogil:
    """Whether a packet of TCP or UDP may carry DNS."""
    return is_dns_port(packet.src_port, packet.dst_port) and packet.present & (HAS_TCP | HAS_UDP)


# ---------------------------------------------------------------- memory

cdef inline void dns_init(dns_t* dns, dns_file_t* file, const uint64_t* seed) noexcept nogil:
    """Nothing is allocated before there is DNS."""
    memset(dns, 0, sizeof(dns_t))
    dns.unused = NOBODY
    dns.file = file
    dns.seed = seed


cdef inline void dns_free(dns_t* dns) noexcept nogil:
    cdef uint32_t index
    for index in range(dns.begun):
        free(dns.exchanges[index].long_name)
    free(dns.exchanges)
    free(dns.heads)
    free(dns.fresh)
    out_free(&dns.out)


cdef inline void split_chain(dns_t* dns, uint32_t chain, uint32_t* heads) noexcept nogil:
    """A chain's transactions to the two that it becomes with twice as many, each in its order."""
    cdef uint32_t at = dns.heads[chain], following, half
    cdef uint32_t last[2]
    cdef exchange_t* one
    last[0] = last[1] = NOBODY
    while at != NOBODY:
        one = &dns.exchanges[at]
        following = one.next
        half = 1 if one.hash & dns.capacity else 0
        one.before = last[half]
        one.next = NOBODY
        if last[half] == NOBODY:
            heads[chain + half * dns.capacity] = at
        else:
            dns.exchanges[last[half]].next = at
        last[half] = at
        at = following


cdef inline bint grow_exchanges(dns_t* dns) noexcept nogil:
    """Twice the places and twice the chains, when no place is free."""
    cdef uint32_t capacity = dns.capacity * 2 if dns.capacity else FIRST_EXCHANGES, chain
    cdef exchange_t* grown = <exchange_t*>realloc(dns.exchanges, capacity * sizeof(exchange_t))
    cdef uint32_t* heads
    if grown == NULL:
        return False
    dns.exchanges = grown
    heads = <uint32_t*>malloc(capacity * sizeof(uint32_t))
    if heads == NULL:
        return False
    memset(heads, 0xFF, capacity * sizeof(uint32_t))
    for chain in range(dns.capacity):
        split_chain(dns, chain, heads)
    free(dns.heads)
    dns.heads = heads
    dns.mask = capacity - 1
    dns.capacity = capacity
    return True


cdef inline exchange_t* new_exchange(dns_t* dns, const met_t* met) noexcept nogil:
    """A zeroed transaction that is in no chain yet; NULL when memory is short."""
    cdef uint32_t index
    cdef exchange_t* one
    if not has_place(&dns.fresh, &dns.fresh_capacity, dns.fresh_count, sizeof(uint32_t), FIRST_EXCHANGES):
        dns.failed = 1
        return NULL
    if dns.unused == NOBODY and dns.begun == dns.capacity and not grow_exchanges(dns):
        dns.failed = 1
        return NULL
    if dns.unused != NOBODY:
        index = dns.unused
        dns.unused = dns.exchanges[index].next
    else:
        index = dns.begun
        dns.begun += 1
    one = &dns.exchanges[index]
    memset(one, 0, sizeof(exchange_t))
    one.live = 1
    one.next = one.before = NOBODY
    one.flow = met.flow
    one.row.frame = one.last_frame = met.frame
    one.row.serial = dns.serial
    dns.serial += 1
    dns.fresh[dns.fresh_count] = index
    dns.fresh_count += 1
    dns.live += 1
    return one


cdef inline void link_first(dns_t* dns, uint32_t index) noexcept nogil:
    """Put a transaction before all others of its chain: the latest is looked at first."""
    cdef exchange_t* one = &dns.exchanges[index]
    cdef uint32_t* head = &dns.heads[one.hash & dns.mask]
    one.next = head[0]
    one.before = NOBODY
    if head[0] != NOBODY:
        dns.exchanges[head[0]].before = index
    head[0] = index


cdef inline void unlink(dns_t* dns, uint32_t index) noexcept nogil:
    cdef exchange_t* one = &dns.exchanges[index]
    if one.next != NOBODY:
        dns.exchanges[one.next].before = one.before
    if one.before != NOBODY:
        dns.exchanges[one.before].next = one.next
    else:
        dns.heads[one.hash & dns.mask] = one.next


# ---------------------------------------------------------------- messages

cdef inline uint8_t service_of(const packet_t* packet) noexcept nogil:
    if packet.src_port == DNS_PORT or packet.dst_port == DNS_PORT:
        return 0
    return 1 if packet.src_port == MDNS_PORT or packet.dst_port == MDNS_PORT else 2


cdef inline bint is_to_group(const packet_t* packet) noexcept nogil:
    """Whether a message of mDNS or LLMNR goes to all who listen."""
    if service_of(packet) == 0:
        return False
    return packet.dst[12] & 0xF0 == 0xE0 if packet.ip_version == 4 else packet.dst[0] == 0xFF


cdef inline uint32_t exchange_hash(const met_t* met, uint16_t id, uint16_t client_port) noexcept nogil:
    """The flow's hash is keyed, so that no capture can be made to collide; ids of a flow spread by themselves."""
    return met.hash + <uint32_t>id * 0x9E3779B1u + client_port


cdef inline bint is_of(
    const exchange_t* one, const uint8_t* client, const uint8_t* resolver, uint16_t client_port,
    uint16_t resolver_port, uint16_t id, const packet_t* packet
) noexcept nogil:
    return (
        one.row.id == id and one.row.client_port == client_port and one.row.resolver_port == resolver_port
        and one.row.transport == (6 if packet.present & HAS_TCP else 17) and one.row.ip_version == packet.ip_version
        and memcmp(one.row.client, client, 16) == 0 and memcmp(one.row.resolver, resolver, 16) == 0
    )


cdef inline bint is_copy(bint timed, int64_t before, uint16_t ip_id, const packet_t* packet) noexcept nogil:
    """Whether a message that is there already is the same packet captured again, not a second one."""
    cdef int64_t since = packet.timestamp - before
    return (
        timed and packet.present & HAS_TIME and ip_id == packet.ip_id
        and -<int64_t>COPY_NS <= since <= <int64_t>COPY_NS
    )


cdef inline void keep_name(dns_t* dns, exchange_t* one, const dns_message_t* message) noexcept nogil:
    one.row.name_length = message.name_length
    free(one.long_name)
    one.long_name = NULL
    if message.name_length <= NAME_INLINE:
        memcpy(one.name, message.name, message.name_length)
        return
    one.long_name = <uint8_t*>malloc(message.name_length)
    if one.long_name == NULL:
        one.row.name_length = 0
        dns.failed = 1
        return
    memcpy(one.long_name, message.name, message.name_length)


cdef inline exchange_t* begin_exchange(
    dns_t* dns, const met_t* met, const dns_message_t* message, bint query, bint multicast
) noexcept nogil:
    """A transaction that begins with this message: with a query, or with a response whose query was not captured."""
    cdef const packet_t* packet = met.packet
    cdef exchange_t* one = new_exchange(dns, met)
    cdef dns_row_t* row
    cdef bint from_client = query or multicast
    if one == NULL:
        return NULL
    row = &one.row
    memcpy(row.client, &packet.src[0] if from_client else &packet.dst[0], 16)
    memcpy(row.resolver, &packet.dst[0] if from_client else &packet.src[0], 16)
    row.client_port = packet.src_port if from_client else packet.dst_port
    row.resolver_port = packet.dst_port if from_client else packet.src_port
    row.flow_id = row.stream = NO_NUMBER
    row.id = message.id
    row.type = message.type
    row.question_class = message.question_class
    row.service = service_of(packet)
    row.transport = 6 if packet.present & HAS_TCP else 17
    row.ip_version = packet.ip_version
    one.question = message.question
    keep_name(dns, one, message)
    if multicast:
        row.state = DNS_MULTICAST
        return one
    one.hash = exchange_hash(met, row.id, row.client_port)
    link_first(dns, <uint32_t>(one - dns.exchanges))
    return one


cdef inline void note_query(exchange_t* one, const met_t* met, const dns_message_t* message) noexcept nogil:
    """What the first query says."""
    cdef const packet_t* packet = met.packet
    one.row.state |= DNS_ASKED
    one.row.query_flags = message.flags
    one.row.query_bytes = message.length
    one.ip_id = packet.ip_id
    if packet.present & HAS_TIME:
        one.row.state |= DNS_ASKED_TIMED | DNS_LAST_TIMED
        one.row.time = one.row.last_time = packet.timestamp


cdef inline void note_response(exchange_t* one, const met_t* met, const dns_message_t* message) noexcept nogil:
    """What the first response says."""
    cdef const packet_t* packet = met.packet
    one.row.state |= DNS_ANSWERED
    one.row.response_frame = one.last_frame = met.frame
    one.row.response_flags = message.flags
    one.row.response_bytes = message.length
    one.row.answers = message.answers
    one.row.address_version = message.address_version
    if message.address_version:
        memcpy(one.row.address, message.address, 16)
    one.response_ip_id = packet.ip_id
    if packet.present & HAS_TIME:
        one.row.state |= DNS_ANSWERED_TIMED
        one.row.response_time = packet.timestamp


cdef inline uint16_t one_more(uint16_t count) noexcept nogil:
    return count + 1 if count < 0xFFFF else count


cdef inline bint is_retry(const exchange_t* one, const packet_t* packet) noexcept nogil:
    """Whether a query that was asked before is asked again now, not anew."""
    if one.row.state & DNS_ANSWERED:
        return is_copy(one.row.state & DNS_LAST_TIMED, one.row.last_time, one.ip_id, packet)
    if not one.row.state & DNS_LAST_TIMED or not packet.present & HAS_TIME:
        return True
    return packet.timestamp - one.row.last_time <= <int64_t>RETRY_NS


cdef inline void take_query(dns_t* dns, const met_t* met, const dns_message_t* message) noexcept nogil:
    cdef const packet_t* packet = met.packet
    cdef exchange_t* one
    cdef exchange_t* asked = NULL
    cdef uint32_t at = NOBODY, alike = 0
    if dns.capacity:
        at = dns.heads[exchange_hash(met, message.id, packet.src_port) & dns.mask]
    while at != NOBODY and alike < MAX_ALIKE:
        one = &dns.exchanges[at]
        at = one.next
        if is_of(one, packet.src, packet.dst, packet.src_port, packet.dst_port, message.id, packet):
            alike += 1
            if one.question == message.question and one.row.state & DNS_ASKED:
                asked = one
                break
    if asked == NULL or not is_retry(asked, packet):
        one = begin_exchange(dns, met, message, True, False)
        if one != NULL:
            note_query(one, met, message)
            dns.open += 1
        return
    asked.last_frame = met.frame
    if is_copy(asked.row.state & DNS_LAST_TIMED, asked.row.last_time, asked.ip_id, packet):
        asked.row.copies = one_more(asked.row.copies)
        return
    asked.row.retries = one_more(asked.row.retries)
    asked.ip_id = packet.ip_id
    if packet.present & HAS_TIME:
        asked.row.last_time = packet.timestamp
        asked.row.state |= DNS_LAST_TIMED


cdef inline int fitness(const exchange_t* one, const dns_message_t* message) noexcept nogil:
    """How well a response fits a transaction with its id: 0 not at all; an open one with its question best."""
    cdef bint open = not one.row.state & DNS_ANSWERED
    if one.question == message.question:
        return 4 if open else 2
    if one.question == 0 or message.question == 0:
        return 3 if open else 1
    return 0


cdef inline void take_response(dns_t* dns, const met_t* met, const dns_message_t* message) noexcept nogil:
    cdef const packet_t* packet = met.packet
    cdef exchange_t* one
    cdef exchange_t* best = NULL
    cdef uint32_t at = NOBODY, alike = 0
    cdef int fits, most = 0
    if dns.capacity:
        at = dns.heads[exchange_hash(met, message.id, packet.dst_port) & dns.mask]
    while at != NOBODY and most < 4 and alike < MAX_ALIKE:
        one = &dns.exchanges[at]
        if is_of(one, packet.dst, packet.src, packet.dst_port, packet.src_port, message.id, packet):
            alike += 1
            fits = fitness(one, message)
            if fits > most:
                best, most = one, fits
        at = one.next
    if best == NULL:
        one = begin_exchange(dns, met, message, False, False)
        if one != NULL:
            note_response(one, met, message)
        return
    if not best.row.state & DNS_ANSWERED:
        dns.open -= 1
        if not best.question and message.question:
            best.row.type, best.row.question_class = message.type, message.question_class
            best.question = message.question
            keep_name(dns, best, message)        # the query was cut, the response was not
        note_response(best, met, message)
        return
    best.last_frame = met.frame
    if is_copy(best.row.state & DNS_ANSWERED_TIMED, best.row.response_time, best.response_ip_id, packet):
        best.row.copies = one_more(best.row.copies)
    else:
        best.row.repeats = one_more(best.row.repeats)


cdef inline void take_message(dns_t* dns, const met_t* met, const dns_message_t* message, int read) noexcept nogil:
    """One message that was read, whichever way it came."""
    cdef bint query = not message.flags & DNS_RESPONSE
    cdef exchange_t* one
    dns.counts[<int>COUNT_MESSAGES] += 1
    dns.counts[<int>COUNT_CUT] += read == DNS_CUT
    if is_to_group(met.packet):
        one = begin_exchange(dns, met, message, query, True)
        if one != NULL and query:
            note_query(one, met, message)
        elif one != NULL:
            note_response(one, met, message)
    elif query:
        take_query(dns, met, message)
    else:
        take_response(dns, met, message)


cdef inline void take_datagram(dns_t* dns, const met_t* met, const uint8_t* payload, uint32_t size) noexcept nogil:
    """The payload of a UDP packet.  size: bytes captured."""
    cdef const packet_t* packet = met.packet
    cdef dns_message_t message
    cdef int read
    if not packet.payload_length:
        return
    read = read_message(payload, size, packet.payload_length, dns.seed, &message)
    if read == DNS_NONE:
        dns.counts[<int>COUNT_NOT_DNS] += 1
        return
    dns.counts[<int>COUNT_FRAGMENTS] += (packet.present & HAS_FRAGMENT) != 0
    take_message(dns, met, &message, read)


# ---------------------------------------------------------------- what is over

cdef inline void settle_numbers(dns_t* dns) noexcept nogil:
    """The numbers of flows that the batch before gave, for the transactions that began in it."""
    cdef uint32_t at
    cdef exchange_t* one
    for at in range(dns.fresh_count):
        one = &dns.exchanges[dns.fresh[at]]
        one.row.flow_id = one.flow.flow_id
        one.row.stream = one.flow.stream
        one.flow = NULL
    dns.fresh_count = 0


cdef inline void let_leave(dns_t* dns, uint32_t index) noexcept nogil:
    """One transaction goes to the rows that are over."""
    cdef exchange_t* one = &dns.exchanges[index]
    if not put_row(&dns.out, dns.file, &one.row, one.long_name if one.long_name != NULL else &one.name[0]):
        dns.failed = 1
    if not one.row.state & DNS_MULTICAST:
        unlink(dns, index)
        dns.open -= not one.row.state & DNS_ANSWERED
    free(one.long_name)
    one.long_name = NULL
    one.live = 0
    one.next = dns.unused
    dns.unused = index
    dns.live -= 1


cdef inline bint is_waiting(const exchange_t* one) noexcept nogil:
    return not one.row.state & (DNS_ANSWERED | DNS_MULTICAST)


cdef inline void leave(dns_t* dns) noexcept nogil:
    """At a boundary: what was answered some time ago, and the oldest that wait where too many do."""
    cdef uint32_t index
    cdef exchange_t* one
    for index in range(dns.begun):
        one = &dns.exchanges[index]
        if not one.live:
            continue
        if is_waiting(one):
            if one.last_frame <= dns.leave_bound:
                one.row.state |= DNS_LEFT
                dns.counts[<int>COUNT_LEFT] += 1
                let_leave(dns, index)
        elif one.last_frame + LEAVE_FRAMES <= dns.leave_at:
            let_leave(dns, index)
    dns.leave_at = 0


cdef inline bint finish_dns(dns_shards_t* all_of_them) noexcept nogil:
    """The capture is over: nothing waits any more. False: no memory or no disk."""
    cdef uint32_t shard, index
    cdef dns_t* dns
    if all_of_them.finished:
        return True
    for shard in range(all_of_them.count):
        dns = &all_of_them.shards[shard]
        settle_numbers(dns)
        for index in range(dns.begun):
            if dns.exchanges[index].live:
                let_leave(dns, index)
        if dns.out.count and not sort_rows(&dns.out):
            return False
        if dns.failed or dns.out.failed_disk:
            return False
    all_of_them.finished = 1
    return True


cdef inline uint64_t waiting_bound(const dns_shards_t* all_of_them, uint64_t now) noexcept nogil:
    """The frame such that few enough wait once those not seen since have left; 0: nobody has to."""
    cdef uint64_t step = now // RECENCY_STEPS + 1, seen = 0, waiting = 0
    cdef uint32_t shard, index, at = 0
    cdef const dns_t* dns
    cdef uint64_t steps[RECENCY_STEPS + 1]
    for shard in range(all_of_them.count):
        waiting += all_of_them.shards[shard].open
    if waiting <= OPEN_LIMIT:
        return 0
    memset(steps, 0, sizeof(steps))
    for shard in range(all_of_them.count):
        dns = &all_of_them.shards[shard]
        for index in range(dns.begun):
            if dns.exchanges[index].live and is_waiting(&dns.exchanges[index]):
                steps[dns.exchanges[index].last_frame // step] += 1
    while seen < waiting - OPEN_LIMIT + OPEN_LIMIT // 8:
        seen += steps[at]
        at += 1
    return at * step - 1


cdef inline void reach_boundary(dns_shards_t* all_of_them, uint64_t now) noexcept nogil:
    """Between batches, all shards at rest, before flows are written out: what leaves does so when work goes on."""
    cdef uint32_t shard
    cdef uint64_t bound = waiting_bound(all_of_them, now)
    for shard in range(all_of_them.count):
        settle_numbers(&all_of_them.shards[shard])
        all_of_them.shards[shard].leave_at = now
        all_of_them.shards[shard].leave_bound = bound
