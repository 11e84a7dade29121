"""Which language a reader wants, by what the browser says (RFC 9110 section 12.5.4)."""

from __future__ import annotations

from contextlib import suppress

from pcap_analyzer.export import LANGUAGES


def wanted(accept_language: str) -> str:
    """The first of LANGUAGES by weight; English where none is asked for."""
    weights: dict[str, float] = {}
    for part in accept_language[:1000].split(","):
        tag, _, weight = part.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        value = 1.0
        with suppress(ValueError):
            value = float(weight.strip().removeprefix("q=")) if weight else 1.0
        if language in LANGUAGES and value > weights.get(language, 0.0):
            weights[language] = value
    return max(weights, key=lambda language: weights[language], default="en")
