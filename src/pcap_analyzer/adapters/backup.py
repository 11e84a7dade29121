"""All that the service keeps, as a folder or a tar archive, taken while it runs; and the way back.

A backup is consistent: its database and its files are of one moment, so that every report it calls finished is in it.
Files get their names when they are whole and never change after, so links of them hold the moment at no cost; the
database is copied by SQLite's own backup. What is copied out afterwards may take as long as it likes.
"""

import fcntl
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

import msgspec

from pcap_analyzer import __version__
from pcap_analyzer.errors import PcapAnalyzerError

DATABASE = "pcap_analyzer.db"
MANIFEST = "MANIFEST.json"
_FOLDERS = ("uploads", "reports", "tables")
_STAGE, _LOCK, _ARRIVED = ".backup", ".backup.lock", ".restore"
# Uploads that are not whole yet but may be resumed; they grow.
_ARRIVING = ".arriving"
_FORMAT = 1
_TRIES = 100
_COPY_BYTES = 1 << 20
_MAX_MANIFEST_BYTES = 1 << 30


class BackupError(PcapAnalyzerError):
    """The backup cannot be made or taken back; the message says why and what to do."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup consists of: size in bytes by name, the database included."""

    format: int
    version: str
    files: dict[str, int]


class Staged(NamedTuple):
    """One moment of the service: files that stay as they are until the stage is taken down."""

    folder: Path
    manifest: Manifest


# ---------------------------------------------------------------- the moment


