"""One batch of rows through the stages: decode by piece, track flows by shard, give the numbers.

Which thread takes which piece or shard is open; a piece and a shard are always one thread's at a time, and what they
give is put together in file order.
"""
from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from completeness cimport completeness_bits
from counters cimport (
    count_interval,
    count_lost,
    count_marks,
    count_one,
    count_rows,
    count_trip,
    counters_t,
    note_bounds,
)
from data cimport leave_out
from decode cimport decode_frame
from dns cimport dns_t, is_dns
from dns_track cimport begin_dns, follow_dns
from events cimport earlier_t, event_shard_t, note_earlier, tell_events
from flow cimport (
    FLOW_CLIENT_B,
    FLOW_COUNTED,
    FLOW_LONE,
    FLOW_MOVED,
    FLOW_RETURNED,
    FLOW_REUSES,
    FLOW_SUPERSEDED,
    choose,
    count_opening,
    count_packet,
    direction_t,
    find_flow,
    flow_at,
    flow_t,
    fresh_t,
    new_tcp,
    open_flow,
    opening_of,
    opening_packet,
    opening_t,
    push_fresh,
    sort_fresh,
    table_t,
    touch_tcp,
)
from flow_key cimport (
    KIND_ADDRESSES,
    KIND_TCP,
    KIND_UDP,
    fill_key,
    flow_key_t,
    has_packet_key,
    hash_key,
    packet_key,
    packet_kind,
    packet_side,
    side_of,
    stream_kind,
)
from judge cimport judge, judged_t, scaled_window
from limits cimport note_full
from packet cimport (
    DECODE_MALFORMED,
    HAS_IP,
    HAS_PORTS,
    HAS_TIME,
    IN_FRAGMENT,
    NO_EXTRA,
    NO_INTERFACE,
    OPTION_FAST_OPEN,
    OPTION_SACK,
    aligned_alloc,
    conversation_t,
    decoder_t,
    extra_t,
    packet_t,
)
from measure cimport measure
from peaks cimport LEVELS, TICK_NS, ends_t, leave_out_of_tick, note_tick, pulse_begin, pulse_end, pulse_t
from plain cimport note_quiet, take_plain
from repairs cimport FOUND_AGAIN, FOUND_FILL, FOUND_TRIP, measured_t
from sack cimport read_sack, sack_t
from socks cimport is_socks, opens_stream
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
    TCP_COLD_LINE,
    TCP_FIN,
    TCP_RST,
    TCP_SYN,
    heading_begin,
    note_marks,
    tcp_begin,
    tcp_move,
    tcp_t,
)
from walk cimport reader_t, record_t
from window cimport next_record, place_of, place_t, window_t
from wire cimport load32, prefetch_read, prefetch_write, seldom

cdef extern from * nogil:
    """
    #define pcap_add_relaxed(at, value) __atomic_fetch_add(at, value, __ATOMIC_RELAXED)
    """
    void add_relaxed "pcap_add_relaxed"(uint64_t* at, uint64_t value) noexcept

cdef enum:
    MAX_THREADS = 16
    MAX_SHARDS = 32
    PIECE_ROWS = 256                 # decoded by one thread without a pause
    FIRST_ITEMS = 256
    AHEAD_FRAME = 16                 # measured: 12 to 24 are alike
    AHEAD_PACKET = 16
    AHEAD_FLOW = 12
    AHEAD_TCP = 6
    ITEM_OWN = 15                    # the packet's own flow; smaller codes are conversations in its extra
    ITEM_STREAM = 14                 # a malformed packet's stream, for the number alone
    ITEM_BITS = 4
    ITEM_MASK = 0xFFFFFF             # row and code: their order is that of the file
    ITEM_SIDE = 24                   # a bit above row and code: the side that the packet comes from,
    ITEM_TURN = 25                   # and two bits above that: when it is taken, see gather_items
    TURN_ACK = 0                     # TCP without payload,
    TURN_DATA = 1                    # with it,
    TURN_REST = 2                    # and all else
    TURNS = 3
    MOST_PLACES = 8192               # for gather_items to remember flows

ctypedef struct list_t:              # rows of one shard in one piece, in file order
    uint64_t* items                  # hash << 32 | turn << ITEM_TURN | side << ITEM_SIDE | row << ITEM_BITS | code
    uint32_t count
    uint32_t capacity

ctypedef struct piece_t:             # of a batch: PIECE_ROWS rows
    int64_t first_time               # of the packets that have one
    int64_t last_time
    uint8_t timed
    uint32_t extra_end               # side records of the piece are [first row, extra_end)
    ends_t ends[LEVELS]

ctypedef struct tcp_row_t:           # what a packet's columns say of its TCP segment; zeros where it is not judged
    int64_t ack_rtt                  # ns, 0: none
    uint32_t marks
    uint32_t in_flight               # 0: not known
    uint32_t window
    uint8_t judged
    uint8_t zero[3]

