"""Record traffic between two hosts over a link with known faults.

examples:
  python -m tests.traffic --list
  python -m tests.traffic --scenario bufferbloat --seed 7 -o /tmp/recorded
  python -m tests.traffic --scenario slow_server --scenario port_scan -o /tmp/recorded
  python -m tests.traffic -o /tmp/recorded          every scenario, with a seed of its own

Each goes to a folder of its name: client.pcap, server.pcap (or mirror.pcap), truth.json. Needs root, ip and tcpdump.
"""

import argparse
import random
import sys
import time
from pathlib import Path

from tests.traffic.namespaces import why_not
from tests.traffic.recording import record
from tests.traffic.scenarios import SCENARIOS


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.traffic", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument(
        "--scenario", action="append", metavar="NAME", choices=sorted(SCENARIOS), help="may be repeated"
    )
    parser.add_argument("--seed", type=int, help="the same seed draws the same faults; a random one otherwise")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="where the folders are made")
    parsed = parser.parse_args()
    if not parsed.list and not parsed.output:
        parser.error("-o DIR is needed, or --list")
    return parsed


def main() -> int:
    asked = arguments()
    if asked.list:
        for name, scenario in SCENARIOS.items():
            print(f"{name:22} {scenario.what}")
        return 0
    if lacking := why_not():
        print(lacking, file=sys.stderr)
        return 2
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    for name in asked.scenario or SCENARIOS:
        started = time.monotonic()
        truth = record(SCENARIOS[name], seed, asked.output / name)
        packets = ", ".join(f"{where} {truth['captures'][where]['captured']}" for where in truth["expected"])
        print(f"{name}: seed {seed}, {time.monotonic() - started:.1f} s, packets: {packets}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
