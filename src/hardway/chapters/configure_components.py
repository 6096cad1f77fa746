"""containerd, the kubelet's unit and the files that static pods mount (article chapter 9)."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from hardway.chapters import bundled_images, registries, toml
from hardway.chapters.chapter import Chapter
from hardway.chapters.components import BIN, UNITS, components
from hardway.chapters.proxy import env_file
from hardway.model import Cluster, Document, Node, Value, freeze_document, thaw
from hardway.steps import Check, Command, Directory, File, Service, Step
from hardway.steps.shell import quote

CONTAINERD_CONFIG = "/etc/containerd/config.toml"
CRI_CONFIG = "/etc/containerd/conf.d/in-cloud.toml"
SOCKET = "/var/run/containerd/containerd.sock"
CRI = "io.containerd.grpc.v1.cri"

CONTAINERD_UNIT = f"""\
[Unit]
Description=containerd container runtime
Documentation=https://containerd.io
After=network.target local-fs.target containerd-install.service runc-install.service
Wants=containerd-install.service runc-install.service
[Service]
ExecStartPre=-/sbin/modprobe overlay
ExecStart={BIN}/containerd
Type=notify
Delegate=yes
KillMode=process
Restart=always
RestartSec=5
LimitNPROC=infinity
LimitCORE=infinity
LimitNOFILE=infinity
TasksMax=infinity
OOMScoreAdjust=-999
[Install]
WantedBy=multi-user.target
"""

KUBELET_UNIT = f"""\
[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target containerd.service
After=network-online.target containerd.service
StartLimitIntervalSec=0
[Service]
ExecStart={BIN}/kubelet
Restart=always
RestartSec=10
[Install]
WantedBy=multi-user.target
"""

KUBELET_DROP_IN = f"""\
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
--kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet/extra-args.env
ExecStart=
ExecStart={BIN}/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
"""


def cri_settings(cluster: Cluster) -> Document:
    """All settings of containerd's CRI plugin.

    containerd 1.7 replaces the plugin's whole table with each imported file, so they stand in one file, merged.
    """
    ours: Mapping[str, object] = {
        "sandbox_image": cluster.pause_image,
        "containerd": {
            "runtimes": {"runc": {"runtime_type": "io.containerd.runc.v2", "options": {"SystemdCgroup": True}}}
        },
        "registry": {"config_path": f"{registries.CERTS}/"},
    }
    return freeze_document({"version": 2, "plugins": {CRI: _merge(ours, thaw(cluster.containerd))}})


def _merge(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


SECRET_MARKS = ("kind: EncryptionConfiguration", "PRIVATE KEY-----")
"""What makes a user's file a secret: it is then 0600 and never shown."""


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    names = {component.name for component in components(cluster, node)}
    yield from _containerd(cluster, "containerd" in names)
    yield from _kubelet("kubelet" in names)
    if "crictl" in names:
        yield File(
            "configure-components/crictl",
            "/etc/crictl.yaml",
            f"runtime-endpoint: unix://{SOCKET}\n",
            why="without it crictl tries the sockets of all runtimes there are",
        )
    yield from _user_files(cluster, node)
    if node.is_control_plane:
        yield from _volumes(cluster)


def _containerd(cluster: Cluster, installed: bool) -> Iterator[Step]:
    for folder in ("/etc/containerd", "/etc/containerd/conf.d", registries.CERTS):
        yield Directory(f"configure-components/containerd{folder.removeprefix('/etc/containerd')}", folder)
    main: dict[str, Value] = {"version": 2, "imports": ("/etc/containerd/conf.d/*.toml",)}
    yield File(
        "configure-components/containerd/config",
        CONTAINERD_CONFIG,
        toml.dump(main),
        why="settings stand in one imported file: a second one would replace all of it",
    )
    yield File(
        "configure-components/containerd/cri",
        CRI_CONFIG,
        toml.dump(cri_settings(cluster)),
        why="kubelet and containerd must share the systemd cgroup driver and the sandbox image",
    )
    unit = f"{UNITS}/containerd.service"
    if installed:
        yield File(
            "configure-components/containerd/unit",
            unit,
            CONTAINERD_UNIT,
            why="containers outlive a restart of containerd (KillMode) and have cgroups of their own (Delegate)",
        )
    yield from registries.steps(cluster)
    read = [CONTAINERD_CONFIG, CRI_CONFIG, unit]
    if proxies := env_file(cluster):
        drop_in = f"{UNITS}/containerd.service.d/10-proxy.conf"
        yield Directory("configure-components/containerd/drop-ins", str(PurePosixPath(drop_in).parent))
        yield File(
            "configure-components/containerd/proxy",
            drop_in,
            f"[Service]\nEnvironmentFile=-{proxies}\n",
            why="images are pulled through the proxy",
        )
        read += [drop_in, proxies]
    yield Service(
        "configure-components/containerd/start",
        ("containerd.service",),
        tuple(read),
        why="it reads its configuration when it starts",
    )
    yield bundled_images.step()


def _kubelet(installed: bool) -> Iterator[Step]:
    """A kubelet that the image brought has its unit and drop-in from its package, as kubeadm expects them."""
    unit, drop_ins = f"{UNITS}/kubelet.service", f"{UNITS}/kubelet.service.d"
    if installed:
        yield Directory("configure-components/kubelet/drop-ins", drop_ins)
        yield File(
            "configure-components/kubelet/unit", unit, KUBELET_UNIT, why="it is restarted for ever, as kubeadm's is"
        )
        yield File(
            "configure-components/kubelet/drop-in",
            f"{drop_ins}/10-kubeadm.conf",
            KUBELET_DROP_IN,
            why="the layers of flags, in kubeadm's own order",
        )
        yield Directory("configure-components/kubelet/defaults", "/etc/default/kubelet")
        yield File(
            "configure-components/kubelet/extra-args",
            "/etc/default/kubelet/extra-args.env",
            'KUBELET_EXTRA_ARGS=""\n',
            why="place for the operator's own flags",
        )
    yield Service(
        "configure-components/kubelet/enable",
        ("kubelet.service",),
        (unit, f"{drop_ins}/10-kubeadm.conf"),
        started=False,
        why="it starts in chapter kubelet-start, when it has a configuration",
    )


def user_files(cluster: Cluster, node: Node) -> Mapping[str, str]:
    """Path and content: files of masters, and patches where `kubeadm upgrade --patches` will look for them."""
    return {**(cluster.files if node.is_control_plane else {}), **dict(node.patches.files)}


def _user_files(cluster: Cluster, node: Node) -> Iterator[Step]:
    if folder := node.patches.directory:
        yield _directory(f"configure-components/patches{folder}", folder, "patches of what kubeadm writes lie there")
    for path, content in user_files(cluster, node).items():
        yield _directory(
            f"configure-components/directory{path}", str(PurePosixPath(path).parent), "a file goes there"
        )
        secret = any(mark in content for mark in SECRET_MARKS)
        # A patch may hold what a manifest may: flags and variables with passwords.
        closed = secret or path in dict(node.patches.files)
        yield File(
            f"configure-components/files{path}",
            path,
            content,
            0o600 if closed else 0o644,
            secret=secret,
            why="the inventory brings it",
        )


def _volumes(cluster: Cluster) -> Iterator[Step]:
    """Directories that static pods mount; the kubelet would make them, and the first look into them would be later."""
    volumes = (
        volume
        for component in (cluster.api_server, cluster.controller_manager, cluster.scheduler)
        for volume in component.extra_volumes
        if volume.path_type == "DirectoryOrCreate"
    )
    for path in dict.fromkeys(volume.host_path.rstrip("/") for volume in volumes):
        yield _directory(f"configure-components/volumes{path}", path, "a static pod mounts it")


def _directory(step: str, path: str, why: str) -> Command:
    """A directory that is there belongs to somebody else, who knows its mode."""
    folder = quote(path)
    return Command(
        step,
        f"make the directory {folder}",
        f"mkdir -p {folder}\n",
        Check(f"{folder} to be there", f"[ -d {folder} ] || {{ echo 'it is missing'; exit 1; }}\n"),
        idempotent=True,
        why=why,
    )


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    yield Check(
        "containerd to run and answer",
        "systemctl is-active --quiet containerd || { echo 'not active'; exit 1; }\n"
        f"[ -S {SOCKET} ] || {{ echo 'no socket'; exit 1; }}\n",
        hint="journalctl -u containerd",
    )
    yield Check(
        "the kubelet to be enabled",
        "systemctl is-enabled --quiet kubelet || { echo 'it is not'; exit 1; }\n",
        hint="systemctl enable kubelet",
    )
    for path in user_files(cluster, node):
        yield Check(f"{path} to be there", f"[ -f {quote(path)} ] || {{ echo 'it is missing'; exit 1; }}\n")


CONFIGURE_COMPONENTS = Chapter(
    "configure-components", "Configuration of the components", (9,), steps=steps, checks=checks
)
