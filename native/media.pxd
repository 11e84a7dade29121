"""Where media was announced to go, and the stream numbers that Wireshark gives it.

Who announces an address and port to which it wants media (sdp.pxd) makes Wireshark open a conversation with that one
end. What is sent from there, or to there, then falls into it, whoever the other end is, unless the two ends had a
conversation before. So a call whose parties both announce themselves has a stream in each direction, and one whose
parties announce themselves again has new ones. For us its packets are of one flow, whose number is that of the first.

An announcement counts from a frame on, its `setup`: that of the request, where it is the answer to one. Of those of an
end the one with the latest setup is valid; one that is not the latest when it comes is never looked at.

It is told between two batches, by one thread, and may concern packets before it in the batch that follows: see `since`.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from flow cimport FLOW_ANNOUNCED, NO_NUMBER, flow_t
from keyed cimport NO_KEY, find_row, hash_of, kept_at, keyed_free, keyed_init, keyed_t, known_row
from wire cimport seldom

cdef enum:
    MAX_ENDS = 262144                # what is announced beyond is not followed: its packets have their flow's number
    MAX_ANNOUNCED = 524288

ctypedef struct end_t:               # 24 bytes: a key
    uint8_t address[16]              # IPv4 as ::ffff:a.b.c.d
    uint16_t port
    uint8_t ip_version
    uint8_t zero[5]

ctypedef struct announced_key_t:     # 32 bytes
    end_t end
    uint64_t setup                   # frame number

ctypedef struct announced_t:         # 24 bytes, behind its key
    uint64_t since                   # number of the frame that says so
    uint32_t stream                  # NO_NUMBER before a packet is of it
    uint32_t before                  # the one before it of the same end, NO_KEY: none
    uint32_t jump                    # one further before it, NO_KEY: none. By jumps any is near
    uint32_t depth                   # how many are before it

ctypedef struct latest_t:            # 8 bytes, behind an end
    uint32_t number                  # of the announcement
    uint32_t zero

ctypedef struct media_t:
    keyed_t ends
    keyed_t announced


# ---------------------------------------------------------------- memory

cdef inline bint media_init(media_t* media, const uint64_t* seed) noexcept nogil:
    """False: no memory. media_free is to be called in any case."""
    return (
        keyed_init(&media.ends, sizeof(end_t), sizeof(latest_t), MAX_ENDS, 0, seed, NULL)
        and keyed_init(&media.announced, sizeof(announced_key_t), sizeof(announced_t), MAX_ANNOUNCED, 0, seed, NULL)
    )


cdef inline void media_free(media_t* media) noexcept nogil:
    keyed_free(&media.ends)
    keyed_free(&media.announced)


cdef inline announced_t* announced_of(const media_t* media, uint32_t number) noexcept nogil:
    return <announced_t*>kept_at(&media.announced, number)


cdef inline latest_t* latest_at(const media_t* media, const end_t* end) noexcept nogil:
    """NULL: nothing was announced of an end."""
    cdef uint32_t number
    if known_row(&media.ends, <const uint8_t*>end, hash_of(&media.ends, <const uint8_t*>end), &number) == NULL:
        return NULL
    return <latest_t*>kept_at(&media.ends, number)


cdef inline end_t end_of(const uint8_t* address, uint16_t port, uint8_t ip_version) noexcept nogil:
    cdef end_t end
    memset(&end, 0, sizeof(end_t))
    memcpy(end.address, address, 16)
    end.port = port
    end.ip_version = ip_version
    return end


# ---------------------------------------------------------------- announcing

cdef inline uint64_t setup_of(const media_t* media, uint32_t number) noexcept nogil:
    return (<const announced_key_t*>(<const uint8_t*>announced_of(media, number) - sizeof(announced_key_t))).setup


cdef inline void chain(const media_t* media, announced_t* announced, uint32_t before) noexcept nogil:
    """Put an announcement before the others of its end. Two jumps of one length make a longer one."""
    cdef const announced_t* last
    cdef const announced_t* middle
    announced.before = announced.jump = before
    announced.depth = 0
    if before == NO_KEY:
        return
    last = announced_of(media, before)
    announced.depth = last.depth + 1
    if last.jump == NO_KEY:
        return
    middle = announced_of(media, last.jump)
    if middle.jump != NO_KEY and last.depth - middle.depth == middle.depth - announced_of(media, middle.jump).depth:
        announced.jump = middle.jump


cdef inline void announce(media_t* media, const end_t* end, uint64_t setup, uint64_t since) noexcept nogil:
    """Frame `since` says that media will be sent to an end, which counts from frame `setup` on."""
    cdef announced_key_t key
    cdef announced_t* announced
    cdef latest_t* latest
    cdef uint32_t at, number, count = media.ends.count
    if find_row(&media.ends, <const uint8_t*>end, hash_of(&media.ends, <const uint8_t*>end), &at) == NULL:
        return
    latest = <latest_t*>kept_at(&media.ends, at)
    if media.ends.count != count:
        latest.number = NO_KEY
        latest.zero = 0
    if latest.number != NO_KEY and setup <= setup_of(media, latest.number):
        return
    key.end = end[0]
    key.setup = setup
    count = media.announced.count
    if find_row(
        &media.announced, <const uint8_t*>&key, hash_of(&media.announced, <const uint8_t*>&key), &number
    ) == NULL or media.announced.count == count:
        return
    announced = announced_of(media, number)
    announced.since = since
    announced.stream = NO_NUMBER
    chain(media, announced, latest.number)
    latest.number = number


cdef inline void announce_beside(media_t* media, const end_t* end, uint64_t setup, uint64_t since) noexcept nogil:
    """The same of RTCP: Wireshark leaves it at the first time."""
    cdef const latest_t* latest = latest_at(media, end)
    if latest == NULL or latest.number == NO_KEY:
        announce(media, end, setup, since)


# ---------------------------------------------------------------- asking

cdef inline announced_t* announced_to(const media_t* media, const end_t* end, uint64_t frame) noexcept nogil:
    """What is announced of an end at a frame; NULL: nothing."""
    cdef const latest_t* latest = latest_at(media, end)
    cdef uint32_t number = latest.number if latest != NULL else <uint32_t>NO_KEY
    cdef announced_t* announced
    while number != NO_KEY:
        announced = announced_of(media, number)
        if announced.since < frame:
            return announced
        # A batch can hold many announcements behind a frame: never one by one.
        number = announced.before
        if announced.jump != NO_KEY and announced_of(media, announced.jump).since >= frame:
            number = announced.jump
    return NULL


cdef inline announced_t* media_of(
    const media_t* media, flow_t* flow, const uint8_t* addresses, uint16_t src_port, uint16_t dst_port,
    uint64_t frame, bint fresh
) noexcept nogil:
    """The announcement whose stream number a UDP header has; NULL: it has that of its flow.

    addresses: of its sender, and behind it of its receiver.  fresh: it is its flow's first.
    """
    cdef announced_t* announced
    cdef end_t end
    if not seldom(media.ends.count != 0) or not (fresh or flow.state & FLOW_ANNOUNCED):
        return NULL
    end = end_of(addresses, src_port, flow.key.ip_version)
    announced = announced_to(media, &end, frame)
    if announced == NULL:
        end = end_of(addresses + 16, dst_port, flow.key.ip_version)
        announced = announced_to(media, &end, frame)
    if announced != NULL:
        flow.state |= FLOW_ANNOUNCED
    return announced
