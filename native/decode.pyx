# cython: language_level=3
"""The decoder as Python sees it: frames in, an array of packet records out.

The engine calls `decode_frame` itself, in C; this module is how the tests, the fuzzers and the curious reach it.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset

from decode cimport decode_frame
from packet cimport NO_INTERFACE, conversation_t, decoder_init, decoder_t, extra_t, packet_t
from paths cimport path_names, paths_free, paths_new, paths_t
from wire cimport be32, le32

cdef packet_t packet_layout
cdef conversation_t conversation_layout
cdef extra_t extra_layout


cdef size_t from_start(void* start, void* field) noexcept:
    return <size_t>(<uint8_t*>field - <uint8_t*>start)


cdef tuple packet_field(str name, str kind, void* field, size_t size):
    return name, f"{kind}{size}", from_start(&packet_layout, field)


cdef tuple conversation_field(str name, str kind, void* field, size_t size):
    return name, f"{kind}{size}", from_start(&conversation_layout, field)


cdef dict description(list fields, size_t size):
    """What numpy.dtype() takes; the compiler gave every offset and size, so that it cannot drift from the struct."""
    return {
        "names": [name for name, _, _ in fields],
        "formats": [kind for _, kind, _ in fields],
        "offsets": [offset for _, _, offset in fields],
        "itemsize": size,
    }


PACKET_DTYPE = description([
    packet_field("timestamp", "i", &packet_layout.timestamp, sizeof(packet_layout.timestamp)),
    packet_field("offset", "u", &packet_layout.offset, sizeof(packet_layout.offset)),
    packet_field("captured_length", "u", &packet_layout.captured_length, sizeof(packet_layout.captured_length)),
    packet_field("original_length", "u", &packet_layout.original_length, sizeof(packet_layout.original_length)),
    packet_field("interface_id", "u", &packet_layout.interface_id, sizeof(packet_layout.interface_id)),
    packet_field("payload_length", "u", &packet_layout.payload_length, sizeof(packet_layout.payload_length)),
    packet_field("src", "V", &packet_layout.src, sizeof(packet_layout.src)),
    packet_field("dst", "V", &packet_layout.dst, sizeof(packet_layout.dst)),
    packet_field("src_port", "u", &packet_layout.src_port, sizeof(packet_layout.src_port)),
    packet_field("dst_port", "u", &packet_layout.dst_port, sizeof(packet_layout.dst_port)),
    packet_field("tcp_seq", "u", &packet_layout.tcp_seq, sizeof(packet_layout.tcp_seq)),
    packet_field("tcp_ack", "u", &packet_layout.tcp_ack, sizeof(packet_layout.tcp_ack)),
    packet_field("tcp_window", "u", &packet_layout.tcp_window, sizeof(packet_layout.tcp_window)),
    packet_field("tcp_flags", "u", &packet_layout.tcp_flags, sizeof(packet_layout.tcp_flags)),
    packet_field("protocol", "u", &packet_layout.protocol, sizeof(packet_layout.protocol)),
    packet_field("ttl", "u", &packet_layout.ttl, sizeof(packet_layout.ttl)),
    packet_field("traffic_class", "u", &packet_layout.traffic_class, sizeof(packet_layout.traffic_class)),
    packet_field("ip_version", "u", &packet_layout.ip_version, sizeof(packet_layout.ip_version)),
    packet_field("ip_id", "u", &packet_layout.ip_id, sizeof(packet_layout.ip_id)),
    packet_field("fragment_offset", "u", &packet_layout.fragment_offset, sizeof(packet_layout.fragment_offset)),
    packet_field("vlan_id", "u", &packet_layout.vlan_id, sizeof(packet_layout.vlan_id)),
    packet_field("inner_vlan_id", "u", &packet_layout.inner_vlan_id, sizeof(packet_layout.inner_vlan_id)),
    packet_field("path", "u", &packet_layout.path, sizeof(packet_layout.path)),
    packet_field("present", "u", &packet_layout.present, sizeof(packet_layout.present)),
    packet_field("decode_status", "u", &packet_layout.decode_status, sizeof(packet_layout.decode_status)),
    packet_field("decode_layer", "u", &packet_layout.decode_layer, sizeof(packet_layout.decode_layer)),
    packet_field("icmp_type", "u", &packet_layout.icmp_type, sizeof(packet_layout.icmp_type)),
    packet_field("icmp_code", "u", &packet_layout.icmp_code, sizeof(packet_layout.icmp_code)),
    packet_field("link_type", "u", &packet_layout.link_type, sizeof(packet_layout.link_type)),
    packet_field("icmp_id", "u", &packet_layout.icmp_id, sizeof(packet_layout.icmp_id)),
    packet_field("tcp_tsval", "u", &packet_layout.tcp_tsval, sizeof(packet_layout.tcp_tsval)),
    packet_field("tcp_tsecr", "u", &packet_layout.tcp_tsecr, sizeof(packet_layout.tcp_tsecr)),
    packet_field("tcp_mss", "u", &packet_layout.tcp_mss, sizeof(packet_layout.tcp_mss)),
    packet_field("tcp_scale", "u", &packet_layout.tcp_scale, sizeof(packet_layout.tcp_scale)),
    packet_field("tcp_options", "u", &packet_layout.tcp_options, sizeof(packet_layout.tcp_options)),
    packet_field("extra", "u", &packet_layout.extra, sizeof(packet_layout.extra)),
    packet_field("hash", "u", &packet_layout.hash, sizeof(packet_layout.hash)),
    packet_field("transport_offset", "u", &packet_layout.transport_offset, sizeof(packet_layout.transport_offset)),
    packet_field("transport_length", "u", &packet_layout.transport_length, sizeof(packet_layout.transport_length)),
], sizeof(packet_t))

CONVERSATION_DTYPE = description([
    conversation_field("src", "V", &conversation_layout.src, sizeof(conversation_layout.src)),
    conversation_field("dst", "V", &conversation_layout.dst, sizeof(conversation_layout.dst)),
    conversation_field("src_port", "u", &conversation_layout.src_port, sizeof(conversation_layout.src_port)),
    conversation_field("dst_port", "u", &conversation_layout.dst_port, sizeof(conversation_layout.dst_port)),
    conversation_field("protocol", "u", &conversation_layout.protocol, sizeof(conversation_layout.protocol)),
    conversation_field("ip_version", "u", &conversation_layout.ip_version, sizeof(conversation_layout.ip_version)),
    conversation_field("tcp_flags", "u", &conversation_layout.tcp_flags, sizeof(conversation_layout.tcp_flags)),
    conversation_field("tcp_seq", "u", &conversation_layout.tcp_seq, sizeof(conversation_layout.tcp_seq)),
    conversation_field("tcp_ack", "u", &conversation_layout.tcp_ack, sizeof(conversation_layout.tcp_ack)),
    conversation_field("quoted", "u", &conversation_layout.quoted, sizeof(conversation_layout.quoted)),
], sizeof(conversation_t))

EXTRA_SIZE = sizeof(extra_t)
CONVERSATIONS_OFFSET = from_start(&extra_layout, &extra_layout.conversation)


cdef class Paths:
    """The protocol paths that decoding met, shared by all calls that are given it."""
    cdef paths_t* paths

    def __cinit__(self):
        self.paths = paths_new()
        if self.paths == NULL:
            raise MemoryError

    def __dealloc__(self):
        paths_free(self.paths)

    def __len__(self):
        """Nodes in use, the root and `other` included."""
        return self.paths.count

    def names(self, uint32_t node):
        """Every step to `node`, outermost first: (parent node, kind, name or number)."""
        return path_names(self.paths, node)


cdef void set_record(
    packet_t* packet, uint64_t offset, uint32_t captured, uint32_t original, uint16_t link
) noexcept nogil:
    """What the walker of a capture file would have written."""
    memset(packet, 0, sizeof(packet_t))
    packet.offset = offset
    packet.captured_length = captured
    packet.original_length = original
    packet.interface_id = NO_INTERFACE
    packet.link_type = link


cdef const uint8_t* first_of(
    const uint8_t[::1] capture, const uint64_t[::1] offset, const uint32_t[::1] captured_length,
    const uint32_t[::1] original_length, const uint16_t[::1] link_type
) except? NULL:
    """Where the capture begins, NULL where it is empty. Raises ValueError where a frame lies outside of it."""
    cdef Py_ssize_t count = offset.shape[0], row
    cdef uint64_t size = capture.shape[0]
    if captured_length.shape[0] != count or original_length.shape[0] != count or link_type.shape[0] != count:
        raise ValueError("offset, captured_length, original_length and link_type differ in length")
    for row in range(count):
        if offset[row] > size or captured_length[row] > size - offset[row]:
            raise ValueError(f"frame {row} at {offset[row]} with {captured_length[row]} bytes ends behind {size}")
    return &capture[0] if size else NULL


def decode_frames(
    const uint8_t[::1] capture not None,           # IN   the bytes that hold the frames
    const uint64_t[::1] offset not None,           # IN   (n,) byte offset of each frame
    const uint32_t[::1] captured_length not None,  # IN   (n,) bytes
    const uint32_t[::1] original_length not None,  # IN   (n,) bytes on the wire
    const uint16_t[::1] link_type not None,        # IN   (n,) LINKTYPE_ numbers
    uint8_t[::1] packets not None,                 # OUT  (n * packet size,) PACKET_DTYPE records
    uint8_t[::1] extras not None,                  # OUT  (n * EXTRA_SIZE,) side records, as many as are returned
    Paths paths not None,
):
    """Decode one batch in place and return how many side records were made.

    Raises ValueError if a frame lies outside `capture` or an array is too short.
    """
    cdef Py_ssize_t count = offset.shape[0]
    cdef Py_ssize_t row
    cdef decoder_t decoder
    cdef packet_t* packet
    cdef packet_t* first
    cdef const uint8_t* start = first_of(capture, offset, captured_length, original_length, link_type)
    if packets.shape[0] // <Py_ssize_t>sizeof(packet_t) < count:
        raise ValueError(f"packets is {packets.shape[0]} bytes, expected {count} records of {sizeof(packet_t)}")
    if extras.shape[0] // <Py_ssize_t>sizeof(extra_t) < count:
        raise ValueError(f"extras is {extras.shape[0]} bytes, expected {count} records of {sizeof(extra_t)}")
    if count == 0:
        return 0
    first = <packet_t*>&packets[0]
    if <size_t>first % 8 or <size_t>&extras[0] % 8:
        raise ValueError("packets and extras must be aligned to 8 bytes")
    decoder_init(&decoder, paths.paths, <extra_t*>&extras[0])
    with nogil:
        for row in range(count):
            packet = first + row
            set_record(packet, offset[row], captured_length[row], original_length[row], link_type[row])
            decode_frame(&decoder, start + offset[row], packet)
    return decoder.extra_count


def find_frames(
    const uint8_t[::1] capture not None,           # IN   the bytes that hold the frames
    const uint64_t[::1] offset not None,           # IN   (n,) as of decode_frames
    const uint32_t[::1] captured_length not None,  # IN   (n,)
    const uint32_t[::1] original_length not None,  # IN   (n,)
    const uint16_t[::1] link_type not None,        # IN   (n,)
    Py_ssize_t at,                                 # byte of a packet record
    wanted not None,                               # texts
    Paths paths not None,
):
    """The rows whose PACKET_DTYPE record has one of the texts at a place: a list of (row, record as bytes).

    Of hundreds that are decoded a few are wanted. Raises ValueError if a frame lies outside `capture`, or a text
    reaches beyond a record.
    """
    cdef const uint8_t* start = first_of(capture, offset, captured_length, original_length, link_type)
    cdef Py_ssize_t row
    cdef decoder_t decoder
    cdef packet_t packet
    cdef extra_t extra
    for text in wanted:
        if not 0 <= at <= <Py_ssize_t>sizeof(packet_t) - len(text):
            raise ValueError(f"a text of {len(text)} bytes does not fit at byte {at} of {sizeof(packet_t)}")
    decoder_init(&decoder, paths.paths, &extra)
    found = []
    for row in range(offset.shape[0]):
        decoder.extra_count = 0
        set_record(&packet, offset[row], captured_length[row], original_length[row], link_type[row])
        decode_frame(&decoder, start + offset[row], &packet)
        for text in wanted:
            if memcmp(<const uint8_t*>&packet + at, <const char*>text, len(text)) == 0:
                found.append((row, (<const char*>&packet)[:sizeof(packet_t)]))
                break
    return found


def skip_pcap_records(
    const uint8_t[::1] data not None,              # IN   a stretch of a pcap file
    uint64_t at,                                   # of a record
    uint64_t records,
    bint big_endian,
    uint32_t header,                               # bytes of a record's
    uint8_t swapped_lengths,
):
    """Step over records: (where the next one begins, how many were stepped over), fewer where data ends.

    For who looks at a few packets of a scan that is over: a stretch may hold thousands of records before them.
    """
    cdef uint64_t size = data.shape[0], done = 0
    cdef uint32_t captured, original
    if header < 16:
        raise ValueError(f"a record header of {header} bytes, expected 16 at least")
    with nogil:
        while done < records and at <= size and header <= size - at:
            captured = be32(&data[at + 8]) if big_endian else le32(&data[at + 8])
            original = be32(&data[at + 12]) if big_endian else le32(&data[at + 12])
            if swapped_lengths == 1 or (swapped_lengths and captured > original):
                captured = original
            if captured > size - at - header:
                break
            at += header + captured
            done += 1
    return at, done


def find_pcap_records(
    const uint8_t[::1] data not None,              # IN   a stretch of a pcap file
    uint64_t at,                                   # of a record
    bint big_endian,
    uint32_t header,                               # bytes of a record's
    uint8_t swapped_lengths,
    uint64_t[::1] offset not None,                 # OUT  (n,) of each frame, as decode_frames takes it
    uint32_t[::1] captured_length not None,        # OUT  (n,) bytes
    uint32_t[::1] original_length not None,        # OUT  (n,) bytes on the wire
):
    """Where the frames of the next n records lie; how many were found, fewer than n where data ends.

    Steps as skip_pcap_records does. Raises ValueError where the arrays differ in length.
    """
    cdef uint64_t size = data.shape[0]
    cdef Py_ssize_t found = 0, most = offset.shape[0]
    cdef uint32_t captured, original
    if header < 16:
        raise ValueError(f"a record header of {header} bytes, expected 16 at least")
    if captured_length.shape[0] != most or original_length.shape[0] != most:
        raise ValueError("offset, captured_length and original_length differ in length")
    with nogil:
        while found < most and at <= size and header <= size - at:
            captured = be32(&data[at + 8]) if big_endian else le32(&data[at + 8])
            original = be32(&data[at + 12]) if big_endian else le32(&data[at + 12])
            if swapped_lengths == 1 or (swapped_lengths and captured > original):
                captured, original = original, captured
            at += header
            if captured > size - at:
                break
            offset[found] = at
            captured_length[found] = captured
            original_length[found] = original
            at += captured
            found += 1
    return found
