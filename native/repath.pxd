"""Protocol paths of a batch in which the trie ran out of places, found again in the order of the file.

Threads that decode side by side take places as they come. As long as there are enough, all paths get one, and it is
the same whose came first. In the batch in which they run out it is not: what that batch took is given back, and its
frames are decoded once more, one after the other. From then on no new path finds a place, whoever asks.
"""
from libc.stdint cimport uint32_t
from libc.string cimport memset

from batch cimport batch_t, worker_t
from decode cimport decode_frame
from packet cimport decoder_init, decoder_t, extra_t, packet_t
from paths cimport paths_t, roll_back
from piece cimport take_record
from walk cimport record_t
from window cimport next_record, place_of, place_t


cdef inline void find_paths_again(
    paths_t* paths, batch_t* batch, worker_t* workers, uint32_t threads
) noexcept nogil:
    """Of all rows of a batch that was decoded and is not tracked yet, with the counters of how often each path came."""
    cdef place_t cursor = place_of(batch.window, batch.first)
    cdef const record_t* record
    cdef decoder_t decoder
    cdef extra_t extra
    cdef packet_t packet
    cdef packet_t* row
    cdef uint32_t index
    decoder_init(&decoder, paths, &extra)
    for index in range(threads):
        memset(workers[index].decoder.straight, 0, sizeof(decoder.straight))
    roll_back(paths)
    for index in range(batch.rows):
        record = next_record(&cursor)
        take_record(&packet, record, batch.window)
        decoder.extra_count = 0
        decode_frame(&decoder, batch.window.base + record.offset, &packet)
        row = &batch.packets[index]
        # Of whichever thread: only their sum is ever looked at.
        workers[0].counters.path_packets[row.path] -= 1
        workers[0].counters.path_bytes[row.path] -= row.original_length
        row.path = packet.path
        workers[0].counters.path_packets[row.path] += 1
        workers[0].counters.path_bytes[row.path] += row.original_length
