"""What marks, causes and limits are called, what they mean, and the filter that shows them in Wireshark."""

from __future__ import annotations

Named = tuple[str, str]  # a title and a sentence

MARKS: dict[str, Named] = {
    "retransmission": ("Retransmission", "Bytes below the highest seen, sent again; all kinds together."),
    "fast_retransmission": (
        "Fast retransmission",
        "Two duplicate ACKs or more asked for it, the last less than 20 ms before.",
    ),
    "spurious_retransmission": ("Spurious retransmission", "Sent again though it had been acknowledged."),
    "out_of_order": (
        "Out of order",
        "Below the highest seen, within the initial RTT: overtaken, or repaired as fast as that.",
    ),
    "lost_segment": ("Previous segment missing", "Something in front of this segment was not captured so far."),
    "ack_lost_segment": ("ACK of a missing segment", "Acknowledges bytes that were not captured."),
    "duplicate_ack": ("Duplicate ACK", "Asks again for the same byte: something arrived out of order."),
    "zero_window": ("Zero window", "The receiver's buffer is full: the other side has to wait."),
    "zero_window_probe": ("Zero-window probe", "One byte to ask whether the window is open again."),
    "zero_window_probe_ack": ("Zero-window probe ACK", "The answer to a probe: still closed."),
    "window_full": ("Window full", "This segment fills the receiver's window to the last byte."),
    "window_update": ("Window update", "Nothing new but the size of the window."),
    "keep_alive": ("Keep-alive", "Asks whether the other side is still there."),
    "keep_alive_ack": ("Keep-alive ACK", "It is."),
    "reused_ports": ("Reused ports", "A new connection on the ports of an earlier one."),
    "seen_twice": ("Seen twice", "Payload that this side had already sent past the capture point."),
}

CAUSES: dict[str, Named] = {
    "rto": ("timeout", "No acknowledgement came in time; the sender waited and began again slowly."),
    "fast": ("fast", "Duplicate ACKs or SACK told of a gap; repaired within about one round trip."),
    "tail_loss": ("tail loss", "The end of a burst was lost, where no duplicate ACK can tell of it."),
    "syn_retry": ("SYN again", "The handshake was not answered."),
    "spurious": ("needless", "It had arrived: a DSACK, a timestamp or an earlier ACK shows it."),
    "unknown": ("unknown", "The capture does not show why."),
}

LIMITS: dict[str, Named] = {
    "receiver": ("receiver", "The window that the receiver offered was full or closed."),
    "congestion": ("network", "The sender had data and window, and waited for acknowledgements."),
    "application": ("application", "Nothing was in flight, or less than window and network would have taken."),
}


def named(names: dict[str, Named], key: str) -> Named:
    """Title and meaning; the key itself where it has no name yet."""
    return names.get(key) or (key.replace("_", " "), "")


def mark_filter(mark: str) -> str | None:
    """Wireshark's display filter for a mark; None: it has none."""
    return None if mark == "seen_twice" else f"tcp.analysis.{mark}"
