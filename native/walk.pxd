"""Walks the records of pcap and pcapng files into an index, with many chains at once.

A record says only where the next one begins, so a single walk waits for memory at every step (about 160 ns). Here a
window of the file is entered at many guessed places; the chains advance in lock-step, each prefetching its next
header while the others work. A chain counts only if the sure walk before it ends exactly where it began: guesses
decide the speed, never the result.

Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. What is refused, and with which words: capture/damage.py.
"""
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr

from grow cimport has_place
from wire cimport be16, be32, le16, le32, prefetch_read

cdef extern from * nogil:
    """
    typedef unsigned __int128 pcap_u128;
    /* value * scale / divisor in 128 bits; UINT64_MAX when it does not fit */
    static inline uint64_t pcap_muldiv(uint64_t value, uint64_t scale, uint64_t divisor) {
        pcap_u128 wide = (pcap_u128)value * scale / divisor;
        return wide > UINT64_MAX ? UINT64_MAX : (uint64_t)wide;
    }
    static inline uint64_t pcap_mulshift(uint64_t value, uint64_t scale, unsigned shift) {
        pcap_u128 wide = ((pcap_u128)value * scale) >> shift;
        return wide > UINT64_MAX ? UINT64_MAX : (uint64_t)wide;
    }
    """
    uint64_t muldiv "pcap_muldiv"(uint64_t value, uint64_t scale, uint64_t divisor) noexcept
    uint64_t mulshift "pcap_mulshift"(uint64_t value, uint64_t scale, unsigned shift) noexcept

cdef enum:
    PCAP = 1
    PCAPNG = 2

    RECORD_HAS_TIME = 1              # the bit has the same place in packet_t.present

    MAX_RECORD = 262144              # Wireshark's WTAP_MAX_PACKET_SIZE_STANDARD
    MAX_LONG_RECORD = 134217728
    MAX_BLOCK = 134348832            # and its bound on pcapng blocks
    MAX_INTERFACES = 1000000
    MAX_OFFSET_S = 2000000000         # if_tsoffset; further off no time fits 64 bits of ns anyway

    BLOCK_SECTION = 0x0A0D0D0A
    BLOCK_INTERFACE = 1
    BLOCK_PACKET_OLD = 2
    BLOCK_PACKET_SIMPLE = 3
    BLOCK_NAMES = 4
    BLOCK_STATISTICS = 5
    BLOCK_PACKET = 6
    BLOCK_JOURNAL = 9
    BLOCK_SECRETS = 10
    BLOCK_EVENT = 0x204
    BLOCK_EVENT_FLAGS = 0x216
    BLOCK_CUSTOM = 0x00000BAD
    BLOCK_CUSTOM_NO_COPY = 0x40000BAD

    MAX_TOGETHER = 16                # chains in lock-step
    MAX_EVENTS = 4096

cdef enum stop_t:
    WALK_ON = 0
    STOP_REACHED = 1                 # stands at or behind the place where the next chain began
    STOP_MORE = 2                    # the record goes on behind the window
    STOP_DAMAGE = 3
    STOP_META = 4                    # a block that changes how the following ones are read
    STOP_FULL = 5                    # no room for further records: never where there is one for every 16 bytes

cdef enum damage_t:
    DAMAGE_NONE = 0
    DAMAGE_CUT = 1                   # the file ends inside a record
    DAMAGE_RECORD_LENGTH = 2
    DAMAGE_BLOCK_LENGTH = 3
    DAMAGE_BLOCK_TRAILER = 4
    DAMAGE_BLOCK_TOO_LONG = 5
    DAMAGE_PACKET_LENGTH = 6         # more captured bytes than the block holds
    DAMAGE_INTERFACE = 7
    DAMAGE_BYTE_ORDER = 8
    DAMAGE_VERSION = 9
    DAMAGE_TOO_MANY_INTERFACES = 10
    DAMAGE_OPTION = 12

ctypedef struct record_t:            # 32 bytes: two a cache line
    int64_t timestamp                # ns since 1970 UTC, valid with RECORD_HAS_TIME
    uint32_t offset                  # of the frame in the window
    uint32_t captured_length
    uint32_t original_length
    uint32_t interface_id
    uint32_t number                  # frames before this one in its segment, other numbered blocks included
    uint16_t link_type
    uint16_t flags

