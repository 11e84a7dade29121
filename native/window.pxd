"""One window of a capture file: read in pieces, walked in pieces, joined to a run of sure records.

A piece is read and walked by the same thread, so that its bytes are still in that thread's cache when its headers are
looked at; which thread that is decides no result. A piece is entered at guessed places (walk.pxd). Only the first
chain of the first piece begins surely; join_chains keeps those that meet and walks again what lies between.

The bytes are copied, not mapped. Where the system keeps a file in large pages, mapping takes one thread 4 % less in all
and two threads nothing; but a mapped file changes under the decoder whenever somebody writes to it: a length that was
checked is another one when it is used, and pages that are gone end the process.

Records need no list of their own length: no record is shorter than 16 bytes, so a chain that begins at byte b of the
window keeps its records from place b / 16 on, and never reaches those of the next.
"""
from libc.errno cimport EINTR, errno
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from packet cimport packet_t
from walk cimport (
    DAMAGE_CUT,
    PCAP,
    RECORD_HAS_TIME,
    STOP_DAMAGE,
    STOP_MORE,
    STOP_REACHED,
    chain_t,
    guess_pcap,
    guess_pcapng,
    load32,
    reader_t,
    record_t,
    segment_t,
    walk_chains,
    walk_sure,
)
from waypoints cimport note_waypoint, waypoints_t

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int descriptor, void* into, size_t length, long long offset)

cdef enum:
    MAX_PIECES = 64
    CHAINS_A_PIECE = 4
    MAX_CHAINS = MAX_PIECES * CHAINS_A_PIECE
    MAX_SEGMENTS = 2 * MAX_CHAINS + 2
    SHORTEST_RECORD = 16             # of pcap's header, of pcapng's simple packet block
    PIECE_BYTES = 262144             # measured: below 128 KiB the system call tells, above 512 KiB the cache
    STRETCH_BYTES = 65536            # of a chain; below that a guess costs more than it saves
    WALK_BYTES = 67108864            # walked of a window at once: bounds the memory for its records
    HEADROOM = 1048576               # in front of what is read, for the record that the window before cut

ctypedef struct window_t:
    const uint8_t* base              # begins on a record
    uint64_t size
    uint64_t file_offset             # of base[0]
    uint64_t lead                    # bytes before the first piece's own: left over from the window before
    uint64_t piece_bytes
    uint32_t pieces
    uint32_t second                  # when the file's packets were captured, about: what guesses look for
    uint8_t final                    # nothing follows
    uint64_t used                    # bytes up to where the walk ended
    uint64_t got[MAX_PIECES]         # bytes that were read of each piece
    uint32_t chain_count[MAX_PIECES]
    chain_t chains[MAX_CHAINS]       # of piece p from p * CHAINS_A_PIECE on
    record_t* records
    size_t record_capacity
    segment_t segments[MAX_SEGMENTS]
    uint32_t segment_count
    uint64_t count                   # records
    uint64_t done                    # records that batches were made of
    uint8_t* memory                  # of windows that are read here; NULL where Python brings the bytes
    size_t memory_size

ctypedef struct file_t:
    int descriptor                   # -1: windows come from Python
    int error                        # errno of a read that failed
    uint64_t position                # of the next byte to read
    uint64_t end                     # bytes of the file; less where it shrank meanwhile
    uint64_t window_bytes            # read at a time
    uint8_t growing                  # more will be behind `end`

ctypedef struct place_t:             # a place in the window's records
    const record_t* next
    const record_t* end              # of the segment
    const segment_t* segment


# ---------------------------------------------------------------- records

cdef inline place_t place_of(const window_t* window, uint64_t record) noexcept nogil:
    cdef place_t place
    place.segment = &window.segments[0]
    while record >= place.segment.count:
        record -= place.segment.count
        place.segment += 1
    place.next = place.segment.records + record
    place.end = place.segment.records + place.segment.count
    return place


cdef inline const record_t* next_record(place_t* place) noexcept nogil:
    """The record at the place, which moves on; the caller stays within window.count."""
    while place.next == place.end:
        place.segment += 1
        place.next = place.segment.records
        place.end = place.segment.records + place.segment.count
    place.next += 1
    return place.next - 1


