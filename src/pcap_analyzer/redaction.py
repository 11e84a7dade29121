"""Text without what identifies people and machines, for whatever is written down: the log and the audit log.

It takes too much rather than too little: a version of four numbers is an address.
"""

import re
from collections.abc import Callable

_IPV4 = re.compile(r"(\d{1,3}\.\d{1,3})\.\d{1,3}\.\d{1,3}")
_MAC = re.compile(
    r"(?<![0-9A-Fa-f:])((?:[0-9A-Fa-f]{2}[:-]){3})(?:[0-9A-Fa-f]{2}[:-]){2}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:])"
    r"|([0-9A-Fa-f]{4}\.)[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}"
)
# A run that may be IPv6; _ipv6 looks closer. Times of the day have too few colons.
_COLONS = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:]*(?:<address>)?(?:%\w+)?")
_CREDENTIALS = (
    re.compile(r"(\b(?:bearer|basic)\s+)[^\s\"',;]+", re.IGNORECASE),
    re.compile(r"(://)[^\s/@]+(?=@)"),
    re.compile(
        r"((?:authorization|cookie|passw(?:or)?d|pwd|passphrase|token|secret|api[_-]?key|session|csrf)"
        r"[\"']?\s*[:=]\s*[\"']?)(?!bearer\b|basic\b)[^\s\"',;&]+",
        re.IGNORECASE,
    ),
)
HIDDEN = "<hidden>"

Redact = Callable[[str], str]


def redaction(mode: str, hidden: tuple[str, ...] = ()) -> Redact:
    """What is hidden in `mode`.  hidden: strings that are never shown, whatever stands around them.

    production: addresses, MAC addresses, credentials.  development: of addresses the part that names the machine,
    and credentials.  debug: credentials.
    """

    def hide(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, HIDDEN)
        for credential in _CREDENTIALS:
            text = credential.sub(rf"\1{HIDDEN}", text)
        return text if mode == "debug" else _without_addresses(text, whole=mode == "production")

    return hide


def _without_addresses(text: str, *, whole: bool) -> str:
    text = _MAC.sub("<mac>" if whole else _beginning, text)
    text = _IPV4.sub("<address>" if whole else r"\1.x.x", text)
    return _COLONS.sub(lambda found: _ipv6(found[0], whole=whole), text)


def _beginning(found: re.Match[str]) -> str:
    return f"{found[1] or found[2]}<mac>"


def _ipv6(run: str, *, whole: bool) -> str:
    if "::" not in run and run.count(":") < 5:
        return run
    return "<address>" if whole else ":".join(run.split(":")[:2]) + ":<address>"