ctypedef struct batch_t:
    const window_t* window           # where the rows' bytes and records are
    uint64_t first                   # record of the window that row 0 is
    uint32_t rows
    uint32_t shards
    packet_t* packets                # (capacity,)
    uint64_t* frame_number           # (capacity,)
    flow_t** flow                    # (capacity,) with `told` the flow a row is counted in, or NULL
    flow_t** stream                  # (capacity,) with `told` the entry whose stream number a row shows, or NULL
    uint8_t* side                    # (capacity,) with `told` 0 or 1: of the flow's key, the sender
    tcp_row_t* tcp                   # (capacity,) or NULL where nobody asks for it
    event_shard_t* events            # (shards,) or NULL where nobody asks for them; the scan's
    extra_t* extras                  # (capacity,)
    piece_t* pieces                  # (capacity / PIECE_ROWS, rounded up,)
    list_t* lists                    # (pieces, shards)
    dns_t* dns                       # (shards,)
    uint8_t told                     # somebody may ask what flows and streams its rows are of

ctypedef struct worker_t:
    decoder_t decoder
    counters_t counters
    const uint64_t* seed             # of flow hashes
    list_t* lists                    # (shards,) of the piece that it decodes
    uint64_t* items                  # (TURNS, item_capacity), of the shard that it tracks
    const flow_t** flows             # (item_capacity + AHEAD_TCP,) what their hashes point to, looked for ahead
    uint32_t item_capacity
    uint8_t failed
    tcp_t lone                       # state of a stream that begins with a SYN, while that is judged


# ---------------------------------------------------------------- memory

cdef inline uint32_t pieces_of(uint32_t rows) noexcept nogil:
    return (rows + PIECE_ROWS - 1) // PIECE_ROWS


cdef inline bint batch_init(batch_t* batch, uint32_t rows, uint32_t shards, bint tcp) noexcept nogil:
    """Room for `rows` rows; shards: a multiple of eight, or of one thread 1; tcp: with batch.tcp.

    The batch is zeroed before. False when memory is short: batch_free gives back what is there.
    """
    cdef size_t whole = pieces_of(rows) * PIECE_ROWS     # so that a piece never shares a cache line with the next
    cdef size_t lists
    batch.shards = shards
    batch.packets = <packet_t*>aligned_alloc(128, rows * sizeof(packet_t))
    batch.frame_number = <uint64_t*>aligned_alloc(128, whole * sizeof(uint64_t))
    batch.flow = <flow_t**>aligned_alloc(128, whole * sizeof(flow_t*))
    batch.stream = <flow_t**>aligned_alloc(128, whole * sizeof(flow_t*))
    batch.side = <uint8_t*>aligned_alloc(128, whole)
    if tcp:
        batch.tcp = <tcp_row_t*>aligned_alloc(128, whole * sizeof(tcp_row_t))
        if batch.tcp == NULL:
            return False
    batch.extras = <extra_t*>malloc(rows * sizeof(extra_t))
    batch.pieces = <piece_t*>calloc(pieces_of(rows), sizeof(piece_t))
    # Of a size that the alignment divides, as C asks for; of eight shards it is.
    lists = (pieces_of(rows) * shards * sizeof(list_t) + 127) // 128 * 128
    batch.lists = <list_t*>aligned_alloc(128, lists)
    if batch.lists != NULL:
        memset(batch.lists, 0, lists)
    return (
        batch.packets != NULL and batch.frame_number != NULL and batch.flow != NULL and batch.stream != NULL
        and batch.side != NULL and batch.extras != NULL and batch.pieces != NULL and batch.lists != NULL
    )


cdef inline void batch_tell(batch_t* batch, bint told) noexcept nogil:
    """Before a batch is tracked: whether somebody may ask for the flows of its rows, of which none is known yet."""
    batch.told = told
    if told:
        memset(batch.flow, 0, batch.rows * sizeof(flow_t*))
        memset(batch.stream, 0, batch.rows * sizeof(flow_t*))


cdef inline void batch_free(batch_t* batch, uint32_t rows) noexcept nogil:
    cdef uint32_t index
    if batch.lists != NULL:
        for index in range(pieces_of(rows) * batch.shards):
            free(batch.lists[index].items)
    free(batch.packets)
    free(batch.frame_number)
    free(batch.flow)
    free(batch.stream)
    free(batch.side)
    free(batch.tcp)
    free(batch.extras)
    free(batch.pieces)
    free(batch.lists)


# ---------------------------------------------------------------- decode

cdef inline uint32_t shard_of(uint32_t hash, uint32_t shards) noexcept nogil:
    return ((hash >> 16) * shards) >> 16


