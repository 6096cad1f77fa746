"""Binaries, downloaded and verified (article chapter 8).

For each component an environment file, a download script and a oneshot unit, as in the article. The script installs
nothing whose SHA-256 does not fit, and leaves a node alone that has the version already.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, DownloadSource, Node
from hardway.steps import Directory, File, Service, Step

UNITS = "/usr/lib/systemd/system"
BIN = "/usr/local/bin"
CNI_BIN = "/opt/cni/bin"


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
    """In the archive, or of the file itself."""
    directory: str = BIN

    @property
    def is_archive(self) -> bool:
        return self.file.endswith(("gz", "tgz"))


COMPONENTS: tuple[Component, ...] = (
    Component(
        "runc", "{v}/runc.{a}", "{v}/runc.sha256sum", "runc --version | awk 'NR == 1 { print $NF }'", ("runc",)
    ),
    Component(
        "containerd",
        "v{n}/containerd-{n}-linux-{a}.tar.gz",
        "v{n}/containerd-{n}-linux-{a}.tar.gz.sha256sum",
        "containerd --version | awk '{ print $3 }'",
        ("bin/containerd", "bin/containerd-shim*", "bin/ctr"),
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
        ("etcd-{v}-linux-{a}/etcd", "etcd-{v}-linux-{a}/etcdctl", "etcd-{v}-linux-{a}/etcdutl"),
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
        # Plugins print their version on stderr when they are asked for nothing.
        f"{CNI_BIN}/bridge --version 2>&1 | awk '/version/ {{ print $NF }}'",
        ("./*",),
        CNI_BIN,
    ),
)
"""In the article's order; the CNI plugins are ours (network `bridge`)."""

ON_WORKERS = ("runc", "containerd", "kubelet", "crictl", "kubeadm", "cni-plugins")


def components(cluster: Cluster, node: Node) -> tuple[Component, ...]:
    """What a node gets: what the inventory has a source for, without etcd and kubectl on workers."""
    return tuple(
        component
        for component in COMPONENTS
        if component.name in cluster.downloads and (node.is_control_plane or component.name in ON_WORKERS)
    )


def environment(source: DownloadSource) -> str:
    """download.env."""
    pinned = f'SHA256="{source.sha256}"\n' if source.sha256 else ""
    return f'COMPONENT_VERSION="{source.version}"\nREPOSITORY="{source.repository}"\n{pinned}'


def script(component: Component, source: DownloadSource, arch: str) -> str:
    """download-script.sh: fetch, verify, and only then unpack and install."""

    def place(text: str) -> str:
        return (
            text.replace("{v}", "${COMPONENT_VERSION}").replace("{n}", "${COMPONENT_VERSION#v}").replace("{a}", arch)
        )

    file = place(component.file)
    if component.is_archive:
        names = " ".join(f'"$work/files/"{place(name)}' for name in component.binaries)
        unpack = 'mkdir "$work/files"\ntar -xzf "$work/$file" -C "$work/files" --no-same-owner\n'
        install = f'for binary in {names}; do\n  install -m 755 "$binary" {component.directory}/\ndone\n'
    else:
        unpack = ""
        install = f'install -m 755 "$work/$file" {component.directory}/{component.binaries[0]}\n'
    return (
        "#!/usr/bin/env bash\n"
        f"# Installs {component.name} in the version of download.env, unless it is there already.\n"
        "set -euo pipefail\n\n"
        f'COMPONENT_VERSION="${{COMPONENT_VERSION:-{source.version}}}"\n'
        f'REPOSITORY="${{REPOSITORY:-{source.repository}}}"\n'
        f'PATH="{BIN}:$PATH"\n\n'
        f'log() {{ logger -t {component.name}-installer "$1"; echo "$1"; }}\n'
        "trap 'log \"[ERROR] line $LINENO: the installation failed\"' ERR\n\n"
        'log "[INFO] checking the current version"\n'
        f'current="$({component.installed} 2>/dev/null || true)"\n'
        'log "[INFO] current: ${current:-none}, target: ${COMPONENT_VERSION#v}"\n'
        'if [ "${current#v}" = "${COMPONENT_VERSION#v}" ]; then\n'
        '  log "[INFO] already up to date"\n  exit 0\nfi\n\n'
        f'url="{file}"\nfile="${{url##*/}}"\n'
        'work="$(mktemp -d)"\ntrap \'rm -rf "$work"\' EXIT\n'
        f'log "[INFO] downloading {component.name} from $REPOSITORY/$url"\n'
        'curl -fsSL --retry 3 "$REPOSITORY/$url" -o "$work/$file"\n'
        'sum="${SHA256:-}"\n'
        'if [ -z "$sum" ]; then\n'
        '  log "[INFO] downloading the checksum file"\n'
        f'  curl -fsSL --retry 3 "$REPOSITORY/{place(component.checksum)}" -o "$work/checksums"\n'
        # A bare hash, or lines of hash and file name.
        '  sum="$(awk -v file="$file" \'NF == 1 || $2 == file || $2 == "*" file { print $1; exit }\' "$work/checksums")"\n'
        "fi\n"
        'log "[INFO] verifying the checksum"\n'
        'printf \'%s  %s\\n\' "$sum" "$work/$file" | sha256sum --quiet --strict -c -\n'
        + unpack
        + 'log "[INFO] installing"\n'
        + install
        + 'log "[INFO] updated to ${COMPONENT_VERSION#v}"\n'
    )


def unit(component: Component) -> str:
    """NAME-install.service."""
    folder = f"/etc/default/{component.name}"
    return (
        "[Unit]\n"
        f"Description=Install and update {component.name}\n"
        "After=network-online.target\n"
        "Wants=network-online.target\n"
        "[Service]\n"
        "Type=oneshot\n"
        f"EnvironmentFile=-{folder}/download.env\n"
        f"ExecStart={folder}/download-script.sh\n"
        "RemainAfterExit=yes\n"
        "[Install]\n"
        "WantedBy=multi-user.target\n"
    )


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    wanted = components(cluster, node)
    for component in wanted:
        source = cluster.downloads[component.name]
        folder, step = f"/etc/default/{component.name}", f"install-components/{component.name}"
        yield Directory(f"{step}/directory", folder)
        if component.directory != BIN:
            yield Directory(f"{step}/target", component.directory)
        yield File(f"{step}/env", f"{folder}/download.env", environment(source), why="which version, and from where")
        yield File(
            f"{step}/script",
            f"{folder}/download-script.sh",
            script(component, source, node.facts.arch),
            0o755,
            why="verifies the checksum before anything is unpacked",
        )
        yield File(f"{step}/unit", f"{UNITS}/{component.name}-install.service", unit(component))
    if wanted:
        yield Service(
            "install-components/install",
            tuple(f"{component.name}-install.service" for component in wanted),
            # A oneshot that remains active does nothing when it is started again: a new version means a restart.
            tuple(
                f"/etc/default/{component.name}/{file}"
                for component in wanted
                for file in ("download.env", "download-script.sh")
            ),
            why="all at once: systemd downloads them side by side",
        )


INSTALL_COMPONENTS = Chapter("install-components", "Installation of the components", (8,), steps=steps)
