"""Which frames a judgement may speak of, by flow; beside its state, so that it costs nothing where nobody asks.

In as many places as the flow pool has, for a flow's place in the pool is the key.
"""
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from flow cimport flow_t

cdef enum:
    FIRST_TRACES = 1024

ctypedef struct trace_t:             # the frames that a judgement of this flow may speak of
    const flow_t* flow               # NULL: free
    uint64_t first_frame             # of the flow, as its place in the pool is used again
    uint64_t last[2]                 # a side's last segment
    uint64_t ack[2]                  # the first one with its last ACK number
    uint64_t top[2]                  # the one that reached its highest number
    uint64_t syn[2]                  # the first one with its SYN
    int64_t syn_time[2]              # as the measures count it

ctypedef struct traces_t:            # zeroed to begin with
    trace_t* traces                  # (mask + 1,), open addressing
    uint32_t mask
    uint32_t used


cdef inline void traces_free(traces_t* table) noexcept nogil:
    free(table.traces)
    table.traces = NULL


cdef inline trace_t* place_of_flow(trace_t* traces, uint32_t mask, const flow_t* flow) noexcept nogil:
    """The trace of a flow, or the free one where it belongs. The key is an address, which no capture can choose."""
    cdef uint32_t at = <uint32_t>((<uint64_t><size_t>flow * <uint64_t>0x9E3779B97F4A7C15) >> 32) & mask
    while traces[at].flow != NULL and traces[at].flow != flow:
        at = (at + 1) & mask
    return &traces[at]


cdef inline bint grow_traces(traces_t* table) noexcept nogil:
    """Twice the places; False when memory is short."""
    cdef size_t places = 2 * (<size_t>table.mask + 1) if table.traces != NULL else FIRST_TRACES
    cdef trace_t* grown = <trace_t*>calloc(places, sizeof(trace_t))
    cdef uint32_t mask = <uint32_t>(places - 1)
    cdef size_t at
    if grown == NULL:
        return False
    if table.traces != NULL:
        for at in range(<size_t>table.mask + 1):
            if table.traces[at].flow != NULL:
                place_of_flow(grown, mask, table.traces[at].flow)[0] = table.traces[at]
    free(table.traces)
    table.traces = grown
    table.mask = mask
    return True


cdef inline trace_t* trace_of(traces_t* table, const flow_t* flow) noexcept nogil:
    """What is remembered of a flow; NULL when memory is short."""
    cdef trace_t* trace
    if table.used * 2 >= table.mask and not grow_traces(table):
        return NULL
    trace = place_of_flow(table.traces, table.mask, flow)
    if trace.flow == NULL:
        table.used += 1
    if trace.flow == NULL or trace.first_frame != flow.first_frame:
        memset(trace, 0, sizeof(trace_t))
        trace.flow = flow
        trace.first_frame = flow.first_frame
    return trace