# ---------------------------------------------------------------- memory

cdef inline void window_free(window_t* window) noexcept nogil:
    free(window.records)
    free(window.memory)
    window.records = NULL
    window.memory = NULL
    window.record_capacity = window.memory_size = 0


cdef inline uint64_t walked_bytes(const window_t* window) noexcept nogil:
    return window.size if window.size < WALK_BYTES else WALK_BYTES


cdef inline bint has_records(window_t* window) noexcept nogil:
    """Make room for the records of the window. Their pages become resident where they are written."""
    cdef size_t wanted = walked_bytes(window) // SHORTEST_RECORD + MAX_CHAINS + 2
    if wanted <= window.record_capacity:
        return True
    free(window.records)
    window.records = <record_t*>malloc(wanted * sizeof(record_t))
    window.record_capacity = wanted if window.records != NULL else 0
    return window.records != NULL


cdef inline bint has_memory(window_t* window, size_t lead, size_t length, size_t usual) noexcept nogil:
    """Memory for `lead` bytes and `length` behind them; what a giant record needed is given back when it is past."""
    cdef size_t wanted = lead + length if lead + length > usual else usual
    if window.memory != NULL and window.memory_size == wanted:
        return True
    free(window.memory)
    window.memory = <uint8_t*>malloc(wanted)
    window.memory_size = wanted if window.memory != NULL else 0
    return window.memory != NULL


# ---------------------------------------------------------------- pieces

