"""The flows of one shard: a packet is found its flow, counted in it, and judged in its stream; then numbers are given.

Packets of one flow come in file order; those of different flows in any.
"""
from libc.stdint cimport int64_t, int8_t, uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memset

from ahead cimport begin_ahead, gather_items, look_ahead
from batch cimport (
    ITEM_BITS,
    ITEM_MASK,
    ITEM_OWN,
    ITEM_SIDE,
    ITEM_STREAM,
    ITEM_TURN,
    MAX_SHARDS,
    TURN_REST,
    TURNS,
    batch_t,
    conversation_key,
    malformed_stream,
    shard_of,
    tcp_row_t,
    worker_t,
)
from counters cimport count_lost, count_marks, count_trip, counters_t
from data cimport leave_out
from dns cimport is_dns
from dns_track cimport begin_dns, follow_dns
from events cimport note_earlier, tell_events
from flow cimport (
    FLOW_COUNTED,
    FLOW_LONE,
    FLOW_MOVED,
    FLOW_RETURNED,
    FLOW_REUSES,
    FLOW_SUPERSEDED,
    NO_NUMBER,
    OPENING_REUSES,
    client_side,
    copy_base,
    fill_opening,
    first_side,
    flow_t,
    fresh_t,
    keep_opening,
    opening_packet,
    opening_t,
    set_last_frame,
    table_t,
    take_opening,
)
from flow_count cimport count_opening, count_packet, note_completeness, open_flow
from flow_key cimport (
    KIND_ADDRESSES,
    KIND_TCP,
    KIND_UDP,
    flow_key_t,
    has_packet_key,
    hash_key,
    packet_key,
    packet_kind,
    packet_side,
    stream_kind,
)
from flow_table cimport find_slot, new_tcp, push_fresh, sort_fresh, touch_tcp
from judge cimport glance, judge, judged_t, scaled_window
from limits cimport note_full
from lone cimport begin_lone_flow, find_flow, flow_of_slot, is_lone
from measure cimport measure
from media cimport announced_t, media_of
from packet cimport (
    DECODE_MALFORMED,
    HAS_TIME,
    IN_FRAGMENT,
    OPTION_SACK,
    conversation_t,
    decoder_t,
    packet_t,
)
from plain cimport note_quiet, take_plain
from repairs cimport FOUND_AGAIN, FOUND_FILL, FOUND_TRIP, measured_t
from sack cimport read_sack, sack_t
from snmp cimport is_snmp, stream_beside
from socks cimport is_dissected, is_socks, opens_stream
from steady cimport count_steady, is_steady
from tcp cimport (
    CAUSE_RTO,
    CAUSE_TAIL_LOSS,
    FILL_REPAIRED,
    MARK_REUSED_PORTS,
    SIDE_AFTER_SYN,
    SIDE_INITIAL_RTT,
    SIDE_SYN_TIME,
    TCP_ACK,
    TCP_SYN,
    note_marks,
    tcp_begin,
    tcp_count,
    tcp_free,
    tcp_t,
)
from window cimport frame_of, payload_of, window_t
from wire cimport seldom


cdef inline bint sets_base(const packet_t* packet) noexcept nogil:
    """Whether Wireshark analyses a TCP header: not in a fragment, nor where it is longer than the packet."""
    return not packet.present & IN_FRAGMENT and packet.decode_status != DECODE_MALFORMED


cdef inline void track_conversation(
    table_t* table, batch_t* batch, uint32_t item, const conversation_t* conversation
) noexcept nogil:
    """A header that is not the packet's own: it takes a stream number, nothing else."""
    cdef flow_key_t key
    cdef uint32_t side = conversation_key(&key, conversation)
    cdef bint fresh = False
    cdef uint64_t number = batch.frame_number[item >> ITEM_BITS]
    cdef announced_t* announced = NULL
    cdef flow_t* flow
    flow = find_flow(table, &key, conversation.hash, &fresh)
    if flow != NULL and conversation.protocol == 6:
        flow = touch_tcp(
            table, flow, side, conversation.tcp_seq, conversation.tcp_ack, conversation.tcp_flags,
            not conversation.quoted, &fresh,
        )
    if flow == NULL:
        return
    if conversation.protocol != 6:
        announced = media_of(
            batch.media, flow, conversation.src, conversation.src_port, conversation.dst_port, number, fresh
        )
    if fresh:
        push_fresh(table, flow.key.kind, &flow.flow_id, item, True, False, shared_number(announced))
    if conversation.protocol != 6:
        number_beside(table, flow, NULL, NULL, item, announced, conversation.src_port, conversation.dst_port)
    flow.state &= ~<uint32_t>FLOW_MOVED          # which was said of this packet
    set_last_frame(flow, number)


