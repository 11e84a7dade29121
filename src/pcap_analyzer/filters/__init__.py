"""Conditions on the rows of a table: a small language of our own (docs/filters.md), never Python's.

    text → tokens → syntax → a function from a record batch to a mask

`parse` needs no pyarrow and says where a text is wrong; `compiled` runs a condition with Arrow's compute functions. A
comparison with an absent value is neither true nor false, as in SQL; a row is kept where the whole is true.
"""

from pcap_analyzer.filters.parser import parse

__all__ = ["parse"]
