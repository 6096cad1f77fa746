"""The real binaries that tests ask. They are made where they are missing: no test is skipped for want of them."""

import sys
from functools import cache
from pathlib import Path

from hardway.lab.gobuild import ensure_binaries
from hardway.lab.sources import Binaries


@cache
def binaries() -> Binaries:
    """All binaries of the lab; the first build on a machine takes some minutes, and says so."""
    return ensure_binaries("auto", lambda line: print(line, file=sys.stderr, flush=True))


def real_kubeadm() -> Path:
    """kubeadm of the release that the examples are for."""
    return binaries()["kubeadm"]


if __name__ == "__main__":
    binaries()
