"""The audit log: who did what to the service, one JSON object a line, each of a type that is declared in `declared`.

It answers other questions than the service's log (what was refused to whom, who saw or took which report, what became
of every upload) and so stands apart from it. A line is written where the thing is done, with `note` in a handler or by
a change of the store, and it is written or counted as lost: `log` says how. Nobody can put a line of his own into it.
"""

from pcap_analyzer.audit.declared import DECLARED
from pcap_analyzer.audit.log import AuditLog
from pcap_analyzer.audit.origin import OPERATOR, Origin, note, noting

__all__ = ["DECLARED", "OPERATOR", "AuditLog", "Origin", "note", "noting"]
