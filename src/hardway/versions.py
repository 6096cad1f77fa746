"""The one table of what belongs together: Kubernetes minors, their components, images and features.

Chapters and workflows ask for features by name and never compare version numbers. Sources of a row, all at the tag of
its release: etcd, CoreDNS and pause from kubeadm's `cmd/kubeadm/app/constants/constants.go`; crictl and the CNI plugins
from `build/dependencies.yaml`; containerd and runc from article chapter 3 for all of them, because Kubernetes pins none
and chapter 9 writes the configuration of containerd 1.7. v1.30.4 is the article's row as it stands there.
"""

import re
from dataclasses import dataclass, replace

from hardway.errors import UsageError
from hardway.features import V1_29, V1_30, V1_31, V1_32, V1_33, V1_34, V1_35, V1_36, V1_37, Features

CONTAINERD, RUNC = "1.7.19", "v1.1.12"


@dataclass(frozen=True)
class Release:
    """A Kubernetes version with the component versions that belong to it."""

    kubernetes: str
    etcd: str
    """Version of the host binaries etcdctl and etcdutl, with v."""
    etcd_image_tag: str
    coredns_image_tag: str
    pause_image_tag: str
    containerd: str
    runc: str
    crictl: str
    cni_plugins: str
    features: Features

    @property
    def minor(self) -> str:
        """Major and minor number, as in `1.30`."""
        return ".".join(self.kubernetes.lstrip("v").split(".")[:2])


def _release(
    kubernetes: str, etcd_image: str, coredns: str, pause: str, crictl: str, cni: str, features: Features
) -> Release:
    etcd = f"v{etcd_image.split('-')[0]}"
    return Release(kubernetes, etcd, etcd_image, coredns, pause, CONTAINERD, RUNC, crictl, cni, features)


# fmt: off
RELEASES: tuple[Release, ...] = (
    #        Kubernetes  etcd image  CoreDNS    pause     crictl     plugins
    _release("v1.29.6",  "3.5.12-0", "v1.11.1", "3.9",    "v1.28.0", "v1.3.0", V1_29),
    _release("v1.30.4",  "3.5.12-0", "v1.11.1", "3.9",    "v1.30.0", "v1.4.0", V1_30),
    _release("v1.31.0",  "3.5.15-0", "v1.11.1", "3.10",   "v1.30.0", "v1.5.0", V1_31),
    _release("v1.32.2",  "3.5.16-0", "v1.11.3", "3.10",   "v1.31.1", "v1.6.0", V1_32),
    _release("v1.33.13", "3.5.24-0", "v1.12.0", "3.10",   "v1.32.0", "v1.6.2", V1_33),
    _release("v1.34.4",  "3.6.5-0",  "v1.12.1", "3.10.1", "v1.33.0", "v1.7.1", V1_34),
    _release("v1.35.4",  "3.6.6-0",  "v1.13.1", "3.10.1", "v1.34.0", "v1.8.0", V1_35),
    _release("v1.36.3",  "3.6.8-0",  "v1.14.2", "3.10.2", "v1.35.0", "v1.9.1", V1_36),
    _release("v1.37.2",  "3.7.0-0",  "v1.14.6", "3.10.2", "v1.36.0", "v1.9.1", V1_37),
)
# fmt: on

DEFAULT = "v1.30.4"
"""The article's, and the one that the lab's acid tests run."""

_VERSION = re.compile(r"v(?P<minor>\d+\.\d+)\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")


def supported() -> tuple[str, ...]:
    """Kubernetes versions that can be built, newest last."""
    return tuple(release.kubernetes for release in RELEASES)


def minors() -> tuple[str, ...]:
    """Minors of which something is known here, newest last."""
    return tuple(release.minor for release in RELEASES)


def find(kubernetes: str) -> Release | None:
    """The release of a Kubernetes version such as `v1.30.4`, None where it is not supported."""
    return next((release for release in RELEASES if release.kubernetes == kubernetes), None)


def listed(kubernetes: str) -> Release | None:
    """The supported release of the same minor."""
    found = _VERSION.fullmatch(kubernetes)
    return next((release for release in RELEASES if found and release.minor == found["minor"]), None)


def nearest(kubernetes: str) -> Release:
    """The supported release whose minor is next to a version's, which need not be supported; DEFAULT for what is none."""
    found = re.match(r"v1\.(\d+)\.", kubernetes)
    if found is None:
        return release(DEFAULT)
    return min(RELEASES, key=lambda one: abs(int(one.minor.partition(".")[2]) - int(found[1])))


def like(kubernetes: str) -> Release | None:
    """What belongs to any release of a supported minor, as far as the supported one tells.

    kubeadm makes the same within a minor, but for images of etcd, CoreDNS and pause, which a patch release may raise.
    """
    neighbour = listed(kubernetes)
    return replace(neighbour, kubernetes=kubernetes) if neighbour else None


def release(kubernetes: str) -> Release:
    """The release of a Kubernetes version; UsageError names the supported ones."""
    if found := find(kubernetes):
        return found
    raise UsageError(
        f"Kubernetes `{kubernetes}` is not supported",
        hint=f"set kubernetesVersion to one of: {', '.join(supported())}",
    )
