"""The rows that the scan hands out: how they lie in memory, and what is made of many at once."""
from libc.stdint cimport uint8_t, uint32_t

from community cimport COMMUNITY_SIZE, community_id
from conversation cimport flow_row_t, side_row_t
from events cimport tcp_event_t
from flow cimport HISTORY
from row_told cimport row_told
from spread cimport bucket_begin
from tcp cimport CAUSES, FILLS, MARKS
from tcp_row cimport LIMIT_SUMS, tcp_side_row_t


def round_trip_edge(uint32_t bucket):
    """The least duration in ns of a bucket of `Scanner.round_trips`."""
    return bucket_begin(bucket)


cdef list side_layout(str name, const side_row_t* side, const char* base):
    """The fields of one direction of flow_row_t, `name` before each."""
    tcp = &side.tcp
    fields = [
        ("packets", "<i8", <char*>&side.packets - base), ("bytes", "<i8", <char*>&side.bytes - base),
        ("payload_bytes", "<i8", <char*>&side.payload_bytes - base),
        ("first_payload_ns", "<i8", <char*>&side.first_payload_ns - base),
        ("last_payload_ns", "<i8", <char*>&side.last_payload_ns - base),
        ("size_stddev", "<f8", <char*>&side.size_stddev - base),
        ("flags", "(8,)<u4", <char*>&side.flag_count - base),
        ("window_min", "<u4", <char*>&side.window_min - base), ("window_max", "<u4", <char*>&side.window_max - base),
        ("window_last", "<u4", <char*>&side.window_last - base), ("windows", "u1", <char*>&side.windows - base),
        ("gap_mean_ns", "<i8", <char*>&side.gap_mean_ns - base),
        ("gap_stddev_ns", "<i8", <char*>&side.gap_stddev_ns - base),
        ("shortest", "<u4", <char*>&side.shortest - base), ("longest", "<u4", <char*>&side.longest - base),
        ("mss", "<u2", <char*>&side.mss - base), ("scale", "u1", <char*>&side.scale - base),
        ("options", "u1", <char*>&side.options - base),
        ("marks", f"({<int>MARKS},)<u4", <char*>&tcp.marks - base),
        ("causes", f"({<int>CAUSES},)<u4", <char*>&tcp.causes - base),
        ("fills", f"({<int>FILLS},)<u4", <char*>&tcp.fills - base),
        ("limits_ns", f"({<int>LIMIT_SUMS},)<u8", <char*>&tcp.limits - base),
        ("unique_bytes", "<i8", <char*>&tcp.unique_bytes - base),
        ("repeated_bytes", "<u8", <char*>&tcp.repeated_bytes - base),
        ("again_bytes", "<u8", <char*>&tcp.again_bytes - base),
        ("missed_bytes", "<u8", <char*>&tcp.missed_bytes - base),
        ("missed_acknowledged", "<u8", <char*>&tcp.missed_acknowledged - base),
        ("zero_periods", "<u4", <char*>&tcp.zero_periods - base), ("zero_ns", "<u8", <char*>&tcp.zero_ns - base),
        ("delays", "<u4", <char*>&tcp.delays - base), ("delay_total", "<u8", <char*>&tcp.delay_total - base),
        ("delay_most", "<i8", <char*>&tcp.delay_most - base),
        ("stamped_samples", "<u4", <char*>&tcp.stamped_samples - base),
        ("stamped_total", "<u8", <char*>&tcp.stamped_total - base),
        ("rtt_samples", "<u4", <char*>&tcp.rtt_samples - base), ("rtt_total", "<u8", <char*>&tcp.rtt_total - base),
        ("rtt_least", "<i8", <char*>&tcp.rtt_least - base), ("rtt_most", "<i8", <char*>&tcp.rtt_most - base),
        ("rtt_p50", "<i8", <char*>&tcp.rtt_p50 - base), ("rtt_p95", "<i8", <char*>&tcp.rtt_p95 - base),
        ("late_p50", "<i8", <char*>&tcp.late_p50 - base), ("late_p95", "<i8", <char*>&tcp.late_p95 - base),
        ("late_jump", "<i8", <char*>&tcp.late_jump - base), ("late_climb", "<i8", <char*>&tcp.late_climb - base),
        ("late_samples", "<u4", <char*>&tcp.late_samples - base),
        ("syn_retries", "<u4", <char*>&tcp.syn_retries - base), ("fin_retries", "<u4", <char*>&tcp.fin_retries - base),
        ("spurious_dsack", "<u4", <char*>&tcp.spurious_dsack - base),
        ("spurious_timestamps", "<u4", <char*>&tcp.spurious_timestamps - base),
        ("flight_most", "<u4", <char*>&tcp.flight_most - base), ("largest", "<u4", <char*>&tcp.largest - base),
        ("outstanding", "<u4", <char*>&tcp.outstanding - base), ("ttl", "u1", <char*>&side.ttl - base),
        ("reset_ttl", "u1", <char*>&side.reset_ttl - base),
        ("overtaken", "<u4", <char*>&tcp.overtaken - base),
        ("loss_runs", "<u4", <char*>&tcp.loss_runs - base),
        ("loss_run_most", "<u4", <char*>&tcp.loss_run_most - base), ("copies", "<u4", <char*>&tcp.copies - base),
        ("copies_as_repairs", "<u4", <char*>&tcp.copies_as_repairs - base),
        ("mark_frames", f"({<int>MARKS},)<u8", <char*>&tcp.mark_frames - base),
    ]
    return [(f"{name}_{field}", kind, offset) for field, kind, offset in fields]


