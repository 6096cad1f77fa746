"""What only a running cluster can tell: ends of certificates and tokens, members, and what really runs. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import yaml
from cryptography import x509

from hardway.chapters.etcd import peer_url
from hardway.engine.script import sha256
from hardway.model import Node
from hardway.parity.compare import ABSENT, compare_fields
from hardway.parity.live import cures, found
from hardway.parity.live.finding import CLUSTER, Finding, Grade
from hardway.parity.live.judge import Judge
from hardway.parity.live.seen import SeenCluster, SeenNode
from hardway.parity.objects import TOKEN

SOON = timedelta(days=30)
SHARED = ("ca.crt", "front-proxy-ca.crt", "etcd/ca.crt", "sa.pub")


def ends(judge: Judge, node: Node, seen: SeenNode) -> Iterator[Finding]:
    """Certificates that have ended or end soon."""
    for path, entry in sorted(seen.files.items()):
        pems = found.client_certificates(entry.content) if path.endswith(".conf") else [entry.content]
        for pem in pems if path.endswith((".crt", ".conf", ".pem")) else ():
            try:
                certificate = x509.load_pem_x509_certificate(pem)
            except ValueError:
                continue
            end = certificate.not_valid_after_utc
            if end - judge.moment < SOON:
                name = _renewal(judge, path)
                how = f"hardway certs renew -f {judge.tools.file} {name} --node {node.host_name}"
                cure = (how if judge.tools.ours else f"kubeadm certs renew {name}") if name else ""
                yield Finding(
                    Grade.ERROR if end <= judge.moment else Grade.WARNING,
                    node.name,
                    "check-expiration",
                    path,
                    "ends",
                    f"after {judge.moment + SOON:%Y-%m-%d}",
                    f"{end:%Y-%m-%d %H:%M:%S} UTC",
                    cure,
                )


def _renewal(judge: Judge, path: str) -> str:
    """kubeadm's name for the renewal of a file; empty for CAs and for what the kubelet renews."""
    inside = path.removeprefix(f"{judge.cluster.paths.pki}/")
    if inside.endswith("ca.crt") or path.endswith((".pem", "kubelet.conf")):
        return ""
    return path.rpartition("/")[2] if path.endswith(".conf") else inside.removesuffix(".crt").replace("/", "-")


def shared(judge: Judge, seen: Mapping[str, SeenNode]) -> Iterator[Finding]:
    """What all masters must have in common."""
    pki = judge.cluster.paths.pki
    masters = [seen[node.name] for node in judge.cluster.control_planes if node.name in seen]
    everybody = [seen[node.name] for node in judge.cluster.kubernetes_nodes if node.name in seen]
    for name in SHARED:
        path = f"{pki}/{name}"
        nodes = everybody if name == "ca.crt" else masters
        contents = {node.name: node.files[path].content.strip() for node in nodes if path in node.files}
        if len(set(contents.values())) > 1:
            right = next(iter(contents.values()))
            for node_name, content in contents.items():
                if content != right:
                    yield Finding(
                        Grade.ERROR, node_name, "certs", path, "content",
                        f"the same as on {next(iter(contents))}, sha256 {sha256(right)[:16]}",
                        f"sha256 {sha256(content)[:16]}",
                        f"take {path} and its key from a master whose files the cluster trusts",
                    )  # fmt: skip


def pods(judge: Judge, node: Node, seen: SeenNode, api: SeenCluster) -> Iterator[Finding]:
    """Static pods that run with something else than their manifests say."""
    mirrors = {str(pod["metadata"]["name"]): pod for pod in api.pods if pod["spec"].get("nodeName") == node.name}
    for path, entry in sorted(seen.files.items()):
        if not (path.startswith(f"{judge.cluster.paths.manifests}/") and entry.content):
            continue
        try:
            manifest = yaml.safe_load(entry.content)
            name = f"{manifest['metadata']['name']}-{node.name}"
        except (yaml.YAMLError, LookupError, TypeError):
            continue
        if name not in mirrors:
            if path.rpartition("/")[2] in ("kube-apiserver.yaml", "kube-scheduler.yaml", "etcd.yaml") or (
                path.endswith("kube-controller-manager.yaml")
            ):
                yield Finding(
                    Grade.ERROR, node.name, "control-plane", f"Pod kube-system/{name}", "item", "present", ABSENT,
                    "journalctl -u kubelet -n 50",
                )  # fmt: skip
            continue
        running = found.running_fields(mirrors[name])
        for difference in compare_fields(f"Pod kube-system/{name}", found.running_fields(manifest), running):
            yield Finding(
                Grade.WARNING, node.name, "control-plane", difference.item, difference.field,
                f"{difference.ours} ({path})", difference.kubeadm,
                f"mv {path} /root/ && sleep 20 && mv /root/{path.rpartition('/')[2]} {path}",
            )  # fmt: skip


