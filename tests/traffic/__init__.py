"""Traffic recorded afresh: real programs on two hosts, a link between them with known faults, both ends captured.

`python -m tests.traffic` records; a scenario is one function in scenarios/, drawn from a seed. What was configured,
what the link did to which packet, what both kernels counted, and what the diagnosis must be stand in truth.json beside
the captures. Small recordings are kept in tests/captures.
"""
