"""A cluster that the real kubeadm makes on the lab's nodes, in the ordinary order: init, then one join after another."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from e2e.harness import Harness

PREPARED = "preflight"
"""The last chapter that hardway does for kubeadm: packages, binaries, containerd, pod network, balancer."""
KUBEADM = "/usr/local/bin/kubeadm"


@dataclass(frozen=True)
class Ticket:
    """What a joining node is given."""

    token: str
    pin: str
    key: str
    """Of the uploaded certificates."""


def documents(it: Harness) -> dict[str, str]:
    """kubeadm.yaml of each node: the same documents as hardway's, with what kubeadm wants to know of a node."""
    listed = [d for d in yaml.safe_load_all(it.file.read_text()) if d["kind"] != "Inventory"]
    by_kind = {d["kind"]: d for d in listed}
    files = {}
    for node in it.lab.spec.nodes:
        if not node.is_kubernetes:
            continue
        if node.host_name == "master-1":
            init = {**by_kind["InitConfiguration"], "localAPIEndpoint": {"advertiseAddress": node.address}}
            kinds = [
                init,
                *(by_kind[kind] for kind in by_kind if kind not in ("InitConfiguration", "JoinConfiguration")),
            ]
        else:
            join = dict(by_kind["JoinConfiguration"])
            join["discovery"] = {
                "bootstrapToken": {
                    "apiServerEndpoint": by_kind["ClusterConfiguration"]["controlPlaneEndpoint"],
                    "token": "TOKEN",
                    "caCertHashes": ["PIN"],
                }
            }
            if node.host_name.startswith("master"):
                join["controlPlane"] = {
                    "localAPIEndpoint": {"advertiseAddress": node.address},
                    "certificateKey": "KEY",
                }
            kinds = [join]
        files[node.host_name] = yaml.safe_dump_all(kinds)
    return files


def lay_down(it: Harness, binary: Path) -> None:
    """kubeadm and its configuration on every node."""
    for name, text in documents(it).items():
        with binary.open("rb") as content:
            command = it.lab.ssh_command(name, [f"sudo sh -c 'cat >{KUBEADM} && chmod 755 {KUBEADM}'"])
            subprocess.run(command, stdin=content, check=True)
        it.lab.exec(name, f"umask 077; cat >/run/kubeadm.yaml <<'EOF'\n{text}EOF\n")


def init(it: Harness) -> Ticket:
    """The first master."""
    it.lab.exec(
        "master-1",
        "kubeadm init --config /run/kubeadm.yaml --upload-certs --skip-phases preflight >/run/init.log 2>&1 </dev/null"
        " || { cat /run/init.log; exit 1; }",
    )
    secrets = it.lab.exec(
        "master-1",
        "grep -o -m1 -- '--token [^ ]*' /run/init.log; grep -o -m1 'sha256:[0-9a-f]*' /run/init.log;"
        " grep -o -m1 -- '--certificate-key [0-9a-f]*' /run/init.log",
    ).split()
    return Ticket(token=secrets[1], pin=secrets[2], key=secrets[4])


def join(it: Harness, name: str, ticket: Ticket) -> None:
    """One node more."""
    it.lab.exec(
        name,
        f"sed -i 's/TOKEN/{ticket.token}/; s/PIN/{ticket.pin}/; s/KEY/{ticket.key}/' /run/kubeadm.yaml\n"
        "kubeadm join --config /run/kubeadm.yaml --skip-phases preflight >/run/join.log 2>&1 </dev/null"
        " || { cat /run/join.log; exit 1; }",
    )


def approve(it: Harness) -> None:
    """Kubelets' serving certificates, all that have been asked for."""
    it.lab.exec(
        "master-1",
        "export KUBECONFIG=/etc/kubernetes/admin.conf\n"
        "kubectl get csr -o name | xargs -r kubectl certificate approve",
    )
