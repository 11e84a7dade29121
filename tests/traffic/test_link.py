"""The link and its middleboxes do to packets what they were told, and count it."""

import random
import socket
import struct

import pytest

from tests.traffic import packets
from tests.traffic.capturing import insert_silences
from tests.traffic.link import Line, Path
from tests.traffic.middleboxes import Resetter, SmallPipe, StateTable, SynFilter

MS = 10**6
SECOND = 10**9
CLIENT, SERVER = socket.inet_aton("10.77.0.1"), socket.inet_aton("10.77.0.2")


def segment(flags=packets.ACK, payload=0, *, port=7001, back=False):
    """A TCP packet without options from the client, or back to it."""
    ends, ports = ((SERVER, CLIENT), (port, 40000)) if back else ((CLIENT, SERVER), (40000, port))
    tcp = struct.pack("!HHIIBBHHH", *ports, 1000, 2000, 5 << 4, flags, 65535, 0, 0) + bytes(payload)
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 7, 0, 64, packets.TCP, 0, *ends)
    packet = packets.read(bytes(12) + b"\x08\x00" + header + tcp)
    assert packet is not None
    return packet


def line(**faults):
    return Line("client_to_server", Path(**faults), random.Random(1))


def sent(wire, number, gap=0, **kind):
    """When each of `number` packets arrives, sent `gap` ns apart."""
    arrived = []
    for one in range(number):
        wire.arrives(segment(**kind))
        arrived.append(wire.deliveries(segment(**kind), one * gap))
    return arrived


def test_a_packet_is_read_as_it_was_written():
    packet = segment(packets.SYN, 100)
    assert (packet.source, packet.target, packet.target_port) == (CLIENT, SERVER, 7001)
    assert (packet.seq, packet.ack, packet.payload, packet.ip_length) == (1000, 2000, 100, 140)
    assert packet.opens
    assert not segment(packets.SYN | packets.ACK).opens


def test_a_line_without_faults_delivers_each_packet_once_after_its_delay():
    assert sent(line(delay_ms=5), 3, MS) == [[5 * MS], [6 * MS], [7 * MS]]


def test_the_share_that_is_lost_is_the_share_that_was_asked_for():
    wire = line(loss=0.1)
    arrived = sent(wire, 2000, payload=10)
    assert wire.count.lost == arrived.count([]) == wire.count.data_lost
    assert 0.08 < wire.count.lost / wire.count.received < 0.12


def test_a_burst_loses_packets_in_a_row():
    assert [n for n, due in enumerate(sent(line(bursts=((3, 2),)), 6), start=1) if not due] == [3, 4]


def test_a_full_queue_drops_and_the_others_wait_their_turn():
    # 54 bytes at 0.432 Mbit/s take 1 ms each.
    wire = line(rate_mbit=0.432, queue=3)
    assert sent(wire, 5) == [[MS], [2 * MS], [3 * MS], [], []]
    assert wire.count.queue_full == 2
    assert wire.queued_ns == [0, MS, 2 * MS]


def test_what_comes_after_a_stall_waits_for_it():
    assert sent(line(stalls=((2, 100),)), 3, MS) == [[0], [101 * MS], [101 * MS]]


def test_a_packet_held_back_is_overtaken():
    assert sent(line(delay_ms=1, reorder=1, reorder_ms=4), 1) == [[5 * MS]]


def test_the_same_seed_loses_the_same_packets():
    assert sent(line(loss=0.3), 50) == sent(line(loss=0.3), 50)


def test_a_small_pipe_lets_through_what_fits():
    box = SmallPipe(1400)
    assert box.judge(segment(payload=1360), 0).passes
    assert not box.judge(segment(payload=1361), 0).passes


def test_a_syn_filter_stops_openings_of_its_port_alone():
    box = SynFilter(443)
    assert not box.judge(segment(packets.SYN, port=443), 0).passes
    assert box.judge(segment(packets.SYN, port=80), 0).passes
    assert box.judge(segment(packets.SYN | packets.ACK, port=443, back=True), 0).passes


def test_a_state_table_forgets_a_quiet_connection_in_both_directions():
    box = StateTable(1.0)
    assert box.judge(segment(packets.SYN), 0).passes
    assert box.judge(segment(back=True), SECOND - 1).passes
    assert not box.judge(segment(), 2 * SECOND).passes
    assert not box.judge(segment(back=True), 2 * SECOND).passes


@pytest.mark.parametrize("to_client", [True, False])
def test_a_resetter_forges_one_reset_for_each_end_with_right_numbers_and_checksums(to_client):
    verdict = Resetter(7001, 100).judge(segment(payload=100), 0)
    assert not verdict.passes
    reset = packets.read((verdict.back if to_client else verdict.onward)[0])
    assert reset is not None
    assert reset.flags == packets.RST
    assert (reset.source, reset.target) == ((SERVER, CLIENT) if to_client else (CLIENT, SERVER))
    assert reset.seq == (2000 if to_client else 1000)
    ip, tcp = reset.frame[14:34], reset.frame[34:]
    assert packets.checksum(ip) == 0
    assert packets.checksum(reset.source + reset.target + struct.pack("!BBH", 0, packets.TCP, len(tcp)) + tcp) == 0


def test_a_routed_copy_has_one_hop_less_and_a_right_checksum():
    frame = packets.routed(segment(payload=4).frame, bytes(6), bytes(6))
    assert frame[22] == 63
    assert packets.checksum(frame[14:34]) == 0
    assert frame[34:] == segment(payload=4).frame[34:]


def test_a_silence_moves_all_that_comes_later_and_nothing_before(tmp_path):
    def capture(*times_ns):
        packet = (struct.pack("=IIII", *divmod(when, SECOND), 4, 60) + b"data" for when in times_ns)
        return struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 96, 1) + b"".join(packet)

    file = tmp_path / "capture.pcap"
    file.write_bytes(capture(10, 20, SECOND, 2 * SECOND))
    insert_silences(file, [(20, 5), (SECOND + 1, 60 * SECOND)])
    assert file.read_bytes() == capture(10, 25, SECOND + 5, 62 * SECOND + 5)
