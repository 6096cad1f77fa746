"""Durations as Go writes and reads them (`time.ParseDuration`, `Duration.String`)."""

import re
from fractions import Fraction

_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_SECOND = 10**9
_LIMIT = 2**63


def nanoseconds(text: str) -> int | None:
    """Length of a duration such as `1h30m`, None when it is none."""
    sign, rest = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total, end = 0, 0
    for part in _PART.finditer(rest):
        if part.start() != end:
            return None
        total += int(Fraction(part[1]) * _NANOSECONDS[part[2]])
        end = part.end()
    return sign * total if end and end == len(rest) and total < _LIMIT else None


def seconds(text: str) -> float | None:
    """The same in seconds."""
    length = nanoseconds(text)
    return None if length is None else length / _SECOND


def go_duration(text: str) -> str:
    """The duration as Go prints it: `5m` becomes `5m0s`. `text` must be a duration."""
    length = nanoseconds(text) or 0
    sign, length = ("-", -length) if length < 0 else ("", length)
    if length == 0:
        return "0s"
    for unit in ("ns", "µs", "ms"):
        if length < 1000 * _NANOSECONDS[unit]:
            return f"{sign}{_decimal(length, _NANOSECONDS[unit])}{unit}"
    minutes, rest = divmod(length, 60 * _SECOND)
    hours, minutes = divmod(minutes, 60)
    shown = f"{_decimal(rest, _SECOND)}s"
    if hours or minutes:
        shown = f"{minutes}m{shown}"
    return f"{sign}{hours}h{shown}" if hours else f"{sign}{shown}"


def _decimal(length: int, unit: int) -> str:
    whole, rest = divmod(length, unit)
    places = len(str(unit)) - 1
    return f"{whole}.{rest:0{places}d}".rstrip("0").rstrip(".") if rest else str(whole)
