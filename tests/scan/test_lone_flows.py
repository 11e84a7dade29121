"""Flows that are nothing but a segment are kept apart (native/lone.pxd), and nothing shows of it: who asks for packets
has none of them, and finds the same flows.
"""

import io
import struct
from random import Random

import pyarrow as pa
import pytest

from pcap_analyzer.analysis.durations import bucket_edges
from pcap_analyzer.analysis.watches import Program, Tally, column, layout
from pcap_analyzer.pipeline import analyze_capture, open_capture
from tests.native.frames import ethernet, icmp, ipv4, ipv6
from tests.scan.files import ACK, DATA, FIN_ACK, RST, SYN, SYN_ACK, pcap_file

PURE = (SYN, SYN, SYN, SYN | 0xC0, SYN | 0x08, SYN | 0x20, SYN | 0x40)
BACK = (SYN_ACK, SYN_ACK | 0x40, RST, RST | ACK, RST | ACK | 0x08, RST | SYN)  # what a flood brings back
OPTIONS = (
    b"",
    b"\x02\x04\x05\xb4",
    b"\x02\x04\x05\x14\x01\x03\x03\x07",
    b"\x01\x01\x08\x0a" + struct.pack(">II", 77, 0) + b"\x02\x04\x01\x00",
    b"\x04\x02\x01\x01\x02\x04\x05\xb4",
    b"\x22\x02\x01\x01",
    b"\x01\x01\x05\x0a" + struct.pack(">II", 5, 9),
)
ECHO = b"\x01\x01\x08\x0a" + struct.pack(">II", 500, 77)
LATER = ("none", "again", "other", "answer", "reset", "refused", "meets", "data", "finish", "error", "whole")


class Host:
    """A client and what it sends to one of three servers, over one of both IP versions."""

    def __init__(self, dice: Random, number: int) -> None:
        self.dice, self.six, self.server, self.back = dice, number % 5 == 0, dice.randrange(3), number % 3 == 0
        # Below or above the server's address: either side of a flow's key.
        self.own = f"{dice.choice((1, 200))}.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        self.own6 = f"{dice.choice(('2001', '2fff'))}::{number >> 8:x}:{number & 255:x}"
        self.port, self.seq = dice.randrange(1024, 60000), dice.randrange(2**32)

    def frame(self, flags: int, *, reply: bool = False, seq: int = 0, options: bytes = b"", data: int = 0) -> bytes:
        ports = (80, self.port) if reply else (self.port, 80)
        words = (20 + len(options)) // 4
        ack = self.dice.choice((0, 7)) if not flags & ACK else self.seq + 1
        numbers = (*ports, (self.seq + seq) % 2**32, ack % 2**32, words << 12 | flags, self.dice.randrange(2**16), 0, 0)
        tcp = struct.pack(">HHIIHHHH", *numbers) + options + bytes(data)
        if self.six:
            ends = (self.own6, f"2400::{self.server}")
            return ethernet(ipv6(tcp, 6, *(reversed(ends) if reply else ends)), 0x86DD)
        ends = (self.own, f"100.0.0.{self.server}")
        return ethernet(ipv4(tcp, 6, *(reversed(ends) if reply else ends)))

    def syn(self, seq: int = 0) -> bytes:
        data = self.dice.choice((0, 0, 0, 0, 0, 0, 0, 9))
        return self.frame(self.dice.choice(PURE), seq=seq, options=self.dice.choice(OPTIONS), data=data)

    def first(self) -> bytes:
        """What its flow begins with: one of three is an answer, from either end."""
        if not self.back:
            return self.syn()
        reply, options = self.dice.choice((True, True, False)), self.dice.choice(OPTIONS)
        return self.frame(self.dice.choice(BACK), reply=reply, seq=self.dice.choice((0, 7)), options=options)

    def later(self, kind: str) -> list[bytes]:
        made = {
            "none": [],
            "again": [self.first()],
            "other": [self.syn(seq=99)],
            "answer": [self.frame(SYN_ACK, reply=True, seq=500, options=ECHO)],
            "reset": [self.frame(RST, seq=1)],
            "refused": [self.frame(RST | ACK, reply=True)],
            "meets": [self.frame(SYN, reply=True, seq=300)],
            "data": [self.frame(DATA, seq=1, data=5)],
            "finish": [self.frame(FIN_ACK, seq=1)],
            "error": [ethernet(ipv4(icmp(3, 1, self.syn()[14:]), 1))],
            "whole": [
                self.frame(SYN_ACK, reply=True, options=ECHO),
                self.frame(ACK, seq=1),
                self.frame(DATA, seq=1, data=3),
            ],
        }
        return made[kind]


