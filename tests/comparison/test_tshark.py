"""The comparison with a tshark that really runs, on captures that are made here."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from pcap_analyzer.cli import main
from pcap_analyzer.comparison import COLUMNS, TsharkError, compare_with_tshark
from pcap_analyzer.pipeline import open_capture

ADDRESSES = bytes([10, 0, 0, 1, 10, 0, 0, 2])


def udp_frame(payload: bytes, source_port: int = 4000) -> bytes:
    """Ethernet, VLAN 7, IPv4, UDP."""
    udp = struct.pack("!4H", source_port, 5000, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + ADDRESSES
    return bytes(12) + b"\x81\x00\x00\x07\x08\x00" + ip + udp


def pcap(*frames: bytes) -> bytes:
    """The frames as a pcap file, one a second."""
    records = [struct.pack("<4I", second, 5, len(frame), len(frame)) + frame for second, frame in enumerate(frames)]
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(records)


@pytest.fixture
def capture(tmp_path, component):
    component("tshark")
    path = tmp_path / "made here.pcap"
    path.write_bytes(pcap(udp_frame(b"one"), udp_frame(b"two"), udp_frame(b"three", 4001)))
    return path


def test_a_capture_agrees_in_every_column(capture):
    with open_capture(capture) as opened:
        found = compare_with_tshark(capture, opened.packets(COLUMNS))
    assert (found.packets, found.agrees, found.message) == (3, True, None)
    assert {"timestamp", "src", "vlan_id", "src_port", "payload_length", "stream (UDP)"} <= found.columns.keys()
    assert all(column.equal == column.compared for column in found.columns.values())


RECORDED = sorted(Path(__file__).parent.parent.glob("captures/*/*.pcap*"))


@pytest.mark.parametrize("path", RECORDED, ids=[f"{path.parent.name}-{path.stem}" for path in RECORDED])
def test_our_own_recordings_agree_but_for_known_reasons(path, component):
    component("tshark")
    with open_capture(path) as opened:
        found = compare_with_tshark(path, opened.packets(COLUMNS))
    assert found.agrees
    assert found.message is None


def test_what_tshark_says_of_a_file_cut_short_is_kept(capture):
    capture.write_bytes(capture.read_bytes()[:-2])
    with open_capture(capture) as opened:
        found = compare_with_tshark(capture, opened.packets(COLUMNS))
    assert (found.packets, found.agrees) == (2, True)
    assert "cut short" in (found.message or "")


def test_the_answer_does_not_depend_on_the_users_preferences(capture, tmp_path, monkeypatch):
    folder = tmp_path / "wireshark"
    folder.mkdir()
    (folder / "preferences").write_text("gui.column.format: \nudp.dont_such_thing: TRUE\n")
    (folder / "disabled_protos").write_text("udp\n")
    monkeypatch.setenv("WIRESHARK_CONFIG_DIR", str(folder))
    with open_capture(capture) as opened:
        assert compare_with_tshark(capture, opened.packets(COLUMNS)).agrees


def test_the_command_prints_the_comparison_and_ends_with_its_code(capture, capsys):
    with pytest.raises(SystemExit) as end:
        main(["compare-tshark", str(capture)])
    assert end.value.code == 0
    assert capsys.readouterr().out.splitlines()[-1] == "made here.pcap: 3 packets, every column equals tshark's"


def test_tsharks_own_words_are_the_error(tmp_path, component):
    component("tshark")
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir or Madam, this is no capture.")
    with pytest.raises(TsharkError, match=r"letter\.txt"):
        compare_with_tshark(path, [])


def test_without_tshark_the_error_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TsharkError, match="not installed"):
        compare_with_tshark("x.pcap", [])


def test_naming_the_comparison_does_not_import_pyarrow_into_the_analysis():
    code = "import sys, pcap_analyzer.pipeline, pcap_analyzer.addresses; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
