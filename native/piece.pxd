"""A piece of a batch: its records are decoded and counted, and its rows listed for the shards of their flows."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from batch cimport (
    ITEM_BITS,
    ITEM_OWN,
    ITEM_SIDE,
    ITEM_STREAM,
    ITEM_TURN,
    PIECE_ROWS,
    TURN_ACK,
    TURN_DATA,
    TURN_REST,
    batch_t,
    conversation_key,
    list_t,
    malformed_stream,
    piece_t,
    shard_of,
    tcp_row_t,
    worker_t,
)
from calls cimport may_speak
from counters cimport count_interval, count_one, count_rows, counters_t, note_bounds
from decode cimport decode_frame
from dns cimport is_dns
from flow_key cimport KIND_ADDRESSES, KIND_TCP, flow_key_t, hash_key, packet_key, packet_kind, packet_side
from grow cimport has_place
from packet cimport HAS_IP, HAS_TIME, NO_EXTRA, NO_INTERFACE, conversation_t, extra_t, packet_t
from peaks cimport TICK_NS, leave_out_of_tick, note_tick, pulse_begin, pulse_end, pulse_t
from socks cimport is_socks
from tcp cimport TCP_FIN, TCP_RST, TCP_SYN
from walk cimport reader_t, record_t
from window cimport next_record, place_of, place_t, window_t
from wire cimport prefetch_read, seldom

cdef extern from * nogil:
    """
    #define pcap_add_relaxed(at, value) __atomic_fetch_add(at, value, __ATOMIC_RELAXED)
    """
    void add_relaxed "pcap_add_relaxed"(uint64_t* at, uint64_t value) noexcept

cdef enum:
    FIRST_ITEMS = 256
    AHEAD_FRAME = 16                 # measured: 12 to 24 are alike


cdef inline void append(worker_t* worker, list_t* items, uint64_t item) noexcept nogil:
    if not has_place(&items.items, &items.capacity, items.count, sizeof(uint64_t), FIRST_ITEMS):
        worker.failed = 1
        return
    items.items[items.count] = item
    items.count += 1


cdef inline void push_item(
    worker_t* worker, batch_t* batch, uint32_t hash, uint32_t row, uint32_t code
) noexcept nogil:
    """code: with the flags of an item."""
    append(worker, &worker.lists[shard_of(hash, batch.shards)], <uint64_t>hash << 32 | row << ITEM_BITS | code)


cdef inline void push_conversation(
    worker_t* worker, batch_t* batch, uint32_t row, uint32_t code, conversation_t* conversation
) noexcept nogil:
    cdef flow_key_t key
    conversation_key(&key, conversation)
    conversation.hash = hash_key(&key, worker.seed)
    push_item(worker, batch, conversation.hash, row, TURN_REST << ITEM_TURN | code)


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
    batch.said[piece].count = 0
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
        if seldom(may_speak(window, packet)):
            append(worker, &batch.said[piece], row)
        packet += 1
    note_interface(reader, interface_id, of_interface)
    note_piece(worker, &told, end - begin)
    told.extra_end = worker.decoder.extra_count
    pulse_end(&pulse, told.ends, worker.counters.bytes)
    batch.pieces[piece] = told
