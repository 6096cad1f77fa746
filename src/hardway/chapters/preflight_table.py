"""kubeadm's preflight questions, with kubeadm's names.

Source: kubeadm v1.30.4 `app/preflight/checks.go` (InitNodeChecks, JoinNodeChecks, addCommonChecks). The names in `key`
are what ignorePreflightErrors lists. Left out: KubernetesVersion (it compares with kubeadm's own version),
ImagePull (an action; the kubelet pulls). Asked of more nodes than kubeadm does:
firewalld of workers, forwarding in all of the cluster's families of whoever joins.

kubeadm asks once, before it does anything; we ask again on every run. So what can only be asked of an empty node is
answered yes by a node that belongs to this cluster already, which its kubelet's kubeconfig tells.
"""

from collections.abc import Iterator
from dataclasses import replace

from hardway.chapters import external_etcd, preflight_system
from hardway.chapters.ports import free
from hardway.chapters.sysctls import uses_ipv6
from hardway.model import Cluster, Endpoint, EtcdExternal, Node
from hardway.model.ports import CONTROLLER_MANAGER, ETCD_CLIENT, ETCD_PEER, KUBELET, SCHEDULER, ports
from hardway.steps import Check, Severity
from hardway.steps.shell import quote, words

REQUIRED = ("crictl", "conntrack", "ip", "iptables", "mount", "nsenter")
WANTED = ("ebtables", "ethtool", "socat", "tc", "touch")
KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "kubelet", "kube-proxy")
MANIFESTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
RESET = "an earlier cluster left it: hardway reset --node "


BROUGHT = ("CRI", "FileContent-", "Service-Kubelet", *(f"FileExisting-{name}" for name in (*REQUIRED, *WANTED)))
ALWAYS = ("crictl", "mount", "nsenter", "touch")
"""Those of them that no package of chapter 5 brings; crictl may be a component of chapter 8."""


def brought(cluster: Cluster) -> tuple[str, ...]:
    """Beginnings of the keys of questions that an empty machine need not answer with yes."""
    own = [f"FileExisting-{name}" for name in ALWAYS if name not in cluster.downloads]
    keys = tuple(key for key in BROUGHT if key not in own)
    if isinstance(cluster.etcd, EtcdExternal) and any(path in cluster.files for path in cluster.etcd.files):
        # Without them the external etcd does not answer either.
        keys += (external_etcd.CERTIFICATES, external_etcd.VERSION)
    return keys


def ask(key: str, name: str, script: str, hint: str = "", severity: Severity = Severity.ERROR) -> Check:
    """One line of the table."""
    return Check(name, script, hint, severity, key)