cdef inline void push_item(
    worker_t* worker, batch_t* batch, uint32_t hash, uint32_t row, uint32_t code
) noexcept nogil:
    """code: with the flags of an item."""
    cdef list_t* items = &worker.lists[shard_of(hash, batch.shards)]
    cdef uint64_t* grown
    cdef uint32_t capacity
    if items.count == items.capacity:
        capacity = items.capacity * 2 if items.capacity else FIRST_ITEMS
        grown = <uint64_t*>realloc(items.items, capacity * sizeof(uint64_t))
        if grown == NULL:
            worker.failed = 1
            return
        items.items = grown
        items.capacity = capacity
    items.items[items.count] = <uint64_t>hash << 32 | row << ITEM_BITS | code
    items.count += 1


cdef inline uint32_t conversation_key(flow_key_t* key, const conversation_t* conversation) noexcept nogil:
    """The key of a header that is not the packet's own, and the side of it that its sender is."""
    cdef bint tcp = conversation.protocol == 6
    cdef const uint8_t* ports = <const uint8_t*>&conversation.src_port
    cdef uint32_t side = side_of(conversation.src, ports)
    fill_key(
        key, conversation.src, load32(ports), side, KIND_TCP if tcp else KIND_UDP, 6 if tcp else 17,
        conversation.ip_version
    )
    return side


cdef inline void push_conversation(
    worker_t* worker, batch_t* batch, uint32_t row, uint32_t code, conversation_t* conversation
) noexcept nogil:
    cdef flow_key_t key
    conversation_key(&key, conversation)
    conversation.hash = hash_key(&key, worker.seed)
    push_item(worker, batch, conversation.hash, row, TURN_REST << ITEM_TURN | code)


cdef inline uint8_t malformed_stream(const decoder_t* decoder, const packet_t* packet) noexcept nogil:
    """The kind of stream that a malformed packet is shown in; 0 where in none.

    The decoder notes a TCP header with an impossible length as a conversation, the last one, with the packet's
    own ports.
    """
    cdef const extra_t* extra
    cdef const conversation_t* last
    cdef uint8_t kind = stream_kind(packet)
    if kind or not packet.present & HAS_PORTS or packet.protocol != 6 or packet.extra == NO_EXTRA:
        return kind
    extra = &decoder.extras[packet.extra]
    if extra.conversations == 0:
        return 0
    last = &extra.conversation[extra.conversations - 1]
    if last.quoted or last.protocol != 6 or last.src_port != packet.src_port or last.dst_port != packet.dst_port:
        return 0
    return KIND_TCP


cdef inline bint sets_base(const packet_t* packet) noexcept nogil:
    """Whether Wireshark analyses a TCP header: not in a fragment, nor where it is longer than the packet."""
    return not packet.present & IN_FRAGMENT and packet.decode_status != DECODE_MALFORMED


cdef inline uint32_t turn_of(const packet_t* packet, uint8_t kind) noexcept nogil:
    """DNS stays in the order of the file: its transactions are more than their flows."""
    if kind != KIND_TCP or packet.tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST) or is_dns(packet) or is_socks(packet):
        return TURN_REST
    return TURN_DATA if packet.payload_length else TURN_ACK


cdef inline void push_packet(
    worker_t* worker, batch_t* batch, packet_t* packet, uint32_t row
) noexcept nogil:
    """List a packet for the shard of its flow; a malformed one also for that of its stream."""
    cdef flow_key_t key
    cdef uint8_t kind = packet_kind(packet), stream
    cdef uint32_t side
    if kind == KIND_ADDRESSES:
        stream = malformed_stream(&worker.decoder, packet)
        if stream:
            packet_key(&key, packet, stream, packet_side(packet, stream))
            push_item(worker, batch, hash_key(&key, worker.seed), row, TURN_REST << ITEM_TURN | ITEM_STREAM)
    side = packet_side(packet, kind)
    packet_key(&key, packet, kind, side)
    packet.hash = hash_key(&key, worker.seed)
    push_item(
        worker, batch, packet.hash, row,
        ITEM_OWN | side << ITEM_SIDE | turn_of(packet, kind) << ITEM_TURN
    )


cdef inline void push_row(
    worker_t* worker, batch_t* batch, packet_t* packet, uint32_t row
) noexcept nogil:
    """A row's conversations and its own flow, in the order in which Wireshark would number them."""
    cdef extra_t* extra
    cdef uint32_t index
    if seldom(packet.extra != NO_EXTRA):
        extra = &worker.decoder.extras[packet.extra]
        for index in range(extra.conversations):
            push_conversation(worker, batch, row, index, &extra.conversation[index])
    if packet.present & HAS_IP:
        push_packet(worker, batch, packet, row)


