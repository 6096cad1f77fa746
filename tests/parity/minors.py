"""Which kubeadms are asked."""

import os
from pathlib import Path

from hardway.lab.binaries import ensure_kubernetes
from hardway.versions import DEFAULT, RELEASES, release

EVERY = tuple(release.kubernetes for release in RELEASES)
SHORT = (DEFAULT, "v1.34.4")
ASKED = EVERY if os.environ.get("HYPOTHESIS_PROFILE") == "searching" else SHORT
"""`make test` asks the article's minor and one of those that read v1beta4, `make test-full` all of them."""


READ = [(version, api) for version in ASKED for api in release(version).features.config_apis]
"""Each of them in each API version that it reads."""


def kubeadm(version: str) -> Path:
    """The real one; it is built where the cache has none."""
    return ensure_kubernetes(version, ["kubeadm"], lambda line: None)["kubeadm"]