def flow_told(const uint8_t[::1] row not None):
    """A row of `summary`'s observer as Python values. Raises ValueError where it is not one row."""
    if row.shape[0] != sizeof(flow_row_t):
        raise ValueError(f"{row.shape[0]} bytes, expected {sizeof(flow_row_t)}")
    return row_told(<const flow_row_t*>&row[0])


def tcp_event_layout():
    """numpy's description of tcp_event_t: names, formats, offsets, itemsize; taken from the C struct."""
    cdef tcp_event_t event
    cdef char* base = <char*>&event
    fields = [
        ("frame_number", "<u8", <char*>&event.frame_number - base),
        ("timestamp", "<i8", <char*>&event.timestamp - base),
        ("repeats_frame", "<u8", <char*>&event.repeats_frame - base),
        ("answers_frame", "<u8", <char*>&event.answers_frame - base),
        ("acks_frame", "<u8", <char*>&event.acks_frame - base),
        ("since_frame", "<u8", <char*>&event.since_frame - base),
        ("needless_frame", "<u8", <char*>&event.needless_frame - base),
        ("threshold", "<i8", <char*>&event.threshold - base), ("since", "<i8", <char*>&event.since - base),
        ("delay", "<i8", <char*>&event.delay - base), ("flow_id", "<u4", <char*>&event.flow_id - base),
        ("stream", "<u4", <char*>&event.stream - base), ("expected", "<u4", <char*>&event.expected - base),
        ("found", "<u4", <char*>&event.found - base),
        ("duplicate_number", "<u4", <char*>&event.duplicate_number - base),
        ("event", "u1", <char*>&event.event - base), ("cause", "u1", <char*>&event.cause - base),
        ("fill", "u1", <char*>&event.fill - base), ("has", "u1", <char*>&event.has - base),
    ]
    return {
        "names": [name for name, _, _ in fields],
        "formats": [kind for _, kind, _ in fields],
        "offsets": [offset for _, _, offset in fields],
        "itemsize": sizeof(tcp_event_t),
    }


