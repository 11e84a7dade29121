"""How many made-up inputs a comparison with the twin takes."""

import os

BRIEFLY = 5


def examples(count: int) -> int:
    """A part of them under the sanitizers of `make check`: one takes four times as long there, most of it in the twin.

    All of them run without sanitizers in `make test`, and with them in `make check-long`.
    """
    return count // BRIEFLY if os.environ.get("PCAP_ANALYZER_BRIEF") else count