ctypedef struct interface_t:
    uint64_t ticks                   # a second, or the power of two with `binary`
    int64_t offset_s
    uint64_t packets
    uint32_t snap_length
    uint32_t section
    uint16_t link_type
    uint8_t binary

ctypedef struct event_t:             # a block that capture/pcapng.py reads: names, comments, statistics
    uint64_t offset                  # in the window
    uint32_t type
    uint32_t length
    uint32_t section

ctypedef struct reader_t:
    uint8_t format
    uint8_t big_endian
    uint8_t record_header            # pcap: bytes before the frame
    uint8_t swapped_lengths          # pcap before 2.3: original length stands first; 2: only where it must
    uint32_t tick_ns                 # pcap: 1000 or 1
    uint32_t max_record
    uint32_t snap_length
    uint16_t link_type
    uint32_t interface_count         # over all sections
    uint32_t interface_capacity
    uint32_t section_first           # first interface of the current section
    uint32_t sections
    interface_t* interfaces
    uint64_t other_blocks            # neither packets nor understood
    uint64_t numbered_blocks         # no packets, but Wireshark gives them a frame number
    uint64_t dropped                 # by the packets' own options
    uint8_t says_dropped
    uint8_t damage
    uint64_t damage_at               # in the window
    uint64_t damage_value
    event_t* events
    uint32_t event_count
    uint64_t lost_events

ctypedef struct chain_t:
    uint64_t begin
    uint64_t position
    uint64_t stop
    record_t* records
    uint32_t count
    uint32_t capacity
    uint32_t number
    uint32_t numbered_blocks
    uint8_t state
    uint8_t damage
    uint8_t sure                     # walks from a known boundary: may read blocks that change the reader
    uint8_t says_dropped
    uint64_t dropped
    uint64_t damage_value

ctypedef struct segment_t:           # a run of records that count
    const record_t* records
    uint32_t count
    uint64_t first_number            # frames before the segment, over the whole file


cdef inline uint16_t load16(const reader_t* reader, const uint8_t* at) noexcept nogil:
    return be16(at) if reader.big_endian else le16(at)


cdef inline uint32_t load32(const reader_t* reader, const uint8_t* at) noexcept nogil:
    return be32(at) if reader.big_endian else le32(at)


cdef inline uint8_t stop_damaged(chain_t* chain, uint8_t damage, uint64_t value) noexcept nogil:
    chain.damage = damage
    chain.damage_value = value
    return STOP_DAMAGE


# ---------------------------------------------------------------- pcap

cdef inline uint8_t step_pcap(
    const reader_t* reader, const uint8_t* base, uint64_t size, chain_t* chain, bint plain
) noexcept nogil:
    """One record: its entry in the index, and the chain stands on the next one.

    plain: the file is known to be of this byte order and not to swap lengths, as nearly all are.
    """
    cdef uint64_t position = chain.position
    cdef const uint8_t* at = base + position
    cdef uint32_t captured, original, second, fraction
    cdef record_t* record
    if size - position < reader.record_header:
        return STOP_MORE
    captured = le32(at + 8) if plain else load32(reader, at + 8)
    original = le32(at + 12) if plain else load32(reader, at + 12)
    second = le32(at) if plain else load32(reader, at)
    fraction = le32(at + 4) if plain else load32(reader, at + 4)
    if not plain and reader.swapped_lengths and (reader.swapped_lengths == 1 or captured > original):
        captured, original = original, captured
    if captured > reader.max_record:
        return stop_damaged(chain, DAMAGE_RECORD_LENGTH, captured)
    if size - position - reader.record_header < captured:
        return STOP_MORE
    if chain.count == chain.capacity:
        return STOP_FULL
    record = &chain.records[chain.count]
    record.timestamp = <int64_t>second * 1000000000 + <int64_t>fraction * reader.tick_ns
    record.offset = <uint32_t>(position + reader.record_header)
    record.captured_length = captured
    record.original_length = original
    record.interface_id = 0xFFFFFFFFu
    record.number = chain.number
    record.link_type = reader.link_type
    record.flags = RECORD_HAS_TIME
    chain.count += 1
    chain.number += 1
    chain.position = position + reader.record_header + captured
    return WALK_ON


