"""What is told of one direction of a TCP flow: the results of judge.pxd and measure.pxd, whole numbers all.

Made once, when a flow is written out or at the end; the parts of a flow that was written out are added up.
"""
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memset

from coverage cimport missed_bytes
from lateness cimport MS_NS, late_by, lateness_of, lateness_t
from limits cimport limit_time
from measure cimport missed_acknowledged_bytes
from serial cimport after
from spread cimport FAILED, percentiles
from tcp cimport (
    CAUSES,
    FILLS,
    MARKS,
    SIDE_ZERO_OPEN,
    STATE_ACKNOWLEDGED,
    side_t,
    stamps_t,
    tcp_t,
    troubles_t,
)
from unacked cimport UNACKED_BOUNDED

cdef enum:
    LIMIT_SUMS = 3                   # receiver, congestion, application

ctypedef struct tcp_side_row_t:      # of what one side sent
    int64_t unique_bytes             # payload, each byte once
    uint64_t repeated_bytes          # payload marked retransmission
    uint64_t again_bytes             # captured before
    uint64_t missed_bytes            # in holes that nothing filled
    uint64_t missed_acknowledged     # those of them that the other side has
    uint64_t limits[LIMIT_SUMS]      # ns
    uint64_t zero_ns
    uint64_t delay_total             # ns from an original to its repetition
    int64_t delay_most
    uint64_t stamped_total           # ns, round trips by the timestamps option
    uint64_t rtt_total               # ns
    int64_t rtt_least                # -1 without samples, as the next three
    int64_t rtt_most
    int64_t rtt_p50
    int64_t rtt_p95
    int64_t late_p50                 # ns that segments came later than the earliest, by their sender's clock; -1 none
    int64_t late_p95
    int64_t late_jump                # the most by which one was later than the one before
    int64_t late_climb               # the last against the first
    uint32_t late_samples
    uint32_t rtt_samples
    uint32_t stamped_samples
    uint32_t delays                  # repetitions whose original is known
    uint32_t marks[MARKS]
    uint32_t causes[CAUSES]
    uint32_t fills[FILLS]
    uint32_t syn_retries
    uint32_t fin_retries
    uint32_t spurious_dsack
    uint32_t spurious_timestamps
    uint32_t zero_periods
    uint32_t flight_most
    uint32_t bounded                 # a list was full
    uint32_t largest                 # payload of a segment
    uint32_t outstanding             # bytes that were never acknowledged; 0 where nothing was
    uint32_t overtaken               # that the receiver lacked for a while, though they were sent once
    uint32_t loss_runs               # stretches of the sequence that were lost at a time
    uint32_t loss_run_most           # segments of the longest
    uint32_t copies                  # that no sender made
    uint32_t copies_as_repairs       # those of them that `causes` takes for repairs of loss
    uint64_t mark_frames[MARKS]      # the first frame with each mark, 0 none


cdef inline void tell_troubles(tcp_side_row_t* row, const side_t* side, int64_t now) noexcept nogil:
    cdef const troubles_t* troubles = side.troubles
    cdef int at
    for at in range(MARKS):
        row.marks[at] = troubles.marks[at]
        row.mark_frames[at] = troubles.mark_frames[at]
    for at in range(CAUSES):
        row.causes[at] = troubles.causes[at]
    for at in range(FILLS):
        row.fills[at] = troubles.fills[at]
    row.repeated_bytes = troubles.repeated_bytes
    row.again_bytes = troubles.again_bytes
    row.syn_retries = troubles.syn_retries
    row.fin_retries = troubles.fin_retries
    row.spurious_dsack = troubles.spurious_dsack
    row.spurious_timestamps = troubles.spurious_timestamps
    row.zero_periods = troubles.zero_periods
    row.delays = troubles.delays
    row.delay_total = troubles.delay_total
    row.delay_most = troubles.delay_most
    row.loss_runs = troubles.loss_runs
    row.overtaken = troubles.overtaken
    row.copies = troubles.copies
    row.copies_as_repairs = troubles.copies_as_repairs
    row.loss_run_most = troubles.loss_run_most
    row.zero_ns = troubles.zero_ns
    if side.bits & SIDE_ZERO_OPEN and now > troubles.zero_since:
        row.zero_ns += <uint64_t>(now - troubles.zero_since)


cdef inline void tell_nothing(tcp_side_row_t* row) noexcept nogil:
    """Of a direction that has sent no data; the row is zeroed before."""
    row.rtt_least = row.rtt_most = row.rtt_p50 = row.rtt_p95 = row.late_p50 = row.late_p95 = -1


