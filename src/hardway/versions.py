"""The one table of what belongs together: Kubernetes minors, their components, images and features.

Sources: article chapter 3; kubeadm v1.30.4 `cmd/kubeadm/app/constants` (etcd, CoreDNS and pause versions).
Chapters and workflows ask for features by name and never compare version numbers.
"""

from dataclasses import dataclass

from hardway.errors import UsageError


@dataclass(frozen=True)
class Features:
    """What differs between minors of Kubernetes, as seen by chapters, workflows and the configuration."""

    config_apis: tuple[str, ...]
    """API versions of kubeadm's documents that this minor's kubeadm reads, oldest first."""
    upload_config_api: str
    """API version in which kubeadm stores ClusterConfiguration in the ConfigMap kubeadm-config."""
    kubelet_finalize_phase: str
    """Name of kubeadm's kubelet-finalize sub-phase."""


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


RELEASES: tuple[Release, ...] = (
    Release(
        kubernetes="v1.30.4",
        etcd="v3.5.12",
        etcd_image_tag="3.5.12-0",
        coredns_image_tag="v1.11.1",
        pause_image_tag="3.9",
        containerd="1.7.19",
        runc="v1.1.12",
        crictl="v1.30.0",
        cni_plugins="v1.4.0",
        features=Features(
            config_apis=("kubeadm.k8s.io/v1beta3",),
            upload_config_api="kubeadm.k8s.io/v1beta3",
            kubelet_finalize_phase="experimental-cert-rotation",
        ),
    ),
)


def supported() -> tuple[str, ...]:
    """Kubernetes versions that can be built, newest last."""
    return tuple(release.kubernetes for release in RELEASES)


def release(kubernetes: str) -> Release:
    """The release of a Kubernetes version such as `v1.30.4`; UsageError names the supported ones."""
    for candidate in RELEASES:
        if candidate.kubernetes == kubernetes:
            return candidate
    raise UsageError(
        f"Kubernetes `{kubernetes}` is not supported",
        hint=f"set kubernetesVersion to one of: {', '.join(supported())}",
    )
