"""DNS: transactions, resolvers, domains."""

from __future__ import annotations

from pcap_analyzer.report.definitions.entry import Definition

RFC_1035 = "https://www.rfc-editor.org/rfc/rfc1035.html"
RCODES = ("RFC 6895 § 2.3", "https://www.rfc-editor.org/rfc/rfc6895.html#section-2.3")

DNS = [
    Definition(
        "dns-transaction",
        "DNS query",
        "A query with its repeats and its response, over UDP or TCP. They belong together by client, resolver, both "
        "ports, identifier and question.",
        "dns.id",
        "RFC 5452 § 9.1",
        "https://www.rfc-editor.org/rfc/rfc5452.html#section-9.1",
    ),
    Definition(
        "dns-latency",
        "DNS latency",
        "Time from the first query to its response, as a client waits. A repeat does not begin anew, as it does in "
        "Wireshark after five seconds; from the last repeat to the response is told beside it.",
        "dns.time",
    ),
    Definition(
        "dns-unanswered",
        "Unanswered",
        "No response was captured, though the capture went on for half a second at least after the last repeat.",
        "dns.response_in",
    ),
    Definition(
        "dns-failed",
        "Failed",
        "A response with an error other than that the name does not exist: SERVFAIL, REFUSED and the like.",
        "dns.flags.rcode",
        *RCODES,
    ),
    Definition(
        "dns-retry",
        "Asked again",
        "The query was sent again within 30 s, unanswered, from the same port with the same identifier. A client that "
        "takes a new port for it begins a new query here.",
        "dns.retransmit_request",
        "RFC 1035 § 4.2.1",
        RFC_1035 + "#section-4.2.1",
    ),
    Definition(
        "dns-rcode",
        "Response code",
        "What the server says of the query.",
        "dns.flags.rcode",
        *RCODES,
    ),
    Definition(
        "dns-domain",
        "Domain",
        "The last two labels of the names asked for, or three as in co.uk. How many different names there were is an "
        "estimate, some 6 % off.",
        "dns.qry.name",
    ),
]