cdef inline void tell_lateness(tcp_side_row_t* row, const lateness_t* late) noexcept nogil:
    row.late_p50 = row.late_p95 = -1
    if late == NULL or late.listed.samples == 0:
        return
    row.late_samples = late.listed.samples
    late_by(late, &row.late_p50, &row.late_p95)
    row.late_jump = <int64_t>late.jump * MS_NS
    row.late_climb = <int64_t><int32_t>(late.last - late.first) * MS_NS


cdef inline void tell_side(tcp_side_row_t* row, const tcp_t* tcp, int sender, uint64_t payload_bytes) noexcept nogil:
    """The results of one direction. A zero window that is open ends with the stream's last time."""
    cdef const side_t* side = &tcp.side[sender]
    cdef const stamps_t* stamps = &side.stamps
    cdef int at
    memset(row, 0, sizeof(tcp_side_row_t))
    row.unique_bytes = <int64_t>payload_bytes
    if side.troubles != NULL:
        tell_troubles(row, side, tcp.now)
        row.unique_bytes -= <int64_t>side.troubles.again_bytes + side.troubles.left_out_bytes
    row.missed_bytes = missed_bytes(&side.coverage)
    row.missed_acknowledged = missed_acknowledged_bytes(side)
    row.stamped_samples = stamps.samples
    row.stamped_total = tcp.stamped_total[sender]
    for at in range(LIMIT_SUMS):
        row.limits[at] = limit_time(side, at, tcp.now)
    row.rtt_samples = side.rtt.samples
    row.rtt_total = side.rtt.total
    row.rtt_least = side.rtt.least if side.rtt.samples else -1
    row.rtt_most = side.rtt.most if side.rtt.samples else -1
    percentiles(&side.rtt, &row.rtt_p50, &row.rtt_p95)
    tell_lateness(row, lateness_of(&side.rtt))
    row.flight_most = side.flight_most
    row.largest = side.largest
    row.outstanding = 0
    if side.states & STATE_ACKNOWLEDGED and after(side.top, side.acknowledged):
        row.outstanding = side.top - side.acknowledged
    row.bounded = (side.unacked.notes & UNACKED_BOUNDED) | side.coverage.bounded | ((side.rtt.waits & FAILED) != 0)


cdef inline void add_side(tcp_side_row_t* into, const tcp_side_row_t* later) noexcept nogil:
    """Join two parts of one direction. Percentiles, and lateness, are those of the part with more samples."""
    cdef int at
    if later.rtt_samples > into.rtt_samples:
        into.rtt_p50 = later.rtt_p50
        into.rtt_p95 = later.rtt_p95
    if later.late_samples > into.late_samples:
        into.late_samples = later.late_samples
        into.late_p50 = later.late_p50
        into.late_p95 = later.late_p95
        into.late_jump = later.late_jump
        into.late_climb = later.late_climb
    if later.rtt_samples:
        if into.rtt_samples == 0 or later.rtt_least < into.rtt_least:
            into.rtt_least = later.rtt_least
        if later.rtt_most > into.rtt_most:
            into.rtt_most = later.rtt_most
    into.rtt_samples += later.rtt_samples
    into.rtt_total += later.rtt_total
    into.unique_bytes += later.unique_bytes
    into.repeated_bytes += later.repeated_bytes
    into.again_bytes += later.again_bytes
    into.missed_bytes += later.missed_bytes
    into.missed_acknowledged += later.missed_acknowledged
    into.stamped_samples += later.stamped_samples
    into.stamped_total += later.stamped_total
    into.delays += later.delays
    into.delay_total += later.delay_total
    into.delay_most = later.delay_most if later.delay_most > into.delay_most else into.delay_most
    into.zero_ns += later.zero_ns
    for at in range(LIMIT_SUMS):
        into.limits[at] += later.limits[at]
    for at in range(MARKS):
        into.marks[at] += later.marks[at]
        into.mark_frames[at] = into.mark_frames[at] if into.mark_frames[at] else later.mark_frames[at]
    for at in range(CAUSES):
        into.causes[at] += later.causes[at]
    for at in range(FILLS):
        into.fills[at] += later.fills[at]
    into.syn_retries += later.syn_retries
    into.fin_retries += later.fin_retries
    into.spurious_dsack += later.spurious_dsack
    into.spurious_timestamps += later.spurious_timestamps
    into.zero_periods += later.zero_periods
    into.flight_most = later.flight_most if later.flight_most > into.flight_most else into.flight_most
    into.bounded |= later.bounded
    into.largest = later.largest if later.largest > into.largest else into.largest
    into.outstanding = later.outstanding
    into.loss_runs += later.loss_runs
    into.overtaken += later.overtaken
    into.copies += later.copies
    into.copies_as_repairs += later.copies_as_repairs
    into.loss_run_most = later.loss_run_most if later.loss_run_most > into.loss_run_most else into.loss_run_most