cdef inline bint plausible_pcap(const reader_t* reader, const uint8_t* at, uint32_t second) noexcept nogil:
    """Whether a record header may stand at `at`: lengths in bounds, time within a day of the window's first record."""
    cdef uint32_t captured = load32(reader, at + 8)
    cdef uint32_t original = load32(reader, at + 12)
    cdef uint32_t fraction
    if captured > reader.max_record or original > reader.max_record or captured > original or original == 0:
        return False
    fraction = load32(reader, at + 4)
    if fraction >= (1000000000u if reader.tick_ns == 1 else 1000000u):
        return False
    return <uint32_t>(load32(reader, at) - second + 86400u) < 172800u


cdef inline uint64_t guess_pcap(
    const reader_t* reader, const uint8_t* base, uint64_t start, uint64_t end, uint32_t second
) noexcept nogil:
    """A place in [start, end) from which five plausible headers follow each other; `end` where there is none."""
    # The highest byte of the seconds stays the same for half a year, and memchr passes over payload 32 bytes at a time.
    cdef int place = 0 if reader.big_endian else 3
    cdef uint64_t at = start, probe
    cdef const void* found
    while at < end and end - at > 64:
        found = memchr(base + at + place, <int>(second >> 24), end - at - 64)
        if found == NULL:
            return end
        at = <uint64_t>(<const uint8_t*>found - base) - place
        if plausible_pcap(reader, base + at, second):
            probe = at
            for _ in range(5):
                if end - probe < reader.record_header or not plausible_pcap(reader, base + probe, second):
                    probe = 0
                    break
                probe += reader.record_header + load32(reader, base + probe + 8)
                if probe >= end:
                    break
            if probe:
                return at
        at += 1
    return end


# ---------------------------------------------------------------- pcapng

cdef inline bint to_ns(const interface_t* interface, uint64_t ticks, int64_t* timestamp) noexcept nogil:
    """A time in the interface's resolution as ns since 1970, cut to the past; False when 64 bits cannot hold it."""
    cdef uint64_t ns
    cdef int64_t shifted
    if interface.binary:
        ns = mulshift(ticks, 1000000000u, <unsigned>interface.ticks)
    elif interface.ticks == 1000000u and ticks < <uint64_t>INT64_MAX // 1000:
        ns = ticks * 1000
    elif interface.ticks == 1000000000u:
        ns = ticks
    else:
        ns = muldiv(ticks, 1000000000u, interface.ticks)
    if ns > <uint64_t>INT64_MAX:
        return False
    if interface.offset_s == 0:
        timestamp[0] = <int64_t>ns
        return True
    if interface.offset_s <= -<int64_t>MAX_OFFSET_S or interface.offset_s >= <int64_t>MAX_OFFSET_S:
        return False
    shifted = interface.offset_s * 1000000000
    if shifted > 0 and <int64_t>ns > INT64_MAX - shifted:
        return False
    timestamp[0] = <int64_t>ns + shifted
    return True


cdef inline bint wrong_length(uint32_t code, uint32_t length) noexcept nogil:
    """Whether Wireshark refuses an option of a packet block for its length."""
    if code == 2 or code == 6:                   # flags, queue
        return length != 4
    if code == 4 or code == 5:                   # drop count, packet id
        return length != 8
    if code == 7:                                # verdict
        return length < 1
    return (code == 2988 or code == 2989 or code == 19372 or code == 19373) and length < 4


cdef inline bint read_packet_options(
    const reader_t* reader, const uint8_t* at, uint32_t size, uint64_t* dropped, bint* says_dropped
) noexcept nogil:
    """epb_dropcount of an enhanced packet block (packets lost before this one); False where an option is broken."""
    cdef uint32_t code, length, padded
    while size:
        if size < 4:
            return False
        code = load16(reader, at)
        length = load16(reader, at + 2)
        padded = (length + 3) & ~3u
        if padded > size - 4 or wrong_length(code, length):
            return False
        if code == 0:
            return True
        if code == 4:
            says_dropped[0] = True
            if reader.big_endian:
                dropped[0] += (<uint64_t>be32(at + 4) << 32) | be32(at + 8)
            else:
                dropped[0] += (<uint64_t>le32(at + 8) << 32) | le32(at + 4)
        at += 4 + padded
        size -= 4 + padded
    return True


