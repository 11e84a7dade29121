"""Every number at which something begins to be worth telling, with its reason. Nothing else holds one.

A table of harm is (measure, harm) from mild to bad; between two rows harm rises with the logarithm of the measure, and
from 0.7 on it is called critical, from 0.4 a warning, from 0.15 a notice.
"""

from __future__ import annotations

MS, SECOND = 1_000_000, 1_000_000_000
Table = tuple[tuple[float, float], ...]

CRITICAL, WARNING, NOTICE = 0.7, 0.4, 0.15

# ---------------------------------------------------------------- evidence

ENOUGH = 10
"""So many cases leave no doubt that they are no accident; one alone is believed by half."""
SHOWN_FLOWS = 20
SHOWN_EVIDENCE = 10
FILTER_STREAMS = 10
"""More streams than these make a filter that nobody reads."""

# ---------------------------------------------------------------- what the capture is worth

STEP_LEAST, STEP_STAYS = 100 * MS, 0.9
"""By which segments come later at once than their sender's clock says, and how much of it must last to the end: no path
becomes longer by so much, and stays so, but a clock that is set does."""
DOUBLED_SHARE = 0.2
"""Of TCP's payload: networks double a few packets, a mirror port nearly all."""

# ---------------------------------------------------------------- packets that are lost, late, or twice

LOSS_SHARE = 0.0005
"""Of data segments. Congestion control needs some loss to find the rate of a path: Reno fills 10 Gbit/s·100 ms only
below 1e-9, 100 Mbit/s·30 ms at about 1e-4 (RFC 6582, Mathis 1997); below this share no reader would act."""
LOSS_PROVED = 0.25
"""Against repetitions that were proved needless: amid many, a few that nobody proved are needless too. Not every
receiver's proof is captured, or sent: the last of a connection has no segment to travel with."""
LOSS_HARM: Table = ((0.0005, 0.15), (0.01, 0.5), (0.03, 0.72), (0.1, 0.95))
"""At 1 % one Reno connection over 30 ms gets no more than 5 Mbit/s (Mathis 1997); at 3 % calls break (ITU-T G.113)."""
LOSS_DOUBT = 20
"""Segments more that are taken to have arrived when harm is judged: one lost of three says little about a path."""
BURST_RUN, BURST_MEAN = 3, 1.5
"""Independent losses of 5 % follow each other once in twenty; three at a stretch and half again as many losses as
stretches are no accident (RFC 3611 calls such periods bursts)."""
BURST_HARM: Table = ((1.5, 0.3), (3, 0.45), (10, 0.6))
"""By the mean length of a stretch: a burst costs a time-out where single losses cost a round trip (RFC 8985)."""
REORDER_LEAST, REORDER_SHARE = 3, 0.001
REORDER_DOUBT = 0.5
"""Against segments that fill holes as repairs: amid many, a few that came very soon are repairs too."""
REORDER_HARM: Table = ((0.001, 0.15), (0.01, 0.35), (0.1, 0.6))
"""Of data segments. Three places late looks like loss to a sender without RACK (RFC 5681, 4737)."""
DUPLICATE_LEAST, DUPLICATE_SHARE = 3, 0.005
DUPLICATE_HARM: Table = ((0.005, 0.15), (0.1, 0.35), (0.5, 0.45))
"""Of data segments. Doubled packets waste the path; at half of all it is the capture that sees each twice."""
SPURIOUS_LEAST, SPURIOUS_SHARE = 2, 0.002
SPURIOUS_HARM: Table = ((0.002, 0.15), (0.02, 0.3), (0.1, 0.45))
"""Of data segments. Each also halves the rate of a sender that does not undo it (RFC 3522, 5682)."""

# ---------------------------------------------------------------- opening connections

