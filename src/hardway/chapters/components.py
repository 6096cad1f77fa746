"""What is downloaded, and how each component is published (article chapter 8, its table of files and checksums)."""

from dataclasses import dataclass

from hardway.model import Cluster, Node

UNITS = "/usr/lib/systemd/system"
"""Where the article lays units."""
BIN = "/usr/local/bin"
CNI_BIN = "/opt/cni/bin"
"""Where containerd looks for network plugins."""


BROUGHT = "/var/cache/hardway"
"""What a bundle brings, verified when it is laid down."""


@dataclass(frozen=True)
class Component:
    """How one component is published. `{v}` is its version as given, `{n}` without v, `{a}` the architecture."""

    name: str
    file: str
    """Below the repository."""
    checksum: str
    """File of checksums below the repository: bare, or lines with file names."""
    installed: str
    """Shell that prints the installed version."""
    binaries: tuple[str, ...]
    """In the archive (may be patterns), or the file's own name. The one that `installed` asks comes last, so that an
    installation that was cut short is not taken for a whole one."""
    directory: str = BIN

    @property
    def is_archive(self) -> bool:
        return self.file.endswith(("gz", "tgz"))

    @property
    def main(self) -> str:
        """Path on the node of the binary that tells the version."""
        last = "bridge" if self.directory == CNI_BIN else self.binaries[-1].rsplit("/", 1)[-1]
        return f"{self.directory}/{last}"

    @property
    def unit(self) -> str:
        """Name of its oneshot unit."""
        return f"{self.name}-install.service"

    def paths(self, version: str, arch: str) -> tuple[str, str]:
        """The file and its checksum file below the repository."""
        file, checksum = (
            text.format(v=version, n=version.removeprefix("v"), a=arch) for text in (self.file, self.checksum)
        )
        return file, checksum

    @property
    def brought(self) -> str:
        """Directory on the node where a bundle puts what lies below the repository."""
        return f"{BROUGHT}/downloads/{self.name}"

    @property
    def folder(self) -> str:
        """Directory of its environment file and script."""
        return f"/etc/default/{self.name}"


COMPONENTS: tuple[Component, ...] = (
    Component(
        "runc", "{v}/runc.{a}", "{v}/runc.sha256sum", "runc --version | awk 'NR == 1 { print $NF }'", ("runc",)
    ),
    Component(
        "containerd",
        "v{n}/containerd-{n}-linux-{a}.tar.gz",
        "v{n}/containerd-{n}-linux-{a}.tar.gz.sha256sum",
        "containerd --version | awk '{ print $3 }'",
        ("bin/containerd-shim*", "bin/ctr", "bin/containerd"),
    ),
    Component(
        "kubelet",
        "{v}/bin/linux/{a}/kubelet",
        "{v}/bin/linux/{a}/kubelet.sha256",
        "kubelet --version | awk '{ print $2 }'",
        ("kubelet",),
    ),
    Component(
        "etcd",
        "{v}/etcd-{v}-linux-{a}.tar.gz",
        "{v}/SHA256SUMS",
        "etcd --version | awk '/etcd Version:/ { print $3 }'",
        ("etcd-{v}-linux-{a}/etcdctl", "etcd-{v}-linux-{a}/etcdutl", "etcd-{v}-linux-{a}/etcd"),
    ),
    Component(
        "kubectl",
        "{v}/bin/linux/{a}/kubectl",
        "{v}/bin/linux/{a}/kubectl.sha256",
        "kubectl version --client | awk '/Client Version/ { print $3 }'",
        ("kubectl",),
    ),
    Component(
        "crictl",
        "{v}/crictl-{v}-linux-{a}.tar.gz",
        "{v}/crictl-{v}-linux-{a}.tar.gz.sha256",
        "crictl --version | awk '{ print $3 }'",
        ("crictl",),
    ),
    Component(
        "kubeadm",
        "{v}/bin/linux/{a}/kubeadm",
        "{v}/bin/linux/{a}/kubeadm.sha256",
        "kubeadm version -o short",
        ("kubeadm",),
    ),
    Component(
        "cni-plugins",
        "{v}/cni-plugins-linux-{a}-{v}.tgz",
        "{v}/cni-plugins-linux-{a}-{v}.tgz.sha256",
        # Plugins print it on stderr, followed by the versions of the protocol.
        f"{CNI_BIN}/bridge --version 2>&1 | awk 'NR == 1 {{ print $NF }}'",
        # Whichever plugins the archive has, in an order that ends with bridge.
        ("[!b]*", "b*"),
        CNI_BIN,
    ),
)
"""In the article's order. The CNI plugins are ours: for each pod containerd runs `loopback`, whatever the network is, and
kubeadm's packages bring them along (kubernetes-cni)."""

ON_WORKERS = ("runc", "containerd", "kubelet", "crictl", "kubeadm", "cni-plugins")


def components(cluster: Cluster, node: Node) -> tuple[Component, ...]:
    """What a node gets: what the inventory has a source for, without kubectl on workers and etcd where none runs."""
    return tuple(
        component
        for component in COMPONENTS
        if component.name in cluster.downloads
        and (node.is_control_plane or component.name in ON_WORKERS)
        and (component.name != "etcd" or cluster.runs_member(node))
    )
