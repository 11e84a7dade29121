"""Typed face of native/match.pyx; what each member means stands there."""

from typing_extensions import Buffer

COLUMN_NAMES: tuple[str, ...]

class Matcher:
    def add_range(self, column: str, first: int, last: int) -> None: ...
    def add_bits(self, column: str, mask: int) -> None: ...
    def add_network(self, column: str, ip_version: int, network: bytes, prefix: int) -> None: ...
    def add_null(self, column: str) -> None: ...
    def add_not(self) -> None: ...
    def add_and(self) -> None: ...
    def add_or(self) -> None: ...
    def match(
        self,
        packets: Buffer,
        segments: Buffer,
        frame_number: Buffer,
        flow_id: Buffer,
        stream: Buffer,
        from_client: Buffer,
        offset: Buffer,
        captured: Buffer,
        original: Buffer,
        interface_id: Buffer,
    ) -> int: ...
