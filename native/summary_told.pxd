"""A summary as Python values."""
from libc.stdint cimport uint32_t

from row_told cimport row_told, side_told
from summary cimport DURATIONS, durations_t, summary_t
from sums cimport sums_top

cdef enum:
    MAX_ENDPOINTS = 1000
    MAX_PAIRS = 100
    MAX_SERVICES = 100


cdef inline dict durations_told(const durations_t* durations, uint32_t edges):
    cdef uint32_t index
    return {
        "counts": [durations.counts[index] for index in range(edges)],
        "total": durations.total,
        "least": durations.least if durations.measured else None,
        "most": durations.most if durations.measured else None,
    }


cdef inline dict summary_told(const summary_t* summary):
    """Counts, durations, and of endpoints, pairs, services and flows the largest."""
    cdef uint32_t index
    return {
        "kinds": [summary.kinds[index] for index in range(6)],
        "states": [summary.states[index] for index in range(16)],
        "ended": [summary.ended[index] for index in range(4)],
        "complete": summary.complete,
        "opened": summary.opened,
        "resets": summary.resets,
        "syn_retries": summary.syn_retries,
        "syn_retry_flows": summary.syn_retry_flows,
        "one_sided": summary.one_sided,
        "two_sided": summary.two_sided,
        "durations": [
            durations_told(&summary.durations[index], summary.edge_count) for index in range(<uint32_t>DURATIONS)
        ],
        "addresses": summary.addresses.keyed.count,
        "endpoints": sums_top(&summary.addresses, 3, 4, MAX_ENDPOINTS),
        "pairs": sums_top(&summary.pairs, 3, 4, MAX_PAIRS),
        "services": sums_top(&summary.services, 2, 2, MAX_SERVICES),
        "largest": [row_told(&summary.largest.rows[index]) for index in range(summary.largest.count)],
        "retransmitting": [row_told(&summary.repeating.rows[index]) for index in range(summary.repeating.count)],
        "tcp": [side_told(&summary.tcp[0]), side_told(&summary.tcp[1])],
        "bounded": summary.bounded,
    }
