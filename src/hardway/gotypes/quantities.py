"""Kubernetes' quantities, such as 512Mi (apimachinery v0.30.4 `pkg/api/resource/quantity.go`)."""

import re
from fractions import Fraction
from math import ceil

_QUANTITY = re.compile(
    r"(?P<sign>[+-]?)0*(?P<whole>\d*)(?:\.(?P<part>\d*))?(?P<suffix>[numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+|)"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"": 0, "Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_NANO = 10**9
_LARGEST = 2**63 - 1


def canonical(text: str) -> str | None:
    """The quantity as Kubernetes writes it after reading it (`1024Mi` becomes `1Gi`); None when it is none."""
    found = _QUANTITY.fullmatch(text.strip())
    if found is None or not re.search(r"\d", found["sign"] + text.split("e")[0].split("E")[0]):
        return None
    whole, part, suffix = found["whole"], found["part"] or "", found["suffix"]
    binary = suffix in _BINARY and suffix != ""
    exponent = _BINARY[suffix] if binary else _DECIMAL.get(suffix, 0) if suffix in _DECIMAL else int(suffix[1:])
    if _keeps_its_text(whole, part, exponent, binary):
        return text.strip()
    value = Fraction(f"{whole or 0}.{part or 0}") * (Fraction(2) ** exponent if binary else Fraction(10) ** exponent)
    value = Fraction(ceil(value * _NANO), _NANO)  # no request may vanish by rounding
    if binary:
        value = min(value, Fraction(_LARGEST))
    if value == 0:
        return "0"
    sign = "-" if found["sign"] == "-" else ""
    if binary and value.denominator == 1 and value >= 1024:
        return sign + _scaled(value, 1024, _BINARY, 10)
    if not binary and suffix not in _DECIMAL:
        power = max(power for power in range(-9, 60, 3) if (value / Fraction(10) ** power).denominator == 1)
        return f"{sign}{value / Fraction(10) ** power}" + (f"e{power}" if power else "")
    return sign + _scaled(value, 1000, _DECIMAL, 3)


def _keeps_its_text(whole: str, part: str, exponent: int, binary: bool) -> bool:
    """Kubernetes returns what it read where that is short and canonical already."""
    digits = (whole or "0") + part
    if binary:
        return not part and 14 - len(whole or "0") - exponent * 3 // 10 >= 0 and int(digits) & 7 != 0
    scale = exponent - len(part)
    return len(digits) <= 18 and scale >= -9 and scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0"


def _scaled(value: Fraction, base: int, suffixes: dict[str, int], step: int) -> str:
    """The value with the largest suffix that leaves a whole number."""
    for suffix, exponent in sorted(suffixes.items(), key=lambda item: -item[1]):
        number = value / Fraction(base) ** (exponent // step)
        if number.denominator == 1:
            return f"{number}{suffix}"
    raise ValueError(f"finer than the smallest suffix: {value}")
