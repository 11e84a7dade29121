"""Records of a capture, found again by where their frames lie, copied out as pcapng blocks.

What is read is the capture itself: a file by pread(2), records near each other at once, or a window in memory. A
record of pcapng is its whole block, options included, unchanged. One of pcap gets the block around it that pcapng asks
for: the same time in the same ticks, the same lengths, the same bytes.

The scan has checked every record before. A file that was changed meanwhile is noticed and ends the copying.
Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
"""
from cpython.buffer cimport PyBUF_READ, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc cimport errno
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from wire cimport be32, le32

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int descriptor, void* into, size_t length, long long offset)

cdef enum:
    ENHANCED = 6
    ENHANCED_FRAME = 28              # bytes of an enhanced or old packet block before its frame
    SIMPLE_FRAME = 12
    AROUND_FRAME = 32                # bytes of an enhanced packet block without options beside its frame
    MAX_BLOCK = 134348832            # see walk.pxd
    FULL_BYTES = 4194304             # written before the caller takes them
    NEAR_BYTES = 16384               # apart: read together, because a system call costs as much
    TOGETHER_BYTES = 1048576
    TAIL_BYTES = 256                 # read behind a frame at once: padding, options, trailer

cdef enum copied_t:
    COPIED = 0
    COPY_NO_MEMORY = 1
    COPY_NO_READ = 2
    COPY_CHANGED = 3                 # no record stands there any more

ctypedef struct bytes_t:             # grows, never shrinks
    uint8_t* data
    uint64_t size
    uint64_t capacity


