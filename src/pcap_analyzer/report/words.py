"""Numbers as people read them: the same words in the terminal, in HTML and in sentences.

Bytes and bits are decimal (1 kB = 1000 B), as on the wire and in Wireshark's and iperf's tables.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECOND = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STEPS = ("", "k", "M", "G", "T", "P", "E")
SPACE = "\N{NO-BREAK SPACE}"


def count(number: int) -> str:
    """1234567 → 1,234,567."""
    return f"{number:,}"


def size(number: int) -> str:
    """Bytes: 2700000000 → 2.70 GB."""
    return _scaled(number, "B")


def bit_rate(octets: int, duration_ns: int) -> str:
    """Bytes over a time: 12500000 in a second → 100 Mbit/s. A duration of 0 has no rate: a dash."""
    return _scaled(octets * 8 * SECOND / duration_ns, "bit/s") if duration_ns > 0 else "–"


def packet_rate(packets: int, duration_ns: int) -> str:
    """Packets over a time: 12500 in a second → 12.5 k packets/s. A duration of 0 has no rate: a dash."""
    if duration_ns <= 0:
        return "–"
    return f"{_scaled(packets * SECOND / duration_ns, '').rstrip()}{SPACE}packets/s"


def duration(ns: int | None) -> str:
    """83000 → 83.0 µs, 7980 s → 2 h 13 min; None → a dash."""
    if ns is None:
        return "–"
    if ns >= 60 * SECOND:
        return _long_duration(ns // SECOND)
    for step, unit in ((SECOND, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if ns >= step:
            return f"{_three_digits(ns / step)}{SPACE}{unit}"
    return f"{ns}{SPACE}ns"


def moment(ns: int | None) -> str:
    """2024-05-06 07:08:09.123456 UTC; None → a dash."""
    if ns is None:
        return "–"
    at = EPOCH + timedelta(microseconds=ns // 1_000)
    return f"{at:%Y-%m-%d %H:%M:%S.%f}{SPACE}UTC"


def clock(ns: int | None) -> str:
    """The time of day of a moment: 07:08:09.123456; None → a dash."""
    return "–" if ns is None else f"{EPOCH + timedelta(microseconds=ns // 1_000):%H:%M:%S.%f}"


def figure(value: float) -> str:
    """A measured number with at most four digits: 1234.0 → 1,234, 0.01587 → 0.01587."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def share_of(part: float) -> str:
    """A fraction of 1 as a percentage: see share."""
    return share(round(part * 1_000_000), 1_000_000)


def share(part: int, whole: int) -> str:
    """A percentage that never says 0 % of something nor 100 % of less than all."""
    if whole <= 0 or part <= 0:
        return f"0{SPACE}%"
    percent = 100 * part / whole
    if percent < 0.1:
        return f"<{SPACE}0.1{SPACE}%"
    if 99.9 < percent < 100:
        return f">{SPACE}99.9{SPACE}%"
    return f"{_three_digits(percent) if percent < 10 else f'{percent:.1f}'.removesuffix('.0')}{SPACE}%"


def plural(number: int, one: str, many: str | None = None) -> str:
    """(1, "packet") → 1 packet; (2, "packet") → 2 packets."""
    return f"{count(number)}{SPACE}{one if number == 1 else many or one + 's'}"


def socket(address: str, port: int | None) -> str:
    """An address with its port: 10.0.0.1:80, [2001:db8::1]:80."""
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _scaled(number: float, unit: str) -> str:
    step = 0
    # 999.5 would be written 1000 with three digits: it belongs to the next step.
    while number >= 999.5 and step < len(STEPS) - 1:
        number /= 1000
        step += 1
    digits = f"{number:.0f}" if step == 0 and number == int(number) else _three_digits(number)
    return f"{digits}{SPACE}{STEPS[step]}{unit}"


def _three_digits(number: float) -> str:
    if number >= 99.95:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"


def _long_duration(seconds: int) -> str:
    years, rest = divmod(seconds, 365 * 86_400)
    days, rest = divmod(rest, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, left = divmod(rest, 60)
    parts = [(years, "y"), (days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
    first = next(index for index, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number}{SPACE}{unit}" for number, unit in parts[first : first + 2] if number)
