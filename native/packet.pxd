"""What one packet decodes to.

One `packet_t` is two cache lines, written once by the decoder and read once by the flow table. The columns of the
public tables are taken out of a batch of them afterwards, so that the hot path keeps one write stream instead of
thirty.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

cdef extern from "<stdlib.h>" nogil:
    void* aligned_alloc(size_t alignment, size_t size)

cdef enum:
    NO_VLAN = 0xFFFF
    NO_EXTRA = 0xFFFFFFFF
    NO_INTERFACE = 0xFFFFFFFF
    NO_SCALE = 0xFF
    MAX_CONVERSATIONS = 6       # transport headers seen in one frame besides the packet's own
    MAX_DEPTH = 12              # encapsulations followed before a frame is called unsupported

cdef enum decode_status_t:
    DECODE_OK = 0               # complete: every header read; the payload may be cut
    DECODE_TRUNCATED = 1        # a header is cut by the snap length
    DECODE_MALFORMED = 2        # a header contradicts itself or the bytes on the wire
    DECODE_UNSUPPORTED = 3      # a link type, ethertype or protocol that we do not read

cdef enum decode_layer_t:       # where decoding stopped
    LAYER_NONE = 0
    LAYER_LINK = 1
    LAYER_NETWORK = 2
    LAYER_TRANSPORT = 3

cdef enum present_t:            # bits of packet_t.present
    HAS_TIME = 1
    HAS_IP = 2
    HAS_FRAGMENT = 4            # the innermost IP packet is a fragment
    MORE_FRAGMENTS = 8
    HAS_PORTS = 16              # TCP, UDP or SCTP ports were read
    HAS_TCP = 32                # the fixed TCP header was read and its length is sound
    HAS_UDP = 64
    HAS_SCTP = 128
    HAS_ICMP = 256              # ICMP or ICMPv6 type and code
    HAS_ECHO = 512              # icmp_id holds an echo identifier
    HAS_TUNNEL = 1024           # extra holds the outermost addresses
    HAS_IP_ID = 2048
    HAS_ARP = 4096
    IN_FRAGMENT = 8192          # it, or one around it with no IPv4 header between them, is: tshark analyses no TCP then

cdef enum tcp_option_t:         # bits of packet_t.tcp_options
    OPTION_MSS = 1
    OPTION_SCALE = 2
    OPTION_SACK_PERMITTED = 4
    OPTION_TIMESTAMPS = 8
    OPTION_SACK = 16
    OPTION_FAST_OPEN = 32
    OPTIONS_CUT = 64            # some were not captured or not read: what is not among these bits may have been there

ctypedef struct packet_t:
    int64_t timestamp           # ns since 1970 UTC, valid with HAS_TIME
    uint64_t offset             # of the frame's first byte in the (decompressed) file
    uint32_t captured_length
    uint32_t original_length
    uint32_t interface_id       # NO_INTERFACE in pcap
    uint32_t payload_length     # transport payload bytes on the wire
    uint8_t src[16]             # innermost; IPv4 as ::ffff:a.b.c.d. flow_key.pxd reads both addresses,
    uint8_t dst[16]
    uint16_t src_port           # and both ports in one; host order
    uint16_t dst_port
    uint32_t tcp_seq
    uint32_t tcp_ack
    uint16_t tcp_window
    uint16_t tcp_flags          # 12 bits
    uint8_t protocol            # after extension headers
    uint8_t ttl
    uint8_t traffic_class       # dscp << 2 | ecn
    uint8_t ip_version          # 4, 6, 0 without IP
    uint16_t ip_id
    uint16_t fragment_offset    # bytes
    uint16_t vlan_id            # NO_VLAN without a tag
    uint16_t inner_vlan_id
    uint16_t path               # node of paths_t: the protocol hierarchy
    uint16_t present            # present_t bits
    uint8_t decode_status
    uint8_t decode_layer
    uint8_t icmp_type
    uint8_t icmp_code
    uint16_t link_type
    uint16_t icmp_id
    uint32_t tcp_tsval          # valid with OPTION_TIMESTAMPS
    uint32_t tcp_tsecr
    uint16_t tcp_mss            # valid with OPTION_MSS
    uint8_t tcp_scale           # NO_SCALE without the option; capped at 14 (RFC 7323)
    uint8_t tcp_options         # tcp_option_t bits
    uint32_t extra              # index into decoder_t.extras, NO_EXTRA for nearly all
    uint32_t hash               # of the flow key, filled by the flow stage
    uint16_t transport_offset   # of the innermost transport header in the frame
    uint16_t transport_length   # of that header with its options

ctypedef struct conversation_t:  # a TCP or UDP header in a frame that is not the packet's own: outer tunnel, ICMP quote
    uint8_t src[16]
    uint8_t dst[16]
    uint16_t src_port
    uint16_t dst_port
    uint8_t protocol
    uint8_t ip_version
    uint16_t tcp_flags
    uint32_t tcp_seq
    uint32_t tcp_ack
    uint32_t hash
    uint8_t quoted              # 1: inside an ICMP error

ctypedef struct extra_t:        # the rare side record of a packet: tunnels, quotes
    uint8_t outer_src[16]
    uint8_t outer_dst[16]
    uint8_t outer_version
    uint8_t conversations       # how many of `conversation` are filled, in the order met, outermost first
    uint8_t own                 # how many of them come before the packet's own transport header
    conversation_t conversation[MAX_CONVERSATIONS]

ctypedef struct decoder_t:
    extra_t* extras             # one a packet at most
    uint32_t extra_count
    uint16_t straight[4]        # paths of straight.pxd's frames, 0 where not met yet
    void* paths                 # paths_t*


cdef inline void decoder_init(decoder_t* decoder, void* paths, extra_t* extras) noexcept nogil:
    """paths: a paths_t*. extras: room for one of each packet decoded before extra_count is set back."""
    memset(decoder, 0, sizeof(decoder_t))
    decoder.paths = paths
    decoder.extras = extras
