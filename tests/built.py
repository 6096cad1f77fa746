"""The real binaries that tests ask. They are made where they are missing: no test is skipped for want of them."""

import sys
from functools import cache
from pathlib import Path

from hardway.lab.binaries import ensure_binaries
from hardway.lab.sources import Binaries
from hardway.versions import DEFAULT


@cache
def binaries(kubernetes: str = DEFAULT) -> Binaries:
    """All binaries of the lab; the first build on a machine takes some minutes, and says so."""
    return ensure_binaries("auto", lambda line: print(line, file=sys.stderr, flush=True), kubernetes)


def real_kubeadm(kubernetes: str = DEFAULT) -> Path:
    """kubeadm of the release that the examples are for, or of another."""
    return binaries(kubernetes)["kubeadm"]


if __name__ == "__main__":
    binaries()
