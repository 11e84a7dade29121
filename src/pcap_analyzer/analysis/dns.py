"""What the scan found of DNS: its transactions as a table, and in sums per resolver and domain."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pcap_analyzer._native.dns_table import DnsReader
from pcap_analyzer._native.scan import Scanner
from pcap_analyzer.addresses import address_text
from pcap_analyzer.analysis.durations import round_trips
from pcap_analyzer.analysis.model import DnsDomain, DnsExample, DnsResolver, DnsTotals, DnsTrouble
from pcap_analyzer.iana import dns_rcode_name, dns_type_name

if TYPE_CHECKING:
    import pyarrow as pa

MAX_BATCH = 65536
MAX_RESOLVERS, MAX_DOMAINS = 100, 100
SERVICES = ("dns", "mdns", "llmnr")  # by the field `service`
OPEN_NS = 500_000_000
"""A query so close to the end of the capture may yet be answered: nearly all answers come sooner, caches cold too."""
SEED_BYTES = 32
ANSWERED, UNANSWERED, OPEN, UNASKED = range(4)  # dns_fate_t of native/dns_summary.pxd
UNANSWERED_ONES, FAILED_ONES, SLOW_ONES = range(3)  # trouble_t
NO_ERROR, NAME_ERROR = 0, 3
TCP = 6


class DnsTable:
    """All DNS transactions of a capture, to be read as often as one likes; memory is held for one batch at a time.

    end_ns: time of the capture's last packet; None: no packet has one.
    """

    def __init__(self, reader: DnsReader, end_ns: int | None) -> None:
        self._reader = reader
        self.end_ns = end_ns

    @property
    def counts(self) -> dict[str, int]:
        """Messages by what became of them: messages, not_dns, cut, fragments, unmeasured, given_up."""
        return self._reader.counts()

    def read(self, batch_size: int) -> Iterator[tuple[bytearray, bytearray, bytes]]:
        """Batches in order of frame_number: at most `batch_size` dns_row_t, where each name ends, the names' text."""
        source = self._reader.rows()
        while True:
            rows, ends, texts = source.read(batch_size)
            if not rows:
                return
            yield rows, ends, texts

    def batches(self, columns: Sequence[str] | None, batch_size: int) -> pa.RecordBatchReader:
        """The table `dns`, or those of its columns asked for; see Analysis.dns."""
        from pcap_analyzer.analysis.dns_columns import dns_batches  # noqa: PLC0415 - pyarrow takes 0.3 s
        from pcap_analyzer.schema import names_of  # noqa: PLC0415 - a report has no columns

        if not 1 <= batch_size <= MAX_BATCH:
            raise ValueError(f"batch_size is {batch_size}, expected 1 to {MAX_BATCH}")
        return dns_batches(self, names_of(columns), batch_size)

    def totals(self) -> DnsTotals | None:
        """Everything in sums; None: there is no DNS."""
        counts = self.counts
        if not any(counts.values()):
            return None
        told = self._reader.summary(
            seed=os.urandom(SEED_BYTES),
            end_ns=self.end_ns,
            open_ns=OPEN_NS,
            resolvers=MAX_RESOLVERS,
            domains=MAX_DOMAINS,
        )
        unanswered, failed, slowest = ([_example(one) for one in rows] for rows in told["kept"])
        return DnsTotals(
            **counts,
            **dict(zip(SERVICES, told["services"], strict=True)),
            groups=told["groups"],
            types={dns_type_name(number): count for number, count in told["types"]},
            all=_resolver(told["all"]),
            resolvers_total=told["resolvers_total"],
            resolvers=[_resolver(one) for one in told["resolvers"]],
            domains_total=told["domains_total"],
            domains=[_domain(one) for one in told["domains"]],
            unanswered=unanswered,
            failed=failed,
            slowest=slowest,
        )


def dns_table(scanner: Scanner) -> DnsTable:
    """Of a scan that is over. Raises OSError where its temporary file cannot be written or read."""
    return DnsTable(DnsReader(scanner), scanner.counters()["last_ns"])


def _resolver(one: dict[str, Any]) -> DnsResolver:
    fates, rcodes = one["fates"], one["rcodes"]
    return DnsResolver(
        address=address_text(one["address"], one["ip_version"]) if one["ip_version"] else "",
        port=one["port"],
        ip_version=one["ip_version"],
        service=SERVICES[one["service"]],
        transactions=one["transactions"],
        answered=fates[ANSWERED],
        unanswered=fates[UNANSWERED],
        open=fates[OPEN],
        no_query=fates[UNASKED],
        rcodes={dns_rcode_name(code): count for code, count in enumerate(rcodes) if count},
        failed=sum(rcodes) - rcodes[NO_ERROR] - rcodes[NAME_ERROR],
        latency=round_trips(one["latency"]),
        reply=round_trips(one["reply"]),
        p50_ns=one["latency"]["p50"],
        p95_ns=one["latency"]["p95"],
        reply_p50_ns=one["reply"]["p50"],
        reply_p95_ns=one["reply"]["p95"],
        all=_trouble(one, SLOW_ONES),
        unanswered_ones=_trouble(one, UNANSWERED_ONES),
        failed_ones=_trouble(one, FAILED_ONES),
        **{name: one[name] for name in SUMMED},
    )


SUMMED = (
    "tcp",
    "truncated",
    "retries",
    "retried",
    "extra_responses",
    "copies",
    "query_bytes",
    "response_bytes",
)


def _trouble(one: dict[str, Any], kind: int) -> DnsTrouble:
    first, last = one["spans"][kind] or (None, None)
    return DnsTrouble(first, last, one["shown"][kind])


def _domain(one: dict[str, Any]) -> DnsDomain:
    first, last = one["span"] or (None, None)
    return DnsDomain(
        client=None if one["client"] is None else address_text(one["client"], one["ip_version"]),
        first_ns=first,
        last_ns=last,
        **{name: one[name] for name in OF_DOMAINS},
    )


OF_DOMAINS = (
    "name",
    "transactions",
    "unanswered",
    "missing",
    "names",
    "name_bytes",
    "longest",
    "text_types",
    "query_bytes",
    "response_bytes",
    "longest_frame",
    "longest_flow",
)


def _example(one: dict[str, Any]) -> DnsExample:
    return DnsExample(
        frame=one["frame"],
        response_frame=one["response_frame"],
        flow_id=one["flow_id"],
        stream=one["stream"],
        transport="tcp" if one["transport"] == TCP else "udp",
        time_ns=one["time"],
        client=address_text(one["client"], one["ip_version"]),
        resolver=address_text(one["resolver"], one["ip_version"]),
        resolver_port=one["resolver_port"],
        id=one["id"],
        name=one["name"],
        type=None if one["type"] is None else dns_type_name(one["type"]),
        rcode=None if one["rcode"] is None else dns_rcode_name(one["rcode"]),
        latency_ns=one["latency"],
        retries=one["retries"],
    )