cdef inline void begin_piece(worker_t* worker, batch_t* batch, uint32_t piece) noexcept nogil:
    cdef uint32_t shard
    worker.lists = &batch.lists[piece * batch.shards]
    for shard in range(batch.shards):
        worker.lists[shard].count = 0
    worker.decoder.extras = batch.extras
    worker.decoder.extra_count = piece * PIECE_ROWS


cdef inline void take_record(
    packet_t* packet, const record_t* record, const window_t* window
) noexcept nogil:
    packet.timestamp = record.timestamp
    packet.offset = window.file_offset + record.offset
    packet.captured_length = record.captured_length
    packet.original_length = record.original_length
    packet.interface_id = record.interface_id
    packet.link_type = record.link_type
    packet.present = record.flags


cdef inline void note_time(counters_t* counters, piece_t* piece, int64_t now) noexcept nogil:
    """Order of time within the piece; join_times looks at the places between them, note_piece at its ends."""
    if piece.timed:
        if seldom(now < piece.last_time):
            counters.backward_time += 1
            note_bounds(counters, now, piece.last_time)
    else:
        piece.first_time = now
        piece.timed = 1
    piece.last_time = now


cdef inline void note_piece(worker_t* worker, const piece_t* piece, uint32_t rows) noexcept nogil:
    count_rows(&worker.counters, rows)
    if piece.timed:
        note_bounds(&worker.counters, piece.first_time, piece.last_time)


cdef inline void fetch_frame(const window_t* window, place_t* place) noexcept nogil:
    cdef const uint8_t* frame = window.base + next_record(place).offset
    prefetch_read(frame)
    prefetch_read(frame + 64)


cdef inline void note_interface(reader_t* reader, uint32_t interface_id, uint64_t packets) noexcept nogil:
    if packets and interface_id != NO_INTERFACE:
        add_relaxed(&reader.interfaces[interface_id].packets, packets)


cdef inline void decode_piece(worker_t* worker, batch_t* batch, reader_t* reader, uint32_t piece) noexcept nogil:
    """A piece of the batch: its rows are decoded, counted, listed by shard."""
    cdef const window_t* window = batch.window
    cdef uint32_t begin = piece * PIECE_ROWS
    cdef uint32_t end = begin + PIECE_ROWS if begin + PIECE_ROWS < batch.rows else batch.rows
    cdef place_t cursor = place_of(window, batch.first + begin)
    cdef place_t ahead = cursor
    cdef uint32_t row, interface_id = NO_INTERFACE
    cdef uint64_t of_interface = 0, number
    cdef const record_t* record
    cdef packet_t* packet = batch.packets + begin
    # Not in the batch yet: another thread writes beside it there.
    cdef piece_t told
    cdef pulse_t pulse
    told.timed = 0
    pulse_begin(&pulse)
    begin_piece(worker, batch, piece)
    if batch.tcp != NULL:
        memset(&batch.tcp[begin], 0, (end - begin) * sizeof(tcp_row_t))
    for _ in range(end - begin if end - begin < AHEAD_FRAME else AHEAD_FRAME):
        fetch_frame(window, &ahead)
    for row in range(begin, end):
        if row + <uint64_t>AHEAD_FRAME < end:
            fetch_frame(window, &ahead)
        record = next_record(&cursor)
        take_record(packet, record, window)
        number = cursor.segment.first_number + record.number + 1
        batch.frame_number[row] = number
        decode_frame(&worker.decoder, window.base + record.offset, packet)
        count_one(&worker.counters, packet, number)
        if record.flags & HAS_TIME:
            note_time(&worker.counters, &told, record.timestamp)
            count_interval(&worker.counters.intervals, packet)
            if <uint64_t>record.timestamp - <uint64_t>pulse.tick_begin >= TICK_NS:
                note_tick(
                    &pulse, &worker.counters.intervals, record.timestamp,
                    worker.counters.bytes - packet.original_length, number,
                )
        else:
            worker.counters.without_time += 1
            leave_out_of_tick(&pulse, packet.original_length)
        if record.interface_id != interface_id:
            note_interface(reader, interface_id, of_interface)
            interface_id, of_interface = record.interface_id, 0
        of_interface += 1
        push_row(worker, batch, packet, row)
        packet += 1
    note_interface(reader, interface_id, of_interface)
    note_piece(worker, &told, end - begin)
    told.extra_end = worker.decoder.extra_count
    pulse_end(&pulse, told.ends, worker.counters.bytes)
    batch.pieces[piece] = told


# ---------------------------------------------------------------- track