def flood(seed: int, hosts: int) -> bytes:
    """SYNs, or what comes back, some answered, repeated or quoted, near or far behind; some cut, or fragments."""
    dice = Random(seed)
    placed: list[tuple[float, bytes]] = []
    for number in range(hosts):
        host = Host(dice, number)
        at = float(number)
        placed.append((at, host.first()))
        for kind in dice.choices(LATER, (20, *[2] * (len(LATER) - 1)), k=2):
            at += dice.choice((0.5, 3, 2000))
            placed += [(at, frame) for frame in host.later(kind)]
        if number % 31 == 0:
            placed.append((at, host.syn()[:50]))
        if number % 37 == 0 and not host.six:
            whole = bytearray(host.syn())
            whole[20:22] = b"\x20\x00"  # more fragments follow
            placed.append((float(number) - 0.5, bytes(whole)))
    return pcap_file([frame for _, frame in sorted(placed, key=lambda one: one[0])])


def told(data: bytes, **options: int) -> tuple[pa.Table, str]:
    analysis = analyze_capture(io.BytesIO(data), **options)
    return analysis.flows().read_all(), repr(analysis.tcp)


@pytest.mark.parametrize(
    ("seed", "hosts", "limit"),
    [(0, 6000, 1_000_000), (1, 6000, 1_000_000), (2, 6000, 1_000_000), (3, 36_000, 300), (4, 36_000, 25_000)],
)
def test_flows_are_those_of_who_asks_for_packets(seed, hosts, limit):
    data = flood(seed, hosts)
    with open_capture(io.BytesIO(data), threads=1, flow_limit=limit) as opened:
        packets = opened.packets(["frame_number"]).read_all()
        expected = opened.flows().read_all()
    states = expected.column("conn_state").to_pylist()
    assert packets.num_rows > expected.num_rows > hosts
    assert states.count("S0") > hosts // 3
    assert states.count("OTH") > hosts // 9
    first = told(data, flow_limit=limit, threads=1)
    for threads, batch_size in ((1, 65536), (2, 65536), (2, 700), (4, 5000), (1, 1 if hosts < 10_000 else 77)):
        found, tcp = told(data, flow_limit=limit, threads=threads, batch_size=batch_size)
        assert found.equals(expected)
        assert tcp == first[1]


COUNTED = ("packets", "bytes", "syn", "ack", "size_min", "size_max")


def test_none_is_lost_where_few_are_kept():
    data = flood(3, 36_000)
    columns = ["flow_id", *(f"{side}{name}" for name in ("", "_port") for side in ("client", "server"))]
    columns += [f"{side}_{name}" for side in ("client", "server") for name in COUNTED]
    whole, _ = told(data)
    parts, _ = told(data, flow_limit=300)
    assert parts.select(columns).equals(whole.select(columns))


def test_both_ends_open_with_a_syn_and_the_first_is_written_out_before_the_second():
    dice = Random(0)
    meeting, *others = (Host(dice, number) for number in range(1, 70_000))
    first, second = meeting.frame(SYN), meeting.frame(SYN, reply=True, seq=300)
    flows, _ = told(pcap_file([first, *(host.frame(SYN) for host in others), second]), flow_limit=300)
    row = flows.slice(0, 1).to_pylist()[0]
    assert (row["client_packets"], row["client_bytes"], row["client_syn"], row["client_ack"]) == (1, len(first), 1, 0)
    assert (row["server_packets"], row["server_bytes"], row["server_syn"], row["server_ack"]) == (1, len(second), 1, 0)
    assert row["history"] == "Ss"


def test_a_history_says_each_letter_once_however_often_its_flow_is_written_out():
    dice = Random(0)
    one, *others = (Host(dice, number) for number in range(1, 70_000))
    others_syn = [host.frame(SYN) for host in others]
    frames = [one.frame(SYN), one.frame(ACK, reply=True), *others_syn, one.frame(SYN), *others_syn]
    flows, _ = told(pcap_file([*frames, one.frame(ACK, reply=True)]), flow_limit=300)
    assert flows.column("history")[0].as_py() == "Sa"


@pytest.mark.parametrize(
    ("flags", "later"),
    [
        (SYN_ACK, [(SYN, True, 500)]),  # the server's own
        (SYN_ACK, [(SYN, False, 0)]),
        (RST, [(SYN, True, 500), (SYN_ACK, True, 500)]),
        (SYN, [(SYN, False, 0), (SYN, False, 0), (SYN_ACK, True, 500)]),
    ],
)
def test_a_handshake_is_told_from_the_clients_syn_before_the_answer(flags, later):
    dice = Random(0)
    one, *others = (Host(dice, number) for number in range(1, 70_000))
    frames = [one.frame(flags, reply=flags != SYN, seq=0 if flags == SYN else 500)]
    frames += [*(host.frame(SYN) for host in others), *(one.frame(kind, reply=by, seq=seq) for kind, by, seq in later)]
    columns = ["client", "history", "syn_retries", "handshake_network", "initial_rtt", "conn_state"]
    found = [told(pcap_file(frames), flow_limit=limit)[0].select(columns).slice(0, 1) for limit in (1_000_000, 300)]
    assert found[0].equals(found[1])