cdef inline bint sound_options(const reader_t* reader, const uint8_t* at, uint32_t size) noexcept nogil:
    """Whether a list of options ends where its block does."""
    cdef uint32_t code, padded
    while size:
        if size < 4:
            return False
        code = load16(reader, at)
        padded = (load16(reader, at + 2) + 3u) & ~3u
        if padded > size - 4:
            return False
        if code == 0:
            return True
        at += 4 + padded
        size -= 4 + padded
    return True


cdef inline uint32_t longest_record(uint16_t link_type) noexcept nogil:
    """Bytes that a record of this link type may have in Wireshark: D-Bus, USBPcap and EBHSCR have long ones."""
    return MAX_LONG_RECORD if link_type == 231 or link_type == 249 or link_type == 279 else MAX_RECORD


cdef inline uint8_t add_packet(
    const reader_t* reader, chain_t* chain, uint64_t frame, uint32_t interface_id, uint32_t captured, uint32_t original,
    bint timed, uint64_t ticks
) noexcept nogil:
    cdef record_t* record
    cdef const interface_t* interface
    if interface_id >= reader.interface_count - reader.section_first:
        return stop_damaged(chain, DAMAGE_INTERFACE, interface_id)
    interface = &reader.interfaces[reader.section_first + interface_id]
    if captured > longest_record(interface.link_type):
        return stop_damaged(chain, DAMAGE_RECORD_LENGTH, captured)
    if chain.count == chain.capacity:
        return STOP_FULL
    record = &chain.records[chain.count]
    record.offset = <uint32_t>frame
    record.captured_length = captured
    record.original_length = original
    record.interface_id = reader.section_first + interface_id
    record.number = chain.number
    record.link_type = interface.link_type
    record.flags = RECORD_HAS_TIME if timed and to_ns(interface, ticks, &record.timestamp) else 0
    if not record.flags:
        record.timestamp = 0
    chain.count += 1
    chain.number += 1
    return WALK_ON


cdef inline uint8_t step_packet_block(
    const reader_t* reader, const uint8_t* base, uint64_t position, uint32_t type, uint32_t length, chain_t* chain
) noexcept nogil:
    """An enhanced, simple or old packet block that lies whole in the window."""
    cdef const uint8_t* at = base + position
    cdef uint32_t captured, original, interface_id, fixed, padded
    cdef uint64_t dropped = 0
    cdef bint says_dropped = False
    cdef uint8_t state
    if type == BLOCK_PACKET_SIMPLE:
        if reader.interface_count == reader.section_first:
            return stop_damaged(chain, DAMAGE_INTERFACE, 0)
        original = load32(reader, at + 8)
        captured = original
        if 0 < reader.interfaces[reader.section_first].snap_length < captured:
            captured = reader.interfaces[reader.section_first].snap_length
        if captured > length - 16:
            return stop_damaged(chain, DAMAGE_PACKET_LENGTH, captured)
        if length - 16 != ((captured + 3) & ~3u):    # it has no options: the trailer follows the frame
            return stop_damaged(chain, DAMAGE_BLOCK_TRAILER, length)
        return add_packet(reader, chain, position + 12, 0, captured, original, False, 0)
    if type == BLOCK_PACKET:
        interface_id = load32(reader, at + 8)
    else:
        interface_id = load16(reader, at + 8)
    captured = load32(reader, at + 20)
    original = load32(reader, at + 24)
    fixed = length - 32
    padded = (captured + 3) & ~3u
    if captured > fixed or padded > fixed:
        return stop_damaged(chain, DAMAGE_PACKET_LENGTH, captured)
    if not read_packet_options(reader, at + 28 + padded, fixed - padded, &dropped, &says_dropped):
        return stop_damaged(chain, DAMAGE_OPTION, type)
    if type == BLOCK_PACKET_OLD:                 # has a field of its own, 0xFFFF where it is not known
        says_dropped = load16(reader, at + 10) != 0xFFFF
        dropped = load16(reader, at + 10) if says_dropped else 0
    state = add_packet(
        reader, chain, position + 28, interface_id, captured, original, True,
        (<uint64_t>load32(reader, at + 12) << 32) | load32(reader, at + 16),
    )
    if state != WALK_ON:
        return state
    chain.dropped += dropped         # only now: a block that was refused is read again
    chain.says_dropped |= says_dropped
    return WALK_ON


