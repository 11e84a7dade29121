"""The twin of our TCP measures on conversations small enough to work out by hand."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.tcp_measures import Conversation, measure
from tests.reference.tcp_measures_state import ACK, FIN, RST, SYN, Segment
from tests.reference.tcp_measures_statistics import Statistics, bucket, middle

CLIENT, SERVER = 0, 1
MS = 1_000_000
TURN = 1 << 32


class Script:
    """Writes segments in ms. Positions count from 0 behind the SYN of either side; the SYN itself is -1."""

    def __init__(self, first: int = 1_000) -> None:
        self.first, self.frames, self.segments = first, count(1), list[Segment]()

    def add(self, ms, direction, at, ack=None, payload=0, flags=0, **more) -> int:
        """Append a segment; its frame number."""
        frame = next(self.frames)
        ack_flag = ACK if ack is not None else 0
        sack = tuple(((low + self.first) % TURN, (high + self.first) % TURN) for low, high in more.pop("sack", ()))
        self.segments.append(
            Segment(
                frame=frame,
                ns=round(ms * MS),
                direction=direction,
                seq=(self.first + at) % TURN,
                ack=(self.first + (ack or 0)) % TURN,
                flags=flags | ack_flag,
                payload=payload,
                sack=sack,
                **more,
            )
        )
        return frame

    def handshake(self, rtt_ms=20, near_ms=0, **options):
        """SYN at 0; the server is rtt_ms away, the client near_ms. Ends at their sum."""
        options = {"mss": 1460, "scale": 0, "sack_permitted": True} | options
        self.add(0, CLIENT, -1, flags=SYN, **options)
        self.add(rtt_ms, SERVER, -1, 0, flags=SYN, **options)
        self.add(rtt_ms + near_ms, CLIENT, 0, 0)
        return self

    def result(self) -> Conversation:
        return measure(self.segments)


@pytest.fixture(params=[1_000, TURN - 50, TURN - 1], ids=["plain", "wraps in the payload", "wraps in the SYN"])
def script(request) -> Script:
    return Script(request.param)


def test_a_clean_transfer_has_no_repetition_and_a_round_trip_for_each_acknowledgement(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 100)
    script.add(50, SERVER, 0, 100, 300)
    script.add(51, CLIENT, 100, 300)
    script.add(60, CLIENT, 100, 300, flags=FIN)
    script.add(80, SERVER, 300, 101, flags=FIN)
    script.add(80, CLIENT, 101, 301)
    conversation = script.result()
    client, server = conversation.sides
    assert (client.unique_bytes, server.unique_bytes) == (100, 300)
    assert (client.rtt.samples, client.rtt.total) == (3, 60 * MS)  # SYN, payload, FIN
    assert (server.rtt.samples, server.rtt.total) == (3, 1 * MS)
    assert not client.retransmissions + server.retransmissions
    assert (client.missed_bytes, server.missed_bytes) == (0, 0)
    assert conversation.first_byte_ns == 20 * MS
    assert conversation.initial_rtt_ns == 20 * MS


def test_a_time_out_repeats_what_nobody_asked_for(script):
    script.handshake()
    first = script.add(30, CLIENT, 0, 0, 100)
    script.add(31, CLIENT, 100, 0, 100)
    again = script.add(330, CLIENT, 0, 0, 100)
    script.add(350, SERVER, 0, 200)
    client = script.result().sides[CLIENT]
    [one] = client.retransmissions
    assert (one.frame, one.original, one.delay_ns, one.cause) == (again, first, 300 * MS, "rto")
    assert (client.seen_twice_segments, client.seen_twice_bytes, client.unique_bytes) == (1, 100, 200)
    assert client.rtt.samples == 1  # the SYN: what was under way is left out by Karn's rule


def test_after_a_time_out_all_that_goes_back_belongs_to_it(script):
    script.handshake()
    for at in (0, 100, 200):
        script.add(30, CLIENT, at, 0, 100)
    script.add(330, CLIENT, 0, 0, 100)
    script.add(350, SERVER, 0, 100)
    script.add(350, CLIENT, 100, 0, 100)
    script.add(350, CLIENT, 200, 0, 100)
    assert script.result().sides[CLIENT].causes() == {"rto": 3}


def test_three_duplicate_acknowledgements_ask_for_a_fast_repetition(script):
    script.handshake()
    for at in range(0, 500, 100):
        script.add(30, CLIENT, at, 0, 100)
    for ms in (50, 51, 52, 53):
        script.add(ms, SERVER, 0, 100)
    script.add(53, CLIENT, 100, 0, 100)
    assert script.result().sides[CLIENT].causes() == {"fast": 1}


def test_a_selective_acknowledgement_beyond_a_segment_asks_for_it(script):
    script.handshake()
    for at in (0, 100, 200):
        script.add(30, CLIENT, at, 0, 100)
    script.add(50, SERVER, 0, 0, sack=[(200, 300)])
    script.add(55, CLIENT, 0, 0, 100)
    script.add(55, CLIENT, 100, 0, 100)
    assert script.result().sides[CLIENT].causes() == {"fast": 2}


def test_the_last_segment_of_a_flight_repeated_unasked_is_a_tail_loss_once(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 100)
    script.add(31, CLIENT, 100, 0, 100)
    script.add(90, CLIENT, 100, 0, 100)
    script.add(400, CLIENT, 0, 0, 100)
    assert [one.cause for one in script.result().sides[CLIENT].retransmissions] == ["tail_loss", "rto"]


def test_a_copy_made_by_the_network_has_no_cause(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 100)
    script.add(30.1, CLIENT, 0, 0, 100)
    client = script.result().sides[CLIENT]
    assert (client.seen_twice_segments, client.causes()) == (1, {"unknown": 1})


def test_a_repeated_syn_is_no_payload_seen_twice_and_its_answer_no_round_trip(script):
    script.add(0, CLIENT, -1, flags=SYN)
    script.add(1_000, CLIENT, -1, flags=SYN)
    script.add(1_020, SERVER, -1, 0, flags=SYN)
    client = script.result().sides[CLIENT]
    assert (client.syn_retries, client.seen_twice_segments, client.causes()) == (1, 0, {"syn_retry": 1})
    assert client.retransmissions[0].delay_ns == 1_000 * MS
    assert client.rtt.samples == 0


def test_a_segment_that_partly_overlaps_counts_each_byte_once(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 100)
    script.add(300, CLIENT, 50, 0, 100)
    client = script.result().sides[CLIENT]
    assert (client.unique_bytes, client.seen_twice_bytes, client.seen_twice_segments) == (150, 50, 1)


def test_a_fin_after_what_is_missing_shows_the_gap_and_may_come_twice(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 100)
    script.add(31, CLIENT, 150, 0, flags=FIN)
    script.add(300, CLIENT, 150, 0, flags=FIN)
    client = script.result().sides[CLIENT]
    assert (client.missed_bytes, client.fin_retries, client.unique_bytes) == (50, 1, 100)


def test_what_the_other_side_acknowledged_was_missed_by_the_capture_alone(script):
    script.handshake()
    script.add(30, CLIENT, 50, 0, 100)
    script.add(31, CLIENT, 250, 0, 100)
    script.add(50, SERVER, 0, 150)
    client = script.result().sides[CLIENT]
    assert (client.missed_bytes, client.missed_acked_bytes) == (150, 50)


@pytest.mark.parametrize(
    ("ms", "tsval", "kind"),
    [(31, None, "reordered"), (60, None, "repaired"), (60, 29, "reordered"), (31, 31, "repaired")],
)
def test_a_hole_is_filled_late_or_again(script, ms, tsval, kind):
    """Without timestamps half the handshake's round trip decides; with them, which was sent first."""
    script.handshake()
    script.add(29, CLIENT, 0, 0, 100)
    script.add(30, CLIENT, 200, 0, 100, timestamps=(30, 0) if tsval else None)
    script.add(ms, CLIENT, 100, 0, 100, timestamps=(tsval, 0) if tsval else None)
    client = script.result().sides[CLIENT]
    assert [(one.kind, one.filled) for one in client.repairs] == [(kind, 100)]
    assert (client.missed_bytes, client.seen_twice_bytes, client.unique_bytes) == (0, 0, 300)


