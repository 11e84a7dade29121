"""A flow as Python values: few of them, the largest and the worst, are told so."""
from conversation cimport flow_row_t
from flow cimport HISTORY
from tcp cimport CAUSES, FILLS, MARKS
from tcp_row cimport LIMIT_SUMS, tcp_side_row_t


cdef inline dict side_told(const tcp_side_row_t* side):
    """One direction of TCP as Python values."""
    cdef int at
    return {
        "marks": [side.marks[at] for at in range(<int>MARKS)],
        "causes": [side.causes[at] for at in range(<int>CAUSES)],
        "limits_ns": [side.limits[at] for at in range(<int>LIMIT_SUMS)],
        "fills": [side.fills[at] for at in range(<int>FILLS)],
        "unique_bytes": side.unique_bytes, "repeated_bytes": side.repeated_bytes, "again_bytes": side.again_bytes,
        "missed_bytes": side.missed_bytes, "missed_acknowledged": side.missed_acknowledged,
        "delays": side.delays, "delay_total_ns": side.delay_total, "delay_max_ns": side.delay_most,
        "stamped_samples": side.stamped_samples, "stamped_total_ns": side.stamped_total,
        "zero_periods": side.zero_periods, "zero_ns": side.zero_ns,
        "rtt_samples": side.rtt_samples, "rtt_total_ns": side.rtt_total, "rtt_min_ns": side.rtt_least,
        "rtt_max_ns": side.rtt_most, "rtt_p50_ns": side.rtt_p50, "rtt_p95_ns": side.rtt_p95,
        "late_p50_ns": side.late_p50, "late_p95_ns": side.late_p95, "late_samples": side.late_samples,
        "late_jump_ns": side.late_jump, "late_climb_ns": side.late_climb,
        "syn_retries": side.syn_retries, "fin_retries": side.fin_retries, "spurious_dsack": side.spurious_dsack,
        "spurious_timestamps": side.spurious_timestamps, "max_bytes_in_flight": side.flight_most,
        "largest": side.largest, "outstanding": side.outstanding,
        "loss_runs": side.loss_runs, "loss_run_most": side.loss_run_most,
        "copies": side.copies, "overtaken": side.overtaken,
        "copies_as_repairs": side.copies_as_repairs,
        "mark_frames": [side.mark_frames[at] for at in range(<int>MARKS)],
    }


cdef inline dict row_told(const flow_row_t* row):
    """One flow as Python values."""
    told = {
        "flow_id": row.flow_id, "stream": row.stream, "kind": row.kind, "ip_version": row.ip_version,
        "protocol": row.protocol, "client": (<const char*>row.client)[:16], "server": (<const char*>row.server)[:16],
        "client_port": row.client_port, "server_port": row.server_port, "first_ns": row.first_ns,
        "last_ns": row.last_ns, "first_frame": row.first_frame, "last_frame": row.last_frame, "vlan_id": row.vlan_id,
        "path": row.path, "syn_retries": row.syn_retries,
        "handshake_network_ns": row.handshake_network_ns, "handshake_client_ns": row.handshake_client_ns,
        "initial_rtt_ns": row.initial_rtt_ns, "first_byte_ns": row.first_byte_ns, "completeness": row.completeness,
        "conn_state": row.conn_state, "ended": row.ended,
        "history": (<const char*>row.history)[:HISTORY].rstrip(b"\0"),
    }
    for side, name in enumerate(("client", "server")):
        told[f"{name}_packets"] = row.side[side].packets
        told[f"{name}_bytes"] = row.side[side].bytes
        told[f"{name}_payload_bytes"] = row.side[side].payload_bytes
        told[f"{name}_first_payload_ns"] = row.side[side].first_payload_ns
        told[f"{name}_last_payload_ns"] = row.side[side].last_payload_ns
        told[f"{name}_gap_mean_ns"] = row.side[side].gap_mean_ns
        told[f"{name}_gap_stddev_ns"] = row.side[side].gap_stddev_ns
        told[f"{name}_longest"] = row.side[side].longest
        told[f"{name}_options"] = row.side[side].options
        told[f"{name}_flags"] = [row.side[side].flag_count[bit] for bit in range(8)]
        told[f"{name}_tcp"] = side_told(&row.side[side].tcp)
    return told