cdef inline uint32_t* shared_number(announced_t* announced) noexcept nogil:
    """Of a flow that begins: the stream number of what was announced, NULL where nothing was."""
    return &announced.stream if announced != NULL else NULL


cdef inline const uint32_t* number_beside(
    table_t* table, flow_t* flow, const packet_t* packet, const window_t* window, uint32_t item,
    announced_t* announced, uint16_t src_port, uint16_t dst_port
) noexcept nogil:
    """Where the stream number of a UDP header lies: that of its flow, or the one that Wireshark has beside it.

    packet: NULL for a header that is not a packet's own.
    """
    if seldom(announced != NULL):
        if announced.stream == NO_NUMBER:
            push_fresh(table, KIND_UDP, NULL, item, True, False, &announced.stream)
        return &announced.stream
    if is_snmp(src_port, dst_port):
        flow = stream_beside(table, flow, packet, window, item)
    return &flow.stream


cdef inline void follow_socks(
    table_t* table, const window_t* window, flow_t* flow, const packet_t* packet, uint32_t item
) noexcept nogil:
    """Pass over a stream number where Wireshark gives one to the connection behind a proxy."""
    cdef uint32_t captured
    cdef const uint8_t* payload = payload_of(window, packet, &captured)
    if opens_stream(&flow.socks, packet, payload, captured):
        push_fresh(table, KIND_TCP, NULL, item, True, False)


cdef inline uint32_t reuse_mark(flow_t* flow, bint fresh) noexcept nogil:
    """Whether this packet's SYN says that its ports are used again."""
    if not flow.state & (FLOW_REUSES | FLOW_MOVED):
        return 0
    if flow.state & FLOW_MOVED:
        flow.state &= ~<uint32_t>FLOW_MOVED
        return MARK_REUSED_PORTS
    return MARK_REUSED_PORTS if fresh else 0


cdef inline void begin_lone(tcp_t* lone, int client, bint unmarked) noexcept nogil:
    """What a client's lone SYN is counted with; unmarked: nobody will judge it, so there is no more than a heading."""
    if unmarked:
        tcp_count(lone, client)
    else:
        tcp_begin(lone, client)


cdef inline void count_lone(worker_t* worker, batch_t* batch, const packet_t* packet, uint32_t row) noexcept nogil:
    """What judge_packet comes to for a stream's first segment that is_lone, of ports not used before: no mark."""
    worker.counters.segments += 1
    if batch.tcp != NULL:
        batch.tcp[row].window = packet.tcp_window
        batch.tcp[row].judged = 1


cdef inline void replay_opening(tcp_t* tcp, const opening_t* opening, uint64_t frame) noexcept nogil:
    """Take the segment that was noted into a stream that is not begun otherwise."""
    cdef int sender = opening.side
    cdef uint32_t base = opening.seq if opening.flags & TCP_SYN else opening.seq - 1
    cdef packet_t packet
    cdef sack_t sack
    cdef measured_t measured
    cdef judged_t judged
    opening_packet(opening, &packet)
    memset(&judged, 0, sizeof(judged_t))
    sack.count = 0
    count_opening(&tcp.heading, sender, &packet)
    note_full(tcp, 1 - sender)
    measure(tcp, sender, &packet, frame, &sack, &measured)
    # It was the first: an ACK of it was the other side's base.
    judge(tcp, sender, &packet, frame, base, 1 if opening.flags & TCP_ACK else opening.ack, &sack, &judged)
    if opening.flags & OPENING_REUSES:
        note_marks(&tcp.side[sender], &packet, MARK_REUSED_PORTS, frame)


cdef inline void begin_stream(table_t* table, flow_t* flow) noexcept nogil:
    """State for a stream that is not begun, or of which one segment was seen. flow.tcp stays NULL without memory."""
    cdef opening_t opening
    flow.tcp = new_tcp(table)
    if flow.tcp == NULL:
        return
    tcp_begin(flow.tcp, client_side(flow))
    copy_base(flow)
    if flow.state & FLOW_LONE:
        opening = take_opening(flow)
        replay_opening(flow.tcp, &opening, flow.first_frame)


