"""All flows of a capture summed: endpoints, pairs, services, how connections opened and ended, the largest flows.

One flow after the other, each once; nothing needs all of them in memory.
"""
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from blocks cimport blocks_t
from conversation cimport flow_row_t, side_row_t
from flow_key cimport KIND_SCTP, KIND_TCP, KIND_UDP
from keyed cimport expect_key, hash_words, likely_number
from spread cimport bit_length
from sums cimport sums_free, sums_init, sums_row, sums_t
from tcp_row cimport add_side, tcp_side_row_t
from wire cimport as_le64, be64

cdef enum:
    MAX_KEYS = 1000000
    MAX_EDGES = 1024
    FLOWS_OF_ADDRESS = 8             # most have more
    BIT_LENGTHS = 65
    DURATIONS = 3                    # SYN → SYN/ACK, SYN/ACK → ACK, initial RTT
    LARGEST = 100
    REPEATING = 20
    ADDRESS_WORDS = 3                # of eight bytes: address, version and zeros
    PAIR_WORDS = 5
    SERVICE_WORDS = 1
    ROWS_EXPECTED = 16               # flows of which what will be looked up is fetched before

ctypedef struct durations_t:
    int64_t counts[MAX_EDGES]        # values in [edges[i], edges[i + 1])
    int64_t total
    int64_t least
    int64_t most
    int64_t measured

ctypedef struct ranked_t:            # the flows with the highest score: a heap, the lowest on top
    uint32_t count
    uint32_t limit
    int64_t scores[LARGEST]
    flow_row_t rows[LARGEST]

ctypedef struct summary_t:
    sums_t addresses                 # flows, packets sent and received, bytes sent and received
    sums_t pairs                     # the same of the smaller address
    sums_t services                  # flows, packets, bytes
    durations_t durations[DURATIONS]
    int64_t edges[MAX_EDGES]
    uint32_t edge_count
    uint32_t octaves[BIT_LENGTHS]    # of numbers of so many bits: the first edge above all shorter ones
    int64_t kinds[8]
    int64_t states[16]               # of TCP flows
    int64_t ended[4]
    int64_t complete
    int64_t opened
    int64_t resets
    int64_t syn_retries
    int64_t syn_retry_flows
    int64_t one_sided
    int64_t two_sided
    tcp_side_row_t tcp[2]            # of all clients, of all servers; percentiles mean nothing here
    int64_t bounded                  # flows in which a list was full
    ranked_t largest                 # by bytes
    ranked_t repeating               # by segments marked retransmission


ctypedef struct wanted_t:            # the keys of a flow's addresses, with their hashes
    uint64_t client[ADDRESS_WORDS]
    uint64_t server[ADDRESS_WORDS]
    uint64_t pair[PAIR_WORDS]
    uint32_t client_hash
    uint32_t server_hash
    uint32_t pair_hash
    int order


