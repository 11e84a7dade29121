"""One batch of rows on its way through the stages: piece.pxd decodes it by piece, shard.pxd tracks its flows by shard.

Which thread takes which piece or shard is open; a piece and a shard are always one thread's at a time, and what they
give is put together in file order.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from counters cimport counters_t
from dns cimport dns_t
from events cimport earlier_t, event_shard_t
from flow cimport flow_t
from flow_key cimport KIND_TCP, KIND_UDP, fill_key, flow_key_t, side_of, stream_kind
from media cimport media_t
from packet cimport HAS_PORTS, NO_EXTRA, aligned_alloc, conversation_t, decoder_t, extra_t, packet_t
from peaks cimport LEVELS, ends_t
from tcp cimport tcp_t
from window cimport window_t
from wire cimport load32

cdef enum:
    MAX_THREADS = 16
    MAX_SHARDS = 32
    PIECE_ROWS = 256                 # decoded by one thread without a pause
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
    const uint32_t** stream          # (capacity,) with `told` where the stream number of a row lies, or NULL
    uint8_t* side                    # (capacity,) with `told` 0 or 1: of the flow's key, the sender
    tcp_row_t* tcp                   # (capacity,) or NULL where nobody asks for it
    event_shard_t* events            # (shards,) or NULL where nobody asks for them; the scan's
    extra_t* extras                  # (capacity,)
    piece_t* pieces                  # (capacity / PIECE_ROWS, rounded up,)
    list_t* lists                    # (pieces, shards)
    dns_t* dns                       # (shards,)
    list_t* said                     # (pieces,) rows that may hold messages of calls.pxd, in file order
    const media_t* media             # what was announced up to the batch's end
    uint8_t told                     # somebody may ask what flows and streams its rows are of

ctypedef struct worker_t:
    decoder_t decoder
    counters_t counters
    const uint64_t* seed             # of flow hashes
    list_t* lists                    # (shards,) of the piece that it decodes
    uint64_t* items                  # (TURNS, item_capacity), of the shard that it tracks
    const flow_t** flows             # (item_capacity + AHEAD_PACKET,) what their hashes point to, see ahead.pxd
    uint32_t item_capacity
    uint8_t failed
    tcp_t lone                       # state of a stream that begins with a SYN, while that is judged
    earlier_t earlier                # with events: what a stream was before the segment that is judged


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
    batch.stream = <const uint32_t**>aligned_alloc(128, whole * sizeof(uint32_t*))
    batch.side = <uint8_t*>aligned_alloc(128, whole)
    if tcp:
        batch.tcp = <tcp_row_t*>aligned_alloc(128, whole * sizeof(tcp_row_t))
        if batch.tcp == NULL:
            return False
    batch.extras = <extra_t*>malloc(rows * sizeof(extra_t))
    batch.pieces = <piece_t*>calloc(pieces_of(rows), sizeof(piece_t))
    batch.said = <list_t*>calloc(pieces_of(rows), sizeof(list_t))
    # Of a size that the alignment divides, as C asks for; of eight shards it is.
    lists = (pieces_of(rows) * shards * sizeof(list_t) + 127) // 128 * 128
    batch.lists = <list_t*>aligned_alloc(128, lists)
    if batch.lists != NULL:
        memset(batch.lists, 0, lists)
    return (
        batch.packets != NULL and batch.frame_number != NULL and batch.flow != NULL and batch.stream != NULL
        and batch.side != NULL and batch.extras != NULL and batch.pieces != NULL and batch.lists != NULL
        and batch.said != NULL
    )


cdef inline void batch_tell(batch_t* batch, bint told) noexcept nogil:
    """Before a batch is tracked: whether somebody may ask for the flows of its rows, of which none is known yet."""
    batch.told = told
    if told:
        memset(batch.flow, 0, batch.rows * sizeof(flow_t*))
        memset(batch.stream, 0, batch.rows * sizeof(uint32_t*))


cdef inline void batch_free(batch_t* batch, uint32_t rows) noexcept nogil:
    cdef uint32_t index
    if batch.lists != NULL:
        for index in range(pieces_of(rows) * batch.shards):
            free(batch.lists[index].items)
    for index in range(pieces_of(rows) if batch.said != NULL else 0):
        free(batch.said[index].items)
    free(batch.said)
    free(batch.packets)
    free(batch.frame_number)
    free(batch.flow)
    free(batch.stream)
    free(batch.side)
    free(batch.tcp)
    free(batch.extras)
    free(batch.pieces)
    free(batch.lists)


# ---------------------------------------------------------------- of both stages

cdef inline uint32_t shard_of(uint32_t hash, uint32_t shards) noexcept nogil:
    return ((hash >> 16) * shards) >> 16


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
