"""What the lab runs and where each binary comes from: a release file, or a Go module.

One table each, as data: `release_files` is read by the downloader (`fetch`) and by the mirror, so that the mirror
serves exactly what a download expects. Layout of the sites: article chapter 8.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from hardway.errors import LabError
from hardway.versions import DEFAULT, Release

KUBERNETES = (
    "kubeadm",
    "kubelet",
    "kubectl",
    "kube-proxy",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
)
ETCD = ("etcd", "etcdctl", "etcdutl")
CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")
CNI = ("bridge", "host-local", "portmap", "loopback")
NAMES = (*KUBERNETES, *ETCD, *CONTAINERD, "runc", *CNI, "coredns", "pause")
"""Every binary of the lab. crictl is missing on purpose: it is not to be had as a Go module in the versions asked for."""

PAUSE_VERSION = "3.9"
PAUSE_SOURCE_SHA256 = "14a3fe21ab5f8e62937a2b453e76f3b94b0d3c7c04c3d09bc37195f54c1695ea"
"""Of build/pause/linux/pause.c in Kubernetes v1.30.4; it has no release file of its own."""


@dataclass(frozen=True)
class Binaries:
    """All binaries of the lab, by name, and a word for the user about where they came from."""

    origin: str
    release: Release
    paths: Mapping[str, Path]

    def __getitem__(self, name: str) -> Path:
        return self.paths[name]

    @property
    def key(self) -> str:
        """Changes when any of the files changes: names what is derived from them in the cache."""
        parts = []
        for name in sorted(self.paths):
            stat = self.paths[name].stat()
            parts.append(f"{name} {stat.st_size} {stat.st_mtime_ns}")
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        return f"{self.release.kubernetes}-{digest[:12]}"


def binaries_in(folder: Path, release: Release) -> Binaries:
    """The binaries of a directory that somebody else filled; LabError names every one that is missing."""
    paths = {name: folder / name for name in NAMES}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing:
        raise LabError(
            f"`{folder}` lacks {len(missing)} of {len(NAMES)} binaries: {', '.join(missing)}",
            "lab binaries",
            hint="put them there under these names, or use `--binaries auto`",
        )
    return Binaries(f"directory {folder}", release, paths)


class ChecksumForm(Enum):
    """How a site writes its checksum files."""

    BARE = "the hash alone"
    LINE = "one line: hash and file name"
    LIST = "one line per file of the release"


@dataclass(frozen=True)
class ReleaseFile:
    """One file of a release site, its checksum file, and which binaries it holds."""

    component: str
    """Directory in the cache, with the version."""
    url: str
    checksum_url: str
    form: ChecksumForm
    members: Mapping[str, str]
    """Binary to path in the archive; empty path: the file is the binary itself."""

    @property
    def file_name(self) -> str:
        return self.url.rsplit("/", 1)[1]

    @property
    def is_archive(self) -> bool:
        return self.file_name.endswith((".tgz", ".tar.gz"))


def release_files(release: Release) -> tuple[ReleaseFile, ...]:
    """Every file that the release sites hold for this release, linux/amd64. pause has none."""
    kubernetes = f"https://dl.k8s.io/{release.kubernetes}/bin/linux/amd64"
    github = "https://github.com"
    runc = f"{github}/opencontainers/runc/releases/download/{release.runc}"
    containerd = (
        f"{github}/containerd/containerd/releases/download/v{release.containerd}"
        f"/containerd-{release.containerd}-linux-amd64.tar.gz"
    )
    etcd_name = f"etcd-{release.etcd}-linux-amd64"
    etcd = f"{github}/etcd-io/etcd/releases/download/{release.etcd}"
    cni = (
        f"{github}/containernetworking/plugins/releases/download/{release.cni_plugins}"
        f"/cni-plugins-linux-amd64-{release.cni_plugins}.tgz"
    )
    coredns_version = release.coredns_image_tag.removeprefix("v")
    coredns = (
        f"{github}/coredns/coredns/releases/download/v{coredns_version}/coredns_{coredns_version}_linux_amd64.tgz"
    )
    return (
        *(
            ReleaseFile(
                f"kubernetes-{release.kubernetes}",
                f"{kubernetes}/{name}",
                f"{kubernetes}/{name}.sha256",
                ChecksumForm.BARE,
                {name: ""},
            )
            for name in KUBERNETES
        ),
        ReleaseFile(
            f"runc-{release.runc}", f"{runc}/runc.amd64", f"{runc}/runc.sha256sum", ChecksumForm.LIST, {"runc": ""}
        ),
        ReleaseFile(
            f"containerd-v{release.containerd}",
            containerd,
            f"{containerd}.sha256sum",
            ChecksumForm.LINE,
            {name: f"bin/{name}" for name in CONTAINERD},
        ),
        ReleaseFile(
            f"etcd-{release.etcd}",
            f"{etcd}/{etcd_name}.tar.gz",
            f"{etcd}/SHA256SUMS",
            ChecksumForm.LIST,
            {name: f"{etcd_name}/{name}" for name in ETCD},
        ),
        ReleaseFile(
            f"cni-plugins-{release.cni_plugins}",
            cni,
            f"{cni}.sha256",
            ChecksumForm.LINE,
            {name: f"./{name}" for name in CNI},
        ),
        ReleaseFile(
            f"coredns-v{coredns_version}",
            coredns,
            f"{coredns}.sha256",
            ChecksumForm.LINE,
            {"coredns": "coredns"},
        ),
    )


def checksum_text(file: ReleaseFile, digest: str) -> str:
    """The content of the checksum file, in the site's own form.

    A list gets a line before the wanted one, for a file that is not served, so that whoever takes the first line is wrong.
    """
    line = f"{digest}  {file.file_name}\n"
    match file.form:
        case ChecksumForm.BARE:
            return digest  # dl.k8s.io ends it without a newline
        case ChecksumForm.LINE:
            return line
        case ChecksumForm.LIST:
            other = file.file_name.replace("amd64", "386")
            return f"{hashlib.sha256(b'').hexdigest()}  {other}\n{line}"


def expected_digest(file: ReleaseFile, text: str) -> str:
    """The SHA-256 that a checksum file gives for the file; LabError when it names it nowhere."""
    for line in text.splitlines():
        words = line.split()
        if len(words) == 1 and file.form is ChecksumForm.BARE:
            return words[0]
        if len(words) == 2 and words[1].lstrip("*") == file.file_name:
            return words[0]
    raise LabError(f"no checksum for {file.file_name}", file.checksum_url, output=text[:400])


@dataclass(frozen=True)
class GoComponent:
    """Binaries that one `go build` scratch module makes, with the stamps that their release has."""

    component: str
    """Directory in the cache, with the version; the same as of the release file."""
    requires: tuple[tuple[str, str], ...]
    packages: Mapping[str, str]
    toolchain: str
    stamps: Mapping[str, str]
    tags: tuple[str, ...] = ()
    cgo: bool = False
    """Needs C code; linked statically, as the release is, so that nodes need no libraries for it."""
    staging: bool = False
    """The first module replaces others by `./staging/…`: take those at v0.MINOR.PATCH instead."""


@dataclass(frozen=True)
class KubernetesBuild:
    """What a Kubernetes release says about itself, and the Go that it is built with."""

    commit: str
    date: str
    toolchain: str


KUBERNETES_BUILDS = {
    # Released with go1.22.5; the last patch of that line. Go 1.26 is too new: its net/url breaks kubeadm 1.30's proxy check.
    "v1.30.4": KubernetesBuild("a51b3b711150f57ffc1f526a640ec058514ed596", "2024-08-14T19:02:46Z", "go1.22.12"),
}
"""gitCommit and buildDate as `kubeadm version` of the release prints them."""

TOOLCHAIN = "go1.21.13"
"""For what goes with v1.30.4: all were released with Go 1.20 or 1.21, of which this is the last patch. What goes with
another release is built with the Go of that release, which is never older than they ask for."""

COMMITS: Mapping[str, str] = {
    "etcd-v3.5.12": "e7b3bb6cc",
    "coredns-v1.11.1": "ae2bbc2",
}
"""Commits of releases, as the binaries print them; of others they stay empty."""


ETCD_CLIENTS: Mapping[str, str] = {"v3.5.24": "v3.5.21"}
"""etcdctl and etcdutl of another version than their server, where their own modules were not to be had."""


def kubernetes_component(version: str, build: KubernetesBuild) -> GoComponent:
    """The Kubernetes binaries; without the stamps they say v0.0.0 and kubeadm refuses to work with them."""
    major, minor, _ = version.removeprefix("v").split(".")
    values = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": build.commit,
        "buildDate": build.date,
    }
    return GoComponent(
        f"kubernetes-{version}",
        (("k8s.io/kubernetes", version),),
        {name: f"k8s.io/kubernetes/cmd/{name}" for name in KUBERNETES},
        build.toolchain,
        {
            f"{package}.{key}": value
            for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
            for key, value in values.items()
        },
        staging=True,
    )


def _stamp(name: str, component: str) -> dict[str, str]:
    return {name: COMMITS[component]} if component in COMMITS else {}


def go_components(release: Release, build: KubernetesBuild) -> tuple[GoComponent, ...]:
    """Everything that is built from Go modules, what the others wait for first. pause is C."""
    toolchain = TOOLCHAIN if release.kubernetes == DEFAULT else build.toolchain
    containerd = "github.com/containerd/containerd"
    plugins = "github.com/containernetworking/plugins"
    coredns_version = release.coredns_image_tag.removeprefix("v")
    clients = ETCD_CLIENTS.get(release.etcd, release.etcd)
    return (
        kubernetes_component(release.kubernetes, build),
        GoComponent(
            f"etcd-{release.etcd}",
            (
                ("go.etcd.io/etcd/server/v3", release.etcd),
                *((f"go.etcd.io/etcd/{name}/v3", clients) for name in ("etcdctl", "etcdutl")),
            ),
            {
                "etcd": "go.etcd.io/etcd/server/v3",
                "etcdctl": "go.etcd.io/etcd/etcdctl/v3",
                "etcdutl": "go.etcd.io/etcd/etcdutl/v3",
            },
            toolchain,
            _stamp("go.etcd.io/etcd/api/v3/version.GitSHA", f"etcd-{release.etcd}"),
        ),
        GoComponent(
            f"containerd-v{release.containerd}",
            ((containerd, f"v{release.containerd}"),),
            {name: f"{containerd}/cmd/{name}" for name in CONTAINERD},
            TOOLCHAIN,
            {
                f"{containerd}/version.Version": f"v{release.containerd}",
                f"{containerd}/version.Revision": "2bf793ef6dc9a18e00cb12efb64355c2c9d5eb41",
            },
            # Snapshotters that need C libraries or kernels that the lab does not have; and no man-page code.
            ("no_btrfs", "no_aufs", "no_zfs", "no_devmapper", "urfave_cli_no_docs"),
        ),
        GoComponent(
            f"runc-{release.runc}",
            (("github.com/opencontainers/runc", release.runc),),
            {"runc": "github.com/opencontainers/runc"},
            TOOLCHAIN,
            {"main.version": release.runc.removeprefix("v"), "main.gitCommit": f"{release.runc}-0-g51d5e946"},
            ("seccomp", "netgo", "osusergo"),
            cgo=True,  # nsenter and libseccomp are C
        ),
        GoComponent(
            f"cni-plugins-{release.cni_plugins}",
            ((plugins, release.cni_plugins),),
            {
                "bridge": f"{plugins}/plugins/main/bridge",
                "host-local": f"{plugins}/plugins/ipam/host-local",
                "portmap": f"{plugins}/plugins/meta/portmap",
                "loopback": f"{plugins}/plugins/main/loopback",
            },
            toolchain,
            {f"{plugins}/pkg/utils/buildversion.BuildVersion": release.cni_plugins},
        ),
        GoComponent(
            f"coredns-v{coredns_version}",
            (("github.com/coredns/coredns", f"v{coredns_version}"),),
            {"coredns": "github.com/coredns/coredns"},
            toolchain,
            _stamp("github.com/coredns/coredns/coremain.GitCommit", f"coredns-v{coredns_version}"),
        ),
    )
