"""What is learnt while the packets of a capture pass, and from its flows when they have.

The scanner counts packets; here its counters and flows become the tables of `model.Analysis`. Flows come in batches,
in order of flow_id, and every collector takes them so: nothing needs all flows in memory. Sums are integers, so
neither threads nor batches change them.
"""
