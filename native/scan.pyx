"""The one pass over a capture: window → records → packets → flows and counters, on several threads.

A window of the file is walked by many chains (walk.pxd), then handled in batches that stay in cache. In each batch every thread
decodes its share of the rows and sorts them by the shard of their flow; then every thread tracks the flows of its shard, in file
order; then one thread gives the numbers that depend on the order of the whole file. What is counted is summed, what is numbered
is numbered by position: the result is the same for any number of threads and any size of batch or window.

Packets are rows of 128 bytes inside and become columns only where columns are asked for: written once and read once by the flow
stage, a row costs one write stream instead of thirty.

Threads are the scanner's own and wait without the GIL; Python is needed once a window. Nothing here needs numpy, so a scan can
begin while numpy is being imported.
"""
from cpython.buffer cimport PyBUF_READ, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdint cimport INT64_MIN, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset
from posix.mman cimport MADV_DONTNEED, MAP_FAILED, MAP_PRIVATE, PROT_READ, madvise, mmap, munmap
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from batch cimport (
    MAX_SEGMENTS,
    MAX_THREADS,
    batch_t,
    place_of,
    place_t,
    decode_rows,
    next_record,
    number_fresh,
    track_list,
    window_t,
    worker_t,
)
from conversation cimport fill_row, flow_row_t
from counters cimport FIRST_WIDTH_NS, MAX_PATHS, bucket_t, counters_init, counters_t, merge_counters
from flow cimport (
    FLOW_CLIENT_B,
    FLOW_LIVE,
    HISTORY,
    KIND_ADDRESSES,
    NO_NUMBER,
    flow_at,
    flow_t,
    table_free,
    table_init,
)
from packet cimport HAS_TIME, NO_EXTRA, aligned_alloc, extra_t, packet_t
from paths cimport path_names, paths_free, paths_new, paths_t
from spill cimport EVICT_FRAMES, collect, evict, first_at_or_after, live_by_id, part_t, spill_t
from walk cimport (
    DAMAGE_CUT,
    DAMAGE_NONE,
    MAX_CHAINS,
    MAX_EVENTS,
    MAX_RECORD,
    MIN_STRETCH,
    PCAP,
    PCAPNG,
    SERIAL_RECORDS,
    STOP_DAMAGE,
    STOP_FULL,
    STOP_MORE,
    STOP_REACHED,
    chain_t,
    event_t,
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
    ctypedef struct pthread_barrier_t:
        pass
    int pthread_create(pthread_t* thread, const void* attributes, void* (*start)(void*) noexcept nogil, void* argument)
    int pthread_join(pthread_t thread, void** result)
    int pthread_barrier_init(pthread_barrier_t* barrier, const void* attributes, unsigned count)
    int pthread_barrier_wait(pthread_barrier_t* barrier)
    int pthread_barrier_destroy(pthread_barrier_t* barrier)

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
    ROWS_AT_ONCE = 1024

ctypedef struct scan_t:
    uint32_t threads
    int task
    pthread_barrier_t barrier
    pthread_t handles[MAX_THREADS]
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
        pthread_barrier_wait(&scan.barrier)


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


cdef void place_chains(scan_t* scan) noexcept nogil:
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


cdef uint64_t join_chains(scan_t* scan) noexcept nogil:
    """Keep the chains that meet; walk surely where they do not. Returns the bytes used of the window."""
    cdef uint32_t next_chain = 1
    cdef uint32_t sections = scan.reader.sections
    cdef chain_t* chain = &scan.chains[0]
    cdef chain_t* sure = &scan.chains[MAX_CHAINS]
    cdef bint room
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
        if next_chain < scan.chain_count and scan.chains[next_chain].begin == position and scan.reader.sections == sections:
            chain = &scan.chains[next_chain]
            next_chain += 1
            continue
        memset(sure, 0, sizeof(chain_t))
        sure.sure = 1
        sure.begin = sure.position = position
        sure.stop = scan.window.size
        if next_chain < scan.chain_count and scan.reader.sections == sections:
            sure.stop = scan.chains[next_chain].begin
        sure.records = scan.serial_records + scan.serial_used
        sure.capacity = SERIAL_RECORDS - scan.serial_used
        walk_sure(&scan.reader, scan.window.base, scan.window.size, sure)
        scan.serial_used += sure.count
        chain = sure


cdef void walk_share(scan_t* scan, uint32_t worker) noexcept nogil:
    """Walk this thread's chains in lock-step."""
    cdef uint32_t begin = scan.chain_count * worker // scan.threads
    cdef uint32_t end = scan.chain_count * (worker + 1) // scan.threads
    if begin < end:
        walk_chains(&scan.reader, scan.window.base, scan.window.size, &scan.chains[begin], <int>(end - begin))


# ---------------------------------------------------------------- batches

cdef void prepare_batch(scan_t* scan) noexcept nogil:
    """How many rows come next: a batch ends with the window, and where flows may be written out."""
    cdef uint64_t left = scan.window.records - scan.window.done
    cdef uint64_t bound = EVICT_FRAMES - scan.rows % EVICT_FRAMES
    left = left if left < scan.batch_rows else scan.batch_rows
    scan.batch.rows = <uint32_t>(left if left < bound else bound)
    if scan.failed:
        scan.batch.rows = 0


cdef void start_intervals(scan_t* scan) noexcept nogil:
    """The time series begins with the first packet that has a time."""
    cdef place_t cursor = place_of(&scan.window, scan.window.done)
    cdef const record_t* record
    cdef uint32_t row, index
    for row in range(scan.batch.rows):
        record = next_record(&scan.window, &cursor)
        if record.flags & HAS_TIME:
            for index in range(scan.threads):
                scan.workers[index].counters.intervals.start = record.timestamp
            scan.started = True
            return


cdef void end_batch(scan_t* scan) noexcept nogil:
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


cdef void evict_where_due(scan_t* scan) noexcept nogil:
    if scan.rows % EVICT_FRAMES == 0 and scan.rows and not scan.failed:
        if not evict(scan.workers, scan.threads, scan.flow_limit, scan.frames, &scan.spill):
            scan.failed = FAILED_DISK


cdef void do_batch(scan_t* scan, uint32_t worker) noexcept nogil:
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


cdef void do_batches(scan_t* scan, uint32_t worker, bint only_one) noexcept nogil:
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


cdef void do_task(scan_t* scan, uint32_t worker) noexcept nogil:
    if scan.task == TASK_WALK:
        walk_share(scan, worker)
    elif scan.task == TASK_BATCH:
        do_batches(scan, worker, True)
    elif scan.task == TASK_WINDOW:
        do_batches(scan, worker, False)
    meet(scan)


cdef void* thread_main(void* argument) noexcept nogil:
    cdef scan_t* scan = (<begin_t*>argument).scan
    cdef uint32_t worker = (<begin_t*>argument).index
    free(argument)
    while True:
        meet(scan)
        if scan.task == TASK_QUIT:
            return NULL
        do_task(scan, worker)


cdef void run_task(scan_t* scan, int task) noexcept nogil:
    """Set all threads on a task; this one takes its share as worker 0."""
    scan.task = task
    scan.stage_began = now_ns()
    meet(scan)
    do_task(scan, 0)


# ---------------------------------------------------------------- the Python face

cdef class Scanner:
    """Walks, decodes and tracks a capture window by window; see pcap_analyzer.pipeline for how it is driven.

    threads: 1 to 16.  batch_rows: rows a batch.  flow_limit: live flows before the least recently seen are written to
    `spill_descriptor`, an open file for writing and reading.  window: bytes of the largest window that will be walked at
    speed; larger ones are walked too.  Raises MemoryError, and OSError when the spill file cannot be written.
    """
    cdef scan_t* scan
    cdef Py_buffer buffer
    cdef bint holding

    def __cinit__(
        self, *, uint32_t threads=1, uint32_t batch_rows=65536, uint64_t flow_limit=1000000, int spill_descriptor=-1,
        bytes seed not None, size_t window=33554432,
    ):
        cdef uint64_t keys[4]
        cdef uint32_t index
        if not 1 <= threads <= MAX_THREADS:
            raise ValueError(f"threads is {threads}, expected 1 to {MAX_THREADS}")
        if not 1 <= batch_rows <= EVICT_FRAMES:
            raise ValueError(f"batch_rows is {batch_rows}, expected 1 to {EVICT_FRAMES}")
        if len(seed) != 32:
            raise ValueError(f"seed has {len(seed)} bytes, expected 32")
        for index in range(4):
            keys[index] = int.from_bytes(seed[index * 8:index * 8 + 8], "little")
        self.scan = <scan_t*>calloc(1, sizeof(scan_t))
        if self.scan == NULL:
            raise MemoryError
        self.scan.threads = threads
        self.scan.batch_rows = batch_rows
        self.scan.flow_limit = flow_limit
        self.scan.spill.descriptor = spill_descriptor
        self.scan.records_capacity = window // 40 + SERIAL_RECORDS
        self.allocate(keys)
        self.start_threads()

    cdef allocate(self, const uint64_t* keys):
        cdef scan_t* scan = self.scan
        cdef uint32_t index
        cdef batch_t* batch = &scan.batch
        cdef size_t rows = scan.batch_rows
        scan.paths = paths_new()
        scan.records = <record_t*>malloc(scan.records_capacity * sizeof(record_t))
        scan.serial_records = <record_t*>malloc(SERIAL_RECORDS * sizeof(record_t))
        scan.reader.events = <event_t*>malloc(MAX_EVENTS * sizeof(event_t))
        scan.workers = <worker_t*>calloc(scan.threads, sizeof(worker_t))
        batch.packets = <packet_t*>aligned_alloc(128, rows * sizeof(packet_t))
        batch.frame_number = <uint64_t*>malloc(rows * sizeof(uint64_t))
        batch.flow = <flow_t**>malloc(rows * sizeof(flow_t*))
        batch.stream = <flow_t**>malloc(rows * sizeof(flow_t*))
        batch.forward = <uint8_t*>malloc(rows)
        if not (
            scan.paths and scan.records and scan.serial_records and scan.reader.events and scan.workers
            and batch.packets and batch.frame_number and batch.flow and batch.stream and batch.forward
        ):
            raise MemoryError
        for index in range(scan.threads):
            scan.workers[index].decoder.paths = scan.paths
            scan.workers[index].decoder.extras = <extra_t*>malloc((rows // scan.threads + 2) * sizeof(extra_t))
            counters_init(&scan.workers[index].counters)
            if scan.workers[index].decoder.extras == NULL or not table_init(&scan.workers[index].table, keys):
                raise MemoryError

    cdef start_threads(self):
        cdef uint32_t index
        cdef begin_t* begin
        if self.scan.threads == 1:
            return
        if pthread_barrier_init(&self.scan.barrier, NULL, self.scan.threads):
            raise MemoryError
        for index in range(1, self.scan.threads):
            begin = <begin_t*>malloc(sizeof(begin_t))
            if begin == NULL:
                raise MemoryError
            begin.scan = self.scan
            begin.index = index
            if pthread_create(&self.scan.handles[index], NULL, thread_main, begin):
                raise OSError(f"cannot start thread {index} of {self.scan.threads}")

    def __dealloc__(self):
        cdef uint32_t index
        cdef scan_t* scan = self.scan
        if scan == NULL:
            return
        self.let_go()
        if scan.threads > 1:
            scan.task = TASK_QUIT
            with nogil:
                pthread_barrier_wait(&scan.barrier)
                for index in range(1, scan.threads):
                    pthread_join(scan.handles[index], NULL)
            pthread_barrier_destroy(&scan.barrier)
        if scan.workers != NULL:
            for index in range(scan.threads):
                free(scan.workers[index].decoder.extras)
                table_free(&scan.workers[index].table)
                for shard in range(MAX_THREADS):
                    free(scan.workers[index].lists[shard].items)
        if scan.paths != NULL:
            paths_free(scan.paths)
        free(scan.workers)
        free(scan.records)
        free(scan.serial_records)
        free(scan.reader.events)
        free(scan.reader.interfaces)
        free(scan.batch.packets)
        free(scan.batch.frame_number)
        free(scan.batch.flow)
        free(scan.batch.stream)
        free(scan.batch.forward)
        free(scan.spill.parts)
        free(scan)

    cdef let_go(self):
        if self.holding:
            PyBuffer_Release(&self.buffer)
            self.holding = False
            self.scan.window.base = NULL
            self.scan.window.size = self.scan.window.records = self.scan.window.done = 0

    cdef check(self):
        if self.scan.failed == FAILED_MEMORY:
            raise MemoryError("the flow table needs more memory than there is")
        if self.scan.failed == FAILED_DISK:
            raise OSError("flows could not be written to the temporary file: is the disk full?")

    def begin_pcap(
        self, *, bint big_endian, uint32_t tick_ns, uint8_t record_header, uint8_t swapped_lengths, uint32_t snap_length,
        int link_type, uint32_t max_record=MAX_RECORD,
    ):
        """Read records of a pcap file from now on; the windows begin behind its 24-byte header."""
        cdef reader_t* reader = &self.scan.reader
        reader.format = PCAP
        reader.big_endian = big_endian
        reader.tick_ns = tick_ns
        reader.record_header = record_header
        reader.swapped_lengths = swapped_lengths
        reader.snap_length = snap_length
        reader.link_type = link_type
        reader.max_record = max_record

    def begin_pcapng(self):
        """Read blocks of a pcapng file from now on; the first window begins with its section header block."""
        self.scan.reader.format = PCAPNG
        self.scan.reader.max_record = MAX_RECORD

    def walk(self, data not None, uint64_t file_offset, bint final):
        """Index the records of a window that begins on a record boundary. Returns how many of its bytes are used up.

        data: a contiguous buffer of bytes, kept until `release` or the next walk.  final: nothing follows behind it; what
        is left over is then a record that was cut, noted as damage.
        """
        cdef scan_t* scan = self.scan
        cdef uint64_t used
        self.let_go()
        PyObject_GetBuffer(data, &self.buffer, PyBUF_SIMPLE)
        self.holding = True
        if <uint64_t>self.buffer.len > 0x7FFFFFFFu:
            raise ValueError(f"a window has {self.buffer.len} bytes, expected less than 2 GiB")
        scan.window.base = <const uint8_t*>self.buffer.buf
        scan.window.size = self.buffer.len
        scan.window.file_offset = file_offset
        scan.window.segment_count = 0
        scan.window.records = scan.window.done = 0
        scan.reader.event_count = 0
        with nogil:
            if scan.window.size:
                place_chains(scan)
                run_task(scan, TASK_WALK)
                used = join_chains(scan)
            else:
                used = 0
            stage_ends(scan, 0, 0)
        if final and used < scan.window.size and not scan.reader.damage and scan.walk_ended == STOP_MORE:
            scan.reader.damage = DAMAGE_CUT
            scan.reader.damage_at = file_offset + used
            scan.reader.damage_value = scan.window.size - used
        return used

    def run(self):
        """Handle every packet of the window."""
        with nogil:
            run_task(self.scan, TASK_WINDOW)
        self.check()

    def step(self):
        """Handle one batch and return its number of rows; 0: the window is done."""
        with nogil:
            run_task(self.scan, TASK_BATCH)
        self.check()
        return self.scan.batch.rows

    def release(self):
        """Forget the window's buffer."""
        self.let_go()

    # ------------------------------------------------------------ what was read

    @property
    def rows(self):
        """Packets handled so far."""
        return self.scan.rows

    @property
    def stage_ns(self):
        """Wall nanoseconds by stage so far."""
        return dict(zip(("walk", "decode", "flow", "number"), [self.scan.stage_ns[index] for index in range(4)]))

    @property
    def damage(self):
        """(kind, byte offset, value) of what ended the walk, or None."""
        reader = &self.scan.reader
        return (reader.damage, reader.damage_at, reader.damage_value) if reader.damage else None

    @property
    def totals(self):
        """Counts of the reader: sections, other blocks, numbered blocks, dropped packets (None: not said)."""
        reader = &self.scan.reader
        return {
            "sections": reader.sections,
            "other_blocks": reader.other_blocks,
            "numbered_blocks": reader.numbered_blocks,
            "dropped": reader.dropped if reader.says_dropped else None,
            "flows": self.scan.next_flow,
            "tcp_streams": self.scan.next_stream[1],
            "udp_streams": self.scan.next_stream[2],
            "evicted_flows": self.scan.spill.evicted,
        }

    def interfaces(self, uint32_t limit):
        """[(section, link type, snap length, ticks or power of two, binary, offset in s, packets)], the first `limit`."""
        reader = &self.scan.reader
        return [
            (
                reader.interfaces[index].section - 1, reader.interfaces[index].link_type, reader.interfaces[index].snap_length,
                reader.interfaces[index].ticks, bool(reader.interfaces[index].binary), reader.interfaces[index].offset_s,
                reader.interfaces[index].packets,
            )
            for index in range(min(limit, reader.interface_count))
        ]

    def link_type_packets(self):
        """{link type: packets} over all interfaces of a pcapng file; empty in pcap."""
        reader = &self.scan.reader
        found = {}
        for index in range(reader.interface_count):
            if reader.interfaces[index].packets:
                link_type = reader.interfaces[index].link_type
                found[link_type] = found.get(link_type, 0) + reader.interfaces[index].packets
        return found

    def events(self):
        """[(block type, section, offset in the window, length)] of the blocks in the last window that are no packets."""
        reader = &self.scan.reader
        return [
            (
                reader.events[index].type, reader.events[index].section, reader.events[index].offset,
                reader.events[index].length,
            )
            for index in range(reader.event_count)
        ]

    @property
    def big_endian(self):
        """Byte order of the section read last, or of the pcap file."""
        return bool(self.scan.reader.big_endian)

    # ------------------------------------------------------------ batches

    def batch_packets(self):
        """The rows of the last step as bytes, packet_t each; valid until the next step."""
        return PyMemoryView_FromMemory(
            <char*>self.scan.batch.packets, self.scan.batch.rows * sizeof(packet_t), PyBUF_READ
        )

    def batch_extras(self):
        """The side records of the last step, extra_t each, as a copy; the rows' `extra` then point into it."""
        cdef uint32_t worker, row, base = 0, rows = self.scan.batch.rows
        cdef worker_t* source
        parts = []
        for worker in range(self.scan.threads):
            source = &self.scan.workers[worker]
            for row in range(
                <uint32_t>(<uint64_t>rows * worker // self.scan.threads),
                <uint32_t>(<uint64_t>rows * (worker + 1) // self.scan.threads),
            ):
                if self.scan.batch.packets[row].extra != NO_EXTRA:
                    self.scan.batch.packets[row].extra += base
            parts.append((<char*>source.decoder.extras)[:source.decoder.extra_count * sizeof(extra_t)])
            base += source.decoder.extra_count
        return b"".join(parts)

    def batch_numbers(
        self,
        uint64_t[::1] frame_number not None,  # OUT (rows,)
        uint32_t[::1] flow_id not None,       # OUT (rows,) 0xFFFFFFFF without a flow
        uint32_t[::1] stream not None,        # OUT (rows,) 0xFFFFFFFF without a stream
        uint8_t[::1] from_client not None,    # OUT (rows,) 0 or 1, 0 without a flow
    ):
        """The numbers of the rows of the last step. Raises ValueError where an array is too short."""
        cdef uint32_t row, rows = self.scan.batch.rows
        cdef batch_t* batch = &self.scan.batch
        if min(len(frame_number), len(flow_id), len(stream), len(from_client)) < rows:
            raise ValueError(f"the batch has {rows} rows, more than the arrays")
        with nogil:
            for row in range(rows):
                frame_number[row] = batch.frame_number[row]
                flow_id[row] = batch.flow[row].flow_id if batch.flow[row] != NULL else NO_NUMBER
                stream[row] = batch.stream[row].stream if batch.stream[row] != NULL else NO_NUMBER
                from_client[row] = 0
                if batch.flow[row] != NULL:
                    from_client[row] = batch.forward[row] == (not batch.flow[row].state & FLOW_CLIENT_B)

    # ------------------------------------------------------------ results

    def counters(self):
        """The counters of all threads together, as a dict of int. Call it once, at the end: it adds the threads up."""
        cdef uint32_t worker
        cdef counters_t* all_of_them = &self.scan.workers[0].counters
        for worker in range(1, self.scan.threads):
            merge_counters(all_of_them, &self.scan.workers[worker].counters)
            counters_init(&self.scan.workers[worker].counters)
        timed = all_of_them.packets != all_of_them.without_time
        return {
            "packets": all_of_them.packets,
            "bytes": all_of_them.bytes,
            "captured_bytes": all_of_them.captured_bytes,
            "cut_packets": all_of_them.cut_packets,
            "truncated": all_of_them.status[1],
            "malformed": all_of_them.status[2],
            "unsupported": all_of_them.status[3],
            "backward_time": all_of_them.backward_time,
            "without_time": all_of_them.without_time,
            "fragments": all_of_them.fragments,
            "first_ns": all_of_them.first_ns if timed else None,
            "last_ns": all_of_them.last_ns if timed else None,
        }

    def intervals(self):
        """(start ns, width ns, bytes of (n, 5) uint64: packets, bytes, payload, TCP bytes, UDP bytes); after counters()."""
        intervals = &self.scan.workers[0].counters.intervals
        width = <uint64_t>FIRST_WIDTH_NS << intervals.shift
        return intervals.start, width, (<char*>intervals.buckets)[:intervals.used * sizeof(bucket_t)]

    def paths(self):
        """[(steps, packets, bytes)] of every protocol path that packets end on; after counters()."""
        counters = &self.scan.workers[0].counters
        return [
            (path_names(self.scan.paths, node), counters.path_packets[node], counters.path_bytes[node])
            for node in range(min(self.scan.paths.count, MAX_PATHS))
            if counters.path_packets[node]
        ]

    def path_steps(self):
        """The steps of every node of the protocol hierarchy so far, by the number that packets and flows carry."""
        return [path_names(self.scan.paths, node) for node in range(self.scan.paths.count)]

    def flow_reader(self):
        """The flows of the whole capture; the scan must be over."""
        return FlowReader(self)


cdef class FlowReader:
    """Flows in order of flow_id, parts that were written out joined with what is still live."""
    cdef Scanner scanner
    cdef flow_t** by_id
    cdef flow_t* spilled
    cdef size_t spilled_size

    def __cinit__(self, Scanner scanner not None):
        cdef scan_t* scan = scanner.scan
        cdef void* mapped
        self.scanner = scanner
        self.by_id = live_by_id(scan.workers, scan.threads, scan.next_flow)
        if self.by_id == NULL:
            raise MemoryError
        self.spilled_size = scan.spill.rows * sizeof(flow_t)
        if self.spilled_size:
            mapped = mmap(NULL, self.spilled_size, PROT_READ, MAP_PRIVATE, scan.spill.descriptor, 0)
            if mapped == MAP_FAILED:
                raise OSError("the temporary file of flows cannot be read again")
            self.spilled = <flow_t*>mapped

    def __dealloc__(self):
        free(self.by_id)
        if self.spilled != NULL:
            munmap(self.spilled, self.spilled_size)

    def __len__(self):
        return self.scanner.scan.next_flow

    def read(self, uint32_t begin, uint32_t end):
        """Flows [begin, end) as a bytearray of flow_row_t. Raises ValueError outside 0 <= begin <= end <= len."""
        if not begin <= end <= self.scanner.scan.next_flow:
            raise ValueError(f"flows {begin} to {end} of {self.scanner.scan.next_flow}")
        out = bytearray((end - begin) * sizeof(flow_row_t))
        if end > begin:
            self.fill(out, begin, end)
        return out

    cdef fill(self, uint8_t[::1] out, uint32_t begin, uint32_t end):
        """Through a part of the flows at a time, so that their records stay in cache."""
        cdef flow_t* flows = <flow_t*>malloc(ROWS_AT_ONCE * sizeof(flow_t))
        cdef flow_row_t* rows = <flow_row_t*>&out[0]
        cdef uint32_t at, upto, index
        if flows == NULL:
            raise MemoryError
        with nogil:
            at = begin
            while at < end:
                upto = at + ROWS_AT_ONCE if end - at > ROWS_AT_ONCE else end
                collect(self.by_id, self.spilled, &self.scanner.scan.spill, at, upto, flows)
                for index in range(upto - at):
                    fill_row(&rows[at - begin + index], &flows[index])
                at = upto
            if self.spilled != NULL:
                madvise(self.spilled, self.spilled_size, MADV_DONTNEED)
            free(flows)

    def without_flow(self):
        """The same of packets counted by address pair only (fragments, malformed ones); a pair may have several rows."""
        cdef scan_t* scan = self.scanner.scan
        cdef uint32_t shard, index
        cdef uint64_t row, last
        cdef flow_t* flow
        cdef const part_t* part
        cdef flow_row_t out
        rows = []
        for index in range(scan.spill.part_count):
            part = &scan.spill.parts[index]
            row = part.first + first_at_or_after(self.spilled + part.first, part.count, NO_NUMBER)
            last = part.first + part.count
            while row < last:
                fill_row(&out, &self.spilled[row])
                rows.append((<char*>&out)[:sizeof(flow_row_t)])
                row += 1
        for shard in range(scan.threads):
            for index in range(scan.workers[shard].table.allocated):
                flow = flow_at(&scan.workers[shard].table, index)
                if flow.state & FLOW_LIVE and flow.flow_id == NO_NUMBER and flow.key.kind == KIND_ADDRESSES:
                    fill_row(&out, flow)
                    rows.append((<char*>&out)[:sizeof(flow_row_t)])
        return b"".join(rows)


def flow_row_layout():
    """numpy's description of flow_row_t: names, formats, offsets, itemsize; taken from the C struct."""
    cdef flow_row_t row
    cdef char* base = <char*>&row
    fields = [
        ("client", "(16,)u1", <char*>&row.client - base), ("server", "(16,)u1", <char*>&row.server - base),
        ("first_ns", "<i8", <char*>&row.first_ns - base), ("last_ns", "<i8", <char*>&row.last_ns - base),
        ("handshake_network_ns", "<i8", <char*>&row.handshake_network_ns - base),
        ("handshake_client_ns", "<i8", <char*>&row.handshake_client_ns - base),
        ("initial_rtt_ns", "<i8", <char*>&row.initial_rtt_ns - base),
        ("flow_id", "<u4", <char*>&row.flow_id - base), ("stream", "<u4", <char*>&row.stream - base),
        ("client_port", "<u2", <char*>&row.client_port - base), ("server_port", "<u2", <char*>&row.server_port - base),
        ("vlan_id", "<u2", <char*>&row.vlan_id - base), ("path", "<u2", <char*>&row.path - base),
        ("syn_retries", "<u2", <char*>&row.syn_retries - base), ("kind", "u1", <char*>&row.kind - base),
        ("ip_version", "u1", <char*>&row.ip_version - base), ("protocol", "u1", <char*>&row.protocol - base),
        ("conn_state", "u1", <char*>&row.conn_state - base), ("ended", "u1", <char*>&row.ended - base),
        ("history", f"S{HISTORY}", <char*>&row.history - base),
    ]
    for side, name in enumerate(("client", "server")):
        fields += [
            (f"{name}_packets", "<i8", <char*>&row.side[side].packets - base),
            (f"{name}_bytes", "<i8", <char*>&row.side[side].bytes - base),
            (f"{name}_payload_bytes", "<i8", <char*>&row.side[side].payload_bytes - base),
            (f"{name}_flags", "(8,)<u4", <char*>&row.side[side].flag_count - base),
        ]
    return {
        "names": [name for name, _, _ in fields],
        "formats": [kind for _, kind, _ in fields],
        "offsets": [offset for _, _, offset in fields],
        "itemsize": sizeof(flow_row_t),
    }