cdef inline void cut_pieces(window_t* window, uint64_t lead) noexcept nogil:
    """Divide what lies behind the first `lead` bytes."""
    cdef uint64_t length = window.size - lead
    window.lead = lead
    window.piece_bytes = (length + MAX_PIECES - 1) // MAX_PIECES
    if window.piece_bytes < PIECE_BYTES:
        window.piece_bytes = PIECE_BYTES
    window.pieces = <uint32_t>((length + window.piece_bytes - 1) // window.piece_bytes)
    if window.pieces == 0:
        window.pieces = 1            # nothing but what was left over: it is walked, too
    window.count = window.done = window.used = 0
    window.segment_count = 0


cdef inline uint64_t piece_begin(const window_t* window, uint32_t piece) noexcept nogil:
    """Where the piece's own bytes begin."""
    return window.lead + piece * window.piece_bytes


cdef inline uint64_t piece_end(const window_t* window, uint32_t piece) noexcept nogil:
    return window.size if piece + 1 == window.pieces else window.lead + (piece + 1) * window.piece_bytes


cdef inline uint64_t read_whole(file_t* file, uint8_t* into, uint64_t length, uint64_t offset) noexcept nogil:
    """Read `length` bytes; fewer at the end of a file that shrank, or where reading fails: then file.error is set."""
    cdef uint64_t got = 0
    cdef ssize_t count
    while got < length:
        count = pread(file.descriptor, into + got, length - got, <long long>(offset + got))
        if count > 0:
            got += <uint64_t>count
        elif count < 0 and errno == EINTR:
            continue
        else:
            if count < 0:
                file.error = errno
            break
    return got


cdef inline bint read_piece(window_t* window, file_t* file, uint32_t piece) noexcept nogil:
    """Fetch the piece's bytes; False where some are missing."""
    cdef uint64_t begin = piece_begin(window, piece), length = piece_end(window, piece) - begin
    window.chain_count[piece] = 0
    window.got[piece] = read_whole(file, <uint8_t*>window.base + begin, length, window.file_offset + begin)
    return window.got[piece] == length


cdef inline uint64_t guess(
    const window_t* window, const reader_t* reader, uint64_t start, uint64_t end
) noexcept nogil:
    if reader.format == PCAP:
        return guess_pcap(reader, window.base, start, end, window.second)
    return guess_pcapng(reader, window.base, (start + 3) & ~<uint64_t>3, end)


cdef inline void place_chain(chain_t* chain, uint64_t begin) noexcept nogil:
    memset(chain, 0, sizeof(chain_t))
    chain.begin = chain.position = begin


cdef inline void give_room(window_t* window, chain_t* chain, uint32_t number) noexcept nogil:
    """The chain's place for records; `number` keeps chains apart that begin within 16 bytes."""
    chain.records = window.records + chain.begin // SHORTEST_RECORD + number
    chain.capacity = <uint32_t>((chain.stop - chain.begin) // SHORTEST_RECORD) + 1


cdef inline void walk_piece(window_t* window, const reader_t* reader, uint32_t piece) noexcept nogil:
    """Walk the piece with a few chains in lock-step; what they found is kept when they are joined."""
    cdef uint64_t begin = piece_begin(window, piece) if piece else 0, end = piece_end(window, piece)
    cdef uint64_t last = walked_bytes(window), at, stretch
    cdef chain_t* chains = &window.chains[piece * CHAINS_A_PIECE]
    cdef uint32_t wanted, index, count = 0
    window.chain_count[piece] = 0
    if end > last:
        end = last
    if begin > end or (begin == end and piece):
        return
    wanted = <uint32_t>((end - begin) // STRETCH_BYTES)
    wanted = CHAINS_A_PIECE if wanted > CHAINS_A_PIECE else wanted if wanted else 1
    stretch = (end - begin) // wanted
    for index in range(wanted):
        at = begin + index * stretch
        if count and at <= chains[count - 1].begin:
            continue
        if piece or index:
            at = guess(window, reader, at, end)
            if at >= end:
                break
        place_chain(&chains[count], at)
        count += 1
    for index in range(count):
        chains[index].stop = chains[index + 1].begin if index + 1 < count else end
        give_room(window, &chains[index], piece * CHAINS_A_PIECE + index)
    end = window.size if piece + 1 == window.pieces else end
    walk_chains(reader, window.base, end, chains, <int>count)
    window.chain_count[piece] = count
    if piece + 1 < window.pieces:
        for index in range(count):
            if chains[index].state == STOP_MORE:     # the next piece has the rest of the record
                chains[index].state = STOP_REACHED


# ---------------------------------------------------------------- joining

cdef inline void keep_segment(
    window_t* window, reader_t* reader, const chain_t* chain, uint64_t* frames
) noexcept nogil:
    """The chain's records count: they follow those kept so far."""
    cdef segment_t* segment
    reader.numbered_blocks += chain.numbered_blocks
    reader.dropped += chain.dropped
    reader.says_dropped |= chain.says_dropped
    if chain.count:
        segment = &window.segments[window.segment_count]
        segment.records = chain.records
        segment.count = chain.count
        segment.first_number = frames[0]
        window.segment_count += 1
        window.count += chain.count
    frames[0] += chain.number


cdef inline chain_t* chain_from(window_t* window, uint32_t* number, uint64_t position) noexcept nogil:
    """The first guessed chain from `number` on that begins at `position` or behind it; NULL where none does."""
    cdef uint32_t piece, index
    cdef uint32_t last = window.pieces * CHAINS_A_PIECE
    while number[0] < last:
        piece, index = number[0] // CHAINS_A_PIECE, number[0] % CHAINS_A_PIECE
        if index >= window.chain_count[piece]:
            number[0] = (piece + 1) * CHAINS_A_PIECE
            continue
        if window.chains[number[0]].begin >= position:
            return &window.chains[number[0]]
        number[0] += 1
    return NULL


cdef inline void notice_missing(window_t* window, file_t* file) noexcept nogil:
    """Where a piece was not read whole, the file ends."""
    cdef uint32_t piece
    cdef uint64_t end
    for piece in range(window.pieces):
        end = piece_begin(window, piece) + window.got[piece]
        if end < piece_end(window, piece):
            window.size = end
            window.pieces = piece + 1
            window.chain_count[piece] = 0
            window.final = 1
            file.end = window.file_offset + end
            return


cdef inline void join_chains(
    window_t* window, reader_t* reader, uint64_t* frames, waypoints_t* waypoints
) noexcept nogil:
    """Keep the chains that meet; walk surely where they do not. Sets window.used, and notes damage in the reader.

    waypoints: of the chains that are kept; NULL where nobody can come back.
    """
    cdef uint64_t last = walked_bytes(window)
    cdef uint32_t number = 0, sections = reader.sections
    cdef chain_t sure
    cdef chain_t* following
    cdef const chain_t* chain = NULL
    cdef uint64_t position = 0
    while True:
        if waypoints != NULL:
            note_waypoint(waypoints, window.file_offset + position, frames[0], reader)
        following = chain_from(window, &number, position)
        if reader.sections != sections:
            following = NULL         # the chains were walked with what an older section said
        if following != NULL and following.begin == position:
            chain = following
            number += 1
        else:
            place_chain(&sure, position)
            sure.sure = 1
            sure.stop = following.begin if following != NULL else last
            give_room(window, &sure, number - 1 if number else 0)
            walk_sure(reader, window.base, window.size, &sure)
            chain = &sure
        keep_segment(window, reader, chain, frames)
        position = chain.position
        if chain.state == STOP_DAMAGE and chain.sure:
            note_damage(window, reader, chain)
            break
        if chain.state == STOP_MORE or position >= last:
            break
    window.used = position
    if window.final and position < window.size and not reader.damage and chain.state == STOP_MORE:
        reader.damage = DAMAGE_CUT
        reader.damage_at = window.file_offset + position
        reader.damage_value = window.size - position
    note_second(window)


cdef inline void note_damage(const window_t* window, reader_t* reader, const chain_t* chain) noexcept nogil:
    reader.damage = chain.damage
    reader.damage_value = chain.damage_value
    reader.damage_at = window.file_offset + chain.position


cdef inline void note_second(window_t* window) noexcept nogil:
    """The time of the last record, for the guesses in the next window."""
    cdef const segment_t* segment
    cdef const record_t* record
    if window.segment_count:
        segment = &window.segments[window.segment_count - 1]
        record = &segment.records[segment.count - 1]
        if record.flags & RECORD_HAS_TIME:
            window.second = <uint32_t>(record.timestamp // 1000000000)


# ---------------------------------------------------------------- the next window

cdef inline void begin_given(
    window_t* window, const reader_t* reader, const uint8_t* data, uint64_t size, uint64_t file_offset, bint final
) noexcept nogil:
    """A window whose bytes are in memory."""
    window.base = data
    window.size = size
    window.file_offset = file_offset
    window.final = final
    window.second = load32(reader, data) if size >= 4 else 0
    cut_pieces(window, 0)


cdef inline bint is_awaited(const file_t* file) noexcept nogil:
    """Whether the next window is not there yet: of a file that grows, none is read before it is whole."""
    return file.growing and file.end - file.position < file.window_bytes


cdef inline bint begin_read(
    window_t* window, const window_t* before, const reader_t* reader, file_t* file
) noexcept nogil:
    """Plan the window behind `before`: what that left over stands in front. False when memory is short."""
    cdef uint64_t left = before.size - before.used
    cdef uint64_t wanted = file.window_bytes if left < HEADROOM else left + file.window_bytes
    cdef uint64_t room = left if left > HEADROOM else HEADROOM
    cdef uint8_t[4] first
    if wanted > file.end - file.position:
        wanted = file.end - file.position
    if not has_memory(window, room, wanted, HEADROOM + file.window_bytes):
        return False
    window.base = window.memory + room - left
    window.size = left + wanted
    window.file_offset = before.file_offset + before.used
    window.final = not file.growing and file.position + wanted == file.end
    if left:
        memcpy(window.memory + room - left, before.base + before.used, left)
    window.second = before.second
    if before.size == 0 and read_whole(file, first, 4, file.position) == 4:
        window.second = load32(reader, first)
    cut_pieces(window, left)
    file.position += wanted
    return has_records(window)


cdef inline const uint8_t* frame_of(const window_t* window, const packet_t* packet) noexcept nogil:
    """The bytes of a packet of the window."""
    return window.base + (packet.offset - window.file_offset)


cdef inline const uint8_t* payload_of(
    const window_t* window, const packet_t* packet, uint32_t* captured
) noexcept nogil:
    """The transport's payload; captured: as many bytes of it as there are."""
    cdef uint32_t header = <uint32_t>packet.transport_offset + packet.transport_length
    captured[0] = packet.captured_length - header if header < packet.captured_length else 0
    if captured[0] > packet.payload_length:
        captured[0] = packet.payload_length
    return frame_of(window, packet) + header