def servers(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """Where the kubelet of a node of this cluster may be pointed: to the endpoint, or to the API server beside it."""
    beside = (Endpoint(node.address, node.bind_port).url,) if node.is_control_plane else ()
    return (cluster.endpoint.url, *beside)


def ours(cluster: Cluster, node: Node) -> str:
    """Ends the question with yes on a node that has joined this cluster, or whose kubelet is about to."""
    folder = cluster.paths.kubernetes
    files = words([f"{folder}/kubelet.conf", f"{folder}/bootstrap-kubelet.conf"])
    patterns = " ".join(f"-e {quote(f'server: {server}')}" for server in dict.fromkeys(servers(cluster, node)))
    return f"! grep -qsF {patterns} {files} || exit 0\n"


def questions(cluster: Cluster, node: Node) -> Iterator[Check]:
    """All questions to this node, by its role; the same as kubeadm's init, join or join --control-plane asks."""
    yield ask(
        "IsPrivilegedUser",
        "the user to be root",
        '[ "$UID" = 0 ] || { echo "it is not"; exit 1; }\n',
        hint="log in as root, or as a user with sudo (--ask-sudo-password where it asks)",
    )
    if node.is_control_plane:
        yield from preflight_system.size()
    yield _firewalld(cluster, node)
    yield from _ports(cluster, node)
    yield from _files(cluster, node)
    yield from preflight_system.proxies(cluster, node)
    yield from _forwarding(cluster)
    yield _runtime(node)
    yield preflight_system.swap()
    for name in (*REQUIRED, *WANTED):
        yield ask(
            f"FileExisting-{name}",
            f"{name} to be in PATH",
            f"command -v {name} >/dev/null || {{ echo 'it is not'; exit 1; }}\n",
            hint=_bringer(name),
            severity=Severity.ERROR if name in REQUIRED else Severity.WARNING,
        )
    yield preflight_system.verification()
    yield ask(
        "Hostname",
        f"the name {node.name} to resolve",
        f"getent ahosts {quote(node.name)} >/dev/null || {{ echo 'it does not'; exit 1; }}\n",
        hint="hardway render dns, or hardway render hosts for /etc/hosts",
        severity=Severity.WARNING,
    )
    if "kubelet" not in cluster.downloads:
        yield preflight_system.kubelet_version(cluster)
    yield ask(
        "Service-Kubelet",
        "kubelet.service to be enabled",
        "systemctl is-enabled --quiet kubelet 2>/dev/null || { echo 'it is not'; exit 1; }\n",
        hint="systemctl enable kubelet.service",
        severity=Severity.WARNING,
    )
    for check in external_etcd.questions(cluster, node):
        # Who has joined is told of a silent etcd by its API server, and one endpoint of several may be down then.
        once = ours(cluster, node) if check.key == external_etcd.VERSION else ""
        yield replace(check, script=once + check.script)
    if cluster.runs_member(node):
        folder = cluster.stacked_etcd.data_dir
        yield ask(
            f"DirAvailable-{folder.replace('/', '-')}",
            f"{folder} to be empty",
            ours(cluster, node)
            + f'[ -z "$(ls -A {quote(folder)} 2>/dev/null)" ] || {{ echo "it is not"; exit 1; }}\n',
            hint=f"data of another cluster: hardway reset --node {node.host_name}",
        )


def _bringer(tool: str) -> str:
    if tool == "crictl":
        return "hardway apply --only install-components, unless downloads.skip leaves it out"
    if tool in ALWAYS:
        return "apt-get install -y util-linux coreutils, or dnf install -y util-linux coreutils"
    return "hardway apply --only base-os"


def _firewalld(cluster: Cluster, node: Node) -> Check:
    """kubeadm names two ports; those of the whole table have to be open."""
    opened = " ".join(
        f"--add-port={port}/tcp" for port in ports(cluster, node) if not port.is_local and port.protocol == "tcp"
    )
    return ask(
        "Firewalld",
        "no firewalld in the way",
        "! systemctl is-active --quiet firewalld 2>/dev/null || { echo 'it is active'; exit 1; }\n",
        hint=f"firewall-cmd --permanent {opened} && firewall-cmd --reload; or systemctl disable --now firewalld",
        severity=Severity.WARNING,
    )


def _ports(cluster: Cluster, node: Node) -> Iterator[Check]:
    """kubeadm's ports, which are the defaults; of what else the table has, the taken ones are worth a warning."""
    masters = (node.bind_port, SCHEDULER, CONTROLLER_MANAGER)
    members = (ETCD_CLIENT, ETCD_PEER) if cluster.runs_member(node) else ()
    theirs = (*(masters if node.is_control_plane else ()), *members, KUBELET)
    more = [row.number for row in ports(cluster, node) if row.component in KUBERNETES and row.is_open]
    for port in dict.fromkeys((*theirs, *more)):
        check = free(port, Severity.ERROR if port in theirs else Severity.WARNING)
        yield replace(check, script=ours(cluster, node) + check.script)


def _files(cluster: Cluster, node: Node) -> Iterator[Check]:
    """What an empty node does not have."""
    absent: list[str] = []
    folder = cluster.paths.kubernetes
    if node.is_control_plane:
        absent += [f"{cluster.paths.manifests}/{name}.yaml" for name in MANIFESTS]
    if node != cluster.first_control_plane:
        absent += [f"{folder}/kubelet.conf", f"{folder}/bootstrap-kubelet.conf"]
    for path in absent:
        yield ask(
            f"FileAvailable-{path.replace('/', '-')}",
            f"{path} to be absent",
            f"[ -e {quote(path)} ] || exit 0\n{ours(cluster, node)}echo 'it exists'\nexit 1\n",
            hint=RESET + node.host_name,
        )
    for ca in () if node.is_control_plane else dict.fromkeys((cluster.paths.ca, cluster.paths.joining_ca)):
        yield ask(
            f"FileAvailable-{ca.replace('/', '-')}",
            f"{ca} to be absent",
            # A CA without any kubeconfig is what an interrupted discovery leaves; discovery itself refuses a wrong one.
            ours(cluster, node)
            + f"[ ! -e {quote(ca)} ] || [ ! -e {quote(folder + '/kubelet.conf')} ] || {{ echo 'it exists'; exit 1; }}\n",
            hint=RESET + node.host_name,
        )


def _forwarding(cluster: Cluster) -> Iterator[Check]:
    files = ["/proc/sys/net/ipv4/ip_forward"]
    if uses_ipv6(cluster):
        files.append("/proc/sys/net/ipv6/conf/default/forwarding")
    for file in files:
        yield ask(
            f"FileContent-{file.replace('/', '-')}",
            f"{file} to be 1",
            f'[ "$(cat {file} 2>/dev/null)" = 1 ] || {{ echo "it is not"; exit 1; }}\n',
            hint="sysctl --system; article chapter 7",
        )


def _runtime(node: Node) -> Check:
    """kubeadm asks through crictl, which a node need not have: a runtime that takes a connection runs."""
    socket = node.registration.cri_socket.removeprefix("unix://")
    return ask(
        "CRI",
        "the container runtime to answer",
        f"[ -S {quote(socket)} ] || {{ echo {quote(f'there is no socket {socket}')}; exit 1; }}\n"
        "command -v socat >/dev/null || exit 0\n"
        f"socat -u /dev/null {quote(f'UNIX-CONNECT:{socket}')} 2>/dev/null || {{ echo 'nobody listens on {socket}'; exit 1; }}\n",
        hint="journalctl -u containerd",
    )
