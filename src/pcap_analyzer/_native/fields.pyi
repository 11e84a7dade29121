"""Typed face of native/fields.pyx; what each member means stands there."""

from collections.abc import Sequence
from typing import Any

from typing_extensions import Buffer

class FieldSpreader:
    rows: int
    def __init__(self, record_size: int, fields: Sequence[tuple[int, int, Any]]) -> None: ...
    def add(self, records: Buffer) -> None: ...