cdef inline void track_conversation(
    table_t* table, batch_t* batch, uint32_t item, const conversation_t* conversation
) noexcept nogil:
    """A header that is not the packet's own: it takes a stream number, nothing else."""
    cdef flow_key_t key
    cdef uint32_t side = conversation_key(&key, conversation)
    cdef bint fresh = False
    cdef flow_t* flow
    flow = find_flow(table, &key, conversation.hash, &fresh)
    if flow != NULL and conversation.protocol == 6:
        flow = touch_tcp(
            table, flow, side, conversation.tcp_seq, conversation.tcp_ack, conversation.tcp_flags,
            not conversation.quoted, &fresh,
        )
    if flow == NULL:
        return
    if fresh:
        push_fresh(table, flow, item, True, False)
    flow.state &= ~<uint32_t>FLOW_MOVED          # which was said of this packet
    flow.last_frame = batch.frame_number[item >> ITEM_BITS]


cdef inline void follow_socks(
    table_t* table, const window_t* window, flow_t* flow, const packet_t* packet, uint32_t item
) noexcept nogil:
    """Pass over a stream number where Wireshark gives one to the connection behind a proxy."""
    cdef uint32_t header = <uint32_t>packet.transport_offset + packet.transport_length
    cdef uint32_t captured = packet.captured_length - header if header < packet.captured_length else 0
    cdef const uint8_t* payload = window.base + (packet.offset - window.file_offset) + header
    if captured > packet.payload_length:
        captured = packet.payload_length
    if opens_stream(&flow.socks, packet, payload, captured):
        push_fresh(table, NULL, item, True, False)


cdef inline uint32_t reuse_mark(flow_t* flow, bint fresh) noexcept nogil:
    """Whether this packet's SYN says that its ports are used again."""
    if not flow.state & (FLOW_REUSES | FLOW_MOVED):
        return 0
    if flow.state & FLOW_MOVED:
        flow.state &= ~<uint32_t>FLOW_MOVED
        return MARK_REUSED_PORTS
    return MARK_REUSED_PORTS if fresh else 0


cdef inline bint is_lone_syn(const packet_t* packet) noexcept nogil:
    """Whether a stream's first packet leaves nothing to remember but itself."""
    return (
        packet.tcp_flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST) == TCP_SYN and packet.present & HAS_TIME
        and not packet.payload_length and packet.original_length <= 0xFFFF
        and not packet.tcp_options & (OPTION_SACK | OPTION_FAST_OPEN)
    )


cdef inline void begin_lone(tcp_t* lone, int client, bint unmarked) noexcept nogil:
    """The state that a lone SYN is counted with; unmarked: nobody will judge it, so there is no more than a heading."""
    if unmarked:
        heading_begin(&lone.heading)
        lone.client = <uint8_t>client
    else:
        tcp_begin(lone, client)


cdef inline void count_lone(worker_t* worker, batch_t* batch, const packet_t* packet, uint32_t row) noexcept nogil:
    """What judge_packet comes to for a lone SYN whose ports were not used before: no mark, nothing acknowledged."""
    worker.counters.segments += 1
    if batch.tcp != NULL:
        batch.tcp[row].window = packet.tcp_window
        batch.tcp[row].judged = 1


cdef inline void note_opening(flow_t* flow, const packet_t* packet) noexcept nogil:
    """Keep what the SYN said, not what came of it."""
    cdef opening_t* opening = opening_of(flow)
    opening.timestamp = packet.timestamp
    opening.seq = packet.tcp_seq
    opening.tsval = packet.tcp_tsval
    opening.window = packet.tcp_window
    opening.mss = packet.tcp_mss
    opening.flags = packet.tcp_flags
    opening.scale = packet.tcp_scale
    opening.options = packet.tcp_options
    opening.ttl = packet.ttl
    flow.tcp = NULL
    flow.state |= FLOW_LONE


cdef inline void replay_opening(tcp_t* tcp, const opening_t* opening, uint64_t frame) noexcept nogil:
    """Take the SYN that was noted into a stream that is not begun otherwise."""
    cdef packet_t packet
    cdef sack_t sack
    cdef measured_t measured
    cdef judged_t judged
    opening_packet(opening, &packet)
    memset(&judged, 0, sizeof(judged_t))
    sack.count = 0
    count_opening(&tcp.heading, tcp.client, &packet)
    note_full(tcp, 1 - tcp.client)
    measure(tcp, tcp.client, &packet, frame, &sack, &measured)
    judge(tcp, tcp.client, &packet, frame, opening.seq, opening.ack, &sack, &judged)


cdef inline void begin_stream(table_t* table, flow_t* flow) noexcept nogil:
    """State for a stream that is not begun, or of which only its SYN was seen. flow.tcp stays NULL without memory."""
    cdef opening_t opening
    flow.tcp = new_tcp(table)
    if flow.tcp == NULL:
        return
    tcp_begin(flow.tcp, 1 if flow.state & FLOW_CLIENT_B else 0)
    if flow.state & FLOW_LONE:
        opening = opening_of(flow)[0]
        memset(opening_of(flow), 0, sizeof(direction_t))
        flow.state &= ~<uint32_t>FLOW_LONE
        replay_opening(flow.tcp, &opening, flow.first_frame)