def test_a_hole_filled_after_its_acknowledgement_was_no_loss(script):
    script.handshake()
    script.add(30, CLIENT, 100, 0, 100)
    script.add(50, SERVER, 0, 200)
    script.add(60, CLIENT, 0, 0, 100)
    assert [one.kind for one in script.result().sides[CLIENT].repairs] == ["late"]


def test_holes_are_split_and_bounded():
    script = Script().handshake()
    for number in range(1_002):
        script.add(30, CLIENT, 10 * number + 5, 0, 5)
    script.add(31, CLIENT, 10_012, 0, 1)
    client = script.result().sides[CLIENT]
    assert client.coverage is not None
    assert len(client.coverage.holes) == 1_000
    assert client.missed_bytes == 1_002 * 5 - 1


def test_a_dsack_below_the_acknowledgement_proves_the_repetition_spurious(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 100)
    script.add(300, CLIENT, 0, 0, 100)
    script.add(301, SERVER, 0, 100)
    by = script.add(320, SERVER, 0, 100, sack=[(0, 100)])
    client = script.result().sides[CLIENT]
    assert (client.dsack_blocks, client.spurious_by_dsack, client.retransmissions[0].dsack_by) == (1, 1, by)


def test_a_dsack_inside_the_next_block_is_one_too_and_a_plain_block_is_not(script):
    script.handshake()
    for at in (0, 100, 200):
        script.add(30, CLIENT, at, 0, 100)
    script.add(50, SERVER, 0, 0, sack=[(100, 300)])
    script.add(55, CLIENT, 100, 0, 100)
    script.add(75, SERVER, 0, 0, sack=[(100, 200), (100, 300)])
    client = script.result().sides[CLIENT]
    assert (client.dsack_blocks, client.spurious_by_dsack) == (1, 1)