cdef inline void judge_unsaid(
    table_t* table, flow_t* flow, const packet_t* packet, uint64_t frame, int sender
) noexcept nogil:
    """A segment whose header is too short to be one: tshark judges it, and gives up before it says so.

    Behind that it would take what a SYN settles, the round trip of the handshake, and that a side's windows are scaled
    from now on: all this stays as it was.
    """
    cdef int at
    cdef uint16_t kept = SIDE_AFTER_SYN | SIDE_INITIAL_RTT | SIDE_SYN_TIME
    cdef int64_t opening
    cdef uint16_t[2] bits
    cdef int8_t[2] scale
    cdef sack_t sack
    cdef judged_t judged
    if packet.present & IN_FRAGMENT:
        return
    if flow.tcp == NULL:
        begin_stream(table, flow)
        if flow.tcp == NULL:
            return
    flow.tcp.quiet = 0
    opening = flow.tcp.opening
    for at in range(2):
        bits[at], scale[at] = flow.tcp.side[at].bits & kept, flow.tcp.side[at].scale
    sack.count = 0
    memset(&judged, 0, sizeof(judged_t))
    judge(
        flow.tcp, sender, packet, frame, flow.base_seq[sender], packet.tcp_ack - flow.base_seq[1 - sender], &sack,
        &judged,
    )
    flow.tcp.opening = opening
    for at in range(2):
        flow.tcp.side[at].bits = (flow.tcp.side[at].bits & ~kept) | bits[at]
        flow.tcp.side[at].scale = scale[at]


cdef inline void glance_at(
    table_t* table, const batch_t* batch, flow_t* flow, const packet_t* packet, int sender
) noexcept nogil:
    """A segment that is not judged."""
    cdef sack_t sack
    if flow.tcp == NULL:
        begin_stream(table, flow)
        if flow.tcp == NULL:
            return
    flow.tcp.quiet = 0
    sack.count = 0
    if packet.tcp_options & OPTION_SACK:
        read_sack(frame_of(batch.window, packet), packet, &sack)
    glance(flow.tcp, sender, packet, &sack)


cdef inline void track_stream_only(
    table_t* table, batch_t* batch, const decoder_t* decoder, uint32_t item
) noexcept nogil:
    """A malformed packet has a stream number in Wireshark, but is no packet of a flow."""
    cdef uint32_t row = item >> ITEM_BITS
    cdef packet_t* packet = &batch.packets[row]
    cdef flow_key_t key
    cdef uint8_t kind = malformed_stream(decoder, packet)
    cdef uint32_t side = packet_side(packet, kind)
    cdef bint fresh = False
    cdef uint32_t hash
    cdef announced_t* announced = NULL
    cdef const uint32_t* streamed
    cdef flow_t* flow
    packet_key(&key, packet, kind, side)
    hash = hash_key(&key, table.seed)
    flow = find_flow(table, &key, hash, &fresh)
    if flow != NULL and kind == KIND_TCP:
        flow = touch_tcp(
            table, flow, side, packet.tcp_seq, packet.tcp_ack, packet.tcp_flags, sets_base(packet), &fresh
        )
    if flow == NULL:
        return
    if kind == KIND_UDP:
        announced = media_of(
            batch.media, flow, packet.src, packet.src_port, packet.dst_port, batch.frame_number[row], fresh
        )
    if fresh:
        push_fresh(table, kind, &flow.flow_id, item, True, False, shared_number(announced))
    set_last_frame(flow, batch.frame_number[row])
    streamed = &flow.stream
    if kind == KIND_UDP:
        streamed = number_beside(
            table, flow, packet, batch.window, item, announced, packet.src_port, packet.dst_port
        )
    if batch.told:
        batch.stream[row] = streamed
    if kind == KIND_TCP:
        if not stream_kind(packet):
            judge_unsaid(table, flow, packet, batch.frame_number[row], side)
        elif packet.transport_length == 0:
            glance_at(table, batch, flow, packet, side)


cdef inline bint is_small(const batch_t* batch, const packet_t* packet) noexcept nogil:
    """Whether a packet may begin a flow of lone.pxd: nobody looks at more of the flow than that it is there."""
    return (
        is_lone(packet) and sets_base(packet) and not batch.told and batch.events == NULL
        and not is_socks(packet) and not is_dns(packet)
    )