UNANSWERED_AFTER = 3 * SECOND
"""The second retry has gone out by then (RFC 6298: 1 s, then 2 s); a SYN this close to the end may yet be answered."""
UNANSWERED_HARM: Table = ((0.001, 0.15), (0.05, 0.5), (0.5, 0.85))
"""Of connections that were tried; where a service answers nobody the second table speaks."""
DEAD_SERVICE_HARM: Table = ((1, 0.5), (10, 0.72), (1000, 0.9))
"""Connections to a service that answered none of them."""
REFUSED_HARM: Table = ((1, 0.3), (10, 0.6), (1000, 0.8))
"""Refusals: users see an error at once, which is better than waiting for one."""
HANDSHAKE_FACTOR, HANDSHAKE_LEAST = 3, 100 * MS
"""Against the same path's round trip later on; below 100 ms nobody notices (Nielsen 1993)."""
HANDSHAKE_LONE, HANDSHAKE_APART = SECOND, SECOND
"""Shorter delays are told only where they come again: at one moment alone any host may have been held up."""
HANDSHAKE_MOST = 190 * SECOND
"""Longer no TCP waits for a handshake (RFC 9293 section 3.8.3: three minutes): the clock stepped."""
HANDSHAKE_HARM: Table = ((0.1, 0.2), (1, 0.5), (10, 0.8))
"""Seconds that it took longer."""

# ---------------------------------------------------------------- delay

HIGH_RTT = 200 * MS
"""A page needs some ten round trips: two seconds. ITU-T G.114 wants calls below 150 ms one way."""
HIGH_RTT_HARM: Table = ((0.2, 0.25), (0.6, 0.5), (2, 0.75))
"""Seconds. A satellite hop takes 0.6."""
QUEUE_SAMPLES, QUEUE_SEGMENTS = 20, 8
"""Round trips that say enough, of senders with enough under way to fill a queue."""
QUEUE_FACTOR, QUEUE_LEAST = 1.5, 10 * MS
"""Delay under load against the idle path: a queue of half a round trip is what one flow needs (Appenzeller 2004)."""
QUEUE_CLOSED = 0.1
"""Of a flow's time its receiver's window was closed: round trips then hold the receiver's late ACKs, not a queue."""
QUEUE_TRANSFER, QUEUE_LEAST_ALONE = 64, 50 * MS
"""Segments of a transfer, and delay where no handshake tells the path's round trip: for delay by a sender's clock."""
QUEUE_JUMP = 0.75
"""Of the delay, from one reading to the next: a queue fills packet by packet, a clock that is set jumps at once, and
stays there. What comes back to half of the delay is no clock."""
QUEUE_CLIMB, QUEUE_DRIFT = 0.45, 2000
"""Of a flow's time, the last reading against the first: a clock that ticks every other millisecond or slower climbs by
half of the time and more. And how many times the delay a flow may last: no clock drifts by 500 parts in a million."""
QUEUE_HARM: Table = ((0.01, 0.25), (0.1, 0.5), (1, 0.85))
"""Seconds of queue. RFC 7567: from 100 ms on calls and games suffer."""
RESPONSE_FACTOR, RESPONSE_LEAST = 4, 500 * MS
"""Time to the first byte beyond the round trip. Above a second a reader's thought is lost (Nielsen 1993)."""
RESPONSE_HARM: Table = ((0.5, 0.3), (2, 0.55), (10, 0.8))

# ---------------------------------------------------------------- transfers

RECEIVER_SHARE, RECEIVER_LEAST = 0.1, 100 * MS
"""Of the time of a transfer. Windows close for a moment in every healthy one."""
RECEIVER_FAST = 20_000_000
"""bit/s: what a window of 64 KiB, the most without scaling, carries over 26 ms. A transfer that is as fast although its
window is full harms nobody."""
RECEIVER_HARM: Table = ((0.1, 0.3), (1, 0.45), (10, 0.65))
"""Seconds that senders waited."""
RESET_LEAST, RESET_SHARE = 1, 0.02
"""Of connections with data. Browsers and load balancers end some idle ones by a reset; those had sent a FIN or had
nothing under way."""
RESET_HARM: Table = ((0.02, 0.2), (0.2, 0.45), (0.8, 0.7))
"""Of established connections."""

# ---------------------------------------------------------------- servers and senders

