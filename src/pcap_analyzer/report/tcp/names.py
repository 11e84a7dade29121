"""What marks, causes and limits are called, what they mean, and the filter that shows them in Wireshark."""

from __future__ import annotations

from typing import NamedTuple


class Named(NamedTuple):
    """A name for people and a sentence."""

    title: str
    meaning: str


MARKS = {
    "retransmission": Named("Retransmission", "Bytes below the highest seen, sent again; all kinds together."),
    "fast_retransmission": Named(
        "Fast retransmission", "Two duplicate ACKs or more asked for it, the last less than 20 ms before."
    ),
    "spurious_retransmission": Named("Spurious retransmission", "Sent again though it had been acknowledged."),
    "out_of_order": Named(
        "Out of order", "Below the highest seen, within the initial RTT: overtaken, or repaired as fast as that."
    ),
    "lost_segment": Named("Previous segment missing", "Something in front of this segment was not captured so far."),
    "ack_lost_segment": Named("ACK of a missing segment", "Acknowledges bytes that were not captured."),
    "duplicate_ack": Named("Duplicate ACK", "Asks again for the same byte: something arrived out of order."),
    "zero_window": Named("Zero window", "The receiver's buffer is full: the other side has to wait."),
    "zero_window_probe": Named("Zero-window probe", "One byte to ask whether the window is open again."),
    "zero_window_probe_ack": Named("Zero-window probe ACK", "The answer to a probe: still closed."),
    "window_full": Named("Window full", "This segment fills the receiver's window to the last byte."),
    "window_update": Named("Window update", "Nothing new but the size of the window."),
    "keep_alive": Named("Keep-alive", "Asks whether the other side is still there."),
    "keep_alive_ack": Named("Keep-alive ACK", "It is."),
    "reused_ports": Named("Reused ports", "A new connection on the ports of an earlier one."),
    "seen_twice": Named("Seen twice", "Payload that this side had already sent past the capture point."),
}

CAUSES = {
    "rto": Named("timeout", "No acknowledgement came in time; the sender waited and began again slowly."),
    "fast": Named("fast", "Duplicate ACKs or SACK told of a gap; repaired within about one round trip."),
    "tail_loss": Named("tail loss", "The end of a burst was lost, where no duplicate ACK can tell of it."),
    "syn_retry": Named("SYN again", "The handshake was not answered."),
    "spurious": Named("needless", "It had arrived: a DSACK, a timestamp or an earlier ACK shows it."),
    "unknown": Named("unknown", "The capture does not show why."),
}

LIMITS = {
    "receiver": Named("receiver", "The window that the receiver offered was full or closed."),
    "congestion": Named("network", "The sender had data and window, and waited for acknowledgements."),
    "application": Named("application", "Nothing was in flight, or less than window and network would have taken."),
}


def named(names: dict[str, Named], key: str) -> Named:
    """Its name; the key itself where there is none yet."""
    return names.get(key) or Named(key.replace("_", " "), "")


def mark_filter(mark: str) -> str | None:
    """Wireshark's display filter for a mark; None: it has none."""
    return None if mark == "seen_twice" else f"tcp.analysis.{mark}"
