"""`hardway reset` and `kubeadm reset`, side by side on the same files."""

import pytest
from sides import example, kubeadm

from hardway.chapters import reset
from hardway.config import load
from hardway.model import Node
from hardway.renderers import sandbox
from hardway.renderers.files import Tree, below, file
from hardway.steps import Run, lower_all

pytestmark = pytest.mark.parity

CRICTL = '#!/bin/bash\necho "$*" >>/var/log/crictl\ncase "$*" in *" pods "*) printf "a1\\nb2\\n" ;; esac\n'
CTR = "#!/bin/bash\n[ -s /var/log/crictl ] || echo a1\n"
SYSTEMCTL = '#!/bin/bash\ncase "$*" in *is-active*kubelet*) exit 3 ;; esac\n'
MOUNT = (
    "mkdir -p /var/lib/kubelet/pods/x\nmount -t tmpfs none /var/lib/kubelet/pods/x\ntouch /var/lib/kubelet/pods/x/y\n"
)
FILES = (
    *(f"/etc/kubernetes/{name}" for name in reset.KUBECONFIGS),
    "/etc/kubernetes/pki/ca.key",
    "/etc/kubernetes/pki/etcd/ca.crt",
    "/etc/kubernetes/manifests/.hidden",
    "/etc/kubernetes/tmp/backup",
    "/etc/kubernetes/audit.yaml",
    "/var/lib/kubelet/config.yaml",
    "/var/lib/kubelet/pki/kubelet-client-current.pem",
    "/var/lib/etcd/member/wal/0.wal",
    "/etc/cni/net.d/10-bridge.conflist",
    "/root/.kube/config",
)
OURS = ("/etc/kubernetes", "/var/lib/kubelet", "/var/lib/etcd", "/var/log", "/etc/cni", "/root/.kube")


def left(node: Node, script: str) -> Tree:
    """What is there afterwards of the directories that concern the cluster, and what crictl was told."""
    machine = sandbox.machine(
        node, {"kubeadm": kubeadm("lab")}, {"crictl": CRICTL, "ctr": CTR, "systemctl": SYSTEMCTL}
    )
    start = {path: file("not a kubeconfig\n", 0o600) for path in FILES}
    done = sandbox.run(
        machine, f"mkdir -p /var/log\n{MOUNT}{script}\n! mountpoint -q /var/lib/kubelet/pods/x\n", start
    )
    return below(done.tree, *OURS)


@pytest.mark.parametrize("name", ["master-1", "worker-1"])
def test_reset_leaves_what_kubeadm_leaves(name: str) -> None:
    """The same files, directories and modes stay, and crictl is asked for the same pods in the same words.

    On a worker kubeadm empties /var/lib/etcd, too; what lies there is not the cluster's, so here it stays.
    """
    cluster = load(example("lab"))
    node = cluster.node(name)
    script = "".join(
        f"( set -u\n{run.unless.script}) >/dev/null 2>&1 || ( {run.script})\n( set -u\n{run.unless.script})\n"
        for run in lower_all(reset.steps(cluster, node))
        if isinstance(run, Run)
    )
    ours = left(node, script)
    theirs = left(node, "kubeadm reset --force >/dev/null 2>&1\n")

    etcd = set(below(ours, "/var/lib/etcd/member"))
    assert etcd == (set() if node.is_control_plane else set(below(ours, "/var/lib/etcd")) - {"/var/lib/etcd"})
    assert {path: entry for path, entry in ours.items() if path not in etcd} == theirs
    assert ours["/var/log/crictl"].content.decode().count("stopp") == 2
