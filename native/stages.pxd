"""The scan as a pipeline: while one batch is tracked, the next is decoded and the window behind it is read and walked.

A phase is a set of tasks that need nothing of each other: the shards of one batch, the pieces of the next, the pieces
of the next window. Threads take tasks one by one, heavy ones first, so one that the system halts holds up one
task, not its share. Each begins with shards of its own, whose flows are in its processor's cache, and then takes of
those that the others would come to last.

Between two phases one thread, the last to arrive, does what is serial: joins chains, gives numbers, writes flows out,
and says what the next phase is. So there is one meeting a batch.

Worker 0 is the caller. The others wait at the barrier until there is something to do.
"""
from libc.errno cimport ENOMEM, errno
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from barrier cimport barrier_arrive, barrier_await, barrier_open, barrier_t, barrier_wait
from batch cimport MAX_SHARDS, MAX_THREADS, batch_t, batch_tell, piece_t, pieces_of, worker_t
from calls cimport calls_failed, calls_t, hear_batch
from counters cimport intervals_t
from dns cimport dns_shards_t, reach_boundary
from flow cimport table_t
from packet cimport HAS_TIME
from paths cimport is_settled, paths_t, settle
from peaks cimport LEVELS, join_stretches, note_stretch, stretch_t
from piece cimport decode_piece
from repath cimport find_paths_again
from shard cimport number_fresh, track_shard
from spill cimport EVICT_FRAMES, evict, spill_t
from threads cimport pthread_create, pthread_join, pthread_t
from walk cimport reader_t, record_t
from waypoints cimport waypoints_t
from window cimport (
    HEADROOM,
    begin_read,
    file_t,
    is_awaited,
    join_chains,
    next_record,
    notice_missing,
    place_of,
    place_t,
    read_piece,
    walk_piece,
    window_free,
    window_t,
)

cdef extern from * nogil:
    """
    #define pcap_take_next(at) __atomic_fetch_add(at, 1, __ATOMIC_RELAXED)
    #define pcap_was_taken(at) __atomic_exchange_n(at, 1, __ATOMIC_RELAXED)
    """
    uint32_t take_next "pcap_take_next"(uint32_t* at) noexcept
    bint was_taken "pcap_was_taken"(uint8_t* at) noexcept

cdef enum order_t:
    ORDER_QUIT = 0
    ORDER_WALK = 1                   # the window that was given
    ORDER_BATCH = 2                  # one batch, from decoding to numbers
    ORDER_ON = 3                     # until the window is done, or a file's time is over

cdef enum failure_t:
    FAILED_NOT = 0
    FAILED_MEMORY = 1
    FAILED_DISK = 2

cdef enum:
    WINDOWS = 3                      # of the batch that is tracked, of the one that is decoded, and the one being read
    TURN_NS = 50000000               # between two times that a caller hears of progress

cdef enum stage_t:
    STAGE_READ = 0
    STAGE_WALK = 1
    STAGE_DECODE = 2
    STAGE_FLOW = 3
    STAGE_NUMBER = 4
    STAGES = 5

ctypedef struct clock_t:             # a thread's own, a cache line apart from the next
    uint64_t spent_ns[STAGES]
    uint64_t pad[3]

ctypedef struct scan_t:
    uint32_t threads
    uint32_t shards
    uint32_t batch_rows
    barrier_t barrier
    pthread_t handles[MAX_THREADS]
    uint32_t running                 # threads that meet at the barrier, the caller among them
    reader_t reader
    file_t file
    waypoints_t waypoints            # of a file
    window_t windows[WINDOWS]
    uint32_t turn                    # windows[turn] is the one that batches are made of
    batch_t batches[2]
    uint32_t batch_turn
    worker_t* workers
    clock_t clocks[MAX_THREADS]
    table_t* tables                  # (shards,)
    dns_shards_t dns
    calls_t calls
    uint64_t seed[4]
    paths_t* paths
    spill_t spill
    uint64_t flow_limit
    uint32_t next_flow
    uint32_t next_stream[8]
    uint64_t frames                  # numbered so far, other blocks included
    uint64_t taken                   # packets of all batches so far
    uint64_t rows                    # packets handled
    uint8_t started                  # the first packet with a time was seen
    uint8_t timed_before             # a packet with a time was decoded: this was the last
    int64_t time_before
    stretch_t stretches[LEVELS]      # those that go on
    uint8_t failed
    int order
    uint8_t resting                  # nothing more to do for this order
    uint64_t turn_ends               # ns
    # the phase
    window_t* reading
    batch_t* decoding
    batch_t* tracking
    uint8_t claimed[MAX_SHARDS]      # shards of `tracking` that a thread has
    uint32_t tasks_decoding          # tasks up to here are pieces of the batch,
    uint32_t tasks                   # up to here pieces of the window
    uint32_t next_task
    # between phases
    window_t* joined                 # walked, no batches yet
    batch_t* decoded                 # not tracked yet
    batch_t* tracked                 # the last one: what `step` shows
    uint8_t ended                    # no window follows


