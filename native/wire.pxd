"""A bounded view of captured bytes, and unaligned loads in both byte orders.

Every layer asks `has` once and then reads freely (architecture, rule 2). Lengths that an attacker chose are compared by
subtraction, never added.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from * nogil:
    """
    #include <string.h>
    #include <stdint.h>
    static inline uint16_t pcap_load16(const uint8_t *p) { uint16_t v; memcpy(&v, p, 2); return v; }
    static inline uint32_t pcap_load32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }
    static inline uint64_t pcap_load64(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return v; }
    /* The empty statement: a function that only fetches has no effect in gcc's eyes, and its calls were dropped. */
    #define pcap_prefetch_read(at) do { __builtin_prefetch(at); __asm__ __volatile__(""); } while (0)
    #define pcap_prefetch_write(at) do { __builtin_prefetch(at, 1); __asm__ __volatile__(""); } while (0)
    #define pcap_seldom(condition) __builtin_expect(!!(condition), 0)
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    #define pcap_be16(p) pcap_load16(p)
    #define pcap_be32(p) pcap_load32(p)
    #define pcap_be64(p) pcap_load64(p)
    #define pcap_le16(p) __builtin_bswap16(pcap_load16(p))
    #define pcap_le32(p) __builtin_bswap32(pcap_load32(p))
    #define pcap_as_le64(value) __builtin_bswap64(value)
    #define pcap_mapped_half(p) ((UINT64_C(0xFFFF) << 32) | pcap_load32(p))
    #else
    #define pcap_be16(p) __builtin_bswap16(pcap_load16(p))
    #define pcap_be32(p) __builtin_bswap32(pcap_load32(p))
    #define pcap_be64(p) __builtin_bswap64(pcap_load64(p))
    #define pcap_le16(p) pcap_load16(p)
    #define pcap_le32(p) pcap_load32(p)
    #define pcap_as_le64(value) ((uint64_t)(value))
    #define pcap_mapped_half(p) (((uint64_t)pcap_load32(p) << 32) | UINT64_C(0xFFFF0000))
    #endif
    """
    uint16_t be16 "pcap_be16"(const uint8_t* at) noexcept
    uint32_t be32 "pcap_be32"(const uint8_t* at) noexcept
    uint64_t be64 "pcap_be64"(const uint8_t* at) noexcept
    uint16_t le16 "pcap_le16"(const uint8_t* at) noexcept
    uint32_t le32 "pcap_le32"(const uint8_t* at) noexcept
    uint32_t load32 "pcap_load32"(const uint8_t* at) noexcept
    uint64_t load64 "pcap_load64"(const uint8_t* at) noexcept
    uint64_t as_le64 "pcap_as_le64"(uint64_t value) noexcept  # which lies in memory with its lowest octet first
    uint64_t mapped_half "pcap_mapped_half"(const uint8_t* at) noexcept  # 0, 0, ff, ff and four bytes, as they lie
    void prefetch_read "pcap_prefetch_read"(const void* at) noexcept
    void prefetch_write "pcap_prefetch_write"(const void* at) noexcept
    bint seldom "pcap_seldom"(bint condition) noexcept

ctypedef struct view_t:
    const uint8_t* data   # the next byte
    uint32_t size         # captured bytes from there on
    uint32_t wire         # bytes from there on that were on the wire, by the innermost length field read so far


cdef inline bint has(const view_t* view, uint32_t length) noexcept nogil:
    """Whether `length` more bytes were captured."""
    return length <= view.size


cdef inline void skip(view_t* view, uint32_t length) noexcept nogil:
    """Step over `length` bytes; the caller has asked `has`."""
    view.data += length
    view.size -= length
    view.wire = view.wire - length if length < view.wire else 0


cdef inline void clamp(view_t* view, uint32_t length) noexcept nogil:
    """A length field says that `length` bytes follow: forget padding and trailers behind them."""
    if length < view.wire:
        view.wire = length
    if length < view.size:
        view.size = length


cdef inline void cut_off(view_t* view, uint32_t length) noexcept nogil:
    """The last `length` bytes on the wire are a trailer."""
    clamp(view, view.wire - length if view.wire >= length else 0)
