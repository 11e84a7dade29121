"""The one pass over a capture: window → records → packets → flows and counters, on several threads.

A window of the file is read and walked in pieces (window.pxd), then handled in batches that stay in cache: pieces of a
batch are decoded, sorted by the shard of their flow, and tracked shard by shard in file order. What is counted is
summed, what is numbered is numbered by position: the result is the same for any number of threads and any size of
batch or window. How the threads share this: stages.pxd.

A plain file is read here, with pread, into memory that is used again and again; all else comes from Python in windows.
Measured against mapping on a warm file of 2.7 GB, CPU a packet of 700 bytes: mapping costs as much where the page
cache holds large folios and a third more where it holds small ones, and a file that shrinks kills who maps it.

Packets are rows of 128 bytes inside and become columns only where columns are asked for: written once and read once
by the flow stage, a row costs one write stream instead of thirty.

Threads are the scanner's own and wait without the GIL; Python is needed twenty times a second. Nothing here needs
numpy, so a scan can begin while numpy is being imported.
"""
from cpython.buffer cimport PyBUF_READ, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from libc.errno cimport ENOSPC
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from posix.mman cimport MADV_DONTNEED, MAP_FAILED, MAP_PRIVATE, PROT_READ, madvise, mmap, munmap

from barrier cimport barrier_init, barrier_wait
from batch cimport (
    MAX_SHARDS,
    MAX_THREADS,
    PIECE_ROWS,
    batch_free,
    batch_init,
    batch_t,
    pieces_of,
    shard_of,
    tcp_row_t,
    worker_t,
)
from blocks cimport blocks_free, blocks_t
from calls cimport calls_free, calls_init
from collect cimport as_lone, collect, first_at_or_after, live_by_id, tell_written
from conversation cimport fill_collected, fill_row, flow_row_t, likeness_of_rows
from counters cimport FIRST_WIDTH_NS, MAX_PATHS, bucket_t, counters_init, counters_t, merge_counters
from dns cimport dns_free, dns_init, dns_t
from dns_stream cimport streams_free
from events cimport event_count, event_shard_t, events_free, events_new, merge_events, tcp_event_t
from flow cimport CHUNK_FLOWS, FLOW_LIVE, NO_NUMBER, client_side, flow_t, lone_t, table_t
from flow_key cimport KIND_ADDRESSES
from flow_table cimport flow_at, table_free, table_init
from packet cimport NO_EXTRA, extra_t, packet_t
from paths cimport path_names, paths_free, paths_new
from relay cimport BATCHES_HELD, observer_t, place_of_batch, relay_begin, relay_end, relay_give, relay_t
from spill cimport EVICT_FRAMES, part_t
from spent cimport spend, spend_lone, spent_free, spent_init, spent_t
from spread cimport SPREAD_BUCKETS
from stages cimport (
    FAILED_DISK,
    FAILED_MEMORY,
    ORDER_BATCH,
    ORDER_ON,
    ORDER_QUIT,
    STAGES,
    WINDOWS,
    begin_t,
    go_on,
    is_over,
    note_open,
    scan_t,
    thread_main,
    walk_window,
)
from summary cimport (
    MAX_EDGES,
    ROWS_EXPECTED,
    add_addresses,
    add_flows,
    summary_failed,
    summary_free,
    summary_new,
    summary_t,
    take_edges,
    want_addresses,
    wanted_t,
)
from summary_told cimport summary_told
from sums cimport SUM_COLUMNS, sums_keys, sums_values
from tcp cimport MARKS
from threads cimport pthread_create, pthread_join
from told cimport tell, told_t
from walk cimport MAX_EVENTS, PCAP, PCAPNG, event_t, reader_t
from waypoints cimport waypoint_t, waypoints_begin, waypoints_free
from window cimport begin_given, has_records, window_free, window_t

cdef enum:
    SHARDS = 8
    WINDOW_BYTES = 524288            # a thread; measured: more leaves the cache before it is decoded
    ROWS_AT_ONCE = 256
    PAGES_BACK = 65536               # flows between two times that pages of written flows are given back


STAGE_NAMES = ("read", "walk", "decode", "flow", "number")