def test_the_latest_syn_says_how_far_away_its_sender_is():
    dice = Random(0)
    one, *others = (Host(dice, number) for number in range(1, 70_000))
    near, far = (ethernet(ipv4(one.frame(SYN)[34:], 6, one.own, "100.0.0.1", ttl=ttl)) for ttl in (64, 32))
    frames = [near, *(host.frame(SYN) for host in others), far]
    place = layout()["client_ttl"][0]
    for limit in (1_000_000, 300):
        analysis = analyze_capture(io.BytesIO(pcap_file(frames)), flow_limit=limit)
        assert analysis.memory.read(0, 1)[place] == 32


def short_header(host: Host) -> bytes:
    """A number for its stream, but no packet of a flow."""
    frame = bytearray(host.frame(ACK))
    frame[46] = 0x40
    return bytes(frame)


@pytest.mark.parametrize("known", [short_header, lambda host: ethernet(ipv4(icmp(3, 1, host.frame(ACK)[14:]), 1))])
@pytest.mark.parametrize("limit", [1_000_000, 300])
def test_who_began_a_flow_is_asked_of_its_first_packet_though_its_number_was_written_out_before(known, limit):
    dice = Random(0)
    one, *others = (Host(dice, number) for number in range(1, 70_000))
    one.own = "200.0.0.1"  # above the server's address
    frames = [known(one), *(host.frame(SYN) for host in others), one.frame(SYN)]
    flows, _ = told(pcap_file(frames), flow_limit=limit)
    row = flows.slice(flows.num_rows - 1).to_pylist()[0]
    assert (row["client"], row["server_port"], row["history"], row["conn_state"]) == ("200.0.0.1", 80, "S", "S0")


@pytest.mark.parametrize("limit", [1_000_000, 300])
def test_an_address_in_a_quoted_header_alone_is_no_endpoint(limit):
    dice = Random(0)
    one, *others = (Host(dice, number) for number in range(1, 70_000))
    one.own = "222.1.2.3"
    error = ethernet(ipv4(icmp(3, 1, one.frame(ACK)[14:]), 1))
    frames = [error, *(host.frame(SYN) for host in others if not host.six)]
    analysis = analyze_capture(io.BytesIO(pcap_file(frames)), flow_limit=limit)
    assert "222.1.2.3" not in analysis.table("endpoints").read_all()["address"].to_pylist()


def segments_alone(dice: Random) -> list[bytes]:
    """Runs of segments with the same flags, of every other field many values; between them flows of another kind."""
    frames: list[bytes] = []
    for run, length in enumerate((5000, 3000, 1, 9000, 700, 4096, 2048, 5000, 1, 3000, 5000)):
        for number in range(length):
            host = Host(dice, run << 16 | number)
            host.own = f"{dice.choice((1, 200))}.{run}.{number >> 8}.{number & 255}"
            turned = run > len(PURE) and dice.random() < 0.3 * (run % 2)
            frames.append(host.frame((PURE + BACK)[run], reply=turned, options=dice.choice(OPTIONS[:6])))
            if number % 5 == 0:
                frames[-1] = frames[-1][:22] + bytes([dice.randrange(256)]) + frames[-1][23:]  # the time to live
        frames.append(ethernet(ipv4(struct.pack(">HHHH", 53, 1000 + run, 20, 0) + bytes(12), 17)))
    return frames


def weighed(name: str) -> dict[str, Tally]:
    """The sums of a field's numbers, each times a number of its own flow's."""
    every = column("first_frame") > -1
    _, size, kind, many = layout()[name]
    places = range(size if kind < 0 else many)
    sums = {str(place): column(name, place) * (column("flow_id") + 1) for place in places}
    return {f"{name}.{place}": Tally(where=every, score=column("flow_id"), sums={place: sums[place]}) for place in sums}


def test_rows_that_are_told_one_after_the_other_are_those_told_alone():
    single = (column("client_packets") + column("server_packets")).equals(1)
    spread = [column("flow_id") * (2 * turn + 3) for turn in range(9)]  # which of the rows are kept
    questions = {
        f"rows.{turn}": Tally(where=single, score=score - score // 8191 * 8191, keep=100)
        for turn, score in enumerate(spread)
    }
    for name in layout():
        if name != "itemsize" and not name.endswith(("size_stddev", "history")):
            questions |= weighed(name)
    program = Program(questions)
    analysis = analyze_capture(io.BytesIO(pcap_file(segments_alone(Random(7)))), threads=1)
    together, alone = program.watcher(), program.watcher()
    analysis.memory.summary(bucket_edges(), bytes(16), together.observer())
    for number in range(len(analysis.memory)):
        alone.observe(analysis.memory.read(number, number + 1))
    for name in questions:
        assert program.answers(together).tally(name) == program.answers(alone).tally(name), name
    for number in range(len(spread)):
        assert together.tally(number) == alone.tally(number)
        assert len(together.tally(number)[2]) == 100