cdef inline summary_t* summary_new(uint32_t flows, const uint64_t* seed, blocks_t* blocks) noexcept nogil:
    """An empty summary without edges; NULL when memory is short. blocks: where its memory comes from, kept."""
    cdef summary_t* summary = <summary_t*>calloc(1, sizeof(summary_t))
    cdef int index
    if summary == NULL:
        return NULL
    if not (
        sums_init(&summary.addresses, 8 * ADDRESS_WORDS, MAX_KEYS, flows // FLOWS_OF_ADDRESS, seed, blocks)
        and sums_init(&summary.pairs, 8 * PAIR_WORDS, MAX_KEYS, flows, seed, blocks)
        and sums_init(&summary.services, 8 * SERVICE_WORDS, MAX_KEYS, 0, seed, blocks)
    ):
        summary_free(summary)
        return NULL
    for index in range(DURATIONS):
        summary.durations[index].least = INT64_MAX
    summary.largest.limit = LARGEST
    summary.repeating.limit = REPEATING
    return summary


cdef inline void summary_free(summary_t* summary) noexcept nogil:
    if summary != NULL:
        sums_free(&summary.addresses)
        sums_free(&summary.pairs)
        sums_free(&summary.services)
        free(summary)


cdef inline bint summary_failed(const summary_t* summary) noexcept nogil:
    """Whether memory ran out."""
    return summary.addresses.keyed.failed or summary.pairs.keyed.failed or summary.services.keyed.failed


cdef inline void take_edges(summary_t* summary) noexcept nogil:
    """The edges are set: where those of each length begin."""
    cdef uint32_t bits, at = 0
    for bits in range(BIT_LENGTHS):
        while at < summary.edge_count and bit_length(<uint64_t>summary.edges[at]) < bits:
            at += 1
        summary.octaves[bits] = at


cdef inline void count_duration(summary_t* summary, int which, int64_t duration) noexcept nogil:
    """Into its bucket; negative ones (time went backwards) and missing ones are left out."""
    cdef durations_t* durations = &summary.durations[which]
    cdef uint32_t low, left, half, bits
    if duration < 0:
        return
    bits = bit_length(<uint64_t>duration)
    low = summary.octaves[bits] - (bits > 0)
    left = (summary.octaves[bits + 1] if bits < BIT_LENGTHS - 1 else summary.edge_count) - low
    while left > 1:                              # without branches: where a duration lies is anybody's guess
        half = left // 2
        low += half * (summary.edges[low + half] <= duration)
        left -= half
    durations.counts[low] += 1
    durations.total += duration
    durations.measured += 1
    if duration < durations.least:
        durations.least = duration
    if duration > durations.most:
        durations.most = duration


cdef inline void add_sent(
    sums_t* sums, const uint64_t* key, uint32_t hash, int64_t flows, const side_row_t* sent, const side_row_t* received
) noexcept nogil:
    cdef int64_t* row = sums_row(sums, <const uint8_t*>key, hash)
    row[0] += flows
    row[1] += sent.packets
    row[2] += received.packets
    row[3] += sent.bytes
    row[4] += received.bytes


cdef inline int address_order(const uint8_t* one, const uint8_t* other) noexcept nogil:
    """As memcmp of both."""
    cdef uint64_t left = be64(one), right = be64(other)
    if left == right:
        left, right = be64(one + 8), be64(other + 8)
    return (left > right) - (left < right)


cdef inline void want_addresses(const summary_t* summary, const flow_row_t* flow, wanted_t* wanted) noexcept nogil:
    """The keys under which add_addresses counts, looked for in memory: those of many flows are in no cache.

    In whole words: what is written in bytes is read in words only after it has left the processor.
    """
    cdef const uint8_t* first = flow.client
    cdef const uint8_t* second = flow.server
    wanted.order = address_order(first, second)
    if wanted.order > 0:
        first, second = second, first
    memcpy(wanted.client, flow.client, 16)
    memcpy(wanted.server, flow.server, 16)
    memcpy(wanted.pair, first, 16)
    memcpy(&wanted.pair[2], second, 16)
    wanted.client[2] = wanted.server[2] = wanted.pair[4] = as_le64(flow.ip_version)
    wanted.client_hash = expect_key(&summary.addresses.keyed, <const uint8_t*>wanted.client)
    wanted.server_hash = expect_key(&summary.addresses.keyed, <const uint8_t*>wanted.server)
    wanted.pair_hash = expect_key(&summary.pairs.keyed, <const uint8_t*>wanted.pair)


cdef inline void near_addresses(const summary_t* summary, const wanted_t* wanted) noexcept nogil:
    """What want_addresses looked for has come; fetch what it leads to."""
    likely_number(&summary.addresses.keyed, wanted.client_hash)
    likely_number(&summary.addresses.keyed, wanted.server_hash)
    likely_number(&summary.pairs.keyed, wanted.pair_hash)


cdef inline void add_addresses(
    summary_t* summary, const flow_row_t* flow, const wanted_t* wanted, int64_t flows
) noexcept nogil:
    """Both addresses and their pair. flows: 1, or 0 for packets that are counted by address alone."""
    cdef const side_row_t* client = &flow.side[0]
    cdef const side_row_t* server = &flow.side[1]
    add_sent(&summary.addresses, wanted.client, wanted.client_hash, flows, client, server)
    if wanted.order != 0:                        # a host that talks to itself is counted once
        add_sent(&summary.addresses, wanted.server, wanted.server_hash, flows, server, client)
    if wanted.order > 0:
        client, server = server, client
    add_sent(&summary.pairs, wanted.pair, wanted.pair_hash, flows, client, server)


cdef inline void add_service(summary_t* summary, const flow_row_t* flow) noexcept nogil:
    cdef uint64_t low = flow.server_port & 0xFF, high = flow.server_port >> 8
    cdef uint64_t word = as_le64(flow.protocol | high << 8 | low << 16)
    cdef const uint8_t* key = <const uint8_t*>&word
    cdef uint32_t hash = hash_words(key, 8 * SERVICE_WORDS, summary.services.keyed.seed)
    cdef int64_t* row = sums_row(&summary.services, key, hash)
    row[0] += 1
    row[1] += flow.side[0].packets + flow.side[1].packets
    row[2] += flow.side[0].bytes + flow.side[1].bytes


cdef inline void add_tcp(summary_t* summary, const flow_row_t* flow) noexcept nogil:
    cdef int64_t repeated
    cdef bint complete = flow.handshake_client_ns != INT64_MIN and flow.initial_rtt_ns != INT64_MIN
    summary.states[flow.conn_state & 15] += 1
    summary.ended[flow.ended & 3] += 1
    summary.complete += complete
    summary.opened += not complete and flow.side[0].flag_count[1] + flow.side[1].flag_count[1] != 0
    summary.resets += <int64_t>flow.side[0].flag_count[2] + flow.side[1].flag_count[2]
    summary.syn_retries += flow.syn_retries
    summary.syn_retry_flows += flow.syn_retries != 0
    repeated = <int64_t>flow.side[0].tcp.marks[0] + flow.side[1].tcp.marks[0]
    if repeated:
        keep_ranked(&summary.repeating, repeated, flow)
    if not flow.quiet:
        add_side(&summary.tcp[0], &flow.side[0].tcp)
        add_side(&summary.tcp[1], &flow.side[1].tcp)
    summary.bounded += flow.side[0].tcp.bounded != 0 or flow.side[1].tcp.bounded != 0
    count_duration(summary, 0, flow.handshake_network_ns)
    count_duration(summary, 1, flow.handshake_client_ns)
    count_duration(summary, 2, flow.initial_rtt_ns)


cdef inline bint ranks_below(const ranked_t* ranked, uint32_t at, int64_t score, uint32_t flow_id) noexcept nogil:
    """Whether the flow at a place has a lower score than another; of equals the later flow ranks below."""
    return ranked.scores[at] < score or (ranked.scores[at] == score and ranked.rows[at].flow_id > flow_id)


cdef inline void place_row(ranked_t* ranked, uint32_t at, int64_t score, const flow_row_t* row) noexcept nogil:
    ranked.scores[at] = score
    ranked.rows[at] = row[0]


cdef inline void replace_lowest(ranked_t* ranked, int64_t score, const flow_row_t* row) noexcept nogil:
    cdef uint32_t at = 0, child
    while at * 2 + 1 < ranked.count:
        child = at * 2 + 1
        if child + 1 < ranked.count and ranks_below(
            ranked, child + 1, ranked.scores[child], ranked.rows[child].flow_id
        ):
            child += 1
        if not ranks_below(ranked, child, score, row.flow_id):
            break
        place_row(ranked, at, ranked.scores[child], &ranked.rows[child])
        at = child
    place_row(ranked, at, score, row)


cdef inline void keep_ranked(ranked_t* ranked, int64_t score, const flow_row_t* row) noexcept nogil:
    """Keep a flow if it is among the `limit` with the highest score."""
    cdef uint32_t at, parent
    if ranked.count == ranked.limit:
        if ranks_below(ranked, 0, score, row.flow_id):
            replace_lowest(ranked, score, row)
        return
    at = ranked.count
    ranked.count += 1
    while at:
        parent = (at - 1) // 2
        if ranks_below(ranked, parent, score, row.flow_id):
            break
        place_row(ranked, at, ranked.scores[parent], &ranked.rows[parent])
        at = parent
    place_row(ranked, at, score, row)


cdef inline void add_flow(summary_t* summary, const flow_row_t* flow, const wanted_t* wanted) noexcept nogil:
    """Count one whole flow."""
    cdef bint one_sided = flow.side[0].packets == 0 or flow.side[1].packets == 0
    summary.kinds[flow.kind & 7] += 1
    add_addresses(summary, flow, wanted, 1)
    if flow.kind == KIND_TCP or flow.kind == KIND_UDP:
        summary.one_sided += one_sided
        summary.two_sided += not one_sided
    if flow.kind == KIND_TCP:
        add_tcp(summary, flow)
    if flow.kind == KIND_TCP or flow.kind == KIND_UDP or flow.kind == KIND_SCTP:
        add_service(summary, flow)
    keep_ranked(&summary.largest, flow.side[0].bytes + flow.side[1].bytes, flow)


cdef inline void add_flows(summary_t* summary, const flow_row_t* rows, uint32_t count) noexcept nogil:
    """Count whole flows, some at a time, so that what one waits for comes while others are counted."""
    cdef wanted_t wanted[ROWS_EXPECTED]
    cdef uint32_t upto, index
    while count:
        upto = count if count < ROWS_EXPECTED else ROWS_EXPECTED
        for index in range(upto):
            want_addresses(summary, &rows[index], &wanted[index])
        for index in range(upto):
            near_addresses(summary, &wanted[index])
        for index in range(upto):
            add_flow(summary, &rows[index], &wanted[index])
        rows += upto
        count -= upto