cdef inline uint32_t shortest_block(uint32_t type) noexcept nogil:
    if type == BLOCK_PACKET or type == BLOCK_PACKET_OLD:
        return 32
    if type == BLOCK_SECTION:
        return 28
    if type == BLOCK_INTERFACE:
        return 20
    if type == BLOCK_STATISTICS:
        return 24
    if type == BLOCK_SECRETS:
        return 20
    if type == BLOCK_JOURNAL:
        return 36
    if type == BLOCK_PACKET_SIMPLE or type == BLOCK_CUSTOM or type == BLOCK_CUSTOM_NO_COPY or type == BLOCK_NAMES:
        return 16
    return 12


cdef inline uint8_t step_pcapng(
    const reader_t* reader, const uint8_t* base, uint64_t size, chain_t* chain
) noexcept nogil:
    """One block. STOP_META leaves the chain on a block that only the sure walk may read."""
    cdef uint64_t position = chain.position
    cdef const uint8_t* at = base + position
    cdef uint32_t type, length, padded
    cdef uint8_t state
    if size - position < 12:
        return STOP_MORE
    type = load32(reader, at)
    if type == BLOCK_SECTION:                    # reads the same in both byte orders
        return STOP_META
    length = load32(reader, at + 4)
    padded = (length + 3) & ~3u                  # Wireshark rounds an odd length up
    if length > MAX_BLOCK:
        return stop_damaged(chain, DAMAGE_BLOCK_TOO_LONG, length)
    if padded < shortest_block(type):
        return stop_damaged(chain, DAMAGE_BLOCK_LENGTH, length)
    if size - position < padded:
        return STOP_MORE
    if type == BLOCK_PACKET or type == BLOCK_PACKET_SIMPLE or type == BLOCK_PACKET_OLD:
        if ((load32(reader, at + padded - 4) + 3) & ~3u) != padded:
            return stop_damaged(chain, DAMAGE_BLOCK_TRAILER, length)
        state = step_packet_block(reader, base, position, type, padded, chain)
        if state != WALK_ON:
            return state
        chain.position = position + padded
        return WALK_ON
    return STOP_META


cdef inline bint plausible_pcapng(
    const reader_t* reader, const uint8_t* base, uint64_t at, uint64_t end
) noexcept nogil:
    """Whether a whole enhanced packet block of this section stands at `at`."""
    cdef uint32_t length
    if end - at < 32 or load32(reader, base + at) != BLOCK_PACKET:
        return False
    length = load32(reader, base + at + 4)
    if length < 32 or length & 3 or length > MAX_RECORD + 4096 or length > end - at:
        return False
    if load32(reader, base + at + length - 4) != length or load32(reader, base + at + 20) > length - 32:
        return False
    return load32(reader, base + at + 8) < reader.interface_count - reader.section_first


cdef inline uint64_t guess_pcapng(
    const reader_t* reader, const uint8_t* base, uint64_t start, uint64_t end
) noexcept nogil:
    """A place in [start, end), a multiple of four from `start`, where two packet blocks follow each other, or `end`."""
    cdef uint64_t at = start, probe
    while at < end and end - at >= 32:
        if plausible_pcapng(reader, base, at, end):
            probe = at + load32(reader, base + at + 4)
            if probe >= end or plausible_pcapng(reader, base, probe, end):
                return at
        at += 4
    return end


# ---------------------------------------------------------------- chains

cdef inline uint8_t step(const reader_t* reader, const uint8_t* base, uint64_t size, chain_t* chain) noexcept nogil:
    if chain.position >= chain.stop:
        return STOP_REACHED
    if reader.format == PCAP:
        return step_pcap(reader, base, size, chain, False)
    return step_pcapng(reader, base, size, chain)