cdef inline bint make_room(bytes_t* into, uint64_t size) noexcept nogil:
    cdef uint8_t* grown
    if size > into.capacity:
        grown = <uint8_t*>realloc(into.data, size + size // 2)
        if grown == NULL:
            return False
        into.data = grown
        into.capacity = size + size // 2
    return True


cdef inline void put32(uint8_t* at, uint32_t value) noexcept nogil:
    at[0] = value & 0xFF
    at[1] = value >> 8 & 0xFF
    at[2] = value >> 16 & 0xFF
    at[3] = value >> 24


cdef class RecordCopier:
    """Blocks of pcapng for records of one capture; `begin_pcap` or `begin_pcapng` says how they are read."""
    cdef bint pcap
    cdef bint big_endian
    cdef uint32_t record_header
    cdef uint32_t ticks              # a second
    cdef int descriptor              # of the capture, or
    cdef Py_buffer given             # a window of it
    cdef bint holding
    cdef bytes_t window              # what was read of a file last
    cdef const uint8_t* base
    cdef uint64_t base_offset        # in the file
    cdef uint64_t base_size
    cdef bytes_t out
    cdef int error                   # of the last reading that gave too little; 0: the file ends there

    def __cinit__(self):
        self.descriptor = -1

    def __dealloc__(self):
        self.let_go()
        free(self.window.data)
        free(self.out.data)

    cdef let_go(self):
        if self.holding:
            PyBuffer_Release(&self.given)
            self.holding = False
        self.base_size = 0

    def begin_pcap(self, *, bint big_endian, uint32_t record_header, uint32_t tick_ns):
        """The records are pcap's from now on. record_header: bytes before the frame, 16 at least."""
        if not 16 <= record_header <= 64 or tick_ns not in (1, 1000):
            raise ValueError(f"a record header of {record_header} bytes, ticks of {tick_ns} ns")
        self.pcap = True
        self.big_endian = big_endian
        self.record_header = record_header
        self.ticks = 1000000000 // tick_ns

    def begin_pcapng(self, *, bint big_endian):
        """The records are those of a pcapng section from now on."""
        self.pcap = False
        self.big_endian = big_endian

    def read_file(self, int descriptor):
        """Copy from a file that is open for reading."""
        self.let_go()
        self.descriptor = descriptor

    def read_memory(self, data not None, uint64_t file_offset):
        """Copy from a window of the capture; it is held until `release` or the next call."""
        self.let_go()
        self.descriptor = -1
        PyObject_GetBuffer(data, &self.given, PyBUF_SIMPLE)
        self.holding = True
        self.base = <const uint8_t*>self.given.buf
        self.base_size = self.given.len
        self.base_offset = file_offset

    def release(self):
        """Forget the window."""
        self.let_go()

    def copy(
        self,
        const uint64_t[::1] offset not None,     # IN  (n,) of the frames in the file, ascending
        const uint32_t[::1] captured not None,   # IN  (n,) bytes
        const uint32_t[::1] original not None,   # IN  (n,) bytes
        uint64_t row,                            # the first to copy
    ):
        """Blocks of the rows from `row` on, 4 MiB or little more: (the next row, view of them until the next call).

        Raises EOFError where the file ends before a record, ValueError where none stands there any more, OSError
        where the file cannot be read, MemoryError.
        """
        cdef uint64_t rows = len(offset)
        cdef int state = COPIED
        if len(captured) < rows or len(original) < rows:
            raise ValueError(f"{rows} offsets, {len(captured)} and {len(original)} lengths")
        self.out.size = 0
        with nogil:
            while row < rows and self.out.size < FULL_BYTES and state == COPIED:
                if self.pcap:
                    state = self.copy_pcap(&offset[0], &captured[0], original[row], row, rows)
                else:
                    state = self.copy_block(&offset[0], &captured[0], row, rows)
                row += 1
        if state != COPIED:
            self.explain(state, offset[row - 1])
        return row, PyMemoryView_FromMemory(<char*>self.out.data, self.out.size, PyBUF_READ) if self.out.size else b""

    cdef explain(self, int state, uint64_t offset):
        if state == COPY_NO_MEMORY:
            raise MemoryError("there is not enough memory for a record")
        if state == COPY_CHANGED:
            raise ValueError(f"the record at byte {offset} is not what it was")
        if self.error:
            raise OSError(self.error, f"the record at byte {offset} cannot be read")
        raise EOFError(f"the file ends before the record at byte {offset}")

    cdef int copy_pcap(
        self, const uint64_t* offset, const uint32_t* captured, uint32_t original, uint64_t row, uint64_t rows
    ) noexcept nogil:
        cdef const uint8_t* header
        cdef uint8_t* at
        cdef uint64_t ticks
        cdef uint32_t length = captured[row], padded = (captured[row] + 3) & ~3u
        cdef int state
        if length > MAX_BLOCK or offset[row] < self.record_header:
            return COPY_CHANGED
        state = self.show(offset, captured, row, rows, self.record_header, length, &header)
        if state != COPIED:
            return state
        if not make_room(&self.out, self.out.size + AROUND_FRAME + padded):
            return COPY_NO_MEMORY
        ticks = <uint64_t>self.load32(header) * self.ticks + self.load32(header + 4)
        at = self.out.data + self.out.size
        put32(at, ENHANCED)
        put32(at + 4, AROUND_FRAME + padded)
        put32(at + 8, 0)
        put32(at + 12, <uint32_t>(ticks >> 32))
        put32(at + 16, <uint32_t>ticks)
        put32(at + 20, length)
        put32(at + 24, original)
        memcpy(at + ENHANCED_FRAME, header + self.record_header, length)
        memset(at + ENHANCED_FRAME + length, 0, padded - length)
        put32(at + ENHANCED_FRAME + padded, AROUND_FRAME + padded)
        self.out.size += AROUND_FRAME + padded
        return COPIED

    cdef int copy_block(
        self, const uint64_t* offset, const uint32_t* captured, uint64_t row, uint64_t rows
    ) noexcept nogil:
        """The block around a frame, as it is."""
        cdef const uint8_t* block
        cdef uint64_t length
        cdef uint32_t before = SIMPLE_FRAME
        cdef int state
        if captured[row] > MAX_BLOCK or offset[row] < SIMPLE_FRAME:
            return COPY_CHANGED
        state = self.show(offset, captured, row, rows, SIMPLE_FRAME, captured[row], &block)
        if state != COPIED:
            return state
        # 8 bytes before the frame stand the captured bytes in an enhanced block; in a simple one the length of the
        # block, which is more.
        if self.load32(block + 4) == captured[row]:
            before = ENHANCED_FRAME
            if offset[row] < ENHANCED_FRAME:
                return COPY_CHANGED
            state = self.show(offset, captured, row, rows, ENHANCED_FRAME, captured[row], &block)
            if state != COPIED:
                return state
        length = (<uint64_t>self.load32(block + 4) + 3) & ~<uint64_t>3
        if length > MAX_BLOCK or length < <uint64_t>before + 4 + captured[row]:
            return COPY_CHANGED
        state = self.show(offset, captured, row, rows, before, length - before, &block)
        if state != COPIED:
            return state
        if not make_room(&self.out, self.out.size + length):
            return COPY_NO_MEMORY
        memcpy(self.out.data + self.out.size, block, length)
        self.out.size += length
        return COPIED

    cdef uint32_t load32(self, const uint8_t* at) noexcept nogil:
        return be32(at) if self.big_endian else le32(at)

    cdef int show(
        self, const uint64_t* offset, const uint32_t* captured, uint64_t row, uint64_t rows, uint32_t before,
        uint64_t behind, const uint8_t** at
    ) noexcept nogil:
        """`before` bytes in front of a row's frame and `behind` from there on, at `at` until the next call."""
        cdef uint64_t begin = offset[row] - before
        cdef uint64_t need = before + behind
        cdef int state
        if begin < self.base_offset or begin - self.base_offset > self.base_size or (
            need > self.base_size - (begin - self.base_offset)
        ):
            if self.descriptor < 0:
                return COPY_CHANGED
            state = self.read(offset, captured, row, rows, begin, need)
            if state != COPIED:
                return state
        at[0] = self.base + (begin - self.base_offset)
        return COPIED

    cdef int read(
        self, const uint64_t* offset, const uint32_t* captured, uint64_t row, uint64_t rows, uint64_t begin,
        uint64_t need
    ) noexcept nogil:
        """Bytes from `begin` on, `need` at least, and with them the rows that follow closely."""
        cdef uint64_t end = begin + need + TAIL_BYTES, got = 0
        # A block may begin earlier than it was looked for.
        cdef uint64_t lead = ENHANCED_FRAME if begin >= ENHANCED_FRAME else begin
        cdef ssize_t count
        begin -= lead
        while row + 1 < rows and offset[row + 1] <= end + NEAR_BYTES and offset[row + 1] - begin < TOGETHER_BYTES:
            row += 1
            if offset[row] + captured[row] + TAIL_BYTES > end:
                end = offset[row] + captured[row] + TAIL_BYTES
        need += lead
        self.base_size = 0
        if not make_room(&self.window, end - begin):
            return COPY_NO_MEMORY
        while got < end - begin:
            count = pread(self.descriptor, self.window.data + got, end - begin - got, <long long>(begin + got))
            if count < 0 and errno.errno == errno.EINTR:
                continue
            if count <= 0:
                self.error = errno.errno if count else 0
                break
            got += <uint64_t>count
        self.base = self.window.data
        self.base_offset = begin
        self.base_size = got
        if got < need:
            return COPY_NO_READ
        return COPIED
