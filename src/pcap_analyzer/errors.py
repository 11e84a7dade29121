"""What the engine raises on purpose; the root of all exceptions of ours.

    PcapAnalyzerError
    ├── CaptureError      the file is no capture, is of an unsupported version, or cannot be read
    │   └── BeyondLimit   it is larger than allowed when decompressed
    ├── Cancelled         the caller asked to stop
    ├── ExportError       a table cannot be written as asked
    ├── FilterError       a filter cannot be understood, or does not fit its table
    ├── QueryError        a query cannot be understood or answered
    ├── TableError        a table does not have what is asked of it
    └── SettingsError     a setting has a value that is not allowed

Beside them stand those of one part alone: refusals of the service (jobs.refusals, web.problems) and a tshark that
cannot be asked (comparison.TsharkError).

Damage inside a capture is not raised: reading ends after the last whole record and the fault stands in
`Capture.damage`.
"""


class PcapAnalyzerError(Exception):
    """The root of the tree."""


class CaptureError(PcapAnalyzerError):
    """A file that cannot be opened as a capture: what was found, what was expected, at which byte.

    offset: bytes from the start of the (decompressed) file; None where no place can be named.
    """

    def __init__(self, message: str, *, offset: int | None = None) -> None:
        super().__init__(message if offset is None else f"{message} (at byte {offset})")
        self.offset = offset


class BeyondLimit(CaptureError):
    """A compressed file that holds more bytes than the limits allow."""


class Cancelled(PcapAnalyzerError):
    """The `cancelled` callback answered True."""


class ExportError(PcapAnalyzerError):
    """A table cannot be written: which one, to where, and why."""


class FilterError(PcapAnalyzerError):
    """A filter is wrong: what was found, what was expected.

    position: of the first character that does not fit, from 0.
    """

    def __init__(self, message: str, *, position: int) -> None:
        super().__init__(message)
        self.position = position


class QueryError(PcapAnalyzerError):
    """A query on the tables of a capture: what DuckDB says of it; it may have several lines."""


class TableError(PcapAnalyzerError):
    """A table does not have what is asked of it, or more is asked for than is answered."""


class SettingsError(PcapAnalyzerError):
    """A setting has a wrong value: the message names the variable, the value and what is allowed."""