cdef inline void judge_unsaid(
    table_t* table, flow_t* flow, const packet_t* packet, uint64_t frame, int sender
) noexcept nogil:
    """A segment whose header is too short to be one: tshark judges it, and gives up before it says so.

    Behind that it would take what a SYN settles, the round trip of the handshake, and that a side's windows are scaled
    from now on: all this stays as it was. The first segment of a stream is not judged: nothing is known of its ends.
    """
    cdef int at
    cdef uint16_t kept = SIDE_AFTER_SYN | SIDE_INITIAL_RTT | SIDE_SYN_TIME
    cdef int64_t opening
    cdef uint16_t[2] bits
    cdef int8_t[2] scale
    cdef sack_t sack
    cdef judged_t judged
    if packet.present & IN_FRAGMENT or not flow.state & FLOW_COUNTED:
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
    if fresh:
        push_fresh(table, flow, item, True, False)
    flow.last_frame = batch.frame_number[row]
    if batch.told:
        batch.stream[row] = flow
    if kind == KIND_TCP and not stream_kind(packet):
        judge_unsaid(table, flow, packet, batch.frame_number[row], side)


cdef inline bint adopt(table_t* table, flow_t* flow) noexcept nogil:
    """Keep the state that a stream's SYN was judged with."""
    cdef const tcp_t* lone = flow.tcp
    flow.tcp = new_tcp(table)
    if flow.tcp == NULL:
        return False
    tcp_move(flow.tcp, lone)
    return True


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
    cdef earlier_t earlier
    memset(judged, 0, sizeof(judged_t))
    judged.marks = reuse_mark(flow, fresh)
    sack.count = 0
    if packet.tcp_options & OPTION_SACK:
        read_sack(batch.window.base + (packet.offset - batch.window.file_offset), packet, &sack)
    memset(&earlier, 0, sizeof(earlier_t))       # gcc does not see that it is read only where it was noted
    if seldom(batch.events != NULL):
        note_earlier(&earlier, flow.tcp, sender, client)
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
        note_marks(&flow.tcp.side[sender], packet, judged.marks, number)
    if measured.found & (FOUND_AGAIN | FOUND_FILL):
        note_loss(&worker.counters, packet, &measured)
    if seldom(batch.events != NULL):
        if not tell_events(
            &batch.events[shard_of(packet.hash, batch.shards)], flow, packet, number, row, judged, &measured, &earlier
        ):
            worker.failed = 1


cdef inline uint32_t judge_packet(
    worker_t* worker, batch_t* batch, flow_t* flow, const packet_t* packet, uint32_t row, int sender, bint fresh
) noexcept nogil:
    """Judge a packet's TCP segment and count what it is. Returns its marks."""
    cdef judged_t judged
    cdef tcp_row_t* told
    cdef uint32_t window = scaled_window(&flow.tcp.side[sender], packet) if batch.tcp != NULL else 0
    worker.counters.segments += 1
    worker.counters.segment_bytes += packet.payload_length
    judged.marks = 0
    # Events are told of by what the thorough way finds.
    if batch.events != NULL or flow.state & FLOW_MOVED or not take_plain(
        flow.tcp, sender, packet, batch.frame_number[row], flow.base_seq[sender],
        &worker.counters.trips[sender != flow.tcp.client], &judged,
    ):
        judge_thoroughly(worker, batch, flow, packet, row, sender, fresh, &judged)
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
    if not is_steady(flow, packet, side):
        return False
    count_steady(flow, packet, batch.frame_number[row], side)
    judge_packet(worker, batch, flow, packet, row, side, False)
    if seldom(batch.told):
        batch.flow[row] = batch.stream[row] = flow
        batch.side[row] = <uint8_t>side
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
    cdef flow_t* flow
    if guess != NULL and not guess.state & FLOW_SUPERSEDED and has_packet_key(&guess.key, packet, kind, side):
        flow = <flow_t*>guess
    else:
        packet_key(&key, packet, kind, side)
        flow = find_flow(table, &key, packet.hash, &fresh)
    if flow != NULL and kind == KIND_TCP:
        flow = touch_tcp(
            table, flow, side, packet.tcp_seq, packet.tcp_ack, packet.tcp_flags, sets_base(packet), &fresh
        )
    if flow == NULL:
        return
    if kind == KIND_ADDRESSES:
        count_packet(flow, packet, batch.frame_number[row], side)
        return
    # One that was written out begins anew. The other direction is not looked at for nothing: it was not fetched.
    opened = not flow.state & FLOW_COUNTED or (
        flow.state & FLOW_RETURNED
        and flow.direction[0].packets + flow.direction[1].packets == 0 and not flow.state & FLOW_LONE
    )
    if opened:
        if fresh or not flow.state & FLOW_COUNTED:
            push_fresh(table, flow, item, fresh and kind <= KIND_UDP, not flow.state & FLOW_COUNTED)
        open_flow(flow, packet, batch.frame_number[row], side)
        flow.state |= FLOW_COUNTED
    if kind == KIND_TCP and flow.tcp == NULL:
        lone = opened and is_lone_syn(packet) and sets_base(packet)
        if lone:
            unmarked = batch.events == NULL and not flow.state & (FLOW_REUSES | FLOW_MOVED)
            begin_lone(&worker.lone, side, unmarked)
            flow.tcp = &worker.lone
        else:
            begin_stream(table, flow)
            if flow.tcp == NULL:
                return
    count_packet(flow, packet, batch.frame_number[row], side)
    if kind == KIND_TCP:
        if sets_base(packet):
            flow.completeness |= completeness_bits(
                packet.tcp_flags, packet.payload_length != 0, opened and not flow.state & FLOW_RETURNED
            )
            if unmarked:
                count_lone(worker, batch, packet, row)
            else:
                marks = judge_packet(worker, batch, flow, packet, row, side, fresh)
        elif packet.payload_length:              # a fragment: of no sequence
            leave_out(&flow.tcp.side[side], packet.payload_length)
        if lone:
            if marks:
                adopt(table, flow)
            else:
                note_opening(flow, packet)
        if is_socks(packet):
            follow_socks(table, batch.window, flow, packet, item)
    if is_dns(packet):
        follow_dns(
            &batch.dns[shard_of(packet.hash, batch.shards)], batch.window, flow, packet, batch.frame_number[row],
            side,
        )
    if batch.told:
        batch.flow[row] = flow
        batch.stream[row] = flow if kind <= KIND_UDP else NULL
        batch.side[row] = <uint8_t>side