ctypedef struct begin_t:             # argument of a thread
    scan_t* scan
    uint32_t index


cdef inline uint64_t now_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <uint64_t>now.tv_sec * 1000000000 + <uint64_t>now.tv_nsec


# ---------------------------------------------------------------- tasks

cdef inline uint64_t clocked(scan_t* scan, uint32_t worker, int stage, uint64_t since) noexcept nogil:
    cdef uint64_t now = now_ns()
    scan.clocks[worker].spent_ns[stage] += now - since
    return now


cdef inline uint64_t track_shards(scan_t* scan, uint32_t worker, uint64_t now) noexcept nogil:
    """Take shards until none is left: a thread's own from the first on, then others from the last on."""
    cdef uint32_t first = worker * scan.shards // scan.threads, own = (worker + 1) * scan.shards // scan.threads - first
    cdef uint32_t step, shard
    for step in range(scan.shards):
        shard = (first + step if step < own else first + scan.shards + own - 1 - step) % scan.shards
        if not was_taken(&scan.claimed[shard]):
            track_shard(&scan.tables[shard], &scan.workers[worker], scan.tracking, shard)
            now = clocked(scan, worker, STAGE_FLOW, now)
    return now


cdef inline void do_tasks(scan_t* scan, uint32_t worker) noexcept nogil:
    """Take tasks of the phase until none is left."""
    cdef uint32_t task
    cdef uint64_t now = now_ns()
    if scan.tracking != NULL:
        now = track_shards(scan, worker, now)
    task = take_next(&scan.next_task)
    while task < scan.tasks:
        if task < scan.tasks_decoding:
            decode_piece(&scan.workers[worker], scan.decoding, &scan.reader, task)
            now = clocked(scan, worker, STAGE_DECODE, now)
        else:
            task -= scan.tasks_decoding
            if scan.file.descriptor < 0 or read_piece(scan.reading, &scan.file, task):
                now = clocked(scan, worker, STAGE_READ, now)
                walk_piece(scan.reading, &scan.reader, task)
            now = clocked(scan, worker, STAGE_WALK, now)
        task = take_next(&scan.next_task)


# ---------------------------------------------------------------- what a phase did

cdef inline void end_reading(scan_t* scan) noexcept nogil:
    if scan.file.descriptor >= 0:
        notice_missing(scan.reading, &scan.file)
    join_chains(scan.reading, &scan.reader, &scan.frames, &scan.waypoints if scan.file.descriptor >= 0 else NULL)
    scan.joined = scan.reading
    scan.reading = NULL
    if scan.joined.final or scan.reader.damage:
        scan.ended = 1


cdef inline void join_times(scan_t* scan, batch_t* batch) noexcept nogil:
    """Time that goes backwards from one piece to the next, and ticks that reach from one into the next."""
    cdef uint32_t piece
    cdef int level
    cdef const piece_t* one
    for piece in range(pieces_of(batch.rows)):
        one = &batch.pieces[piece]
        if one.timed:
            for level in range(LEVELS):
                join_stretches(&scan.workers[0].counters.intervals, &scan.stretches[level], &one.ends[level], level)
            if scan.timed_before and one.first_time < scan.time_before:
                scan.workers[0].counters.backward_time += 1
            scan.time_before = one.last_time
            scan.timed_before = 1


cdef inline void note_open(const scan_t* scan, intervals_t* intervals) noexcept nogil:
    """The stretches that go on, as long as they are so far, into a sum of all threads."""
    cdef int level
    cdef stretch_t stretch
    for level in range(LEVELS):
        stretch = scan.stretches[level]
        if stretch.frame:
            note_stretch(intervals, &stretch, level)


