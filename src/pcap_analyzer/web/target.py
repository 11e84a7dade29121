"""What a request asks for, where its first line names the host too, RFC 9112 section 3.2.2."""

import re

_ABSOLUTE = re.compile(rb"https?://(?P<authority>[^/?#@]+)(?P<rest>[/?].*)?", re.IGNORECASE)


class NoTarget(Exception):
    """The first line of a request names neither a path nor an address of ours in whole."""


def split(target: bytes) -> tuple[bytes | None, bytes]:
    """The host that `target` names, None where the header Host does, and the path with its query. Raises NoTarget.

    Names before the host, as in http://name@host/, are none of ours: they only mislead (RFC 9110 section 4.2.4).
    """
    if target.startswith(b"/") or target == b"*":
        return None, target
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        raise NoTarget
    rest = found["rest"] or b"/"
    return found["authority"], rest if rest.startswith(b"/") else b"/" + rest