cdef inline const flow_t* flow_ahead(const table_t* table, uint32_t hash) noexcept nogil:
    """The flow that a hash very likely stands for; NULL where there is none yet."""
    cdef uint32_t at = hash & table.mask, index
    cdef uint64_t slot = table.slots[at], following = table.slots[(at + 1) & table.mask]
    # Of the first two without a branch: which of them it is nobody can guess.
    slot = choose(<uint32_t>(slot >> 32) == hash, slot, following if slot else 0)
    while slot:
        if <uint32_t>(slot >> 32) == hash:
            index = <uint32_t>slot - 1
            return flow_at(table, index) if index < table.allocated else NULL
        at = (at + 1) & table.mask
        slot = table.slots[(at + 1) & table.mask]
    return NULL


cdef inline void fetch_tcp(const tcp_t* tcp) noexcept nogil:
    cdef size_t offset
    for offset in range(0, sizeof(tcp_t), 64):
        if offset != TCP_COLD_LINE:
            prefetch_write(<const uint8_t*>tcp + offset)


cdef inline void fetch_packet(const table_t* table, const batch_t* batch, uint64_t item) noexcept nogil:
    """Fetch an item's packet and the slot of its flow."""
    cdef const uint8_t* line = <const uint8_t*>&batch.packets[(item & ITEM_MASK) >> ITEM_BITS]
    prefetch_read(line)
    prefetch_read(line + 64)
    prefetch_read(&table.slots[(item >> 32) & table.mask])


cdef inline const flow_t* fetch_flow(const table_t* table, uint64_t item) noexcept nogil:
    """Fetch what an item touches of its flow, whose slot was fetched; NULL where there is none yet."""
    cdef const flow_t* flow = flow_ahead(table, <uint32_t>(item >> 32))
    if flow != NULL:
        prefetch_write(flow)
        prefetch_write(<const uint8_t*>flow + 64)
        prefetch_write(&flow.direction[item >> ITEM_SIDE & 1])
    return flow


cdef inline void begin_ahead(
    const table_t* table, const batch_t* batch, const uint64_t* items, uint32_t count, const flow_t** flows
) noexcept nogil:
    """Fetch for the first items what look_ahead fetches for the rest.

    A shard has about a hundred items in a batch: without this, one in ten would wait for memory three times.
    """
    cdef uint32_t at
    for at in range(count if count < AHEAD_PACKET else AHEAD_PACKET):
        fetch_packet(table, batch, items[at])
    for at in range(count if count < AHEAD_FLOW else AHEAD_FLOW):
        flows[at] = fetch_flow(table, items[at])
    for at in range(count if count < AHEAD_TCP else AHEAD_TCP):
        if flows[at] != NULL and flows[at].tcp != NULL:
            fetch_tcp(flows[at].tcp)
    for at in range(count, count + AHEAD_TCP):   # none is behind the last
        flows[at] = NULL