cdef inline bint is_packable(const flow_t* flow, const packet_t* packet, uint32_t side) noexcept nogil:
    """Whether the packet that opens a flow, or opens it again, may be all that is kept of its stream: a client's SYN.

    Of a flow that returned the other side may have said something.
    """
    return (
        is_lone(packet) and packet.tcp_flags & (TCP_SYN | TCP_ACK) == TCP_SYN and sets_base(packet)
        and side == first_side(flow) and side == client_side(flow) and not flow.direction[1 - side].letters
    )


cdef inline void pack_lone(flow_t* flow, const packet_t* packet, uint32_t side, uint32_t marks) noexcept nogil:
    """Keep the SYN that a stream began with instead. marks: MARK_REUSED_PORTS at most, of a packet that is_lone."""
    cdef opening_t opening
    fill_opening(&opening, packet, side)
    if marks:
        tcp_free(flow.tcp)
        opening.flags |= OPENING_REUSES
    keep_opening(flow, &opening)


cdef inline void note_loss(counters_t* counters, const packet_t* packet, const measured_t* measured) noexcept nogil:
    """Count a lost segment when it was lost, as well as that can be told."""
    if not packet.present & HAS_TIME:
        return
    if measured.found & FOUND_FILL and measured.fill == FILL_REPAIRED:
        count_lost(&counters.intervals, measured.hole_time)
    elif measured.found & FOUND_AGAIN and measured.original and CAUSE_RTO <= measured.cause <= CAUSE_TAIL_LOSS:
        count_lost(&counters.intervals, measured.original_time)


cdef inline void judge_thoroughly(
    worker_t* worker, batch_t* batch, flow_t* flow, const packet_t* packet, uint32_t row, int sender, bint fresh,
    judged_t* judged
) noexcept nogil:
    """Ask of a TCP segment whatever it could be, and count that."""
    cdef bint client = sender == flow.tcp.client
    cdef uint64_t number = batch.frame_number[row]
    cdef sack_t sack
    cdef measured_t measured
    memset(judged, 0, sizeof(judged_t))
    judged.marks = reuse_mark(flow, fresh)
    sack.count = 0
    if packet.tcp_options & OPTION_SACK:
        read_sack(frame_of(batch.window, packet), packet, &sack)
    if seldom(batch.events != NULL):
        note_earlier(&worker.earlier, flow.tcp, sender, client)
    judged.marks |= measure(flow.tcp, sender, packet, number, &sack, &measured)
    judge(
        flow.tcp, sender, packet, number, flow.base_seq[sender], packet.tcp_ack - flow.base_seq[1 - sender], &sack,
        judged,
    )
    if measured.found & FOUND_TRIP:
        count_trip(&worker.counters.trips[0 if client else 1], measured.trip)
    note_quiet(flow.tcp)
    if judged.marks:
        count_marks(&worker.counters, packet, judged.marks, client)
        if not note_marks(&flow.tcp.side[sender], packet, judged.marks, number):
            worker.failed = 1
    if measured.found & (FOUND_AGAIN | FOUND_FILL):
        note_loss(&worker.counters, packet, &measured)
    if seldom(batch.events != NULL):
        if not tell_events(
            &batch.events[shard_of(packet.hash, batch.shards)], flow, packet, number, row, judged, &measured,
            &worker.earlier,
        ):
            worker.failed = 1


cdef inline void judge_segment(
    worker_t* worker, batch_t* batch, flow_t* flow, const packet_t* packet, uint32_t row, int sender, bint fresh,
    bint plain, judged_t* judged
) noexcept nogil:
    """Count a TCP segment, and judge it the short way where it is `plain` and nothing speaks against that."""
    worker.counters.segments += 1
    worker.counters.segment_bytes += packet.payload_length
    if not plain or not take_plain(
        flow.tcp, sender, packet, batch.frame_number[row], &worker.counters.trips[sender != flow.tcp.client], judged
    ):
        judge_thoroughly(worker, batch, flow, packet, row, sender, fresh, judged)


cdef inline uint32_t judge_packet(
    worker_t* worker, batch_t* batch, flow_t* flow, const packet_t* packet, uint32_t row, int sender, bint fresh
) noexcept nogil:
    """Judge a packet's TCP segment and count what it is. Returns its marks."""
    cdef judged_t judged
    cdef tcp_row_t* told
    cdef uint32_t window = scaled_window(&flow.tcp.side[sender], packet) if batch.tcp != NULL else 0
    # Events are told of by what the thorough way finds.
    cdef bint plain = batch.events == NULL and not flow.state & FLOW_MOVED
    judged.marks = 0
    judge_segment(worker, batch, flow, packet, row, sender, fresh, plain, &judged)
    if batch.tcp != NULL:
        told = &batch.tcp[row]
        told.ack_rtt = judged.ack_rtt
        told.marks = judged.marks
        told.in_flight = judged.in_flight
        told.window = window
        told.judged = 1
    return judged.marks