@contextmanager
def staged(root: Path, database: Path) -> Iterator[Staged]:
    """Hold one moment of the service that keeps its files below `root`. Raises BackupError."""
    with _alone(root):
        folder = root / _STAGE
        shutil.rmtree(folder, ignore_errors=True)  # of a backup that was killed
        folder.mkdir(mode=0o700)
        try:
            names = _hold(root, database, folder)
            sizes = {name: (folder / name).stat().st_size for name in sorted(names)}
            yield Staged(folder, Manifest(_FORMAT, __version__, sizes))
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    with (root / _LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError("another backup of this service is being taken; try again when it has ended") from None
        yield


def _hold(root: Path, database: Path, stage: Path) -> set[str]:
    """Link every file and copy the database into `stage`; the names of both.

    A file is there before a row speaks of it and until none does. So when no file came between the links and the
    copy, the copy speaks of linked files only.
    """
    for _ in range(_TRIES):
        held = {name for name in _files(root) if _link(root / name, stage / name)}
        _copy_database(database, stage / DATABASE)
        if set(_files(root)) <= held:
            # After the database: what has arrived since it was asked does no harm, what is missing would.
            arriving = {name for name in _files(root, arriving=True) if _link(root / name, stage / name)}
            return held | arriving | {DATABASE}
    raise BackupError("the service finished analyses faster than they could be listed; try again in a quieter minute")


def _files(root: Path, *, arriving: bool = False) -> Iterator[str]:
    for folder in _FOLDERS:
        for path in (root / folder).rglob("*"):
            wanted = path.name.endswith(_ARRIVING) if arriving else not path.name.startswith(".")
            if wanted and path.is_file() and not path.is_symlink():
                yield path.relative_to(root).as_posix()


def _link(source: Path, target: Path) -> bool:
    """Hold `source` under the name `target`; False when it is gone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        pass  # held by an earlier try
    except FileNotFoundError:
        return False
    except OSError:  # a file system without links
        with suppress(FileNotFoundError):
            shutil.copyfile(source, target)
        return target.is_file()
    return True


def _copy_database(database: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True, timeout=30)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a journal beside it
    except sqlite3.Error as error:
        raise BackupError(
            f"the database {database} cannot be read ({error}); is DATA_DIR that of the service?"
        ) from error


# ---------------------------------------------------------------- out


def write_folder(moment: Staged, target: Path) -> None:
    """Copy into `target`, a folder that is empty or can be made. The manifest comes last: without it, no backup."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupError(f"{target} is not an empty folder; name one that is empty or new")
    target.mkdir(parents=True, exist_ok=True)
    for name, size in moment.manifest.files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with (moment.folder / name).open("rb") as source, path.open("xb") as copy:
            _copy(source, copy, size)
    (target / MANIFEST).write_bytes(msgspec.json.encode(moment.manifest))


def write_archive(moment: Staged, target: IO[bytes]) -> None:
    """Write a tar archive, the manifest first, so that whoever reads it knows what is to come."""
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        told = moment.folder / MANIFEST
        told.write_bytes(msgspec.json.encode(moment.manifest))
        for name, size in {MANIFEST: told.stat().st_size, **moment.manifest.files}.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = size, 0o600
            with (moment.folder / name).open("rb") as source:
                archive.addfile(member, _Exactly(source, size))


class _Exactly:
    """A file of `size` bytes, whatever becomes of it meanwhile; for tarfile."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int = _COPY_BYTES, /) -> bytes:
        wanted = min(size, self._left)
        data = self._file.read(wanted)
        self._left -= wanted
        # Only an upload under way can have been cut, and only where the database knows of no byte yet.
        return data.ljust(wanted, b"\0")


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    exact = _Exactly(source, size)
    while data := exact.read(_COPY_BYTES):
        target.write(data)


# ---------------------------------------------------------------- and back


def restore(source: Path | IO[bytes], root: Path, database: Path, *, replace: bool) -> Manifest:
    """Put a backup into `root`, where no service may be running; what it holds already goes only with `replace`.

    The backup is read and checked as a whole before anything is replaced. Raises BackupError.
    """
    if not replace and (database.exists() or any(_files(root))):
        raise BackupError(f"{root} holds data of a service already; give --replace to have it removed")
    arrived = root / _ARRIVED
    shutil.rmtree(arrived, ignore_errors=True)
    arrived.mkdir(mode=0o700)
    try:
        manifest = _read_folder(source, arrived) if isinstance(source, Path) else _read_archive(source, arrived)
        _check_database(arrived / DATABASE)
        _exchange(arrived, root, database)
    finally:
        shutil.rmtree(arrived, ignore_errors=True)
    return manifest


def _read_folder(source: Path, target: Path) -> Manifest:
    try:
        manifest = _manifest((source / MANIFEST).read_bytes())
        for name, size in manifest.files.items():
            with (source / name).open("rb") as file:
                _keep(file, os.fstat(file.fileno()).st_size, target, name, size)
    except FileNotFoundError as error:
        raise BackupError(f"{error.filename} is missing: this is no backup, or none that was finished") from None
    return manifest


def _read_archive(source: IO[bytes], target: Path) -> Manifest:
    try:
        with tarfile.open(fileobj=source, mode="r|") as archive:
            members = iter(archive)
            manifest = _archived_manifest(archive, next(members, None))
            missing = dict(manifest.files)
            for member in members:
                file = archive.extractfile(member) if member.isfile() and member.name in missing else None
                if file is None:
                    raise BackupError(f"the archive holds {member.name!r}, which its {MANIFEST} does not name")
                _keep(file, member.size, target, member.name, missing.pop(member.name))
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(f"the archive cannot be read ({error}); take the backup again") from error
    if missing:
        raise BackupError(f"the archive ends before {next(iter(missing))}; take the backup again")
    return manifest


def _archived_manifest(archive: tarfile.TarFile, first: tarfile.TarInfo | None) -> Manifest:
    named = first is not None and first.name == MANIFEST and first.size <= _MAX_MANIFEST_BYTES
    file = archive.extractfile(first) if first is not None and named else None
    if file is None:
        raise BackupError(f"the archive does not begin with {MANIFEST}: it was not made by `pcap-analyzer backup -`")
    return _manifest(file.read())


def _manifest(data: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise BackupError(f"{MANIFEST} cannot be read ({error}); take the backup again") from error
    if manifest.format != _FORMAT:
        raise BackupError(
            f"the backup has format {manifest.format}, made by version {manifest.version}; version {__version__} "
            f"reads format {_FORMAT}"
        )
    _check_names(manifest.files)
    return manifest


def _check_names(files: Mapping[str, int]) -> None:
    """Nothing of a backup may land outside of the folders that it is for."""
    for name in files:
        path = PurePosixPath(name)
        inside = len(path.parts) > 1 and path.parts[0] in _FOLDERS and ".." not in path.parts
        if not (name == DATABASE or (inside and path.as_posix() == name)) or "\0" in name:
            raise BackupError(f"{MANIFEST} names {name!r}, which is no file of this service")
    if DATABASE not in files:
        raise BackupError(f"{MANIFEST} names no {DATABASE}; take the backup again")


def _keep(file: IO[bytes], found: int, target: Path, name: str, size: int) -> None:
    if found != size:
        raise BackupError(f"{name} has {found} bytes, but {MANIFEST} says {size}; take the backup again")
    path = target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as kept:
        shutil.copyfileobj(file, kept, _COPY_BYTES)
        kept.flush()
        os.fsync(kept.fileno())


def _check_database(database: Path) -> None:
    try:
        with closing(sqlite3.connect(database)) as opened:
            [[verdict]] = opened.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.Error as error:
        verdict = str(error)
    if verdict != "ok":
        raise BackupError(f"{DATABASE} of the backup is damaged ({verdict}); use another backup")


def _exchange(arrived: Path, root: Path, database: Path) -> None:
    """The old goes, the new comes; the database last: whoever kills this finds no service, and restores again."""
    for ending in ("", "-wal", "-shm", "-journal"):
        database.with_name(database.name + ending).unlink(missing_ok=True)
    for folder in _FOLDERS:
        shutil.rmtree(root / folder, ignore_errors=True)
        with suppress(FileNotFoundError):
            (arrived / folder).rename(root / folder)
    shutil.move(arrived / DATABASE, database)