cdef inline void look_ahead(
    const table_t* table, const batch_t* batch, const uint64_t* items, uint32_t at, uint32_t count,
    const flow_t** flows
) noexcept nogil:
    """Fetch the packet and the slot of an item further on, the flow of a nearer one, and the TCP state of the next."""
    cdef const flow_t* flow
    if at + AHEAD_PACKET < count:
        fetch_packet(table, batch, items[at + AHEAD_PACKET])
    if at + AHEAD_FLOW < count:
        flows[at + AHEAD_FLOW] = fetch_flow(table, items[at + AHEAD_FLOW])
    flow = flows[at + AHEAD_TCP]
    if flow != NULL and flow.tcp != NULL:
        fetch_tcp(flow.tcp)


cdef inline bint has_room(worker_t* worker, uint32_t count) noexcept nogil:
    """Whether the worker has memory for so many items in each turn."""
    cdef size_t capacity = 2 * <size_t>count
    if count <= worker.item_capacity:
        return True
    # What they hold is of the past.
    free(worker.items)
    free(worker.flows)
    worker.items = <uint64_t*>malloc(capacity * TURNS * sizeof(uint64_t))
    worker.flows = <const flow_t**>malloc((capacity + AHEAD_TCP) * sizeof(flow_t*))
    worker.item_capacity = <uint32_t>capacity
    if worker.items == NULL or worker.flows == NULL:
        worker.item_capacity = 0
        worker.failed = 1
    return not worker.failed


cdef inline void gather_items(
    worker_t* worker, const batch_t* batch, uint32_t shard, uint32_t[TURNS] ends
) noexcept nogil:
    """The shard's items of all pieces into worker.items, turn by turn, and where each turn ends.

    Where packets of one kind follow each other, branches are guessed right: one less goes wrong for each packet. An
    item whose flow may have had one in a later turn goes to that turn, so a flow's packets stay in order. The order of
    different flows is open in any case, for they may be in different shards; only events are told in that of the file.
    """
    cdef uint32_t piece, at, turn, pieces = pieces_of(batch.rows), count = 0, mask = 256
    cdef const list_t* items
    cdef uint64_t item
    cdef uint8_t* place
    cdef uint8_t[MOST_PLACES] latest             # turn that the last item was put into, by some bits of the hash
    memset(ends, 0, TURNS * sizeof(uint32_t))
    for piece in range(pieces):
        count += batch.lists[piece * batch.shards + shard].count
    if count == 0 or not has_room(worker, count):
        return
    while mask < 8 * count and mask < MOST_PLACES:
        mask *= 2
    memset(latest, TURN_ACK if batch.events == NULL else TURN_REST, mask)
    mask -= 1
    for piece in range(pieces):
        items = &batch.lists[piece * batch.shards + shard]
        for at in range(items.count):
            item = items.items[at]
            place = &latest[(item >> 32) & mask]
            turn = <uint32_t>(item >> ITEM_TURN) & 3
            turn = turn if turn > place[0] else place[0]
            place[0] = <uint8_t>turn
            worker.items[turn * worker.item_capacity + ends[turn]] = item
            ends[turn] += 1
    for turn in range(1, TURNS):
        memcpy(
            &worker.items[ends[turn - 1]], &worker.items[turn * worker.item_capacity], ends[turn] * sizeof(uint64_t)
        )
        ends[turn] += ends[turn - 1]


cdef inline void track_shard(table_t* table, worker_t* worker, batch_t* batch, uint32_t shard) noexcept nogil:
    """The flows of one shard, each in file order."""
    cdef const flow_t* flow
    cdef uint32_t at = 0, listed, item, side, code, turn
    cdef uint32_t[TURNS] ends, fresh
    cdef decoder_t decoder
    # Where events are asked for all goes the long way.
    cdef uint32_t longer = 0 if batch.events != NULL else TURN_REST << ITEM_TURN
    gather_items(worker, batch, shard, ends)
    decoder.extras = batch.extras
    if batch.events != NULL:
        batch.events[shard].count = 0
    begin_dns(&batch.dns[shard])
    if ends[TURNS - 1]:
        begin_ahead(table, batch, worker.items, ends[TURNS - 1], worker.flows)
    for turn in range(TURNS):
        while at < ends[turn]:
            look_ahead(table, batch, worker.items, at, ends[TURNS - 1], worker.flows)
            flow = worker.flows[at]
            listed = <uint32_t>worker.items[at]
            item = listed & ITEM_MASK
            at += 1
            side = listed >> ITEM_SIDE & 1
            if flow != NULL and listed < longer:
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
    cdef uint32_t shard, best
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
        if fresh.flow == NULL:
            next_stream[<int>KIND_TCP] += 1
            continue
        if fresh.wants_stream:
            fresh.flow.stream = next_stream[fresh.flow.key.kind]
            next_stream[fresh.flow.key.kind] += 1
        if fresh.wants_flow:
            fresh.flow.flow_id = next_flow[0]
            next_flow[0] += 1
    for shard in range(count):
        tables[shard].fresh_count = 0