cdef inline void end_tracking(scan_t* scan) noexcept nogil:
    """Numbers, and whether flows must leave."""
    cdef batch_t* batch = scan.tracking
    number_fresh(scan.tables, scan.shards, &scan.next_flow, scan.next_stream)
    scan.rows += batch.rows
    scan.tracked = batch if batch.told else NULL
    scan.tracking = NULL
    if scan.rows % EVICT_FRAMES == 0:
        reach_boundary(&scan.dns, batch.frame_number[batch.rows - 1])
        if not evict(
            scan.tables, scan.shards, scan.flow_limit, batch.frame_number[batch.rows - 1], &scan.spill
        ):
            scan.failed = FAILED_MEMORY if errno == ENOMEM else FAILED_DISK


cdef inline void end_phase(scan_t* scan) noexcept nogil:
    cdef uint32_t index
    cdef uint64_t began = now_ns()
    for index in range(scan.threads):
        if scan.workers[index].failed:
            scan.failed = FAILED_MEMORY
    for index in range(scan.shards):
        if scan.tables[index].failed or scan.dns.shards[index].failed:
            scan.failed = FAILED_MEMORY
        if scan.dns.shards[index].out.failed_disk:
            scan.failed = FAILED_DISK
    if calls_failed(&scan.calls):
        scan.failed = FAILED_MEMORY
    if scan.failed:
        return
    if scan.tracking != NULL:
        end_tracking(scan)
    if scan.decoding != NULL:
        if not is_settled(scan.paths):
            find_paths_again(scan.paths, scan.decoding, scan.workers, scan.threads)
        settle(scan.paths)
        join_times(scan, scan.decoding)
        hear_batch(&scan.calls, scan.decoding)
        scan.decoded = scan.decoding
        scan.decoding = NULL
    began = clocked(scan, 0, STAGE_NUMBER, began)
    if scan.reading != NULL:
        end_reading(scan)
        clocked(scan, 0, STAGE_WALK, began)


# ---------------------------------------------------------------- what the next phase does

cdef inline void start_intervals(scan_t* scan, const batch_t* batch) noexcept nogil:
    """The time series begins with the first packet that has a time."""
    cdef place_t cursor = place_of(batch.window, batch.first)
    cdef const record_t* record
    cdef uint32_t index
    for _ in range(batch.rows):
        record = next_record(&cursor)
        if record.flags & HAS_TIME:
            for index in range(scan.threads):
                scan.workers[index].counters.intervals.start = record.timestamp
            scan.started = 1
            return


cdef inline void plan_batch(scan_t* scan) noexcept nogil:
    """The next rows: a batch ends with the window, and where flows may be written out."""
    cdef window_t* window = &scan.windows[scan.turn]
    cdef batch_t* batch
    cdef uint64_t left, bound = EVICT_FRAMES - scan.taken % EVICT_FRAMES
    if window.done == window.count and scan.joined != NULL:
        window = scan.joined
        scan.joined = NULL
        scan.turn = <uint32_t>(window - scan.windows)
    left = window.count - window.done
    if left == 0:
        return
    batch = &scan.batches[scan.batch_turn]
    scan.batch_turn = 1 - scan.batch_turn
    left = left if left < scan.batch_rows else scan.batch_rows
    batch.rows = <uint32_t>(left if left < bound else bound)
    batch.window = window
    batch.first = window.done
    window.done += batch.rows
    scan.taken += batch.rows
    scan.decoding = batch
    if not scan.started:
        start_intervals(scan, batch)


cdef inline void plan_reading(scan_t* scan) noexcept nogil:
    """The window behind the one that batches are made of, into the memory of the one before that."""
    cdef window_t* window = &scan.windows[scan.turn]
    cdef uint32_t following = (scan.turn + 1) % WINDOWS
    if scan.file.descriptor < 0 or scan.ended or scan.joined != NULL or scan.reader.event_count:
        return
    if is_awaited(&scan.file):
        return
    if window.size - window.used > HEADROOM:
        # A giant record: first what is under way is ended, so that memory is held for two windows only.
        if scan.decoding != NULL or scan.tracking != NULL or window.done < window.count:
            return
        window_free(&scan.windows[following])
        window_free(&scan.windows[(following + 1) % WINDOWS])
    if not begin_read(&scan.windows[following], window, &scan.reader, &scan.file):
        scan.failed = FAILED_MEMORY
        return
    scan.reading = &scan.windows[following]


