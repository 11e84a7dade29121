"""The rows of one shard, put in the order in which they are tracked, and what each will touch, fetched in good time."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from batch cimport (
    ITEM_BITS,
    ITEM_MASK,
    ITEM_SIDE,
    ITEM_TURN,
    TURN_ACK,
    TURN_DATA,
    TURN_REST,
    TURNS,
    batch_t,
    list_t,
    pieces_of,
    worker_t,
)
from flow cimport LONE, TOMBSTONE, choose, flow_t, lone_t, table_t
from flow_table cimport flow_at, lone_at
from tcp cimport side_t, tcp_t
from wire cimport prefetch_read, prefetch_write

cdef enum:
    AHEAD_PACKET = 16
    AHEAD_FLOW = 12
    AHEAD_TCP = 6
    MOST_PLACES = 8192               # for gather_items to remember flows


cdef inline bint has_room(worker_t* worker, uint32_t count) noexcept nogil:
    """Whether the worker has memory for so many items in each turn."""
    cdef size_t capacity = 2 * <size_t>count + AHEAD_PACKET
    if count <= worker.item_capacity:
        return True
    # What they hold is of the past.
    free(worker.items)
    free(worker.flows)
    worker.items = <uint64_t*>malloc(capacity * TURNS * sizeof(uint64_t))
    worker.flows = <const flow_t**>malloc((capacity + AHEAD_PACKET) * sizeof(flow_t*))
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
    for at in range(count, count + AHEAD_PACKET):    # so that looking ahead of the last ones finds something
        worker.items[at] = worker.items[count - 1]


# ---------------------------------------------------------------- what comes next, fetched

cdef inline const flow_t* flow_ahead(const table_t* table, uint32_t hash) noexcept nogil:
    """The flow that a hash very likely stands for. NULL: there is none yet, or one of lone.pxd, which is fetched."""
    cdef const lone_t* lone
    cdef uint32_t at = hash & table.mask, index
    cdef uint64_t slot = table.slots[at], following = table.slots[(at + 1) & table.mask]
    # Of the first two without a branch: which of them it is nobody can guess.
    slot = choose(<uint32_t>(slot >> 32) == hash, slot, following if slot else 0)
    while slot:
        if <uint32_t>(slot >> 32) == hash:
            index = <uint32_t>slot - 1
            if index < LONE:
                return flow_at(table, index)
            if index < TOMBSTONE:
                lone = lone_at(table, index - LONE)
                prefetch_write(lone)
                prefetch_write(<const uint8_t*>lone + 64)
            return NULL
        at = (at + 1) & table.mask
        slot = table.slots[(at + 1) & table.mask]
    return NULL


cdef inline void fetch_side(const side_t* side) noexcept nogil:
    prefetch_write(side)
    prefetch_write(<const uint8_t*>side + 64)
    prefetch_write(<const uint8_t*>side + 128)
    prefetch_write(<const uint8_t*>side + 192)


cdef inline void fetch_tcp(const flow_t* flow, uint64_t item) noexcept nogil:
    """What an item very likely touches of its stream: payload more of its sender, an ACK more of the other side."""
    cdef const tcp_t* tcp = flow.tcp
    cdef uint32_t sender = item >> ITEM_SIDE & 1, turn = <uint32_t>(item >> ITEM_TURN) & 3
    if tcp == NULL:
        return
    prefetch_write(tcp)
    if turn == TURN_ACK:
        prefetch_write(&tcp.side[sender])
        fetch_side(&tcp.side[1 - sender])
        return
    prefetch_write(<const uint8_t*>tcp + 64)
    fetch_side(&tcp.side[sender])
    if turn == TURN_DATA:
        prefetch_write(&tcp.side[1 - sender])
    else:
        prefetch_write(<const uint8_t*>tcp + 128)
        fetch_side(&tcp.side[1 - sender])


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
        prefetch_write(&flow.direction[item >> ITEM_SIDE & 1])
        if item >> ITEM_TURN & 3 == TURN_REST:
            prefetch_write(<const uint8_t*>flow + 64)
    return flow


cdef inline void begin_ahead(
    const table_t* table, const batch_t* batch, const uint64_t* items, const flow_t** flows
) noexcept nogil:
    """Fetch for the first items what look_ahead fetches for the rest.

    A shard has about a hundred items in a batch: without this, one in ten would wait for memory three times.
    """
    cdef uint32_t at
    for at in range(AHEAD_PACKET):
        fetch_packet(table, batch, items[at])
    for at in range(AHEAD_FLOW):
        flows[at] = fetch_flow(table, items[at])
    for at in range(AHEAD_TCP):
        if flows[at] != NULL:
            fetch_tcp(flows[at], items[at])


cdef inline void look_ahead(
    const table_t* table, const batch_t* batch, const uint64_t* items, const flow_t** flows
) noexcept nogil:
    """Fetch the packet and the slot of an item further on, the flow of a nearer one, and the TCP state of the next.

    items, flows: from the item on that is taken now.
    """
    fetch_packet(table, batch, items[AHEAD_PACKET])
    flows[AHEAD_FLOW] = fetch_flow(table, items[AHEAD_FLOW])
    if flows[AHEAD_TCP] != NULL:
        fetch_tcp(flows[AHEAD_TCP], items[AHEAD_TCP])
