""".ci/run installs what its checks need, whatever a machine has already."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# In place of the programs: each notes that it was called; the list of packages is what the case says.
NOTE = '#!/bin/bash\necho "$(basename "$0") $1" >> "$CALLS"\n'
# like the true one: unknown names are said on standard error and make it fail, others have a state
QUERY = """#!/bin/bash
shift 3
for name in "$@"; do
  case "$name" in
    $UNKNOWN) echo "dpkg-query: no packages found matching $name" >&2; failed=1 ;;
    $REMOVED) echo "config-files" ;;
    *) echo "installed" ;;
  esac
done
exit "${failed:-0}"
"""


@pytest.mark.parametrize(
    ("unknown", "removed", "installs"),
    [("-", "-", False), ("tcptrace", "-", True), ("*", "-", True), ("-", "tshark", True), ("-", "*", True)],
    ids=["all there", "one unknown", "none known", "one removed", "all removed"],
)
def test_packages_are_installed_unless_all_are(tmp_path: Path, unknown: str, removed: str, installs: bool) -> None:
    for program, text in {"dpkg-query": QUERY, "apt-get": NOTE, "make": NOTE}.items():
        (tmp_path / program).write_text(text)
        (tmp_path / program).chmod(0o755)
    calls = tmp_path / "calls"
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "CALLS": str(calls), "UNKNOWN": unknown, "REMOVED": removed}
    subprocess.run([str(ROOT / ".ci" / "run")], env=environment, capture_output=True, check=False)
    called = calls.read_text().splitlines()
    installing = ["apt-get update", "apt-get install"] if installs else []
    assert called == [*installing, "make test", "make check", "make image"]