cdef inline bint track_steady(
    worker_t* worker, batch_t* batch, uint32_t row, flow_t* flow, uint32_t side
) noexcept nogil:
    """A segment of a stream that is under way. False, and nothing done, where the packet may be anything else.

    The packet is of TCP and has none of SYN, FIN and RST; flow: what its hash pointed to a moment ago.
    """
    cdef const packet_t* packet = &batch.packets[row]
    cdef judged_t judged
    if not is_steady(flow, packet, side):
        return False
    count_steady(flow, packet, batch.frame_number[row], side)
    if seldom(batch.told):
        judge_packet(worker, batch, flow, packet, row, side, False)
        batch.flow[row] = flow
        batch.stream[row] = &flow.stream
        batch.side[row] = <uint8_t>side
        return True
    judge_segment(worker, batch, flow, packet, row, side, False, True, &judged)
    return True


cdef inline void track_packet(
    table_t* table, worker_t* worker, batch_t* batch, uint32_t item, uint32_t side, const flow_t* guess
) noexcept nogil:
    """A packet of its own flow. guess: what its hash pointed to a moment ago, or NULL."""
    cdef uint32_t row = item >> ITEM_BITS
    cdef packet_t* packet = &batch.packets[row]
    cdef flow_key_t key
    cdef uint8_t kind = packet_kind(packet)
    cdef uint32_t marks = 0
    cdef bint fresh = False, opened, lone = False, unmarked = False
    cdef uint64_t* slot
    cdef announced_t* announced = NULL
    cdef flow_t* flow
    cdef const uint32_t* streamed
    if guess != NULL and not guess.state & FLOW_SUPERSEDED and has_packet_key(&guess.key, packet, kind, side):
        flow = <flow_t*>guess
    else:
        packet_key(&key, packet, kind, side)
        slot = find_slot(table, &key, packet.hash)
        if kind == KIND_TCP and slot[0] == 0 and is_small(batch, packet):
            begin_lone_flow(table, slot, &key, packet, batch.frame_number[row], side, item)
            count_lone(worker, batch, packet, row)
            return
        flow = flow_of_slot(table, slot, &key, packet.hash, &fresh)
    if flow != NULL and kind == KIND_TCP:
        flow = touch_tcp(
            table, flow, side, packet.tcp_seq, packet.tcp_ack, packet.tcp_flags, sets_base(packet), &fresh
        )
    if flow == NULL:
        return
    if kind == KIND_ADDRESSES:
        count_packet(flow, packet, batch.frame_number[row], side)
        return
    if kind == KIND_UDP:
        announced = media_of(
            batch.media, flow, packet.src, packet.src_port, packet.dst_port, batch.frame_number[row], fresh
        )
    # One that was written out begins anew. The other direction is not looked at for nothing: it was not fetched.
    opened = not flow.state & FLOW_COUNTED or (
        flow.state & FLOW_RETURNED
        and flow.direction[0].packets + flow.direction[1].packets == 0 and not flow.state & FLOW_LONE
    )
    if opened:
        if fresh or not flow.state & FLOW_COUNTED:
            push_fresh(
                table, kind, &flow.flow_id, item, fresh and kind <= KIND_UDP, not flow.state & FLOW_COUNTED,
                shared_number(announced)
            )
        open_flow(flow, packet, batch.frame_number[row], side)
        flow.state |= FLOW_COUNTED
        if flow.tcp != NULL:                     # begun by what is not judged, before that was decided
            flow.tcp.client = <uint8_t>client_side(flow)
    if kind == KIND_TCP and flow.tcp == NULL:
        lone = opened and is_packable(flow, packet, side)
        if lone:
            unmarked = batch.events == NULL and not flow.state & (FLOW_REUSES | FLOW_MOVED)
            begin_lone(&worker.lone, side, unmarked)
            flow.tcp = &worker.lone
            copy_base(flow)
        else:
            begin_stream(table, flow)
            if flow.tcp == NULL:
                return
    count_packet(flow, packet, batch.frame_number[row], side)
    if kind == KIND_TCP:
        if sets_base(packet):
            note_completeness(flow, packet, side, opened)
            if unmarked:
                count_lone(worker, batch, packet, row)
            else:
                marks = judge_packet(worker, batch, flow, packet, row, side, fresh)
        else:                                    # a fragment: of no sequence
            leave_out(&flow.tcp.side[side], packet.payload_length)
            glance_at(table, batch, flow, packet, side)
        if lone:
            pack_lone(flow, packet, side, marks)
        if is_socks(packet) and is_dissected(marks):
            follow_socks(table, batch.window, flow, packet, item)
    if is_dns(packet):
        follow_dns(
            &batch.dns[shard_of(packet.hash, batch.shards)], batch.window, flow, packet, batch.frame_number[row],
            side,
        )
    streamed = &flow.stream if kind <= KIND_UDP else NULL
    if kind == KIND_UDP:
        streamed = number_beside(
            table, flow, packet, batch.window, item, announced, packet.src_port, packet.dst_port
        )
    if batch.told:
        batch.flow[row] = flow
        batch.stream[row] = streamed
        batch.side[row] = <uint8_t>side