def members(judge: Judge, seen: Mapping[str, SeenNode], api: SeenCluster) -> Iterator[Finding]:
    """etcd's members beside the masters, and each manifest's initial-cluster beside its own member."""
    if not api.members:
        return
    has = {str(member.get("name", "")): member for member in api.members}
    for node in judge.cluster.control_planes:
        member = has.pop(node.name, None)
        if member is None:
            yield Finding(
                Grade.ERROR,
                node.name,
                "etcd",
                "etcd",
                "member",
                peer_url(node),
                ABSENT,
                "journalctl -u kubelet -n 50",
            )
        elif member.get("isLearner"):
            yield Finding(
                Grade.WARNING, node.name, "etcd", "etcd", "member", "a voter", "a learner",
                f"etcdctl member promote {int(str(member['ID'])):x}",
            )  # fmt: skip
        elif peer_url(node) not in member.get("peerURLs", ()):
            peers = " ".join(member.get("peerURLs", ()))
            yield Finding(
                Grade.ERROR, node.name, "etcd", "etcd", "member.peerURLs", peer_url(node), peers,
                f"etcdctl member update {int(str(member['ID'])):x} --peer-urls={peer_url(node)}",
            )  # fmt: skip
        path = f"{judge.cluster.paths.manifests}/etcd.yaml"
        text = (
            seen[node.name].files[path].content.decode()
            if node.name in seen and path in seen[node.name].files
            else ""
        )
        listed = re.search(r"--initial-cluster=(\S+)", text)
        own = f"{node.name}={peer_url(node)}"
        if listed and own not in listed[1].split(","):
            yield Finding(
                Grade.WARNING, node.name, "etcd", path, "initial-cluster", f"with {own}", listed[1],
                cures.hardway(judge.tools, "etcd", node) if judge.tools.ours else "",
            )  # fmt: skip
    for name, member in has.items():
        yield Finding(
            Grade.ERROR, CLUSTER, "etcd", "etcd", "member", "members are masters",
            f"{name or 'one that never started'} at {' '.join(member.get('peerURLs', ()))}",
            f"etcdctl member remove {int(str(member['ID'])):x}",
        )  # fmt: skip


def tokens(judge: Judge, api: SeenCluster) -> Iterator[Finding]:
    """Tokens without an end, and certificates for joining masters that nobody can use any more."""
    names = {name for name, *_ in api.secrets}
    for name, kind, expires, owner in api.secrets:
        if kind == TOKEN and not expires:
            token = name.removeprefix("bootstrap-token-")
            yield Finding(
                Grade.WARNING, CLUSTER, "bootstrap-token", f"Secret kube-system/{name}", "data.expiration",
                "a time", ABSENT,
                f"hardway token delete -f {judge.tools.file} {token}" if judge.tools.ours else f"kubeadm token delete {token}",
            )  # fmt: skip
        if name == "kubeadm-certs" and owner and owner not in names:
            yield Finding(
                Grade.NOTE, CLUSTER, "upload-certs", "Secret kube-system/kubeadm-certs", "metadata.ownerReferences",
                "a token that lives", f"{owner}, which is gone: the Secret goes soon, too",
            )  # fmt: skip


def kubelets(judge: Judge, node: Node, seen: SeenNode, there: Mapping[str, Any] | None) -> Iterator[Finding]:
    """The kubelet's unit, version and serving certificate."""
    kubelet = judge.cluster.paths.kubelet
    enabled, active = seen.units.get("kubelet", ("", ""))
    for field, has, wish, cure in (
        ("enabled", enabled, "enabled", "systemctl enable kubelet"),
        ("active", active, "active", "systemctl start kubelet; journalctl -u kubelet -n 50"),
    ):
        if has != wish:
            yield Finding(
                Grade.ERROR, node.name, "kubelet-start", "kubelet.service", field, wish, has or ABSENT, cure
            )
    flags = dict(word.removeprefix("--").partition("=")[::2] for word in seen.kubelet if word.startswith("--"))
    for flag, value in (
        ("config", f"{kubelet}/config.yaml"),
        ("kubeconfig", f"{judge.cluster.paths.kubernetes}/kubelet.conf"),
        ("bootstrap-kubeconfig", f"{judge.cluster.paths.kubernetes}/bootstrap-kubelet.conf"),
    ):
        if seen.kubelet and flags.get(flag) != value:
            yield Finding(
                Grade.WARNING, node.name, "kubelet-start", "kubelet.service", f"flags.{flag}", value,
                flags.get(flag, ABSENT), "systemctl cat kubelet; systemctl daemon-reload; systemctl restart kubelet",
            )  # fmt: skip
    if there is not None:
        version = str(there["status"]["nodeInfo"]["kubeletVersion"])
        if version != judge.cluster.release.kubernetes:
            yield Finding(
                Grade.NOTE,
                node.name,
                "kubelet-start",
                "kubelet",
                "version",
                judge.cluster.release.kubernetes,
                version,
            )
    if judge.cluster.kubelet_configuration.get("serverTLSBootstrap") is True:
        path = f"{kubelet}/pki/kubelet-server-current.pem"
        if path not in seen.files:
            yield Finding(
                Grade.ERROR, node.name, "approve-serving", path, "item", "present", ABSENT,
                f"hardway csr approve -f {judge.tools.file}" if judge.tools.ours else f"{cures.KUBECTL} get csr",
            )  # fmt: skip


def requests(judge: Judge, api: SeenCluster, now: datetime) -> Iterator[Finding]:
    """Requests for serving certificates that nobody has answered."""
    for item in api.requests:
        made = datetime.fromisoformat(str(item["metadata"]["creationTimestamp"]))
        if item.get("status", {}).get("conditions") or now - made < timedelta(minutes=2):
            continue
        if item["spec"].get("signerName") == "kubernetes.io/kubelet-serving":
            name = str(item["metadata"]["name"])
            yield Finding(
                Grade.WARNING, CLUSTER, "approve-serving", f"CertificateSigningRequest {name}", "status",
                "approved or denied", f"pending, of {item['spec'].get('username')}",
                f"hardway csr approve -f {judge.tools.file}" if judge.tools.ours
                else f"{cures.KUBECTL} certificate approve {name}",
            )  # fmt: skip
