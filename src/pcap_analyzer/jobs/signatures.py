"""Tells captures from other files by their first bytes, so that an upload can be refused before it has arrived.

Only the look of a file is judged here, in the web process; nothing is parsed. What is inside a compressed file, and
whether a capture is whole, the worker finds out.
"""

LONGEST_SIGNATURE = 8

_CAPTURES = (
    b"\xa1\xb2\xc3\xd4",  # pcap, microseconds
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",  # pcap, nanoseconds
    b"\x4d\x3c\xb2\xa1",
    b"\x0a\x0d\x0d\x0a",  # pcapng
    b"\x1f\x8b",  # gzip
    b"\x28\xb5\x2f\xfd",  # zstd
    b"\x04\x22\x4d\x18",  # lz4
    b"\xfd7zXZ\x00",
    b"BZh",
)

_OTHERS = (
    (b"PK\x03\x04", "a ZIP archive (unpack it first)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive (unpack it first)"),
    (b"Rar!", "a RAR archive (unpack it first)"),
    (b"snoop\x00", "a Solaris snoop capture (convert it with editcap -F pcapng)"),
    (b"\xa1\xb2\xcd\x34", "a capture in Kuznetzov's modified pcap (convert it with editcap -F pcapng)"),
    (b"\x34\xcd\xb2\xa1", "a capture in Kuznetzov's modified pcap (convert it with editcap -F pcapng)"),
    (b"GMBU", "a Microsoft Network Monitor capture (convert it with editcap -F pcapng)"),
    (b"RTSS", "a Microsoft Network Monitor capture (convert it with editcap -F pcapng)"),
    (b"XCP\x00", "a NetXRay capture (convert it with editcap -F pcapng)"),
    (b"\x7fELF", "a Linux program"),
    (b"MZ", "a Windows program"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"SQLite", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"<", "an HTML or XML page"),
    (b"{", "JSON text"),
)


def is_capture(start: bytes) -> bool:
    """Whether a file that starts with these bytes may be a capture, plain or compressed."""
    return start.startswith(_CAPTURES)


def looks_like(start: bytes) -> str:
    """What a file that is no capture seems to be, in words."""
    if not start:
        return "an empty file"
    for signature, name in _OTHERS:
        if start.startswith(signature):
            return name
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in start):
        return "text"
    return f"something unknown (it starts with {start[:4].hex(' ')})"
