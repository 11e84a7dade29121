"""From a packet capture to a report, at the speed of the disk."""

__version__ = "0.1.0"
