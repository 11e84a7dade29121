"""A process of ours: begun with its pipes and nothing else, waited for, ended."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from pcap_analyzer.children import Child, Children, first_bytes

ENVIRONMENT = {"GIVEN": "é=1", "PATH": os.environ["PATH"]}


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def test_it_has_its_pipes_its_environment_and_a_session_of_its_own() -> None:
    says = "import os, sys; sys.stderr.write(os.environ['GIVEN']); print(sys.stdin.read(), os.getsid(0) == os.getpid())"
    with Child(python(says), ENVIRONMENT) as child:
        child.stdin.write(b"told")
        child.stdin.close()
        assert child.stdout.read() == b"told True\n"
        assert child.stderr.read().decode() == "é=1"
        assert child.wait() == 0
    assert child.returncode == child.poll() == 0


def test_it_inherits_no_other_descriptor_and_no_ignored_signal(tmp_path: Path) -> None:
    ours = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(ours, True)
    # Python ignores SIGPIPE itself: the state that it met is in /proc of a shell.
    says = "ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status"
    try:
        with Child(["/bin/sh", "-c", says], ENVIRONMENT) as child:
            count, ignored = child.stdout.read().splitlines()
    finally:
        os.close(ours)
    assert int(count) == 4, "three, and the one with which ls reads"
    assert int(ignored.split()[1], 16) >> (signal.SIGPIPE - 1) & 1 == 0


def test_a_program_that_is_not_there_is_an_error_and_leaves_no_pipe(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(FileNotFoundError, match="cannot be started"):
        Child([str(tmp_path / "none")], ENVIRONMENT)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_program_is_found_by_its_name() -> None:
    with Child(["true"], ENVIRONMENT) as child:
        assert child.wait(30) == 0


def test_arguments_with_a_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="without a zero"):
        Child(["/bin/true", "a\0b"], ENVIRONMENT)


def test_one_that_is_killed_says_by_what_signal_and_may_be_killed_again() -> None:
    with Child(python("input()"), ENVIRONMENT) as child:
        assert child.wait(0.05) is None
        child.kill()
        assert child.wait(30) == -signal.SIGKILL
        child.kill()


def test_several_may_wait_for_it() -> None:
    with Child(python("input()"), ENVIRONMENT) as child:
        codes: list[int | None] = []
        waiting = [threading.Thread(target=lambda: codes.append(child.wait())) for _ in range(4)]
        for one in waiting:
            one.start()
        child.stdin.close()
        for one in waiting:
            one.join()
    assert codes == [1] * 4


def test_what_is_more_than_wanted_is_read_too() -> None:
    with Child(python("print('x' * 300_000)"), ENVIRONMENT) as child:
        assert first_bytes(child.stdout, 1000) == b"x" * 1000
        assert child.wait(30) == 0


def test_children_end_by_what_they_do_and_all_at_the_end() -> None:
    children = Children(python("input()"), ENVIRONMENT)
    one, two = children.start("one"), children.start("two")
    assert one is not None
    assert two is not None
    children.end("one")
    assert one.wait(30) == -signal.SIGKILL
    assert two.poll() is None
    children.stop()
    assert two.wait(30) == -signal.SIGKILL
    assert (children.forget(one), children.forget(two)) == (True, False)
    assert children.start("three") is None
