"""Style sheets, scripts and images of our pages."""

from importlib.metadata import version
from pathlib import Path
from typing import Self

from anyio.to_thread import run_sync
from litestar import Router, get
from litestar.file_system import BaseLocalFileSystem
from litestar.response import File
from litestar.static_files import create_static_files_router
from litestar.types import PathType
from litestar.types.file_types import FileInfo

from pcap_analyzer.export.scripts import STATIC, plotly_path

# The report's own styles too: its colours and type are those of every page.
FOLDERS: list[PathType] = [Path(__file__).parent / "static", STATIC]
PLOTLY = version("plotly")


class _Pieces:
    """A file that is open only while some of it is read: where a client leaves, nothing is left to close."""

    def __init__(self, path: PathType) -> None:
        self._path = path
        self._at = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def read(self, size: int = -1) -> bytes:
        piece = await run_sync(self._read, size)
        self._at += len(piece)
        return piece

    def _read(self, size: int) -> bytes:
        with Path(self._path).open("rb", buffering=0) as file:
            file.seek(self._at)
            return file.read(size)


class _Files(BaseLocalFileSystem):
    async def open(self, file: PathType, mode: str, buffering: int = -1) -> _Pieces:  # type: ignore[override]
        return _Pieces(file)

    async def info(self, path: PathType, **kwargs: object) -> FileInfo:
        """What is known of a file. Raises FileNotFoundError, whatever the system has against the path."""
        try:
            return await super().info(path, **kwargs)
        except (OSError, ValueError) as error:
            # Too long, below a file instead of a folder, a zero byte: nothing we have is called so.
            raise FileNotFoundError from error


def static_files() -> Router:
    """Serves FOLDERS below /static."""
    return create_static_files_router("/static", FOLDERS, file_system=_Files())


@get(f"/static/plotly-{PLOTLY}.js", sync_to_thread=False)
def plotly() -> File:
    """Plotly as its Python package ships it. Its address holds its version, so browsers may keep it."""
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    return File(
        plotly_path(),
        media_type="text/javascript",
        content_disposition_type="inline",
        headers=headers,
        file_system=_Files(),
    )