@pytest.mark.parametrize(("echo", "spurious"), [(30, 1), (300, 0)])
def test_the_echo_of_an_earlier_timestamp_proves_the_repetition_spurious(script, echo, spurious):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 100, timestamps=(30, 0))
    script.add(300, CLIENT, 0, 0, 100, timestamps=(300, 0))
    script.add(301, SERVER, 0, 100, timestamps=(7, echo))
    assert script.result().sides[CLIENT].spurious_by_echo == spurious


def test_echoed_timestamps_time_a_repetition_that_karn_leaves_out(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 100, timestamps=(30, 0))
    script.add(50, SERVER, 0, 100, timestamps=(7, 30))
    script.add(60, CLIENT, 100, 0, 100, timestamps=(60, 7))
    script.add(61, SERVER, 0, 100, timestamps=(8, 30))  # moves nothing: no sample
    script.add(90, SERVER, 0, 200, timestamps=(9, 60))
    client = script.result().sides[CLIENT]
    assert (client.echo_rtt.samples, client.echo_rtt.total) == (2, 50 * MS)


@pytest.mark.parametrize("payload", [0, 1])
def test_keep_alives_are_neither_payload_nor_repetition(script, payload):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 100)
    script.add(50, SERVER, 0, 100)
    for ms in (10_000, 20_000):
        script.add(ms, CLIENT, 99, 0, payload)
        script.add(ms + 20, SERVER, 0, 100)
    client = script.result().sides[CLIENT]
    assert (client.keep_alives, client.keep_alive_bytes) == (2, 2 * payload)
    assert (client.unique_bytes, client.seen_twice_segments, client.missed_bytes) == (100, 0, 0)


def test_a_single_byte_that_is_still_unacknowledged_is_repeated_and_no_keep_alive(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 1)
    script.add(330, CLIENT, 0, 0, 1)
    client = script.result().sides[CLIENT]
    assert (client.keep_alives, client.seen_twice_segments, client.causes()) == (0, 1, {"tail_loss": 1})


def test_a_capture_that_begins_with_a_keep_alive_misses_nothing(script):
    script.add(0, CLIENT, 99, 0)
    script.add(20, SERVER, 0, 100)
    script.add(30, CLIENT, 100, 0, 50)
    client = script.result().sides[CLIENT]
    assert (client.unique_bytes, client.missed_bytes, client.keep_alives) == (50, 0, 0)


