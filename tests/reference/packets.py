"""Frames to packets: every header from the link to the transport layer, in the order in which it stands.

`decode(frame, original, link_type)` never fails: a Packet says in `status` and `layer` how far reading came. Layers
carry Wireshark's names. A header is read where all of it was captured; what the wire had is known from length fields.
"""

from __future__ import annotations

from tests.reference import link, link_rare, network, tags, transport, tunnels, wlan  # noqa: F401  (each registers its layers)
from tests.reference.frame import Decoder, Packet, View
from tests.reference.numbers import LINK_LAYERS


def decode(frame: bytes, original: int, link_type: int) -> Packet:
    """Decode one frame."""
    # A record may say that it captured more than there was; what was captured was there.
    return Decoder(View(frame, max(original, len(frame))), link_type).run(LINK_LAYERS.get(link_type))
