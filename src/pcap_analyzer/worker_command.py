"""`pcap-analyzer worker`: runs what a service of the same folder queues, in a process that is not the web server's."""

import os
import signal
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from contextlib import suppress
from dataclasses import replace

from pcap_analyzer.config import Settings, load
from pcap_analyzer.errors import SettingsError
from pcap_analyzer.web import logs
from pcap_analyzer.wiring import Working

MAX_WORKERS, MAX_GRACE_S = 1024, 3600
GRACE_S = 8
_LOOK_EVERY_S = 0.5
TEXT = """Analyse what a service queues, beside it: any number of workers share its DATA_DIR.

Settings come from the environment and have to be those of the service: DATA_DIR, DATABASE_URL, ANALYSIS_MEMORY_MB and
others, see the README. With WORKERS=0 the service itself analyses nothing. What a worker is killed at is run by
another one within seconds. SIGTERM or Ctrl-C: it takes nothing more, what runs may end within the grace, the rest is
queued again; a second one ends the grace.

examples:
  WORKERS=0 DATA_DIR=./data pcap-analyzer serve
  DATA_DIR=./data pcap-analyzer worker --workers 2
  DATA_DIR=./data pcap-analyzer worker --grace 600"""


def options(parser: ArgumentParser) -> None:
    parser.description = TEXT
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.add_argument("--workers", type=int, metavar="N", help="analyses at a time (WORKERS)")
    parser.add_argument(
        "--grace", type=int, default=GRACE_S, metavar="SECONDS", help=f"for what runs at the end ({GRACE_S})"
    )


def run(given: Namespace) -> int:
    # Captures and reports are nobody else's to read, whatever the shell's habit.
    os.umask(0o077)
    settings = _settings(given)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logs.start(settings.log_level, settings.log_mode, hidden=(settings.auth_token or "",))
    working = Working(settings)
    try:
        with suppress(KeyboardInterrupt):
            print(f"Analysing for {settings.data_dir}, {settings.workers} at a time (Ctrl-C ends it)", flush=True)
            # Not signal.pause(): a signal that comes just before it, while its thread waits for the interpreter, is
            # seen by Python only when the sleep ends.
            while True:
                time.sleep(_LOOK_EVERY_S)
        with suppress(KeyboardInterrupt):
            working.drain(given.grace)
    finally:
        # What is left takes a moment, and has to be done.
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, signal.SIG_IGN)
        working.close()
    return 0


def _settings(given: Namespace) -> Settings:
    settings = load()
    settings = settings if given.workers is None else replace(settings, workers=given.workers)
    if not 1 <= settings.workers <= MAX_WORKERS:
        name = "WORKERS" if given.workers is None else "--workers"
        raise SettingsError(
            f"{name} is {settings.workers}; allowed for a worker is a whole number from 1 to {MAX_WORKERS}"
        )
    if not 0 <= given.grace <= MAX_GRACE_S:
        raise SettingsError(f"--grace is {given.grace}; allowed is a whole number from 0 to {MAX_GRACE_S}")
    return settings
