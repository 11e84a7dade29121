"""`analyze` ends on every file of the corpus with a known exit code and a sentence, never with a traceback."""

import contextlib
import io
import subprocess
import sys

import pytest

from pcap_analyzer.cli import main

pytestmark = pytest.mark.corpus


def outcome(arguments: list[str]) -> tuple[int, str, bool]:
    """Exit code, what was said, and whether an exception came through."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main(arguments)
        except SystemExit as end:
            return int(end.code or 0), said.getvalue(), False
        except Exception as error:
            return -1, said.getvalue() + repr(error), True


@pytest.fixture(scope="module", params=[False, True], ids=["lenient", "strict"])
def outcomes(request, corpus, tmp_path_factory) -> dict[str, tuple[int, str, bool]]:
    """Capture → outcome, without and with --strict."""
    output = tmp_path_factory.mktemp("analyze") / "out.json"
    flags = ["--strict"] if request.param else []
    return {file.name: outcome(["analyze", str(file.path), "--json", str(output), *flags]) for file in corpus}


def test_every_file_ends_with_a_code_and_a_sentence(outcomes):
    wrong = {
        name: (code, said[-300:])
        for name, (code, said, unexpected) in outcomes.items()
        if unexpected or code not in (0, 1, 2) or not said.strip() or "Traceback" in said
    }
    assert not wrong


def test_what_tshark_reads_is_no_error(corpus, outcomes):
    assert not [file.name for file in corpus if file.is_capture and outcomes[file.name][0] == 2]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("derived/pcap_us_le.pcap", 0),
        ("derived/bad_cut_in_packet.pcap", 0),
        ("derived/bad_text.pcap", 2),
        ("derived/bad_empty.pcap", 2),
    ],
)
def test_a_real_process_ends_so(captures, tmp_path, name, code):
    done = subprocess.run(
        [sys.executable, "-m", "pcap_analyzer", "analyze", str(captures / name), "-o", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert (done.stdout + done.stderr).strip()