def flow_row_layout():
    """numpy's description of flow_row_t: names, formats, offsets, itemsize; taken from the C struct."""
    cdef flow_row_t row
    cdef char* base = <char*>&row
    fields = [
        ("client", "V16", <char*>&row.client - base), ("server", "V16", <char*>&row.server - base),
        ("first_ns", "<i8", <char*>&row.first_ns - base), ("last_ns", "<i8", <char*>&row.last_ns - base),
        ("first_frame", "<u8", <char*>&row.first_frame - base), ("last_frame", "<u8", <char*>&row.last_frame - base),
        ("handshake_network_ns", "<i8", <char*>&row.handshake_network_ns - base),
        ("handshake_client_ns", "<i8", <char*>&row.handshake_client_ns - base),
        ("initial_rtt_ns", "<i8", <char*>&row.initial_rtt_ns - base),
        ("first_byte_ns", "<i8", <char*>&row.first_byte_ns - base),
        ("flow_id", "<u4", <char*>&row.flow_id - base), ("stream", "<u4", <char*>&row.stream - base),
        ("client_port", "<u2", <char*>&row.client_port - base), ("server_port", "<u2", <char*>&row.server_port - base),
        ("vlan_id", "<u2", <char*>&row.vlan_id - base), ("path", "<u2", <char*>&row.path - base),
        ("syn_retries", "<u2", <char*>&row.syn_retries - base), ("kind", "u1", <char*>&row.kind - base),
        ("ip_version", "u1", <char*>&row.ip_version - base), ("protocol", "u1", <char*>&row.protocol - base),
        ("icmp_type", "u1", <char*>&row.icmp_type - base), ("icmp_code", "u1", <char*>&row.icmp_code - base),
        ("conn_state", "u1", <char*>&row.conn_state - base), ("ended", "u1", <char*>&row.ended - base),
        ("completeness", "u1", <char*>&row.completeness - base), ("bounded", "u1", <char*>&row.bounded - base),
        ("returned", "u1", <char*>&row.returned - base), ("history", f"S{HISTORY}", <char*>&row.history - base),
        *side_layout("client", &row.side[0], base), *side_layout("server", &row.side[1], base),
    ]
    return {
        "names": [name for name, _, _ in fields],
        "formats": [kind for _, kind, _ in fields],
        "offsets": [offset for _, _, offset in fields],
        "itemsize": sizeof(flow_row_t),
    }


cdef list lone_side_parts(const side_row_t* side, const char* base):
    """[(offset, size)] of what a segment says of its sender."""
    return [
        (<char*>&side.bytes - base, 8), (<char*>&side.shortest - base, 4), (<char*>&side.longest - base, 4),
        (<char*>&side.mss - base, 2), (<char*>&side.scale - base, 1), (<char*>&side.options - base, 1),
        (<char*>&side.ttl - base, 1), (<char*>&side.reset_ttl - base, 1),
    ]


def flow_row_still_parts():
    """[(offset, size)] of what is the same in all rows that are alike, for each degree_t from ALIKE_QUIET on.

    Of flows that are nothing but a segment all but what fill_lone_row writes.
    """
    cdef flow_row_t row
    cdef char* base = <char*>&row
    quiet = [(<char*>&row.side[side].tcp - base, sizeof(tcp_side_row_t)) for side in range(2)]
    moving = [
        (<char*>&row.client - base, 16), (<char*>&row.server - base, 16),
        (<char*>&row.client_port - base, 2), (<char*>&row.server_port - base, 2),
        (<char*>&row.first_ns - base, 8), (<char*>&row.last_ns - base, 8),
        (<char*>&row.first_frame - base, 8), (<char*>&row.last_frame - base, 8),
        (<char*>&row.flow_id - base, 4), (<char*>&row.stream - base, 4),
        (<char*>&row.vlan_id - base, 2), (<char*>&row.path - base, 2), (<char*>&row.ip_version - base, 1),
        *lone_side_parts(&row.side[0], base), *lone_side_parts(&row.side[1], base),
    ]
    lone = []
    at = 0
    for begin, size in [*sorted(moving), (sizeof(flow_row_t), 0)]:
        if begin > at:
            lone.append((at, begin - at))
        at = begin + size
    return [quiet, lone]


def flow_community_ids(
    const uint8_t[::1] rows not None,  # IN  (n,) flow_row_t
):
    """The Community ID of every row, 30 characters each; zeros where a flow has none. Raises ValueError for half a row.
    """
    cdef size_t index, count = len(rows) // sizeof(flow_row_t)
    cdef const flow_row_t* flows
    cdef uint8_t[::1] written
    if count * sizeof(flow_row_t) != <size_t>len(rows):
        raise ValueError(f"{len(rows)} bytes are no rows of {sizeof(flow_row_t)}")
    out = bytearray(count * COMMUNITY_SIZE)
    if count:
        written = out
        flows = <const flow_row_t*>&rows[0]
        with nogil:
            for index in range(count):
                community_id(&flows[index], <char*>&written[index * COMMUNITY_SIZE])
    return out
