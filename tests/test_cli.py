"""The command line as a person or a CI job meets it: real processes, exit codes, files."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.scan.files import pcap_file, pcap_record, tcp_frame

PROGRAM = [sys.executable, "-m", "pcap_analyzer"]
FRAMES = [tcp_frame(number % 5, seq=number) for number in range(20)]


def run(*arguments, cwd=None, data=None, expect=0):
    done = subprocess.run([*PROGRAM, *map(str, arguments)], cwd=cwd, input=data, capture_output=True, check=False)
    assert done.returncode == expect, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "some.pcap"
    path.write_bytes(pcap_file(FRAMES))
    return path


def test_help_shows_examples():
    assert b"pcap-analyzer analyze big.pcap" in run("analyze", "--help").stdout


def test_without_an_output_the_report_lies_in_the_current_folder(capture, tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    done = run("analyze", capture, cwd=folder)
    assert [path.name for path in folder.iterdir()] == ["some.pcap.html"]
    assert b"20 packets" in done.stdout.replace(b"\xc2\xa0", b" ")


def test_json_on_standard_output_is_all_that_is_there(capture, tmp_path):
    done = run("analyze", "--json", "-", capture, cwd=tmp_path)
    assert json.loads(done.stdout)["capture"]["packets"] == 20
    assert [path.name for path in tmp_path.iterdir()] == ["some.pcap"]


def test_several_captures_each_have_their_reports(capture, tmp_path):
    other = tmp_path / "deeper" / "some.pcap"
    other.parent.mkdir()
    other.write_bytes(pcap_file(FRAMES[:3]))
    run("analyze", capture, other, "-o", tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["some.pcap-2.html", "some.pcap-2.json", "some.pcap.html", "some.pcap.json"]
    lines = run("analyze", capture, other, "--json", "-").stdout.splitlines()
    assert [json.loads(line)["capture"]["packets"] for line in lines] == [20, 3]


def test_several_captures_do_not_fit_into_one_file(capture):
    assert b"-o DIR" in run("analyze", capture, capture, "--html", "one.html", expect=2).stderr


def test_standard_input(capture, tmp_path):
    done = run("analyze", "-", "--json", "-", data=capture.read_bytes())
    assert json.loads(done.stdout)["source"]["size_bytes"] is None


def test_what_is_no_capture_is_named_and_the_others_are_done(capture, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a capture at all\n")
    done = run("analyze", text, capture, "-o", tmp_path / "out", expect=2)
    assert b"notes.txt" in done.stderr
    assert b"text" in done.stderr
    assert (tmp_path / "out" / "some.pcap.json").exists()


def test_a_missing_file_is_a_sentence(tmp_path):
    assert b"nowhere.pcap" in run("analyze", tmp_path / "nowhere.pcap", expect=2).stderr


def test_damage_is_a_warning_and_strict_makes_it_a_failure(capture, tmp_path):
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(capture.read_bytes()[:-5])
    assert b"at byte" in run("analyze", cut, cwd=tmp_path).stdout.replace(b"\n", b" ")
    run("analyze", cut, "--strict", cwd=tmp_path, expect=1)
    run("analyze", capture, "--strict", cwd=tmp_path)


def test_a_report_that_cannot_be_written_is_a_sentence_and_leaves_nothing(capture, tmp_path):
    (tmp_path / "file").write_text("")
    assert b"cannot be written" in run("analyze", capture, "--html", tmp_path / "file" / "r.html", expect=2).stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "some.pcap"]


def test_an_old_report_is_replaced(capture, tmp_path):
    report = tmp_path / "r.json"
    report.write_text("old")
    run("analyze", capture, "--json", report)
    assert json.loads(report.read_text())["capture"]["packets"] == 20


def test_analysing_imports_nothing_that_it_does_not_need(capture, tmp_path):
    code = (
        "import sys; known = set(sys.modules); from pcap_analyzer import cli; cli.run(sys.argv[1:]); "
        "print(*sys.modules.keys() - known, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "analyze", str(capture), "--json", str(tmp_path / "r.json")]
    imported = subprocess.run(command, capture_output=True, check=True, text=True).stderr.split()
    assert "msgspec" in imported
    slow = {"dataclasses", "inspect", "ipaddress", "jinja2", "numpy", "pyarrow", "shutil", "tempfile"}
    assert slow.isdisjoint(imported)
    assert "typing_extensions" not in imported


def test_info_says_what_a_capture_is(capture):
    assert b"little-endian" in run("info", capture).stdout
    told = json.loads(run("info", capture, "--json").stdout)
    assert told["capture"]["packets"] == 20


def test_an_interrupt_ends_with_130(tmp_path):
    reading, writing = os.pipe()
    with subprocess.Popen([*PROGRAM, "analyze", "-"], stdin=reading, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        os.write(writing, pcap_file(FRAMES))
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr is not None
        assert b"interrupted" in process.stderr.read()
    os.close(reading)
    os.close(writing)
    assert not list(tmp_path.iterdir())


def test_a_reader_that_goes_away_is_no_error(capture):
    # Hundreds of captures: more JSON than a pipe holds.
    command = [*PROGRAM, "analyze", "--json", "-", *[str(capture)] * 40]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(60) in (0, -signal.SIGPIPE)
        assert b"Traceback" not in process.stderr.read()


def test_a_report_is_not_written_over_its_capture(capture):
    before = capture.read_bytes()
    assert b"is the capture itself" in run("analyze", capture, "--html", capture, expect=2).stderr
    assert capture.read_bytes() == before


def test_a_full_standard_output_is_a_sentence(capture):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*PROGRAM, "info", str(capture)], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("closed", [1, 2])
def test_a_stream_that_is_closed_is_not_missed(capture, tmp_path, closed):
    command = ["sh", "-c", f'exec "$@" {closed}>&-', "sh", *PROGRAM, "analyze", str(capture), "-o", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "some.pcap.html").exists()


def test_a_file_name_cannot_steer_the_terminal(tmp_path):
    path = tmp_path / "red\x1b[31m.pcap"
    path.write_bytes(pcap_file(FRAMES))
    assert b"\x1b" not in run("analyze", path, cwd=tmp_path).stdout
    assert b"\x1b" not in run("analyze", tmp_path / "no\x1b[31m.pcap", expect=2).stderr


@pytest.mark.parametrize(
    ("given", "code"), [([], 0), (["--fail-on", "critical"], 0), (["--fail-on", "warning"], 3), (["--strict"], 0)]
)
def test_fail_on_ends_with_three_where_a_finding_is_as_severe(captures, tmp_path, given, code):
    capture = captures / "recorded" / "loss_cubic.client.pcap"
    run("analyze", capture, "--json", "it.json", *given, cwd=tmp_path, expect=code)


def test_a_report_is_written_in_french(capture, tmp_path):
    run("analyze", capture, "--language", "fr", cwd=tmp_path)
    page = (tmp_path / "some.pcap.html").read_text()
    assert '<html lang="fr"' in page
    run("analyze", capture, "--language", "xx", expect=2)


def test_files_of_one_recording_have_one_report(tmp_path):
    frames = [tcp_frame(1, seq=number) for number in range(4)]
    for name, begin in (("b.pcap", 0), ("a.pcap", 2)):
        records = [pcap_record(frames[number], number) for number in range(begin, begin + 2)]
        (tmp_path / name).write_bytes(pcap_file([]) + b"".join(records))
    done = run("analyze", "--join", "a.pcap", "b.pcap", "--json", "-", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert report["source"]["name"] == "b.pcap and 1 more"
    assert (report["capture"]["packets"], report["flows"]["total"]) == (4, 1)