cdef inline void walk_chains(
    const reader_t* reader, const uint8_t* base, uint64_t size, chain_t* chains, int count
) noexcept nogil:
    """All chains, at most MAX_TOGETHER, in lock-step until each has stopped; what stopped it stands in its state."""
    cdef int active[MAX_TOGETHER]
    cdef int running = 0, index, turn
    cdef chain_t* chain
    cdef uint8_t state
    cdef bint plain = reader.format == PCAP and not reader.big_endian and not reader.swapped_lengths
    for index in range(count):
        active[running] = index
        running += 1
    while running:
        index = 0
        while index < running:
            turn = active[index]
            chain = &chains[turn]
            if plain:
                state = step_pcap(reader, base, size, chain, True) if chain.position < chain.stop else STOP_REACHED
            else:
                state = step(reader, base, size, chain)
            if state == WALK_ON:
                prefetch_read(base + chain.position)
                index += 1
            else:
                chain.state = state
                running -= 1
                active[index] = active[running]


# ---------------------------------------------------------------- blocks that change the reader

cdef inline void note_event(reader_t* reader, uint64_t offset, uint32_t type, uint32_t length) noexcept nogil:
    cdef event_t* event
    if reader.event_count == MAX_EVENTS:
        reader.lost_events += 1
        return
    event = &reader.events[reader.event_count]
    event.offset = offset
    event.type = type
    event.length = length
    event.section = reader.sections
    reader.event_count += 1


cdef inline void read_interface_options(
    const reader_t* reader, const uint8_t* at, uint32_t size, interface_t* interface
) noexcept nogil:
    """if_tsresol and if_tsoffset; the rest is read by capture/pcapng.py."""
    cdef uint32_t code, length, padded, power
    while size >= 4:
        code = load16(reader, at)
        length = load16(reader, at + 2)
        padded = (length + 3) & ~3u
        if code == 0 or padded > size - 4:
            return
        if code == 9 and length == 1:
            power = at[4] & 0x7F
            interface.binary = at[4] >> 7
            if interface.binary:
                interface.ticks = power if power < 127 else 127
            else:
                interface.ticks = 1
                for _ in range(power if power < 19 else 19):
                    interface.ticks *= 10
        elif code == 14 and length == 8:
            if reader.big_endian:
                interface.offset_s = <int64_t>((<uint64_t>be32(at + 4) << 32) | be32(at + 8))
            else:
                interface.offset_s = <int64_t>((<uint64_t>le32(at + 8) << 32) | le32(at + 4))
        at += 4 + padded
        size -= 4 + padded


cdef inline bint add_interface(reader_t* reader) noexcept nogil:
    """Room for one more interface, zeroed; False when there are too many or memory is short."""
    if reader.interface_count >= MAX_INTERFACES or not has_place(
        &reader.interfaces, &reader.interface_capacity, reader.interface_count, sizeof(interface_t), 16
    ):
        return False
    reader.interfaces[reader.interface_count] = interface_t(
        ticks=1000000, offset_s=0, packets=0, snap_length=0, section=reader.sections, link_type=0, binary=0
    )
    reader.interface_count += 1
    return True


cdef inline uint8_t read_section(reader_t* reader, const uint8_t* base, uint64_t size, chain_t* chain) noexcept nogil:
    """A section header block: a new byte order, and interfaces are numbered anew."""
    cdef const uint8_t* at = base + chain.position
    cdef uint32_t length, magic, padded
    cdef uint8_t big_endian
    if size - chain.position < 28:
        return STOP_MORE
    magic = le32(at + 8)
    if magic == 0x1A2B3C4D:
        big_endian = 0
    elif magic == 0x4D3C2B1A:
        big_endian = 1
    else:
        return stop_damaged(chain, DAMAGE_BYTE_ORDER, magic)
    length = be32(at + 4) if big_endian else le32(at + 4)
    padded = (length + 3) & ~3u
    if length > MAX_BLOCK:
        return stop_damaged(chain, DAMAGE_BLOCK_TOO_LONG, length)
    if padded < 28:
        return stop_damaged(chain, DAMAGE_BLOCK_LENGTH, length)
    if size - chain.position < padded:
        return STOP_MORE
    reader.big_endian = big_endian
    if ((load32(reader, at + padded - 4) + 3) & ~3u) != padded:
        return stop_damaged(chain, DAMAGE_BLOCK_TRAILER, length)
    if not sound_options(reader, at + 24, padded - 28):
        return stop_damaged(chain, DAMAGE_OPTION, BLOCK_SECTION)
    if load16(reader, at + 12) != 1 or (load16(reader, at + 14) != 0 and load16(reader, at + 14) != 2):
        return stop_damaged(
            chain, DAMAGE_VERSION, (<uint64_t>load16(reader, at + 12) << 16) | load16(reader, at + 14)
        )
    reader.sections += 1
    reader.section_first = reader.interface_count
    note_event(reader, chain.position, BLOCK_SECTION, padded)
    chain.position += padded
    return WALK_ON