def test_a_probe_of_a_closed_window_is_sent_payload_only_if_it_was_taken(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 100)
    script.add(50, SERVER, 0, 100, window=0)
    script.add(250, CLIENT, 100, 0, 1)
    script.add(270, SERVER, 0, 100, window=0)
    script.add(650, CLIENT, 100, 0, 1)
    script.add(670, SERVER, 0, 101, window=1_000)
    script.add(671, CLIENT, 101, 0, 50)
    conversation = script.result()
    client, server = conversation.sides
    assert (client.window_probes, client.unique_bytes, client.missed_bytes, client.seen_twice_bytes) == (2, 151, 0, 0)
    assert (server.zero_periods, server.zero_ns) == (1, 620 * MS)


def test_a_window_that_stays_closed_counts_to_the_last_segment_and_a_reset_ends_it(script):
    script.handshake()
    script.add(30, SERVER, 0, 0, window=0)
    script.add(90, SERVER, 0, 0, window=0)
    assert script.result().sides[SERVER].zero_ns == 60 * MS
    script.add(100, CLIENT, 0, flags=RST, window=0)
    script.add(200, CLIENT, 0, flags=RST, window=0)
    conversation = script.result()
    assert [(side.zero_periods, side.zero_ns) for side in conversation.sides] == [(0, 0), (1, 70 * MS)]


def test_the_text_in_a_reset_is_no_payload(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 20, flags=RST)
    client = script.result().sides[CLIENT]
    assert (client.unique_bytes, client.missed_bytes, client.first_payload_ns) == (0, 0, None)


def test_time_that_runs_backwards_stands_still(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 100)
    script.add(10, SERVER, 0, 100)
    client = script.result().sides[CLIENT]
    assert (client.rtt.samples, client.rtt.least) == (2, 0)


def test_another_sequence_space_begins_anew_without_a_gap(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 100)
    script.add(31, CLIENT, 1 << 31, 0, 100)
    client = script.result().sides[CLIENT]
    assert (client.strays, client.unique_bytes, client.missed_bytes) == (1, 200, 0)


def test_a_super_segment_is_one_segment_and_gives_no_round_trip_inside(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 14_600)
    script.add(50, SERVER, 0, 7_300)
    script.add(51, SERVER, 0, 14_600)
    client = script.result().sides[CLIENT]
    assert (client.rtt.samples, client.rtt.most) == (2, 21 * MS)


def test_the_server_that_speaks_first_has_no_time_to_first_byte(script):
    script.handshake()
    script.add(30, SERVER, 0, 0, 100)
    script.add(50, CLIENT, 0, 100, 100)
    assert script.result().first_byte_ns is None


# who holds a transfer up: shares of its time in ms


