"""Take back what init or join made of a machine (`kubeadm reset`; not in the article).

Source: kubeadm v1.30.4 `app/cmd/phases/reset/{removeetcdmember,cleanupnode,unmount_linux}.go`. As there, packages,
binaries, units and the settings of the system stay, and so do the pod network's configuration and the rules of
iptables: `LEFT` says it. The chapter knows what this node was from its inventory, and each step asks what is there.
"""

from collections.abc import Iterator

from hardway.chapters import joining_ca
from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, EtcdExternal, Node
from hardway.pki.openssl import KEYS
from hardway.steps import Check, Command, Step
from hardway.steps.shell import INPUTS, for_each, quote, words

KUBECONFIGS = (
    "admin.conf",
    "super-admin.conf",
    "kubelet.conf",
    "bootstrap-kubelet.conf",
    "controller-manager.conf",
    "scheduler.conf",
)
LEFT = (
    "the pod network's configuration (/etc/cni/net.d) and routes",
    "rules of iptables, nftables and IPVS (a reboot clears them)",
    "kubeconfigs of people ($HOME/.kube/config)",
    "containerd, the kubelet and what chapters 5-9 laid down: apply can join the machine again",
)
"""What stays, as with kubeadm."""


def left(cluster: Cluster) -> tuple[str, ...]:
    """What stays of this cluster, in words."""
    if not isinstance(cluster.etcd, EtcdExternal):
        return LEFT
    where = ", ".join(cluster.etcd.endpoints)
    kept = [path for path in cluster.etcd.files if not path.startswith(f"{cluster.paths.pki}/")]
    files = (f"what API servers showed to it ({', '.join(dict.fromkeys(kept))})",) if kept else ()
    return (f"the data in the external etcd ({where}): a new cluster must not find it there", *files, *LEFT)


CRI = "io.containerd.grpc.v1.cri"


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield Command(
        "reset/cleanup-node/kubelet",
        "stop the kubelet",
        "systemctl stop kubelet.service\n",
        Check(
            "the kubelet to be stopped",
            "! systemctl is-active --quiet kubelet.service || { echo 'it runs'; exit 1; }\n",
        ),
        idempotent=True,
        why="it would start again what is removed next",
    )
    yield _containers(node)
    yield _mounts(cluster)
    yield _files(cluster, node)


def _containers(node: Node) -> Command:
    socket = quote(node.registration.cri_socket)
    return Command(
        "reset/cleanup-node/containers",
        "remove the pods",
        "if command -v crictl >/dev/null; then\n"
        f'  pods="$(crictl -r {socket} -i {socket} -D=false pods -q)"\n'
        "  for pod in $pods; do\n"
        f'    crictl -r {socket} -i {socket} stopp "$pod"\n'
        f'    crictl -r {socket} -i {socket} rmp "$pod"\n'
        "  done\n"
        "else\n"
        f"{_without_crictl()}"
        "fi\n",
        Check(
            "no pods to be left",
            # Without containerd nothing runs. Its namespace k8s.io holds the kubelet's containers and nobody else's.
            "systemctl is-active --quiet containerd.service || exit 0\n"
            "[ -z \"$(ctr -n k8s.io containers list -q)\" ] || { echo 'there are containers'; exit 1; }\n",
        ),
        idempotent=True,
        why="static pods would go on without a kubelet",
    )


def _without_crictl() -> str:
    """What StopPodSandbox and RemovePodSandbox do, by containerd's own tool."""
    return (
        '  ids="$(ctr -n k8s.io containers list -q)"\n'
        '  for id in $ids; do ctr -n k8s.io tasks kill -a -s SIGKILL "$id" 2>/dev/null || true; done\n'
        "  for id in $ids; do\n"
        '    ctr -n k8s.io tasks delete -f "$id" >/dev/null 2>&1 || true\n'
        '    ctr -n k8s.io containers delete "$id"\n'
        "  done\n"
        # The rest of a sandbox: its shared memory, its network namespace, and the addresses that host-local gave out.
        f"  for mount in /run/containerd/{CRI}/sandboxes/*/shm /run/netns/cni-*; do\n"
        '    [ -e "$mount" ] || continue\n'
        '    ! mountpoint -q "$mount" || umount "$mount"\n'
        '    case "$mount" in /run/netns/*) rm -f "$mount" ;; esac\n'
        "  done\n"
        "  find /var/lib/cni/networks /var/lib/cni/results -mindepth 1 -delete 2>/dev/null || true\n"
        # The plugin remembers its sandboxes until it starts again; then it clears their directories, too.
        "  systemctl restart containerd.service\n"
    )


def _mounts_below(cluster: Cluster) -> str:
    """bash that sets $mounts."""
    return (
        f'root="$(readlink -f {quote(cluster.paths.kubelet)})"\n'
        # The directory itself may be a mount; deepest first.
        "mapfile -t mounts < <(awk -v root=\"$root/\" 'index($2, root) == 1 { print $2 }' /proc/self/mounts | sort -r)\n"
    )


def _mounts(cluster: Cluster) -> Command:
    below = _mounts_below(cluster)
    return Command(
        "reset/cleanup-node/mounts",
        f"unmount what is mounted below {cluster.paths.kubelet}",
        # A space stands as \\040 in the list of mounts.
        below + 'for mount in "${mounts[@]}"; do umount "$(printf \'%b\' "$mount")"; done\n',
        Check(
            f"nothing to be mounted below {cluster.paths.kubelet}",
            below + '[ "${#mounts[@]}" = 0 ] || { echo "${#mounts[@]} mounts"; exit 1; }\n',
        ),
        idempotent=True,
        why="volumes of pods are not the pods' own data: they must not be deleted with the directory",
    )


def emptied(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """Directories whose content goes; they themselves stay, as with kubeadm."""
    paths = cluster.paths
    etcd = (cluster.stacked_etcd.data_dir,) if cluster.runs_member(node) else ()
    return (*etcd, paths.manifests, paths.kubelet, paths.pki)


def _files(cluster: Cluster, node: Node) -> Command:
    folders = emptied(cluster, node)
    files = [f"{cluster.paths.kubernetes}/{name}" for name in KUBECONFIGS]
    ours = (INPUTS, KEYS, f"{INPUTS.rpartition('/')[0]}/owed")
    return Command(
        "reset/cleanup-node/files",
        f"delete the kubeconfigs and all below {', '.join(folders)}",
        # What is still mounted is not ours to delete, and to find a bind mount is a directory like any other.
        _mounts_below(cluster)
        + '[ "${#mounts[@]}" = 0 ] || { echo "still mounted: ${mounts[*]}" >&2; exit 1; }\n'
        + joining_ca.removed(cluster, node)
        # The slash leads through a symbolic link.
        + for_each("folder", map(quote, folders), '[ ! -d "$folder" ] || find "$folder/" -xdev -mindepth 1 -delete\n')
        + f"rm -rf {words([*files, *ours])}\n",
        Check(
            "nothing of the cluster to be left",
            f'left="$(find {words(f"{folder}/" for folder in folders)} -mindepth 1 -print -quit 2>/dev/null)"\n'
            '[ -z "$left" ] || { echo "$left is left"; exit 1; }\n'
            f"for file in {words([*files, *ours])}; do\n"
            '  [ ! -e "$file" ] || { echo "$file is left"; exit 1; }\ndone\n',
        ),
        idempotent=True,
        why="keys and data of the cluster have no business on a machine that left it",
    )


RESET = Chapter("reset", "Return of a machine", (), steps=steps)
