"""`pcap-analyzer backup` and `restore`: what is saved while the service works opens when it is put back."""

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import httpx
import pytest

from pcap_analyzer.adapters.backup import MANIFEST, BackupError, restore
from tests.jobs.captures import capture
from tests.web.server import give, serving, wait_for

FINISHED = ("succeeded", "failed")


def run(data_dir: Path, *arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "pcap_analyzer", *arguments]
    return subprocess.run(command, check=False, capture_output=True, input=given, env=environment)


def done(data_dir: Path, *arguments: str, given: bytes | None = None) -> bytes:
    result = run(data_dir, *arguments, given=given)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("service") / "data"
    with serving(folder) as address, httpx.Client(base_url=address) as client:
        wait_for(client, give(client, capture(3)), *FINISHED)
    return folder


@pytest.fixture(scope="module")
def saved(stopped: Path) -> bytes:
    """Its backup, as an archive."""
    return done(stopped, "backup", "-")


@pytest.fixture
def kept(stopped: Path, tmp_path: Path) -> Path:
    """The folder of a service that analysed one capture and was stopped."""
    return Path(shutil.copytree(stopped, tmp_path / "kept"))


def backups_while_busy(data_dir: Path, folder: Path, archive: Path) -> list[str]:
    """Take both kinds of backup while captures come in and are analysed; ids that were finished before the first."""
    with serving(data_dir, WORKERS="2", MAX_QUEUE_SIZE="1000") as address, httpx.Client(base_url=address) as client:
        before = [give(client, capture(n)) for n in (1, 2, 3)]
        for task in before:
            wait_for(client, task, *FINISHED)
        stop = threading.Event()

        def keep_busy() -> None:
            with httpx.Client(base_url=address, timeout=30) as own:
                while not stop.wait(0.15):
                    give(own, capture(5))

        uploaders = [threading.Thread(target=keep_busy) for _ in range(2)]
        for uploader in uploaders:
            uploader.start()
        try:
            archive.write_bytes(done(data_dir, "backup", "-"))
            done(data_dir, "backup", str(folder))
        finally:
            stop.set()
            for uploader in uploaders:
                uploader.join()
    return before


def check_that_all_opens(data_dir: Path, before: list[str]) -> None:
    with serving(data_dir, WORKERS="2", MAX_QUEUE_SIZE="1000") as address, httpx.Client(base_url=address) as client:
        rows = client.get("/api/history", params={"limit": 100}).json()["analyses"]
        assert 0 < len(rows) < 100
        assert {row["task_id"] for row in rows} >= set(before)
        for row in rows:
            # Those that waited or ran when the backup was taken run again.
            assert wait_for(client, row["task_id"], *FINISHED)["status"] == "succeeded"
            for kind in ("html", "json"):
                assert client.get(f"/api/reports/{row['task_id']}/{kind}").status_code == 200


def test_backups_during_uploads_and_analyses_restore_to_reports_that_open(tmp_path: Path) -> None:
    data_dir, folder, archive = tmp_path / "data", tmp_path / "saved", tmp_path / "saved.tar"
    before = backups_while_busy(data_dir, folder, archive)
    done(tmp_path / "from-folder", "restore", str(folder))
    check_that_all_opens(tmp_path / "from-folder", before)
    done(tmp_path / "from-archive", "restore", "-", given=archive.read_bytes())
    check_that_all_opens(tmp_path / "from-archive", before)
    assert not (data_dir / ".backup").exists()


def members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        files = {member.name: opened.extractfile(member) for member in opened}
    return {name: file.read() for name, file in files.items() if file}


def archive_of(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def test_a_backup_holds_what_its_manifest_says(kept: Path, saved: bytes) -> None:
    files = members(saved)
    assert next(iter(files)) == MANIFEST
    manifest = json.loads(files.pop(MANIFEST))
    assert manifest["files"] == {name: len(data) for name, data in files.items()}
    assert sorted(name.partition("/")[0] for name in files) == ["pcap_analyzer.db", "reports", "reports", "uploads"]
    assert all((kept / name).read_bytes() == data for name, data in files.items() if "/" in name)


def test_an_upload_under_way_is_saved_as_far_as_it_came(kept: Path, tmp_path: Path) -> None:
    arriving = kept / "uploads" / ".one.pcap.arriving"
    arriving.write_bytes(b"half")
    (kept / "uploads" / ".two.pcap.00ff.part").write_bytes(b"nobody asks for this again")
    done(kept, "backup", str(tmp_path / "saved"))
    assert (tmp_path / "saved" / "uploads" / arriving.name).read_bytes() == b"half"
    assert not list((tmp_path / "saved").rglob("*.part"))


def test_a_backup_is_nobody_elses_to_read(kept: Path, tmp_path: Path) -> None:
    done(kept, "backup", str(tmp_path / "saved"))
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "saved").rglob("*")} == {0}


