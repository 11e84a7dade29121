"""Where tracking meets DNS: a packet on one of its ports, and what is due before a shard's next batch."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dns cimport dns_t, leave, met_t, settle_numbers, take_datagram
from dns_stream cimport forget_idle, take_segment
from flow cimport flow_t
from packet cimport HAS_TCP, packet_t
from window cimport payload_of, window_t


cdef inline void begin_dns(dns_t* dns) noexcept nogil:
    """Before the packets of a batch."""
    if dns.fresh_count:
        settle_numbers(dns)
    if dns.leave_at:
        forget_idle(dns, dns.leave_at)
        leave(dns)


cdef inline void follow_dns(
    dns_t* dns, const window_t* window, const flow_t* flow, const packet_t* packet, uint64_t frame, uint32_t side
) noexcept nogil:
    """A packet of a flow on a port of DNS.  side: of the flow's key that it comes from."""
    cdef uint32_t captured
    cdef const uint8_t* payload = payload_of(window, packet, &captured)
    cdef met_t met
    met.flow = flow
    met.packet = packet
    met.frame = frame
    met.hash = packet.hash
    if packet.present & HAS_TCP:
        if packet.transport_length:              # else the header is longer than what was sent
            take_segment(dns, &met, side, payload, captured)
    else:
        take_datagram(dns, &met, payload, captured)
