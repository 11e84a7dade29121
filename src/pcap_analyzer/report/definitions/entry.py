"""One entry of the definitions."""

from __future__ import annotations

import msgspec


class Definition(msgspec.Struct, frozen=True):
    """One entry; `field` is a Wireshark display filter field, `url` a document. Either may be empty."""

    id: str
    term: str
    text: str
    field: str = ""
    source: str = ""
    url: str = ""
