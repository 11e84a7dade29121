"""One window of a capture through its stages, on several threads that belong to the scan.

Worker 0 is the caller. The others wait at a barrier for the next task; between the stages of a task all meet there.
What is serial (joining chains, giving numbers, writing flows out) worker 0 does while the others wait.
"""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from barrier cimport barrier_t, barrier_wait
from batch cimport (
    MAX_SEGMENTS,
    MAX_THREADS,
    batch_t,
    decode_rows,
    next_record,
    number_fresh,
    place_of,
    place_t,
    track_list,
    window_t,
    worker_t,
)
from packet cimport HAS_TIME
from paths cimport paths_t
from spill cimport EVICT_FRAMES, evict, spill_t
from walk cimport (
    MAX_CHAINS,
    MIN_STRETCH,
    PCAP,
    SERIAL_RECORDS,
    STOP_DAMAGE,
    STOP_FULL,
    STOP_MORE,
    chain_t,
    guess_pcap,
    guess_pcapng,
    load32,
    reader_t,
    record_t,
    segment_t,
    walk_chains,
    walk_sure,
)

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_t:
        pass
    int pthread_create(pthread_t* thread, const void* attributes, void* (*start)(void*) noexcept nogil, void* argument)
    int pthread_join(pthread_t thread, void** result)

cdef enum task_t:
    TASK_QUIT = 0
    TASK_WALK = 1
    TASK_BATCH = 2                   # one batch
    TASK_WINDOW = 3                  # batches until the window is done

cdef enum failure_t:
    FAILED_NOT = 0
    FAILED_MEMORY = 1
    FAILED_DISK = 2

cdef enum:
    CHAINS_A_THREAD = 16
    STAGES = 4                       # walk, decode, flow, number

ctypedef struct scan_t:
    uint32_t threads
    int task
    barrier_t barrier
    pthread_t handles[MAX_THREADS]
    uint32_t running                 # threads that meet at the barrier, the caller among them
    reader_t reader
    window_t window
    uint8_t final
    chain_t chains[MAX_CHAINS + MAX_SEGMENTS]
    uint32_t chain_count             # guessed ones, the first is sure
    record_t* records                # the chains' room
    size_t records_capacity
    record_t* serial_records         # for the sure walk where guesses failed
    uint32_t serial_used
    batch_t batch
    uint32_t batch_rows
    worker_t* workers
    paths_t* paths
    spill_t spill
    uint64_t flow_limit
    uint32_t next_flow
    uint32_t next_stream[8]
    uint64_t frames                  # numbered so far, other blocks included
    uint64_t rows                    # packets handled
    uint8_t walk_ended               # stop_t: why the window's walk ended
    uint8_t started                  # the first packet with a time was seen
    uint8_t failed
    uint64_t stage_ns[STAGES]
    uint64_t stage_began


ctypedef struct begin_t:             # argument of a thread
    scan_t* scan
    uint32_t index


cdef inline uint64_t now_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <uint64_t>now.tv_sec * 1000000000 + <uint64_t>now.tv_nsec


cdef inline void meet(scan_t* scan) noexcept nogil:
    if scan.threads > 1:
        barrier_wait(&scan.barrier)


cdef inline void stage_ends(scan_t* scan, uint32_t worker, int stage) noexcept nogil:
    cdef uint64_t now
    if worker == 0:
        now = now_ns()
        scan.stage_ns[stage] += now - scan.stage_began
        scan.stage_began = now


# ---------------------------------------------------------------- walk

cdef inline void place_chain(scan_t* scan, uint32_t index, uint64_t begin) noexcept nogil:
    cdef chain_t* chain = &scan.chains[index]
    memset(chain, 0, sizeof(chain_t))
    chain.begin = chain.position = begin


