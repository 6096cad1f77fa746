"""Where a URL points to, as Go reads it (net/url), for values that users hand to programs written in Go."""

from dataclasses import dataclass
from urllib.parse import urlsplit

LAST_PORT = 65535


@dataclass(frozen=True)
class Place:
    """Scheme, host as it is written (empty: none is) and port (None: none that there is)."""

    scheme: str
    host: str
    port: int | None


def place(text: str) -> Place | None:
    """The place of a URL; None where Go finds no URL at all: brackets without their other half, a port of letters."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    address = parts.netloc.rpartition("@")[2]
    if address.startswith("["):
        host, _, after = address[1:].partition("]")
        colon, port = after[:1], after[1:]
    else:
        host, colon, port = address.rpartition(":") if ":" in address else (address, "", "")
    if colon not in ("", ":") or not (port == "" or (port.isascii() and port.isdigit())):
        return None
    number = int(port) if port else 0
    return Place(parts.scheme, host, number if 0 < number <= LAST_PORT else None)
