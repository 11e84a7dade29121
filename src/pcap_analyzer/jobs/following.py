"""What a worker is told of a capture that still arrives: lines of JSON on standard input, behind its order."""

import threading
from io import FileIO

import msgspec

from pcap_analyzer.jobs.model import Arrived

_decode = msgspec.json.Decoder(Arrived).decode


class Following:
    """How far the capture has come, as far as the service said so on `stream`."""

    def __init__(self, stream: FileIO) -> None:
        self._told = Arrived(0, whole=False)
        self._lost = False
        threading.Thread(target=self._listen, args=(stream,), daemon=True).start()

    def committed(self) -> int:
        """Bytes that are valid."""
        return self._told.size_bytes

    def finished(self) -> bool:
        """Whether that is all of it."""
        return self._told.whole

    def lost(self) -> bool:
        """Whether nobody is there any more to say how it goes on."""
        return self._lost

    def _listen(self, stream: FileIO) -> None:
        try:
            for line in stream:
                self._told = _decode(line)
        finally:
            self._lost = not self._told.whole