cdef inline void place_chains(scan_t* scan) noexcept nogil:
    """Guess where records begin: one chain at the sure start, the others spread over the window."""
    cdef uint64_t size = scan.window.size, at, stretch, found
    cdef uint32_t wanted = scan.threads * CHAINS_A_THREAD, index, second
    cdef size_t room
    wanted = MAX_CHAINS if wanted > MAX_CHAINS else wanted
    if size // MIN_STRETCH < wanted:
        wanted = <uint32_t>(size // MIN_STRETCH)
    if wanted < 1 or size < 64:
        wanted = 1
    stretch = size // wanted
    place_chain(scan, 0, 0)
    scan.chain_count = 1
    second = load32(&scan.reader, scan.window.base) if size >= 16 else 0
    for index in range(1, wanted):
        at = (index * stretch) & ~<uint64_t>3
        if at <= scan.chains[scan.chain_count - 1].begin:
            continue
        if scan.reader.format == PCAP:
            found = guess_pcap(&scan.reader, scan.window.base, at, size, second)
        else:
            found = guess_pcapng(&scan.reader, scan.window.base, at, size)
        if found >= size:
            break
        place_chain(scan, scan.chain_count, found)
        scan.chain_count += 1
    room = scan.records_capacity // scan.chain_count
    for index in range(scan.chain_count):
        scan.chains[index].stop = scan.chains[index + 1].begin if index + 1 < scan.chain_count else size
        scan.chains[index].records = scan.records + index * room
        scan.chains[index].capacity = <uint32_t>room


cdef inline bint keep_segment(scan_t* scan, chain_t* chain) noexcept nogil:
    """The chain's records count: they follow those kept so far."""
    cdef segment_t* segment
    scan.reader.numbered_blocks += chain.numbered_blocks
    scan.reader.dropped += chain.dropped
    scan.reader.says_dropped |= chain.says_dropped
    if chain.count:
        segment = &scan.window.segments[scan.window.segment_count]
        segment.records = chain.records
        segment.count = chain.count
        segment.first_number = scan.frames
        scan.window.segment_count += 1
        scan.window.records += chain.count
    scan.frames += chain.number
    return scan.window.segment_count + 2 < MAX_SEGMENTS


cdef inline uint64_t join_chains(scan_t* scan) noexcept nogil:
    """Keep the chains that meet; walk surely where they do not. Returns the bytes used of the window."""
    cdef uint32_t next_chain = 1
    cdef uint32_t sections = scan.reader.sections
    cdef chain_t* chain = &scan.chains[0]
    cdef chain_t* sure = &scan.chains[MAX_CHAINS]
    cdef bint room, waiting
    cdef uint64_t position
    scan.serial_used = 0
    while True:
        room = keep_segment(scan, chain)
        position = chain.position
        scan.walk_ended = chain.state
        if chain.state == STOP_DAMAGE and chain.sure:
            scan.reader.damage = chain.damage
            scan.reader.damage_value = chain.damage_value
            scan.reader.damage_at = scan.window.file_offset + position
            return position
        if chain.state == STOP_MORE or position >= scan.window.size:
            return position
        if not room or scan.serial_used >= SERIAL_RECORDS:
            scan.walk_ended = STOP_FULL
            return position
        while next_chain < scan.chain_count and scan.chains[next_chain].begin < position:
            next_chain += 1
        waiting = next_chain < scan.chain_count and scan.reader.sections == sections
        if waiting and scan.chains[next_chain].begin == position:
            chain = &scan.chains[next_chain]
            next_chain += 1
            continue
        memset(sure, 0, sizeof(chain_t))
        sure.sure = 1
        sure.begin = sure.position = position
        sure.stop = scan.window.size
        if waiting:
            sure.stop = scan.chains[next_chain].begin
        sure.records = scan.serial_records + scan.serial_used
        sure.capacity = SERIAL_RECORDS - scan.serial_used
        walk_sure(&scan.reader, scan.window.base, scan.window.size, sure)
        scan.serial_used += sure.count
        chain = sure


cdef inline void walk_share(scan_t* scan, uint32_t worker) noexcept nogil:
    """Walk this thread's chains in lock-step."""
    cdef uint32_t begin = scan.chain_count * worker // scan.threads
    cdef uint32_t end = scan.chain_count * (worker + 1) // scan.threads
    if begin < end:
        walk_chains(&scan.reader, scan.window.base, scan.window.size, &scan.chains[begin], <int>(end - begin))


# ---------------------------------------------------------------- batches

cdef inline void prepare_batch(scan_t* scan) noexcept nogil:
    """How many rows come next: a batch ends with the window, and where flows may be written out."""
    cdef uint64_t left = scan.window.records - scan.window.done
    cdef uint64_t bound = EVICT_FRAMES - scan.rows % EVICT_FRAMES
    left = left if left < scan.batch_rows else scan.batch_rows
    scan.batch.rows = <uint32_t>(left if left < bound else bound)
    if scan.failed:
        scan.batch.rows = 0


cdef inline void start_intervals(scan_t* scan) noexcept nogil:
    """The time series begins with the first packet that has a time."""
    cdef place_t cursor = place_of(&scan.window, scan.window.done)
    cdef const record_t* record
    cdef uint32_t index
    for _ in range(scan.batch.rows):
        record = next_record(&scan.window, &cursor)
        if record.flags & HAS_TIME:
            for index in range(scan.threads):
                scan.workers[index].counters.intervals.start = record.timestamp
            scan.started = True
            return


cdef inline void end_batch(scan_t* scan) noexcept nogil:
    """Numbers, the last time seen, and whether flows must leave."""
    cdef uint32_t shard, row
    for shard in range(scan.threads):
        if scan.workers[shard].failed or scan.workers[shard].table.failed:
            scan.failed = FAILED_MEMORY
            return
    number_fresh(scan.workers, scan.threads, &scan.next_flow, scan.next_stream)
    row = scan.batch.rows
    while row:
        row -= 1
        if scan.batch.packets[row].present & HAS_TIME:
            scan.window.time_before = scan.batch.packets[row].timestamp
            scan.window.timed_before = 1
            break
    scan.window.done += scan.batch.rows
    scan.rows += scan.batch.rows


cdef inline void evict_where_due(scan_t* scan) noexcept nogil:
    if scan.rows % EVICT_FRAMES == 0 and scan.rows and not scan.failed:
        if not evict(scan.workers, scan.threads, scan.flow_limit, scan.frames, &scan.spill):
            scan.failed = FAILED_DISK


cdef inline void do_batch(scan_t* scan, uint32_t worker) noexcept nogil:
    """One thread's part in one batch."""
    cdef uint32_t rows = scan.batch.rows, decoder
    decode_rows(
        &scan.workers[worker], &scan.batch, &scan.window, &scan.reader,
        <uint32_t>(<uint64_t>rows * worker // scan.threads), <uint32_t>(<uint64_t>rows * (worker + 1) // scan.threads),
        scan.threads,
    )
    meet(scan)
    stage_ends(scan, worker, 1)
    for decoder in range(scan.threads):
        track_list(
            &scan.workers[worker].table, &scan.batch, &scan.window, &scan.workers[decoder].decoder,
            &scan.workers[decoder].lists[worker],
        )
    meet(scan)
    stage_ends(scan, worker, 2)


cdef inline void do_batches(scan_t* scan, uint32_t worker, bint only_one) noexcept nogil:
    while True:
        if worker == 0:
            evict_where_due(scan)
            prepare_batch(scan)
            if not scan.started:
                start_intervals(scan)
        meet(scan)
        if scan.batch.rows == 0:
            return
        do_batch(scan, worker)
        if worker == 0:
            end_batch(scan)
            stage_ends(scan, worker, 3)
        if only_one:
            return


cdef inline void do_task(scan_t* scan, uint32_t worker) noexcept nogil:
    if scan.task == TASK_WALK:
        walk_share(scan, worker)
    elif scan.task == TASK_BATCH:
        do_batches(scan, worker, True)
    elif scan.task == TASK_WINDOW:
        do_batches(scan, worker, False)
    meet(scan)


cdef inline void* thread_main(void* argument) noexcept nogil:
    cdef scan_t* scan = (<begin_t*>argument).scan
    cdef uint32_t worker = (<begin_t*>argument).index
    free(argument)
    while True:
        meet(scan)
        if scan.task == TASK_QUIT:
            return NULL
        do_task(scan, worker)


cdef inline void run_task(scan_t* scan, int task) noexcept nogil:
    """Set all threads on a task; this one takes its share as worker 0."""
    scan.task = task
    scan.stage_began = now_ns()
    meet(scan)
    do_task(scan, 0)