SENDER_BYTES, SENDER_TIME, SENDER_SHARE = 64_000, 2 * SECOND, 0.7
"""A transfer of some size and time that waits for its own application for most of it."""
SENDER_REQUESTS = 2
"""More pushes from the other side are requests: what then waits is a conversation."""
SENDER_HARM: Table = ((2, 0.15), (60, 0.3))
"""Seconds waited. Often that is how it should be, e.g. for live video."""
IDLE_LEAST = 60 * SECOND
"""Firewalls forget idle connections after an hour, some after a minute; RFC 5382 asks for two hours, four minutes."""
IDLE_HARM: Table = ((1, 0.5), (10, 0.7), (1000, 0.85))
"""Connections lost: each costs its user a time-out of minutes."""
DEAD_REPEATS, DEAD_AFTER = 3, SECOND
"""Segments sent again for so long, and no answer until the end of the capture: the time-out has doubled twice."""
STUCK_PAYLOAD, STUCK_ARRIVED = 1000, 2
"""Segments as long as this never arrive; what arrived before fits into two of them."""
STUCK_HARM: Table = ((1, 0.7), (10, 0.85))
"""Connections that stand still."""
ONE_SIDED_PACKETS, ONE_SIDED_FLOWS, ONE_SIDED_SHARE = 4, 2, 0.5
ONE_SIDED_HARM: Table = ((0.5, 0.3), (1.0, 0.4))
"""Of TCP flows with some packets: at half of them it is no accident."""
ICMP_LEAST = 3
ICMP_HARM: Table = ((3, 0.3), (30, 0.5), (3000, 0.7))
"""ICMP errors: each says that a packet was thrown away."""
FRAGMENT_LEAST, FRAGMENT_SHARE = 10, 0.005
FRAGMENT_HARM: Table = ((0.005, 0.15), (0.1, 0.35), (0.5, 0.45))
"""Of packets. Fragments are lost together and pass few firewalls (RFC 8900)."""

# ---------------------------------------------------------------- attacks

SCAN_PORTS, SWEEP_HOSTS = 20, 25
"""Zeek's scan detection takes 15 ports or 25 hosts; programs that look for a free service try fewer than 20 ports."""
SCAN_HARM: Table = ((20, 0.45), (1000, 0.8))
"""Ports or hosts. It says more about who asks than about the network."""
EXPLAINED = 0.8
"""From this share on, what connections suffer is told with the scan that made them, not beside it."""
PROBE_PACKETS, PROBE_PAYLOAD = 6, 0
"""A probe: few packets and no data."""
FORCE_ATTEMPTS, FORCE_EVERY = 15, 20 * SECOND
"""Nobody mistypes a password fifteen times, one try every twenty seconds or less; Zeek takes 30 guesses."""
FORCE_PAYLOAD = 12_000
"""Bytes each way: a refused login is over after the exchange of keys and a few answers."""
FORCE_HARM: Table = ((15, 0.5), (1000, 0.8))
FORCE_PORTS = (21, 22, 23, 110, 143, 389, 445, 993, 995, 1433, 3306, 3389, 5432, 5900, 5985, 5986)
"""Services that ask for a password."""
FLOOD_FLOWS, FLOOD_RATE, FLOOD_SHARE = 200, 20, 0.8
"""Handshakes that nobody finishes, a second, of all that are begun: a listen queue of 128 is full after six seconds."""
FLOOD_HARM: Table = ((20, 0.6), (1000, 0.9))
"""A second."""
LATERAL_HOSTS = 10
"""Hosts that one host inside logs in to by their administration ports: people work on a few."""
LATERAL_PORTS = (22, 23, 135, 139, 445, 3389, 5900, 5985, 5986)
LATERAL_HARM: Table = ((10, 0.45), (100, 0.75))
BEACON_FLOWS, BEACON_EVERY, BEACON_SPREAD = 8, 5 * SECOND, 0.3
"""Eight meetings with less than a third of deviation: people are an order of magnitude less regular."""
BEACON_PAYLOAD = 20_000
"""Bytes a meeting, both ways: more is a poll of real content."""
BEACON_HARM: Table = ((8, 0.4), (100, 0.55))
BEACON_NOT = (53, 123)
"""DNS and NTP are asked at fixed times by their nature."""
EXFILTRATION_BYTES, EXFILTRATION_FACTOR, EXFILTRATION_SHARE = 5_000_000, 20, 0.5
"""Sent to one host outside, against what came back, and of all that this network sent outside."""
EXFILTRATION_HARM: Table = ((5e6, 0.4), (1e9, 0.7))