def test_two_backups_at_once_are_refused(kept: Path) -> None:
    import fcntl

    with (kept / ".backup.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = run(kept, "backup", "-")
    assert result.returncode == 2
    assert b"another backup" in result.stderr
    assert result.stdout == b""


def test_a_backup_that_was_killed_does_not_disturb_the_next(kept: Path) -> None:
    (kept / ".backup" / "uploads").mkdir(parents=True)
    (kept / ".backup" / "uploads" / "gone.pcap").write_bytes(b"left behind")
    assert "uploads/gone.pcap" not in members(done(kept, "backup", "-"))


def test_a_folder_with_something_in_it_is_no_target(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    result = run(kept, "backup", str(tmp_path / "full"))
    assert result.returncode == 2
    assert b"is not an empty folder" in result.stderr


def test_a_folder_without_a_service_has_no_backup(tmp_path: Path) -> None:
    result = run(tmp_path / "nothing", "backup", "-")
    assert result.returncode == 2
    assert b"is DATA_DIR that of the service?" in result.stderr


def test_data_that_is_there_goes_only_when_asked(kept: Path, saved: bytes, tmp_path: Path) -> None:
    [report] = kept.glob("reports/*.html")
    report.write_bytes(b"changed since")
    (kept / "reports" / "later.html").touch()
    assert b"give --replace" in run(kept, "restore", "-", given=saved).stderr
    assert report.read_bytes() == b"changed since"
    done(kept, "restore", "-", "--replace", given=saved)
    assert report.read_bytes() == members(saved)[f"reports/{report.name}"]
    assert not (kept / "reports" / "later.html").exists()


def test_under_a_running_service_nothing_is_restored(tmp_path: Path) -> None:
    with serving(tmp_path / "data"):
        archive = done(tmp_path / "data", "backup", "-")
        result = run(tmp_path / "data", "restore", "-", "--replace", given=archive)
    assert result.returncode == 2
    assert b"another running service" in result.stderr


@pytest.mark.parametrize("kept_bytes", [0, 700, 5_000, -20_000])
def test_a_cut_archive_is_refused_and_leaves_nothing_but_a_note(saved: bytes, tmp_path: Path, kept_bytes: int) -> None:
    result = run(tmp_path / "new", "restore", "-", given=saved[:kept_bytes])
    assert result.returncode == 2, result.stderr
    assert b"Traceback" not in result.stderr
    assert {path.name for path in (tmp_path / "new").iterdir()} == {".lock", "audit.jsonl"}
    whole = run(tmp_path / "new", "restore", "-", given=saved)
    assert whole.returncode == 0, whole.stderr


def changed(files: dict[str, bytes], name: str, size: int = 1) -> dict[str, bytes]:
    """The files with one more, which the manifest names too."""
    manifest = json.loads(files[MANIFEST])
    manifest["files"][name] = size
    return {**files, MANIFEST: json.dumps(manifest).encode(), name: b"x"}


@pytest.mark.parametrize(
    "name", ["../out", "/tmp/out", "uploads/../../out", "uploads", "other/file", "uploads//x", "uploads/./x", "x.db"]
)
def test_no_name_leads_out_of_the_folder(saved: bytes, tmp_path: Path, name: str) -> None:
    archive = archive_of(changed(members(saved), name))
    new = tmp_path / "deep" / "new"
    new.mkdir(parents=True)
    with pytest.raises(BackupError, match="which is no file of this service"):
        restore(io.BytesIO(archive), new, new / "pcap_analyzer.db", replace=False)
    assert list(tmp_path.glob("deep/*")) == [new]
    assert list(new.iterdir()) == []


def test_what_the_manifest_does_not_name_is_refused(saved: bytes, tmp_path: Path) -> None:
    files = members(saved)
    with pytest.raises(BackupError, match=r"which its MANIFEST\.json does not name"):
        restore(io.BytesIO(archive_of({**files, "uploads/more": b""})), tmp_path, tmp_path / "a.db", replace=False)
    with pytest.raises(BackupError, match=r"but MANIFEST\.json says 2"):
        restore(io.BytesIO(archive_of(changed(files, "uploads/x", 2))), tmp_path, tmp_path / "a.db", replace=False)


def test_a_damaged_database_is_refused(saved: bytes, tmp_path: Path) -> None:
    files = members(saved)
    files["pcap_analyzer.db"] = bytes(len(files["pcap_analyzer.db"]))
    with pytest.raises(BackupError, match="damaged"):
        restore(io.BytesIO(archive_of(files)), tmp_path, tmp_path / "a.db", replace=False)


def test_the_database_of_a_backup_is_one_file(saved: bytes) -> None:
    data = members(saved)["pcap_analyzer.db"]
    assert data.startswith(b"SQLite format 3\0")
    assert data[18:20] == bytes([1, 1])  # no journal beside it: rollback mode, not WAL


def test_the_database_stays_usable_while_it_is_saved(kept: Path) -> None:
    # The copy reads; whoever writes meanwhile is not refused.
    live = sqlite3.connect(kept / "pcap_analyzer.db", timeout=0)
    live.execute("BEGIN IMMEDIATE")
    done(kept, "backup", "-")
    live.execute("UPDATE analyses SET packets = 7")
    live.commit()
    live.close()