cdef inline bint is_pause_due(scan_t* scan) noexcept nogil:
    """Whether the caller should be told before going on: of a batch, of blocks that are for it, of the time."""
    if scan.order == ORDER_WALK:
        return True
    if scan.order == ORDER_BATCH and scan.tracked != NULL:
        return True
    if scan.file.descriptor < 0 or scan.decoded != NULL and scan.order == ORDER_BATCH:
        return False
    return scan.reader.event_count != 0 or now_ns() >= scan.turn_ends


cdef inline void plan_phase(scan_t* scan) noexcept nogil:
    """What is ready goes into the next phase; `resting` where there is nothing, or the caller is waited for."""
    if scan.failed or is_pause_due(scan):
        scan.resting = 1
        return
    if scan.decoded != NULL:
        scan.tracking = scan.decoded
        batch_tell(scan.tracking, scan.order == ORDER_BATCH)
        scan.decoded = NULL
    if scan.order != ORDER_BATCH or scan.tracking == NULL:
        plan_batch(scan)
    plan_reading(scan)
    count_tasks(scan)
    scan.resting = scan.tasks == 0 and scan.tracking == NULL or scan.failed


cdef inline void count_tasks(scan_t* scan) noexcept nogil:
    scan.next_task = 0
    memset(scan.claimed, 0, sizeof(scan.claimed))
    scan.tasks_decoding = pieces_of(scan.decoding.rows) if scan.decoding != NULL else 0
    scan.tasks = scan.tasks_decoding
    if scan.reading != NULL:
        scan.tasks += scan.reading.pieces


# ---------------------------------------------------------------- threads

cdef inline void do_phases(scan_t* scan, uint32_t worker) noexcept nogil:
    """One thread's part in the phases of an order; the first is planned."""
    cdef uint32_t generation
    while True:
        do_tasks(scan, worker)
        if scan.threads == 1:
            end_phase(scan)
            plan_phase(scan)
        elif barrier_arrive(&scan.barrier, &generation):
            end_phase(scan)
            plan_phase(scan)
            barrier_open(&scan.barrier, generation)
        else:
            barrier_await(&scan.barrier, generation)
        if scan.resting:
            return


cdef inline void leave(scan_t* scan) noexcept nogil:
    """All meet once more behind an order: until each has read that it ended, nobody may write what the next one is."""
    barrier_wait(&scan.barrier)


cdef inline void* thread_main(void* argument) noexcept nogil:
    cdef scan_t* scan = (<begin_t*>argument).scan
    cdef uint32_t worker = (<begin_t*>argument).index
    free(argument)
    while True:
        barrier_wait(&scan.barrier)
        if scan.order == ORDER_QUIT:
            return NULL
        do_phases(scan, worker)
        leave(scan)


cdef inline void run_phases(scan_t* scan) noexcept nogil:
    """Set all threads on the phase that is planned; this one takes part as worker 0."""
    if scan.threads == 1:
        do_phases(scan, 0)
        return
    barrier_wait(&scan.barrier)
    do_phases(scan, 0)
    leave(scan)


cdef inline bint is_over(const scan_t* scan) noexcept nogil:
    """Whether every packet up to the end of the file was handled."""
    cdef const window_t* window = &scan.windows[scan.turn]
    return (
        scan.ended and scan.joined == NULL and scan.decoded == NULL and window.done == window.count
    )


cdef inline void walk_window(scan_t* scan, window_t* window) noexcept nogil:
    """Walk a window that was given."""
    scan.order = ORDER_WALK
    scan.reading = window
    scan.ended = 0
    count_tasks(scan)
    scan.resting = 0
    run_phases(scan)


cdef inline void go_on(scan_t* scan, int order) noexcept nogil:
    """Handle one batch, or as many as there are until the time is over."""
    scan.order = order
    scan.tracked = NULL
    scan.turn_ends = now_ns() + TURN_NS
    plan_phase(scan)
    if not scan.resting:
        run_phases(scan)