cdef class Scanner:
    """Walks, decodes and tracks a capture; see pcap_analyzer.capture.reader for how it is driven.

    threads: 1 to 16.  batch_rows: rows a batch.  flow_limit: live flows before the least recently seen are written to
    `spill_descriptor`, an open file for writing and reading.  dns_descriptor: another, for DNS transactions; -1: they
    stay in memory.  tcp_rows: keep what is found of every TCP segment, for `batch_tcp`.  tcp_events: list the events of
    every batch, for `batch_tcp_events`.  Raises MemoryError, and OSError when a file cannot be written.
    """
    cdef scan_t* scan
    cdef Py_buffer buffer
    cdef bint holding
    cdef bint tcp_rows
    cdef event_shard_t* event_shards  # (shards,) or NULL
    cdef counters_t* summed           # of all threads, as `counters` found them; and room for those of one
    cdef bint spent                   # the flows have been read for the last time, and are no more

    def __cinit__(
        self, *, uint32_t threads=1, uint32_t batch_rows=65536, uint64_t flow_limit=1000000, int spill_descriptor=-1,
        int dns_descriptor=-1, bytes seed not None, bint tcp_rows=False, bint tcp_events=False,
    ):
        cdef uint32_t index
        if not 1 <= threads <= MAX_THREADS:
            raise ValueError(f"threads is {threads}, expected 1 to {MAX_THREADS}")
        if not 1 <= batch_rows <= EVICT_FRAMES:
            raise ValueError(f"batch_rows is {batch_rows}, expected 1 to {EVICT_FRAMES}")
        if len(seed) != 32:
            raise ValueError(f"seed has {len(seed)} bytes, expected 32")
        self.scan = <scan_t*>calloc(1, sizeof(scan_t))
        if self.scan == NULL:
            raise MemoryError
        for index in range(4):
            self.scan.seed[index] = int.from_bytes(seed[index * 8:index * 8 + 8], "little")
        self.tcp_rows = tcp_rows
        self.scan.threads = threads
        # More shards than threads, so that one that is halted holds up little. One thread has one: at the beginning of
        # each, memory is waited for.
        self.scan.shards = 1 if threads == 1 else SHARDS * min((threads + 3) // 4, MAX_SHARDS // SHARDS)
        self.scan.batch_rows = batch_rows
        self.scan.flow_limit = flow_limit
        self.scan.spill.descriptor = spill_descriptor
        if tcp_events:
            self.event_shards = events_new(self.scan.shards)
            if self.event_shards == NULL:
                raise MemoryError
        self.scan.dns.file.descriptor = dns_descriptor
        self.scan.file.descriptor = -1
        self.allocate()
        self.start_threads()

    cdef allocate(self):
        cdef scan_t* scan = self.scan
        cdef uint32_t index
        scan.paths = paths_new()
        scan.reader.events = <event_t*>malloc(MAX_EVENTS * sizeof(event_t))
        self.summed = <counters_t*>calloc(2, sizeof(counters_t))
        scan.workers = <worker_t*>calloc(scan.threads, sizeof(worker_t))
        scan.tables = <table_t*>calloc(scan.shards, sizeof(table_t))
        scan.dns.shards = <dns_t*>calloc(scan.shards, sizeof(dns_t))
        if not (scan.paths and scan.reader.events and scan.workers and scan.tables and scan.dns.shards and self.summed):
            raise MemoryError
        if not calls_init(&scan.calls, scan.seed):
            raise MemoryError
        counters_init(&self.summed[0])
        scan.dns.count = scan.shards
        for index in range(scan.shards):
            dns_init(&scan.dns.shards[index], &scan.dns.file, scan.seed)
        for index in range(2):
            scan.batches[index].dns = scan.dns.shards
            scan.batches[index].media = &scan.calls.media
            if not batch_init(&scan.batches[index], scan.batch_rows, scan.shards, self.tcp_rows):
                raise MemoryError
            scan.batches[index].events = self.event_shards
        for index in range(scan.threads):
            scan.workers[index].decoder.paths = scan.paths
            scan.workers[index].seed = scan.seed
            counters_init(&scan.workers[index].counters)
        for index in range(scan.shards):
            if not table_init(&scan.tables[index], scan.seed):
                raise MemoryError

    cdef start_threads(self):
        cdef uint32_t index
        cdef begin_t* begin
        if self.scan.threads == 1:
            return
        barrier_init(&self.scan.barrier, self.scan.threads)
        self.scan.running = 1
        for index in range(1, self.scan.threads):
            begin = <begin_t*>malloc(sizeof(begin_t))
            if begin == NULL:
                raise MemoryError
            begin.scan = self.scan
            begin.index = index
            if pthread_create(&self.scan.handles[index], NULL, thread_main, begin):
                free(begin)
                self.scan.barrier.threads = self.scan.running  # those that did start still have to be ended
                raise OSError(f"cannot start thread {index} of {self.scan.threads}")
            self.scan.running += 1

    def __dealloc__(self):
        cdef uint32_t index
        cdef scan_t* scan = self.scan
        if scan == NULL:
            return
        self.let_go()
        if scan.running > 1:
            scan.order = ORDER_QUIT
            with nogil:
                barrier_wait(&scan.barrier)
                for index in range(1, scan.running):
                    pthread_join(scan.handles[index], NULL)
        if scan.workers != NULL:
            for index in range(scan.threads):
                free(scan.workers[index].items)
                free(scan.workers[index].flows)
        if scan.tables != NULL:
            for index in range(scan.shards):
                table_free(&scan.tables[index])
        events_free(self.event_shards, scan.shards)
        calls_free(&scan.calls)
        if scan.dns.shards != NULL:
            for index in range(scan.shards):
                streams_free(&scan.dns.shards[index])
                dns_free(&scan.dns.shards[index])
        for index in range(2):
            batch_free(&scan.batches[index], scan.batch_rows)
        for index in range(WINDOWS):
            window_free(&scan.windows[index])
        paths_free(scan.paths)
        waypoints_free(&scan.waypoints)
        free(self.summed)
        free(scan.workers)
        free(scan.tables)
        free(scan.dns.shards)
        free(scan.reader.events)
        free(scan.reader.interfaces)
        free(scan.spill.parts)
        free(scan)

    cdef let_go(self):
        if self.holding:
            PyBuffer_Release(&self.buffer)
            self.holding = False
            self.scan.windows[0].base = NULL
            self.scan.windows[0].size = self.scan.windows[0].count = self.scan.windows[0].done = 0

    cdef check(self):
        if self.scan.failed == FAILED_MEMORY:
            raise MemoryError("the flow table needs more memory than there is")
        if self.scan.failed == FAILED_DISK:
            raise OSError(ENOSPC, "flows or DNS transactions could not be written to a file: is the disk full?")

    def begin_pcap(
        self, *, bint big_endian, uint32_t tick_ns, uint8_t record_header, uint8_t swapped_lengths,
        uint32_t snap_length, int link_type, uint32_t max_record=262144,
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
        self.scan.reader.max_record = 262144

    def walk(self, data not None, uint64_t file_offset, bint final):
        """Index the records of a window that begins on a record boundary. Returns how many of its bytes are used up.

        data: a contiguous buffer of bytes, kept until `release` or the next walk.  final: nothing follows behind it;
        what is left over is then a record that was cut, noted as damage.
        """
        cdef scan_t* scan = self.scan
        cdef window_t* window = &scan.windows[0]
        self.let_go()
        PyObject_GetBuffer(data, &self.buffer, PyBUF_SIMPLE)
        self.holding = True
        if <uint64_t>self.buffer.len > 0x7FFFFFFFu:
            raise ValueError(f"a window has {self.buffer.len} bytes, expected less than 2 GiB")
        scan.reader.event_count = 0
        begin_given(window, &scan.reader, <const uint8_t*>self.buffer.buf, self.buffer.len, file_offset, final)
        if not window.size:
            return 0
        if not has_records(window):
            raise MemoryError
        with nogil:
            walk_window(scan, window)
        return window.used

    def read_file(self, int descriptor, uint64_t begin, uint64_t end, uint64_t window_bytes=0):
        """Read from a file from now on, bytes [begin, end), instead of being given windows.

        descriptor: open for reading until the scan is over, and never moved.  window_bytes: read at a time, 4,096 at
        least; 0 for what is best.  `run` and `step` then go on to the end of the file; `over` says when they have come
        there.
        """
        window_bytes = window_bytes or WINDOW_BYTES * self.scan.threads
        if not begin <= end <= 0x7FFFFFFFFFFFFFFF or not 4096 <= window_bytes <= 0x10000000:
            raise ValueError(f"bytes {begin} to {end}, {window_bytes} at a time")
        self.scan.file.descriptor = descriptor
        self.scan.file.position = begin
        self.scan.file.end = end
        self.scan.file.window_bytes = window_bytes
        self.scan.windows[0].file_offset = begin
        waypoints_begin(&self.scan.waypoints)

    def begin_next_file(self):
        """Go on with another file of the same recording, when the one before is over; that one is forgotten.

        Flows, numbers and counters stay. Behind it come begin_pcap or begin_pcapng, then read_file or windows.
        """
        cdef scan_t* scan = self.scan
        cdef uint32_t index
        self.let_go()
        for index in range(WINDOWS):
            scan.windows[index].base = NULL
            scan.windows[index].size = scan.windows[index].used = 0
            scan.windows[index].count = scan.windows[index].done = 0
            scan.windows[index].segment_count = 0
        scan.turn = 0
        scan.joined = NULL
        scan.tracked = NULL
        scan.ended = 0
        waypoints_begin(&scan.waypoints)
        scan.reader.damage = scan.reader.event_count = 0
        memset(&scan.file, 0, sizeof(scan.file))
        scan.file.descriptor = -1

    def follow_file(self, uint64_t end, bint final):
        """The file that is read is still being written: `end` bytes of it are there, and no more come if `final`.

        Until then whole windows are read, and `run` and `step` come back with nothing to do where there is none.
        """
        if not self.scan.file.position <= end <= 0x7FFFFFFFFFFFFFFF:
            raise ValueError(f"the file ends at byte {end}, and was read to {self.scan.file.position}")
        self.scan.file.end = end
        self.scan.file.growing = not final

    cdef need_flows(self):
        if self.spent:
            raise ValueError("the flows have been read for the last time")

    def run(self):
        """Handle every packet of the window; of a file, those of the next 50 ms or up to blocks that are `events`.

        Raises ValueError where the flows have been read for the last time.
        """
        self.need_flows()
        with nogil:
            go_on(self.scan, ORDER_ON)
        self.check()

    def step(self):
        """Handle one batch and return its number of rows; 0: the window is done, or there are `events`. See run."""
        self.need_flows()
        with nogil:
            go_on(self.scan, ORDER_BATCH)
        self.check()
        return self.scan.tracked.rows if self.scan.tracked != NULL else 0

    @property
    def over(self):
        """Whether a file was read, walked and handled up to its end, or up to damage."""
        return is_over(self.scan)

    @property
    def place(self):
        """Of a file that is read: where the walk stands, where the file ends, how far it was read, errno."""
        cdef window_t* window = &self.scan.windows[self.scan.turn]
        if self.scan.joined != NULL:
            window = self.scan.joined
        return (
            window.file_offset + window.used, self.scan.file.end, min(self.scan.file.position, self.scan.file.end),
            self.scan.file.error,
        )

    def block(self, uint64_t offset, uint64_t length):
        """A copy of bytes of the window that was walked last, for `events` of a file. Raises ValueError outside it."""
        cdef window_t* window = &self.scan.windows[self.scan.turn]
        if self.scan.joined != NULL:
            window = self.scan.joined
        if offset > window.size or length > window.size - offset:
            raise ValueError(f"{length} bytes at {offset} of a window of {window.size}")
        return (<const char*>window.base)[offset:offset + length]

    def forget_events(self):
        """What `events` said has been read."""
        self.scan.reader.event_count = 0

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
        """Nanoseconds by stage so far, of all threads together."""
        cdef uint32_t worker, stage
        spent = dict.fromkeys(STAGE_NAMES, 0)
        for stage in range(STAGES):
            for worker in range(self.scan.threads):
                spent[STAGE_NAMES[stage]] += self.scan.clocks[worker].spent_ns[stage]
        return spent

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

    def interfaces(self, uint32_t limit, uint32_t first=0):
        """At most `limit` from number `first` on: section, link type, snap length, ticks, binary, offset in s, packets.

        ticks: a second, or a power of two where binary.
        """
        reader = &self.scan.reader
        return [
            (
                reader.interfaces[index].section - 1, reader.interfaces[index].link_type,
                reader.interfaces[index].snap_length, reader.interfaces[index].ticks,
                bool(reader.interfaces[index].binary), reader.interfaces[index].offset_s,
                reader.interfaces[index].packets,
            )
            for index in range(first, min(<uint64_t>first + limit, reader.interface_count))
        ]

    def waypoints(self):
        """Of a file that is read, in order, as bytes: waypoint_t of native/waypoints.pxd."""
        return (<const char*>self.scan.waypoints.places)[:self.scan.waypoints.count * sizeof(waypoint_t)]

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
        """Blocks in the last window that are no packets: (block type, section, offset in the window, length)."""
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
        cdef batch_t* batch = self.scan.tracked
        if batch == NULL:
            return memoryview(b"")
        return PyMemoryView_FromMemory(<char*>batch.packets, batch.rows * sizeof(packet_t), PyBUF_READ)

    def batch_extras(self):
        """The side records of the last step, extra_t each, as a copy; the rows' `extra` then point into it."""
        cdef uint32_t piece, row, first, end, base = 0
        cdef batch_t* batch = self.scan.tracked
        parts = []
        for piece in range(pieces_of(batch.rows) if batch != NULL else 0):
            first, end = piece * PIECE_ROWS, batch.pieces[piece].extra_end
            if first == end:
                continue
            for row in range(first, min(first + PIECE_ROWS, batch.rows)):
                if batch.packets[row].extra != NO_EXTRA:
                    batch.packets[row].extra += base - first
            parts.append((<char*>(batch.extras + first))[:(end - first) * sizeof(extra_t)])
            base += end - first
        return b"".join(parts)

    def batch_numbers(
        self,
        uint64_t[::1] frame_number not None,  # OUT (rows,)
        uint32_t[::1] flow_id not None,       # OUT (rows,) 0xFFFFFFFF without a flow
        uint32_t[::1] stream not None,        # OUT (rows,) 0xFFFFFFFF without a stream
        uint8_t[::1] from_client not None,    # OUT (rows,) 0 or 1, 0 without a flow
    ):
        """The numbers of the rows of the last step. Raises ValueError where an array is too short."""
        cdef batch_t* batch = self.scan.tracked
        cdef uint32_t row, rows = batch.rows if batch != NULL else 0
        if min(len(frame_number), len(flow_id), len(stream), len(from_client)) < rows:
            raise ValueError(f"the batch has {rows} rows, more than the arrays")
        with nogil:
            for row in range(rows):
                frame_number[row] = batch.frame_number[row]
                flow_id[row] = batch.flow[row].flow_id if batch.flow[row] != NULL else NO_NUMBER
                stream[row] = batch.stream[row][0] if batch.stream[row] != NULL else NO_NUMBER
                from_client[row] = 0
                if batch.flow[row] != NULL:
                    from_client[row] = batch.side[row] == client_side(batch.flow[row])

    def batch_tcp(self):
        """What was found of the TCP segments of the last step as bytes, tcp_row_t each; empty without `tcp_rows`."""
        cdef batch_t* batch = self.scan.tracked
        if batch == NULL or batch.tcp == NULL:
            return b""
        return PyMemoryView_FromMemory(<char*>batch.tcp, batch.rows * sizeof(tcp_row_t), PyBUF_READ)

    @property
    def batch_event_count(self):
        """How many TCP events the last step found."""
        if self.event_shards == NULL or self.scan.tracked == NULL:
            return 0
        return event_count(self.event_shards, self.scan.shards)

    def batch_tcp_events(self, uint8_t[::1] out not None):
        """Write the TCP events of the last step, tcp_event_t each, in the order of frames.

        out: OUT (batch_event_count * size,), of the size that `tcp_event_layout` says. Raises ValueError otherwise.
        """
        cdef uint64_t count = self.batch_event_count
        if <uint64_t>len(out) != count * sizeof(tcp_event_t):
            raise ValueError(f"{count} events take {count * sizeof(tcp_event_t)} bytes, not {len(out)}")
        if count:
            with nogil:
                merge_events(self.event_shards, self.scan.shards, self.scan.tracked.flow, <tcp_event_t*>&out[0])

    # ------------------------------------------------------------ results

    def counters(self):
        """The counters of all threads together so far, as a dict of int; what follows here tells the rest of them."""
        cdef uint32_t worker
        cdef counters_t* all_of_them = &self.summed[0]
        with nogil:
            memcpy(all_of_them, &self.scan.workers[0].counters, sizeof(counters_t))
            for worker in range(1, self.scan.threads):
                # A copy: adding up may widen its buckets under the thread that goes on counting.
                memcpy(&self.summed[1], &self.scan.workers[worker].counters, sizeof(counters_t))
                merge_counters(all_of_them, &self.summed[1])
            note_open(self.scan, &all_of_them.intervals)
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
            "first_fragment": all_of_them.first_fragment,
            "segments": all_of_them.segments,
            "segment_bytes": all_of_them.segment_bytes,
            "first_ns": all_of_them.first_ns if timed else None,
            "last_ns": all_of_them.last_ns if timed else None,
        }

    def intervals(self):
        """Start ns, width ns, the fields of bucket_t as (n, fields) uint64. After counters()."""
        intervals = &self.summed.intervals
        width = <uint64_t>FIRST_WIDTH_NS << intervals.shift
        return intervals.start, width, (<char*>intervals.buckets)[:intervals.used * sizeof(bucket_t)]

    def marks(self):
        """Segments by mark, in the order of the table: those of clients, those of servers. After counters()."""
        cdef int side, mark, marks = MARKS
        counters = &self.summed[0]
        return [[counters.marks[side][mark] for mark in range(marks)] for side in range(2)]

    def round_trips(self):
        """From the capture point to clients and back, and to servers: dicts of `counts` {bucket: samples} and sums.

        After counters(). bucket: see `round_trip_edge`. Durations in ns; least and most are None without samples.
        """
        cdef int side, bucket
        found = []
        for side in range(2):
            trips = &self.summed.trips[side]
            found.append({
                "counts": {
                    bucket: trips.counts[bucket] for bucket in range(<int>SPREAD_BUCKETS) if trips.counts[bucket]
                },
                "samples": trips.samples, "total": trips.total,
                "least": trips.least if trips.samples else None, "most": trips.most if trips.samples else None,
            })
        return found

    def paths(self):
        """[(steps, packets, bytes)] of every protocol path that packets end on; after counters()."""
        counters = &self.summed[0]
        return [
            (path_names(self.scan.paths, node), counters.path_packets[node], counters.path_bytes[node])
            for node in range(min(self.scan.paths.count, MAX_PATHS))
            if counters.path_packets[node]
        ]

    @property
    def path_count(self):
        """Nodes of the protocol hierarchy so far, numbered from 0 as packets and flows carry them."""
        return self.scan.paths.count

    def path_steps(self, uint32_t node):
        """The steps to a node of the protocol hierarchy. Raises IndexError where there is none of this number yet."""
        if node >= <uint32_t>self.scan.paths.count:
            raise IndexError(f"there is no path {node} among {self.scan.paths.count}")
        return path_names(self.scan.paths, node)

    def dns_state(self):
        """What native/dns_table.pyx reads the DNS transactions from; it is this scanner's."""
        return PyCapsule_New(&self.scan.dns, b"pcap_analyzer.dns", NULL)

    def flow_reader(self):
        """The flows of the whole capture; the scan must be over."""
        return FlowReader(self)


cdef class FlowReader:
    """Flows in order of flow_id, parts that were written out joined with what is still live."""
    cdef Scanner scanner
    cdef flow_t** by_id
    cdef bint others                 # entries without a number are live
    cdef uint8_t* spilled            # the file of those written out
    cdef size_t spilled_size
    cdef spent_t* spent              # (shards,) or NULL where flows can be read again
    cdef blocks_t blocks             # from flows that are spent to sums
    cdef flow_row_t* observed        # (BATCHES_HELD, ROWS_AT_ONCE), in turn; NULL before they are summed

    def __cinit__(self, Scanner scanner not None):
        cdef scan_t* scan = scanner.scan
        cdef void* mapped
        scanner.need_flows()
        self.scanner = scanner
        self.by_id = live_by_id(scan.tables, scan.shards, scan.next_flow, &self.others)
        if self.by_id == NULL:
            raise MemoryError
        self.spilled_size = scan.spill.size
        if self.spilled_size:
            mapped = mmap(NULL, self.spilled_size, PROT_READ, MAP_PRIVATE, scan.spill.descriptor, 0)
            if mapped == MAP_FAILED:
                raise OSError("the temporary file of flows cannot be read again")
            self.spilled = <uint8_t*>mapped

    def __dealloc__(self):
        cdef uint32_t shard
        if self.spent != NULL:
            for shard in range(self.scanner.scan.shards):
                spent_free(&self.spent[shard])
        free(self.spent)
        blocks_free(&self.blocks)
        free(self.observed)
        free(self.by_id)
        if self.spilled != NULL:
            munmap(self.spilled, self.spilled_size)

    def __len__(self):
        return self.scanner.scan.next_flow

    def read(self, uint32_t begin, uint32_t end):
        """Flows [begin, end) as a bytearray of flow_row_t.

        Raises ValueError outside 0 <= begin <= end <= len, and behind the last reading.
        """
        self.scanner.need_flows()
        if not begin <= end <= self.scanner.scan.next_flow:
            raise ValueError(f"flows {begin} to {end} of {self.scanner.scan.next_flow}")
        out = bytearray((end - begin) * sizeof(flow_row_t))
        if end > begin:
            self.fill(out, begin, end)
        return out

    cdef fill(self, uint8_t[::1] out, uint32_t begin, uint32_t end):
        """Through a part of the flows at a time, so that their records stay in cache."""
        cdef told_t* flows = <told_t*>malloc(ROWS_AT_ONCE * sizeof(told_t))
        cdef flow_row_t* rows = <flow_row_t*>&out[0]
        cdef uint32_t at, upto, index
        if flows == NULL:
            raise MemoryError
        with nogil:
            at = begin
            while at < end:
                upto = at + ROWS_AT_ONCE if end - at > ROWS_AT_ONCE else end
                collect(
                    self.by_id, self.scanner.scan.next_flow, self.spilled, &self.scanner.scan.spill, at, upto, flows
                )
                for index in range(upto - at):
                    fill_collected(&rows[at - begin + index], &flows[index])
                at = upto
            if self.spilled != NULL:
                madvise(self.spilled, self.spilled_size, MADV_DONTNEED)
            free(flows)

    cdef begin_spending(self):
        cdef scan_t* scan = self.scanner.scan
        cdef uint32_t shard
        self.scanner.spent = True
        scan.tracked = NULL                      # its rows lead to flows
        self.spent = <spent_t*>calloc(scan.shards, sizeof(spent_t))
        if self.spent == NULL:
            raise MemoryError
        for shard in range(scan.shards):
            if not spent_init(&self.spent[shard], &scan.tables[shard]):
                raise MemoryError

    cdef void spend_flows(self, uint32_t begin, uint32_t end) noexcept nogil:
        """Give back flows [begin, end) and what they hold."""
        cdef scan_t* scan = self.scanner.scan
        cdef uint32_t flow_id, shard
        cdef flow_t* flow
        cdef lone_t* lone
        for flow_id in range(begin, end):
            flow = self.by_id[flow_id]
            lone = as_lone(flow)
            if lone != NULL:
                shard = shard_of(lone.hash, scan.shards)
                spend_lone(&self.spent[shard], &scan.tables[shard], lone, &self.blocks)
            elif flow != NULL:
                shard = shard_of(flow.hash, scan.shards)
                spend(&self.spent[shard], &scan.tables[shard], flow, &self.blocks)
            self.by_id[flow_id] = NULL

    def summary(self, edges, bytes seed not None, observer=None, bint last=False, bint apart=False):
        """All flows summed in one pass: see native/summary.pxd.

        edges: ascending ns from 0, at most 1,024, the lower bounds of the buckets of durations.  seed: 16 bytes.
        observer: a capsule of observer_t, see Watcher.observer: it is given all flows in batches of flow_row_t, in
        order of flow_id; rows are alike in flow_row_still_parts().  apart: on a thread of its own.
        last: flows are not read again: their memory is given back on the way.
        Returns a dict of counts; `endpoints`, `pairs`, `services` are [(key, values)] of the largest, `largest` is a
        list of flows, each a dict of the fields of flow_row_t.  Raises MemoryError.
        """
        cdef summary_t* summary
        cdef uint64_t keys[2]
        cdef uint32_t index
        if not 1 < len(edges) <= MAX_EDGES or edges[0] != 0 or len(seed) != 16:
            raise ValueError(
                f"{len(edges)} edges and a seed of {len(seed)} bytes, expected up to {MAX_EDGES} from 0 on, and 16"
            )
        keys[0] = int.from_bytes(seed[:8], "little")
        keys[1] = int.from_bytes(seed[8:], "little")
        self.scanner.need_flows()
        if last:
            self.begin_spending()
        # The memory that is given back comes little by little, so that of the sums must, too.
        summary = summary_new(self.scanner.scan.next_flow // (8 if last else 1), keys, &self.blocks)
        if summary == NULL:
            raise MemoryError
        try:
            summary.edge_count = len(edges)
            for index in range(summary.edge_count):
                summary.edges[index] = edges[index]
            take_edges(summary)
            self.summarize(summary, observer, apart)
            return summary_told(summary)
        finally:
            summary_free(summary)
            blocks_free(&self.blocks)

    def endpoints(self, bytes seed not None):
        """Every address with its sums, as bytes: keys of 24 octets, (n, 5) int64, and (5,) of those beyond a million.

        keys: address, IP version, zeros.  values: flows, packets sent and received, bytes sent and received.
        seed: 16 bytes.  Raises MemoryError, and ValueError behind the last reading.
        """
        cdef summary_t* summary
        cdef uint64_t keys[2]
        self.scanner.need_flows()
        if len(seed) != 16:
            raise ValueError(f"a seed of {len(seed)} bytes, expected 16")
        keys[0] = int.from_bytes(seed[:8], "little")
        keys[1] = int.from_bytes(seed[8:], "little")
        summary = summary_new(self.scanner.scan.next_flow, keys, &self.blocks)
        if summary == NULL:
            raise MemoryError
        try:
            summary.edge_count = 2
            take_edges(summary)
            self.summarize(summary, None, False)
            return (
                sums_keys(&summary.addresses), sums_values(&summary.addresses),
                (<const char*>summary.addresses.beyond)[:SUM_COLUMNS * sizeof(int64_t)],
            )
        finally:
            summary_free(summary)
            blocks_free(&self.blocks)

    cdef summarize(self, summary_t* summary, observer, bint apart):
        cdef const observer_t* looking = NULL
        cdef told_t* flows
        cdef relay_t relay
        cdef bint looked = True
        if observer is not None:
            looking = <const observer_t*>PyCapsule_GetPointer(observer, b"pcap_analyzer.observer")
        flows = <told_t*>malloc(ROWS_AT_ONCE * sizeof(told_t))
        if self.observed == NULL:
            self.observed = <flow_row_t*>calloc(BATCHES_HELD * ROWS_AT_ONCE, sizeof(flow_row_t))
        if flows == NULL or self.observed == NULL:
            free(flows)
            raise MemoryError
        relay_begin(&relay, looking, apart)
        try:
            with nogil:
                self.sum_all(summary, flows, &relay)
        finally:
            with nogil:
                looked = relay_end(&relay)
            free(flows)
        if summary_failed(summary) or not looked:
            raise MemoryError

    cdef int sum_all(self, summary_t* summary, told_t* flows, relay_t* relay) except -1 nogil:
        """Every flow, and what is counted by address alone. Raises what a signal's handler raises."""
        cdef uint32_t at = 0, upto, end = self.scanner.scan.next_flow
        cdef flow_row_t* rows
        while at < end and not summary_failed(summary):
            upto = at + ROWS_AT_ONCE if end - at > ROWS_AT_ONCE else end
            rows = self.observed + place_of_batch(relay) * ROWS_AT_ONCE
            self.sum_flows(summary, at, upto, flows, rows)
            relay_give(relay, <const uint8_t*>rows, upto - at, likeness_of_rows(rows, upto - at))
            if self.spent != NULL:
                self.spend_flows(at, upto)
            at = upto
            if at % PAGES_BACK == 0:
                self.give_pages_back()
                with gil:
                    PyErr_CheckSignals()
        self.add_without_flow(summary)
        self.give_pages_back()
        return 0

    cdef void give_pages_back(self) noexcept nogil:
        """Of the file of flows that were written out: resident memory counts them."""
        if self.spilled != NULL:
            madvise(self.spilled, self.spilled_size, MADV_DONTNEED)

    cdef void sum_flows(
        self, summary_t* summary, uint32_t begin, uint32_t end, told_t* flows, flow_row_t* rows
    ) noexcept nogil:
        """Flows [begin, end) into rows, and their sums. flows, rows: (end - begin,); flows are scratch memory."""
        cdef const scan_t* scan = self.scanner.scan
        cdef uint32_t first = begin, count, index
        # What was written out is looked for once; what is live is told and summed while it is in the nearest cache.
        cdef uint32_t step = end - begin if scan.spill.part_count else ROWS_EXPECTED
        while first < end:
            count = step if end - first > step else end - first
            collect(self.by_id, scan.next_flow, self.spilled, &scan.spill, first, first + count, flows)
            for index in range(count):
                fill_collected(&rows[index], &flows[index])
            add_flows(summary, rows, count)
            rows += count
            first += count

    cdef void add_without_flow(self, summary_t* summary) noexcept nogil:
        """Packets counted by address pair only: later fragments, malformed ones."""
        cdef scan_t* scan = self.scanner.scan
        cdef uint32_t shard, index
        cdef uint64_t number
        cdef flow_t* flow
        cdef const part_t* part
        cdef flow_row_t row
        cdef wanted_t wanted
        cdef told_t one
        memset(&row, 0, sizeof(flow_row_t))
        for index in range(scan.spill.part_count):
            part = &scan.spill.parts[index]
            number = first_at_or_after(self.spilled, part, NO_NUMBER)
            while number < part.count:
                tell_written(&one, self.spilled, part, number)
                number += 1
                if one.flow.key.kind != KIND_ADDRESSES:      # known by a number alone: no packet is its own
                    continue
                fill_row(&row, &one)
                want_addresses(summary, &row, &wanted)
                add_addresses(summary, &row, &wanted, 0)
        if not self.others:
            return
        for shard in range(scan.shards):
            for index in range(scan.tables[shard].allocated):
                if scan.tables[shard].chunks[index // CHUNK_FLOWS] == NULL:  # spent
                    continue
                flow = flow_at(&scan.tables[shard], index)
                if flow.state & FLOW_LIVE and flow.flow_id == NO_NUMBER and flow.key.kind == KIND_ADDRESSES:
                    tell(&one, flow)
                    fill_row(&row, &one)
                    want_addresses(summary, &row, &wanted)
                    add_addresses(summary, &row, &wanted, 0)