# ---------------------------------------------------------------- streams

JITTER_PACKETS, JITTER_MOST_GAP = 100, 100 * MS
"""Calls send twenty to a hundred packets a second; a hundred of them tell the deviation within a tenth."""
JITTER_SIZES = 0.9
"""Mean size against the longest: only a stream of equal packets is known to leave at equal intervals."""
JITTER_LEAST, JITTER_SHARE = 2 * MS, 0.2
"""Deviation, and its share of the interval: what a receiver's buffer of two packets does not hide. Where it is more
than the interval itself, packets left in groups."""
JITTER_HARM: Table = ((1, 0.15), (5, 0.25), (30, 0.5), (100, 0.75))
"""Milliseconds. Above 30 ms calls stutter (ITU-T G.114, Y.1541 class 0: 50 ms)."""

MICRO_BYTES = 40_000
"""In a millisecond: more than 26 full packets. An initial window is ten (RFC 6928), a short queue holds some 40."""
MICRO_FACTOR = 16
"""Against the mean over an eighth of a second: a burst that goes on for longer than 8 ms is a transfer."""
MICRO_LEAST = 5
"""Bursts, and segments lost in them: fewer are an accident."""
MICRO_CONTRAST, MICRO_OUTSIDE = 5, 0.2
"""Lost a byte in bursts against outside, where at least this share of all bytes must be: with nothing to compare it
with, loss in bursts is loss like any other."""
UNPACED_PACKETS, UNPACED_SIZE = 30, 600
"""Datagrams at once, and their mean size: a picture of a call is shorter, an answer to a question smaller."""
MICRO_HARM: Table = ((5, 0.3), (100, 0.45), (10_000, 0.6))
"""Segments lost in bursts: the loss itself is told beside, by its share."""
MICRO_UNSEEN = 0.2
"""Bursts of which nobody knows whether they arrived."""

# ---------------------------------------------------------------- names

DNS_ENOUGH = 3
"""Transactions of a resolver below which a share says nothing."""
DNS_UNANSWERED_SHARE = 0.05
DNS_UNANSWERED_HARM: Table = ((0.05, 0.3), (0.3, 0.5), (1.0, 0.8))
"""Of a resolver's transactions. Each costs its user five seconds before the next resolver is asked (resolv.conf)."""
DNS_ERROR_SHARE, DNS_MISSING_SHARE, DNS_MISSING_LEAST = 0.05, 0.5, 10
"""Of answers: failures, and names that do not exist. Some of these every browser and mail server asks for; when they
are most of what is asked, a search list or a program is wrong."""
DNS_ERROR_HARM: Table = ((0.05, 0.2), (0.3, 0.45), (1.0, 0.75))
DNS_MISSING_HARM: Table = ((0.5, 0.2), (1.0, 0.4))
DNS_SLOW = 200 * MS
"""Half of the answers later than this: a page asks for names some five times in a row before it is there."""
DNS_SLOW_LATE = 1 * SECOND
"""One in twenty later than this."""
DNS_SLOW_HARM: Table = ((0.2, 0.35), (0.5, 0.5), (2, 0.75))
"""Seconds."""
TUNNEL_NAMES, TUNNEL_LENGTH, TUNNEL_FRESH = 100, 30, 0.8
"""Different names of one domain, mean length in front of it, and the share of questions that are new: names of hosts
are short and are asked for again and again."""
TUNNEL_HARM: Table = ((100, 0.45), (10_000, 0.75))
TUNNEL_NOT = ("in-addr.arpa", "ip6.arpa")
"""Addresses turned into names are long and new by their nature."""