def limits(script, direction=CLIENT):
    found = script.result().sides[direction].limit_ns
    return {name: ns // MS for name, ns in found.items() if ns >= MS}


def test_a_full_window_is_the_receivers_limit(script):
    script.handshake()
    script.add(30, SERVER, 0, 0, window=2_000)
    script.add(30, CLIENT, 0, 0, 1_460)
    script.add(50, SERVER, 0, 1_460, window=2_000)
    script.add(50, CLIENT, 1_460, 0, 1_460)
    script.add(70, SERVER, 0, 2_920, window=2_000)
    assert limits(script) == {"receiver": 40}


def test_a_short_segment_shows_that_the_application_had_no_more(script):
    script.handshake()
    for number in range(3):
        script.add(100 + 20 * number, CLIENT, 160 * number, 0, 160)
    script.add(160, SERVER, 0, 480)
    assert limits(script) == {"application": 60}


def test_full_segments_and_an_open_window_leave_the_congestion_window(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 1_460)
    script.add(50, SERVER, 0, 1_460)
    script.add(50, CLIENT, 1_460, 0, 1_460)
    script.add(70, SERVER, 0, 2_920)
    assert limits(script) == {"congestion": 40}


def test_at_the_receivers_end_the_way_of_the_acknowledgement_is_still_congestion(script):
    script.handshake(rtt_ms=0, near_ms=20)
    script.add(30, CLIENT, 0, 0, 1_460)
    script.add(30, SERVER, 0, 1_460)
    script.add(50, CLIENT, 1_460, 0, 1_460)
    script.add(50, SERVER, 0, 2_920)
    script.add(100, CLIENT, 2_920, 0, 1_460)
    script.add(100, SERVER, 0, 4_380)
    assert limits(script) == {"congestion": 40, "application": 30}


def test_silence_behind_the_last_payload_is_no_part_of_the_transfer(script):
    script.handshake()
    script.add(30, CLIENT, 0, 0, 100)
    script.add(50, SERVER, 0, 100)
    script.add(9_000, SERVER, 0, 100, 10)
    assert limits(script) == {"application": 20}


def test_percentiles_are_at_most_two_percent_off():
    for value in (0, 1, 31, 32, 33, 63, 64, 999, 12_345_678, 10**12 + 7):
        assert abs(middle(bucket(value)) - value) * 50 <= value
    statistics = Statistics()
    for value in range(1, 101):
        statistics.add(value * MS)
    assert statistics.percentile(50) == pytest.approx(50 * MS, rel=0.02)
    assert statistics.percentile(95) == pytest.approx(95 * MS, rel=0.02)
    assert statistics.percentile(100) == pytest.approx(100 * MS, rel=0.02)
    assert Statistics().percentile(50) is None


@given(
    st.sampled_from([1_000, TURN - 100]),
    # A single byte may be a keep-alive's.
    st.lists(st.tuples(st.integers(0, 300), st.integers(2, 60)), min_size=1, max_size=60),
)
def test_coverage_is_what_a_set_of_bytes_says(first, spans):
    script = Script(first)
    script.add(0, CLIENT, -1, flags=SYN)
    seen_bytes, seen_segments, covered = 0, 0, set[int]()
    for ms, (begin, length) in enumerate(spans):
        script.add(ms, CLIENT, begin, 0, length)
        again = covered & set(range(begin, begin + length))
        covered |= set(range(begin, begin + length))
        seen_bytes, seen_segments = seen_bytes + len(again), seen_segments + bool(again)
    client = script.result().sides[CLIENT]
    assert client.unique_bytes == len(covered)
    assert client.missed_bytes == max(covered) + 1 - len(covered)
    assert (client.seen_twice_bytes, client.seen_twice_segments) == (seen_bytes, seen_segments)


NEAR = st.integers(-40, 40)
ANY_SEGMENT = st.fixed_dictionaries(
    {
        "ms": st.integers(-5, 400),
        "direction": st.sampled_from([CLIENT, SERVER]),
        "at": NEAR | st.integers(0, TURN - 1),
        "ack": st.none() | NEAR | st.integers(0, TURN - 1),
        "payload": st.sampled_from([0, 0, 1, 10, 1_460, 60_000]),
        "flags": st.sampled_from([0, 0, 0, SYN, FIN, RST, SYN | FIN]),
        "window": st.sampled_from([0, 20, 65_535]),
        "sack": st.lists(st.tuples(NEAR, NEAR), max_size=4),
        "timestamps": st.none() | st.tuples(st.integers(0, 50), st.integers(0, 50)),
    }
)


@given(st.lists(ANY_SEGMENT, max_size=60))
def test_whatever_comes_each_payload_byte_is_new_or_seen_and_time_is_spent_once(segments):
    script = Script()
    for segment in segments:
        script.add(**segment)
    conversation = script.result()
    times = [segment.ns for segment in script.segments]
    duration = max([0, *times]) - min([0, *times])
    for direction, side in enumerate(conversation.sides):
        sent = [one for one in script.segments if one.direction == direction and not one.flags & RST]
        counted = side.unique_bytes + side.seen_twice_bytes + side.keep_alive_bytes + side.window_probes
        taken_after_all = side.window_probes
        assert counted - taken_after_all <= sum(one.payload for one in sent) <= counted
        assert sum(side.limit_ns.values()) <= duration
        assert side.zero_ns <= duration
        assert side.missed_acked_bytes <= side.missed_bytes
        assert all(samples.least >= 0 for samples in (side.rtt, side.echo_rtt))
