"""`python -m pcap_analyzer.audit > docs/audit.md`: the declaration as a page."""

import sys

from pcap_analyzer.audit.declared import COMMON, DECLARED

TEXT = """# The audit log

Who did what to the service: one JSON object a line, each of a type that keeps its meaning. With `AUDIT_LOG=file`
the lines are in `DATA_DIR/audit.jsonl`, continued in a new file before `AUDIT_LOG_MAX_MB` are full; `audit.jsonl.1`
to `.9` are earlier ones, and the oldest goes. With `AUDIT_LOG=stderr` they stand among those of the log, which have no
`number`. Files are for their owner's eyes only. Nobody can put a line of his own there: strings of others are cut,
escaped to ASCII, and redacted as `LOG_MODE` says. File names of captures, query strings and bodies are never in it.

A line is handed to the system before the answer is sent; it survives the process, not a power cut. What cannot be
written, because the disk is full, stops nothing: it is counted, said in the log, and told by `audit.lost` afterwards.
Being asked for health, pages, status and progress is no event.

## Every event has

| field | meaning |
|---|---|
"""


def page() -> str:
    """docs/audit.md."""
    lines = [f"| `{name}` | {meaning} |" for name, meaning in COMMON.items()]
    lines += ["", "## Types", "", "| type | meaning | further fields |", "|---|---|---|"]
    lines += [
        f"| `{name}` | {declared.meaning} | {', '.join(f'`{field}`' for field in declared.fields)} |"
        for name, declared in DECLARED.items()
    ]
    return TEXT + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