cdef inline void track_shard(table_t* table, worker_t* worker, batch_t* batch, uint32_t shard) noexcept nogil:
    """The flows of one shard, each in file order."""
    cdef const flow_t* flow
    cdef uint32_t at = 0, listed, item, side, code, turn
    cdef uint32_t[TURNS] ends, fresh
    cdef decoder_t decoder
    # Items below it may be of a stream that is under way. Where events are asked for, all go the long way.
    cdef uint32_t steady_below = 0 if batch.events != NULL else TURN_REST << ITEM_TURN
    gather_items(worker, batch, shard, ends)
    decoder.extras = batch.extras
    if batch.events != NULL:
        batch.events[shard].count = 0
    begin_dns(&batch.dns[shard])
    if ends[TURNS - 1]:
        begin_ahead(table, batch, worker.items, worker.flows)
    for turn in range(TURNS):
        while at < ends[turn]:
            look_ahead(table, batch, &worker.items[at], &worker.flows[at])
            flow = worker.flows[at]
            listed = <uint32_t>worker.items[at]
            item = listed & ITEM_MASK
            at += 1
            side = listed >> ITEM_SIDE & 1
            if flow != NULL and listed < steady_below:
                if track_steady(worker, batch, item >> ITEM_BITS, <flow_t*>flow, side):
                    continue
            code = item & ((1 << ITEM_BITS) - 1)
            if code == ITEM_OWN:
                track_packet(table, worker, batch, item, side, flow)
            elif code == ITEM_STREAM:
                track_stream_only(table, batch, &decoder, item)
            else:
                track_conversation(
                    table, batch, item, &batch.extras[batch.packets[item >> ITEM_BITS].extra].conversation[code]
                )
        fresh[turn] = table.fresh_count
    for turn in range(1, TURNS):
        sort_fresh(table, fresh[turn - 1], fresh[turn])


# ---------------------------------------------------------------- numbers

cdef inline void number_fresh(
    table_t* tables, uint32_t count, uint32_t* next_flow, uint32_t* next_stream
) noexcept nogil:
    """Give flow_id and stream to what the shards found new in this batch, in file order.

    An item is row << ITEM_BITS | code, so their order is that of the file, and in a frame that of its headers. (A
    packet's own flow comes last; it takes no stream number where headers quoted behind it do, in an ICMP error.)
    """
    cdef uint32_t shard, best, number
    cdef uint32_t[MAX_SHARDS] merged
    cdef fresh_t* fresh
    cdef fresh_t* candidate
    for shard in range(count):
        merged[shard] = 0
    while True:
        fresh = NULL
        best = 0
        for shard in range(count):
            if merged[shard] < tables[shard].fresh_count:
                candidate = &tables[shard].fresh[merged[shard]]
                if fresh == NULL or candidate.order < fresh.order:
                    fresh = candidate
                    best = shard
        if fresh == NULL:
            break
        merged[best] += 1
        if fresh.wants_stream:
            number = fresh.shared[0] if fresh.shared != NULL else <uint32_t>NO_NUMBER
            if number == NO_NUMBER:
                number = next_stream[fresh.kind]
                next_stream[fresh.kind] += 1
            if fresh.shared != NULL:
                fresh.shared[0] = number
            if fresh.numbers != NULL:
                fresh.numbers[1] = number
        if fresh.wants_flow:
            fresh.numbers[0] = next_flow[0]
            next_flow[0] += 1
    for shard in range(count):
        tables[shard].fresh_count = 0