cdef inline bint sound_names(const reader_t* reader, const uint8_t* at, uint32_t size) noexcept nogil:
    """The records of a name resolution block, and its options behind them."""
    cdef uint32_t type, length, padded
    while size >= 4:
        type = load16(reader, at)
        length = load16(reader, at + 2)
        padded = (length + 3) & ~3u
        if padded > size - 4:
            return False
        if type == 0:
            return sound_options(reader, at + 4 + padded, size - 4 - padded)
        if type == 1 and (length < 5 or at[3 + length] != 0):
            return False
        if type == 2 and (length < 17 or at[3 + length] != 0):
            return False
        at += 4 + padded
        size -= 4 + padded
    return size == 0


cdef inline bint sound_block(const reader_t* reader, const uint8_t* at, uint32_t type, uint32_t padded) noexcept nogil:
    """What Wireshark checks in the blocks that are no packets; it stops reading where this fails."""
    if type == BLOCK_INTERFACE:
        return sound_options(reader, at + 16, padded - 20)
    if type == BLOCK_STATISTICS:
        return sound_options(reader, at + 20, padded - 24)
    if type == BLOCK_NAMES:
        return sound_names(reader, at + 8, padded - 12)
    if type == BLOCK_SECRETS:
        return load32(reader, at + 12) <= padded - 20
    return True


cdef inline bint takes_number(uint32_t type) noexcept nogil:
    """Blocks that are no packets of ours but frames in Wireshark: custom, journal and system call events."""
    return (
        type == BLOCK_JOURNAL or type == BLOCK_CUSTOM or type == BLOCK_CUSTOM_NO_COPY
        or type == BLOCK_EVENT or type == BLOCK_EVENT_FLAGS
    )


cdef inline uint8_t read_meta(reader_t* reader, const uint8_t* base, uint64_t size, chain_t* chain) noexcept nogil:
    """The block on which a chain stopped with STOP_META; the walk before it is sure."""
    cdef const uint8_t* at = base + chain.position
    cdef uint32_t type = load32(reader, at), length, padded
    cdef interface_t* interface
    if type == BLOCK_SECTION:
        return read_section(reader, base, size, chain)
    length = load32(reader, at + 4)              # step_pcapng has checked it
    padded = (length + 3) & ~3u
    if ((load32(reader, at + padded - 4) + 3) & ~3u) != padded:
        return stop_damaged(chain, DAMAGE_BLOCK_TRAILER, length)
    if not sound_block(reader, at, type, padded):
        return stop_damaged(chain, DAMAGE_OPTION, type)
    if type == BLOCK_INTERFACE:
        if not add_interface(reader):
            return stop_damaged(chain, DAMAGE_TOO_MANY_INTERFACES, reader.interface_count)
        interface = &reader.interfaces[reader.interface_count - 1]
        interface.link_type = load16(reader, at + 8)
        interface.snap_length = load32(reader, at + 12)
        read_interface_options(reader, at + 16, padded - 20, interface)
    if takes_number(type):
        chain.number += 1                        # Wireshark shows these as frames
        chain.numbered_blocks += 1
    elif type > BLOCK_PACKET and type != BLOCK_SECRETS:
        reader.other_blocks += 1
    note_event(reader, chain.position, type, padded)
    chain.position += padded
    return WALK_ON


cdef inline void walk_sure(reader_t* reader, const uint8_t* base, uint64_t size, chain_t* chain) noexcept nogil:
    """One chain alone, from a sure boundary, reading every kind of block."""
    while True:
        chain.state = step(reader, base, size, chain)
        if chain.state == STOP_META:
            chain.state = read_meta(reader, base, size, chain)
        if chain.state != WALK_ON:
            return
