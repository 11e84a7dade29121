"""Write tests/captures/README.md, the list of kept recordings: python -m tests.traffic.listing."""

from tests.traffic.cases import KEPT, Case, kept

HEAD = """\
# Golden captures

Small recordings of real programs between two hosts of our own, over a link with known faults. The first command makes
one, the second writes this list:

    python -m tests.traffic --scenario NAME --seed N -o tests/captures
    python -m tests.traffic.listing

`truth.json` beside each capture says what was configured, what the link did to which packet, what both kernels counted,
and in `expected`, by capture, which finding has to come first, with its direction and size; a clean case names none.
The same seed draws the same faults, though never the same times. Nobody's traffic is in them; addresses are private or
of documentation (RFC 5737).

| case | purpose | finding | taken at | seed |
|---|---|---|---|---|
"""


def line(cases: list[Case]) -> str:
    first = dict.fromkeys(case.first[0]["id"] for case in cases if case.first)
    where = ", ".join(case.where for case in cases)
    truth = cases[0].truth
    return f"| `{cases[0].name}` | {truth['what']} | {', '.join(first) or 'nothing'} | {where} | {truth['seed']} |\n"


def listing() -> str:
    names = dict.fromkeys(case.name for case in kept())
    return HEAD + "".join(line([case for case in kept() if case.name == name]) for name in names)


if __name__ == "__main__":
    (KEPT / "README.md").write_text(listing())
