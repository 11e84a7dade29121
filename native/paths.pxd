"""The protocol hierarchy as a trie: one node for every path of layer names met, such as eth/ip/tcp.

A packet keeps one node number, so counting packets and bytes per path is an array increment. Names and nesting are
those of `tshark -z io,phs`. One trie serves all decoding threads: a node once published never changes, so lookups take
no lock; insertion does. It is bounded: what finds no place ends in OTHER, and decoding goes on.

Node numbers depend on which thread came first; names do not. Whoever prints paths sorts them by name. Which paths find
no place depends on it too, unless somebody sees to it: see repath.pxd.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t* mutex, void* attributes)
    int pthread_mutex_destroy(pthread_mutex_t* mutex)
    int pthread_mutex_lock(pthread_mutex_t* mutex)
    int pthread_mutex_unlock(pthread_mutex_t* mutex)

cdef extern from * nogil:
    """
    #include <stdint.h>
    static inline uint16_t pcap_acquire16(const uint16_t *at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
    static inline uint64_t pcap_acquire64(const uint64_t *at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
    static inline void pcap_release16(uint16_t *at, uint16_t value) { __atomic_store_n(at, value, __ATOMIC_RELEASE); }
    static inline void pcap_release64(uint64_t *at, uint64_t value) { __atomic_store_n(at, value, __ATOMIC_RELEASE); }
    """
    uint16_t acquire16 "pcap_acquire16"(const uint16_t* at) noexcept
    uint64_t acquire64 "pcap_acquire64"(const uint64_t* at) noexcept
    void release16 "pcap_release16"(uint16_t* at, uint16_t value) noexcept
    void release64 "pcap_release64"(uint64_t* at, uint64_t value) noexcept

cdef enum:
    MAX_NODES = 4096
    MAX_NUMBERED = 2048         # nodes that unknown numbers may take; the rest is kept for named layers
    NUMBERED_SLOTS = 8192       # open addressing, at most half full, so that a probe always ends
    ROOT = 0                    # the empty path
    OTHER = 1                   # what found no place
    ANY_NUMBER = 0xFFFFFFFF     # all numbers of a kind that found no place
    NO_NODE = 1                 # bits of paths_t.refused: a path found no place,
    NO_NUMBER_LEFT = 2          # a number found no place of its own

cdef enum layer_name_t:         # what the next bytes hold; also the token of a path
    NAME_NONE = 0
    NAME_ETH
    NAME_IP
    NAME_IPV6
    NAME_TCP
    NAME_UDP
    NAME_VLAN
    NAME_8021AD
    NAME_ARP
    NAME_ICMP
    NAME_ICMPV6
    NAME_SCTP
    NAME_UDPLITE
    NAME_AH
    NAME_MPLS
    NAME_PW_CONTROL             # tshark gives the pseudowire control word two entries
    NAME_PW_ETH
    NAME_PW_PLAIN               # without one, a single entry
    NAME_PPPOES
    NAME_PPP
    NAME_LLC
    NAME_SLL
    NAME_NULL
    NAME_RAW
    NAME_CHDLC
    NAME_FR
    NAME_FDDI
    NAME_TR
    NAME_ARCNET
    NAME_IPNET
    NAME_IPOIB
    NAME_NFLOG
    NAME_NETLINK
    NAME_NETFILTER
    NAME_CLIP
    NAME_WLAN
    NAME_WLAN_RADIO
    NAME_RADIOTAP
    NAME_PRISM
    NAME_AVS
    NAME_PPI
    NAME_USER_DLT
    NAME_PKTAP
    NAME_GRE
    NAME_ERSPAN
    NAME_VXLAN
    NAME_GENEVE
    NAME_GTP
    NAME_GTPPRIME
    NAME_TEREDO
    NAME_L2TP
    NAME_NSH
    NAME_CMD
    NAME_ETHERIP
    NAME_ENC
    NAME_PFLOG
    NAME_8021AH
    NAME_8021CB
    NAME_VNTAG
    NAME_ETAG
    NAME_HSR
    NAME_MACSEC
    NAME_AVSP
    NAME_TRILL
    NAME_CFP
    NAME_BATADV
    NAME_BCP
    NAME_MP
    NAME_LISP
    NAME_CAPWAP
    NAME_TZSP
    NAME_JUNIPER
    NAME_AYIYA
    NAME_ISL
    NAME_AP1394
    NAME_ATM
    NAME_LANE
    NAME_COUNT

cdef enum token_kind_t:         # what the number of an unnamed layer is a number of
    KIND_NAME = 0
    KIND_LINK_TYPE = 1
    KIND_ETHERTYPE = 2
    KIND_IP_PROTOCOL = 3
    KIND_PPP = 4
    KIND_LLC_SAP = 5
    KIND_LLC_OUI = 6
    KIND_WLAN = 7               # type << 4 | subtype of a frame without readable data
    KIND_NLPID = 8
    KIND_FAMILY = 9
    KIND_ARCNET = 10

ctypedef struct paths_t:
    uint16_t child[MAX_NODES][NAME_COUNT]   # 0: not met yet
    uint64_t numbered[NUMBERED_SLOTS]       # number << 32 | parent << 20 | kind << 16 | node; 0: free
    uint16_t parent[MAX_NODES]
    uint16_t kind[MAX_NODES]
    uint32_t number[MAX_NODES]              # layer_name_t for KIND_NAME
    uint32_t count                          # nodes in use
    uint32_t numbered_count
    uint32_t kept                           # nodes that settle() found
    uint8_t refused                         # what found no place since then
    uint8_t settled                         # and what was refused in the order of the file
    pthread_mutex_t lock


cdef inline paths_t* paths_new() noexcept nogil:
    """An empty trie, NULL without memory. Only pages that are used become resident."""
    cdef paths_t* paths = <paths_t*>calloc(1, sizeof(paths_t))
    if paths != NULL:
        pthread_mutex_init(&paths.lock, NULL)
        paths.count = paths.kept = OTHER + 1
    return paths


cdef inline void paths_free(paths_t* paths) noexcept nogil:
    """Give the trie back; NULL is allowed."""
    if paths != NULL:
        pthread_mutex_destroy(&paths.lock)
        free(paths)


cdef inline uint16_t add_node(paths_t* paths, uint32_t parent, uint32_t kind, uint32_t number) noexcept nogil:
    """Write a new node; the caller holds the lock and publishes the number afterwards."""
    cdef uint32_t node = paths.count
    if node == MAX_NODES:
        paths.refused |= NO_NODE
        return OTHER
    paths.parent[node] = <uint16_t>parent
    paths.kind[node] = <uint16_t>kind
    paths.number[node] = number
    paths.count = node + 1
    return <uint16_t>node


cdef inline uint16_t insert_named(paths_t* paths, uint32_t parent, uint32_t name) noexcept nogil:
    """The child `name` of `parent`, made if no other thread was faster."""
    cdef uint16_t node
    pthread_mutex_lock(&paths.lock)
    node = paths.child[parent][name]
    if node == 0:
        node = add_node(paths, parent, KIND_NAME, name)
        release16(&paths.child[parent][name], node)
    pthread_mutex_unlock(&paths.lock)
    return node


cdef inline uint16_t named(paths_t* paths, uint32_t parent, uint32_t name) noexcept nogil:
    """The node of the known layer `name` below `parent`."""
    cdef uint16_t node = acquire16(&paths.child[parent][name])
    if node != 0:
        return node
    if parent == OTHER:
        return OTHER
    return insert_named(paths, parent, name)


cdef inline uint32_t slot_of(uint64_t key) noexcept nogil:
    """Where the search for a key (its low 16 bits clear) begins."""
    return <uint32_t>((key * <uint64_t>0x9E3779B97F4A7C15) >> 51) & (NUMBERED_SLOTS - 1)


cdef inline uint16_t find_numbered(paths_t* paths, uint64_t key, uint32_t* slot) noexcept nogil:
    """The node of a key, 0 if there is none yet; `slot` is where it stands or would."""
    cdef uint64_t found
    slot[0] = slot_of(key)
    while True:
        found = acquire64(&paths.numbered[slot[0]])
        if found == 0:
            return 0
        if (found >> 16) == (key >> 16):
            return <uint16_t>(found & 0xFFFF)
        slot[0] = (slot[0] + 1) & (NUMBERED_SLOTS - 1)


cdef inline uint16_t insert_numbered(paths_t* paths, uint32_t parent, uint32_t kind, uint32_t number) noexcept nogil:
    """The child (kind, number) of `parent`, or (kind, ANY_NUMBER) when numbers have used up their share."""
    cdef uint64_t key
    cdef uint32_t slot = 0
    cdef uint16_t node
    pthread_mutex_lock(&paths.lock)
    if paths.numbered_count >= MAX_NUMBERED:
        paths.refused |= NO_NUMBER_LEFT
        number = ANY_NUMBER
    key = numbered_key(parent, kind, number)
    node = find_numbered(paths, key, &slot)
    if node == 0:
        node = add_node(paths, parent, kind, number)
        if node != OTHER:
            paths.numbered_count += 1
            release64(&paths.numbered[slot], key | node)
    pthread_mutex_unlock(&paths.lock)
    return node


cdef inline uint64_t numbered_key(uint32_t parent, uint32_t kind, uint32_t number) noexcept nogil:
    """What a slot holds, without the node."""
    return <uint64_t>number << 32 | <uint64_t>parent << 20 | <uint64_t>kind << 16


cdef inline uint16_t numbered(paths_t* paths, uint32_t parent, uint32_t kind, uint32_t number) noexcept nogil:
    """The node of an unknown thing, such as ethertype 0x88CC, below `parent`."""
    cdef uint32_t slot = 0
    cdef uint16_t node = find_numbered(paths, numbered_key(parent, kind, number), &slot)
    if node != 0:
        return node
    if parent == OTHER:
        return OTHER
    return insert_numbered(paths, parent, kind, number)


cdef inline bint is_settled(const paths_t* paths) noexcept nogil:
    """Whether what found no place would have found none in the order of the file either."""
    return not paths.refused & ~paths.settled


cdef inline void settle(paths_t* paths) noexcept nogil:
    """What is refused is so in the order of the file."""
    paths.settled |= paths.refused
    paths.refused = 0
    paths.kept = paths.count


cdef inline void roll_back(paths_t* paths) noexcept nogil:
    """Forget what found a place, or found none, since settle(). No other thread uses the trie meanwhile."""
    cdef uint32_t parent, name, node, slot = 0
    cdef uint64_t key
    for parent in range(paths.count):
        for name in range(NAME_COUNT):
            if parent >= paths.kept or paths.child[parent][name] >= paths.kept or paths.child[parent][name] == OTHER:
                paths.child[parent][name] = 0
    memset(paths.numbered, 0, sizeof(paths.numbered))
    paths.count = paths.kept
    paths.numbered_count = 0
    paths.refused = 0
    for node in range(OTHER + 1, paths.kept):
        if paths.kind[node] != KIND_NAME:
            key = numbered_key(paths.parent[node], paths.kind[node], paths.number[node])
            find_numbered(paths, key, &slot)
            paths.numbered[slot] = key | node
            paths.numbered_count += 1


cdef inline const char* name_text(uint32_t name) noexcept nogil:
    """A layer's name in tshark's words."""
    if name == NAME_ETH: return "eth"
    elif name == NAME_IP: return "ip"
    elif name == NAME_IPV6: return "ipv6"
    elif name == NAME_TCP: return "tcp"
    elif name == NAME_UDP: return "udp"
    elif name == NAME_VLAN: return "vlan"
    elif name == NAME_8021AD: return "ieee8021ad"
    elif name == NAME_ARP: return "arp"
    elif name == NAME_ICMP: return "icmp"
    elif name == NAME_ICMPV6: return "icmpv6"
    elif name == NAME_SCTP: return "sctp"
    elif name == NAME_UDPLITE: return "udplite"
    elif name == NAME_AH: return "ah"
    elif name == NAME_MPLS: return "mpls"
    elif name == NAME_PW_CONTROL: return "pweth.cw"
    elif name == NAME_PW_ETH: return "pwethcw"
    elif name == NAME_PW_PLAIN: return "pweth"
    elif name == NAME_PPPOES: return "pppoes"
    elif name == NAME_PPP: return "ppp"
    elif name == NAME_LLC: return "llc"
    elif name == NAME_SLL: return "sll"
    elif name == NAME_NULL: return "null"
    elif name == NAME_RAW: return "raw"
    elif name == NAME_CHDLC: return "chdlc"
    elif name == NAME_FR: return "fr"
    elif name == NAME_FDDI: return "fddi"
    elif name == NAME_TR: return "tr"
    elif name == NAME_ARCNET: return "arcnet"
    elif name == NAME_IPNET: return "ipnet"
    elif name == NAME_IPOIB: return "ipoib"
    elif name == NAME_NFLOG: return "nflog"
    elif name == NAME_NETLINK: return "netlink"
    elif name == NAME_NETFILTER: return "netlink-netfilter"
    elif name == NAME_CLIP: return "clip"
    elif name == NAME_WLAN: return "wlan"
    elif name == NAME_WLAN_RADIO: return "wlan_radio"
    elif name == NAME_RADIOTAP: return "radiotap"
    elif name == NAME_PRISM: return "prism"
    elif name == NAME_AVS: return "wlancap"
    elif name == NAME_PPI: return "ppi"
    elif name == NAME_USER_DLT: return "user_dlt"
    elif name == NAME_PKTAP: return "pktap"
    elif name == NAME_GRE: return "gre"
    elif name == NAME_ERSPAN: return "erspan"
    elif name == NAME_VXLAN: return "vxlan"
    elif name == NAME_GENEVE: return "geneve"
    elif name == NAME_GTP: return "gtp"
    elif name == NAME_GTPPRIME: return "gtpprime"
    elif name == NAME_TEREDO: return "teredo"
    elif name == NAME_L2TP: return "l2tp"
    elif name == NAME_NSH: return "nsh"
    elif name == NAME_CMD: return "cmd"
    elif name == NAME_ETHERIP: return "etherip"
    elif name == NAME_ENC: return "enc"
    elif name == NAME_PFLOG: return "pflog"
    elif name == NAME_8021AH: return "ieee8021ah"
    elif name == NAME_8021CB: return "ieee8021cb"
    elif name == NAME_VNTAG: return "vntag"
    elif name == NAME_ETAG: return "etag"
    elif name == NAME_HSR: return "hsr"
    elif name == NAME_MACSEC: return "macsec"
    elif name == NAME_AVSP: return "avsp"
    elif name == NAME_TRILL: return "trill"
    elif name == NAME_CFP: return "cfp"
    elif name == NAME_BATADV: return "batadv"
    elif name == NAME_BCP: return "bcp_bpdu"
    elif name == NAME_MP: return "mp"
    elif name == NAME_LISP: return "lisp-data"
    elif name == NAME_CAPWAP: return "capwap.data"
    elif name == NAME_TZSP: return "tzsp"
    elif name == NAME_JUNIPER: return "juniper"
    elif name == NAME_AYIYA: return "ayiya"
    elif name == NAME_ISL: return "isl"
    elif name == NAME_AP1394: return "ap1394"
    elif name == NAME_ATM: return "atm"
    elif name == NAME_LANE: return "lane"
    return ""


cdef inline object kind_text(uint32_t kind):
    """What the number of an unnamed layer is a number of, for Python."""
    if kind == KIND_NAME: return "name"
    elif kind == KIND_LINK_TYPE: return "link_type"
    elif kind == KIND_ETHERTYPE: return "ethertype"
    elif kind == KIND_IP_PROTOCOL: return "ip_protocol"
    elif kind == KIND_PPP: return "ppp"
    elif kind == KIND_LLC_SAP: return "llc_sap"
    elif kind == KIND_LLC_OUI: return "llc_oui"
    elif kind == KIND_WLAN: return "wlan"
    elif kind == KIND_NLPID: return "nlpid"
    elif kind == KIND_FAMILY: return "family"
    return "arcnet"


cdef inline object node_token(paths_t* paths, uint32_t node):
    """The last step of a path: ("name", "tcp") or (kind, number).

    When numbers have used up their share, which of them have a node depends on which thread came first. So all are then
    given as (kind, None), and whoever adds up by name gets the same sums for any number of threads.
    """
    if node == OTHER:
        return ("other", None)
    if paths.kind[node] == KIND_NAME:
        return ("name", name_text(paths.number[node]).decode())
    if paths.numbered_count >= MAX_NUMBERED:
        return (kind_text(paths.kind[node]), None)
    return (kind_text(paths.kind[node]), paths.number[node])


cdef inline list path_names(paths_t* paths, uint32_t node):
    """Every step from the frame to `node`: [(parent, kind, name or number), …]; the frame itself is []."""
    cdef list steps = []
    if node >= paths.count:
        raise ValueError(f"path {node} does not exist, expected less than {paths.count}")
    while node != ROOT:
        kind, value = node_token(paths, node)
        steps.append((paths.parent[node], kind, value))
        node = paths.parent[node]
    steps.reverse()
    return steps
