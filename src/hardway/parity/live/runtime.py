"""What only a running cluster can tell: ends of certificates, and what really runs. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509

from hardway.model import EtcdExternal, Node
from hardway.parity.compare import ABSENT, compare_fields
from hardway.parity.live import cures, cures_of_files, found, kubeconfigs, manifests
from hardway.parity.live.finding import Finding, Grade
from hardway.parity.live.judge import Judge
from hardway.parity.live.seen import SeenCluster, SeenNode
from hardway.parity.normalise import environment_fields, flag_fields
from hardway.pki.catalog import authorities
from hardway.steps.shell import quote

SOON = timedelta(days=30)
SOON_OF_CA = timedelta(days=180)
"""Everything that it has signed ends with it, and to change it takes planning."""
OLDEST_KUBELET = 3
"""Minors that a kubelet may be behind the API server (Kubernetes' version skew policy); never before it."""
RUNTIMES = {"containerd": "containerd", "crio": "crio", "cri-dockerd": "docker"}
"""Socket of a container runtime to its unit."""


def ends(judge: Judge, node: Node, seen: SeenNode) -> Iterator[Finding]:
    """Certificates that have ended or end soon; those for an external etcd are judged in `external`."""
    etcd = judge.cluster.etcd
    others = etcd.files if isinstance(etcd, EtcdExternal) else ()
    for path, entry in sorted(seen.files.items()):
        if path in others:
            continue
        pem = kubeconfigs.client_certificate(entry.content) if path.endswith(".conf") else entry.content
        if path.endswith((".crt", ".conf", ".pem")):
            try:
                certificate = x509.load_pem_x509_certificate(pem)
            except ValueError:
                continue
            begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            if begin > judge.moment:
                yield Finding(
                    Grade.ERROR, node.name, "check-expiration", path, "begins", f"before {judge.moment:%Y-%m-%d %H:%M:%S} UTC",
                    f"{begin:%Y-%m-%d %H:%M:%S} UTC", "timedatectl # its clock or that of its CA is wrong",
                )  # fmt: skip
            soon = SOON_OF_CA if path.endswith("ca.crt") else SOON
            yield from ending(judge, node, path, end, soon, _renewal(judge, node, path, seen))


def ending(judge: Judge, node: Node, path: str, end: datetime, soon: timedelta, cure: str) -> Iterator[Finding]:
    """A certificate that has ended, or ends within `soon`."""
    if end - judge.moment < soon:
        yield Finding(
            Grade.ERROR if end <= judge.moment else Grade.WARNING,
            node.name,
            "check-expiration",
            path,
            "ends",
            f"after {judge.moment + soon:%Y-%m-%d}",
            f"{end:%Y-%m-%d %H:%M:%S} UTC",
            cure,
        )


def _renewal(judge: Judge, node: Node, path: str, seen: SeenNode) -> str:
    """What renews the certificate of a file, or shows it.

    Nothing for CAs, with which all that they have signed would end, and for what the kubelet renews.
    """
    cluster = judge.cluster
    if path.endswith((".pem", "/kubelet.conf")) or path in {spec.certificate for spec in authorities(cluster)}:
        return ""
    return cures_of_files.renew(judge.tools, cluster, node, path, seen.files)


def pods(judge: Judge, node: Node, seen: SeenNode, api: SeenCluster) -> Iterator[Finding]:
    """Static pods that run with something else than their manifests say."""
    mirrors = {str(pod["metadata"]["name"]): pod for pod in api.pods if pod["spec"].get("nodeName") == node.name}
    for path, entry in sorted(seen.files.items()):
        if not (path.startswith(f"{judge.cluster.paths.manifests}/") and entry.content):
            continue
        pod, manifest = manifests.pod(entry)
        if not pod:
            continue
        name = f"{pod}-{node.name}"
        if path != (own := f"{judge.cluster.paths.manifests}/{pod}.yaml") and own in seen.files:
            # Told as a twin.
            continue
        if name not in mirrors:
            if path.rpartition("/")[2] in ("kube-apiserver.yaml", "kube-scheduler.yaml", "etcd.yaml") or (
                path.endswith("kube-controller-manager.yaml")
            ):
                yield Finding(
                    Grade.ERROR, node.name, "control-plane", f"Pod kube-system/{name}", "item", "present", ABSENT,
                    cures.LOOK,
                )  # fmt: skip
            continue
        conditions = (mirrors[name].get("status") or {}).get("conditions") or ()
        ready = next((str(c["status"]) for c in conditions if c["type"] == "Ready"), "Unknown")
        if ready != "True":
            yield Finding(
                Grade.ERROR, node.name, "control-plane", f"Pod kube-system/{name}", "status.Ready", "True", ready,
                f"{cures.KUBECTL} -n kube-system logs {name} --tail=50",
            )  # fmt: skip
        running = found.running_fields(mirrors[name])
        for difference in compare_fields(f"Pod kube-system/{name}", found.running_fields(manifest), running):
            yield Finding(
                Grade.WARNING, node.name, "control-plane", difference.item, difference.field,
                f"{difference.ours} ({path})", difference.kubeadm,
                cures_of_files.restart(path),
            )  # fmt: skip


def kubelets(judge: Judge, node: Node, seen: SeenNode, there: Mapping[str, Any] | None) -> Iterator[Finding]:
    """The kubelet's unit, version and serving certificate."""
    kubelet = judge.cluster.paths.kubelet
    enabled, active = seen.units.get("kubelet", ("", ""))
    for field, has, wish, cure in (
        ("enabled", enabled, "enabled", "systemctl enable kubelet"),
        ("active", active, "active", f"systemctl start kubelet; {cures.LOOK}"),
    ):
        if has != wish:
            yield Finding(
                Grade.ERROR, node.name, "kubelet-start", "kubelet.service", field, wish, has or ABSENT, cure
            )
    if seen.reload:
        yield Finding(
            Grade.WARNING, node.name, "kubelet-start", "kubelet.service", "NeedDaemonReload", "no", "yes",
            "systemctl daemon-reload && systemctl restart kubelet",
        )  # fmt: skip
    socket = node.registration.cri_socket.rpartition("/")[2].removesuffix(".sock")
    runtime = RUNTIMES.get(socket, socket)
    if seen.units.get(runtime, ("", ""))[0] == "disabled":
        yield Finding(
            Grade.ERROR, node.name, "configure-components", f"{runtime}.service", "enabled", "enabled", "disabled",
            f"systemctl enable {quote(runtime)}",
        )  # fmt: skip
    if seen.kubelet:
        yield from _flags(judge, node, seen)
    wish = judge.cluster.release.kubernetes
    version = str(there["status"]["nodeInfo"]["kubeletVersion"]) if there else wish
    if version != wish:
        item = "kubelet"
        yield Finding(_skew(wish, version), node.name, "kubelet-start", item, "version", wish, version)
    if judge.cluster.kubelet_configuration.get("serverTLSBootstrap") is True:
        path = f"{kubelet}/pki/kubelet-server-current.pem"
        if path not in seen.files:
            yield Finding(
                Grade.ERROR, node.name, "approve-serving", path, "item", "present", ABSENT,
                f"hardway csr approve -f {quote(judge.tools.file)}" if judge.tools.ours else f"{cures.KUBECTL} get csr",
            )  # fmt: skip


def _flags(judge: Judge, node: Node, seen: SeenNode) -> Iterator[Finding]:
    """What kubeadm's drop-in gives the kubelet: three files, and the flags of kubeadm-flags.env; more is somebody's."""
    paths = judge.cluster.paths
    env = f"{paths.kubelet}/kubeadm-flags.env"
    text = seen.files[env].content.decode(errors="replace") if env in seen.files else ""
    mark = "KUBELET_KUBEADM_ARGS.flags."
    dropped = {
        "config": f"{paths.kubelet}/config.yaml",
        "kubeconfig": f"{paths.kubernetes}/kubelet.conf",
        "bootstrap-kubeconfig": f"{paths.kubernetes}/bootstrap-kubelet.conf",
    }
    wished = dropped | {n.removeprefix(mark): v for n, v in environment_fields(text).items() if n.startswith(mark)}
    running = {n.removeprefix("flags."): v for n, v in flag_fields(list(seen.kubelet[1:])).items()}
    # The last of several counts; KUBELET_EXTRA_ARGS may change what kubeadm chose.
    for flag, value in wished.items():
        values = running.get(flag, ABSENT).split(" and ")
        if value != values[-1] if flag in dropped else value not in values:
            yield Finding(
                Grade.WARNING, node.name, "kubelet-start", "kubelet.service", f"flags.{flag}", value,
                running.get(flag, ABSENT), "systemctl cat kubelet; systemctl daemon-reload; systemctl restart kubelet",
            )  # fmt: skip
    for flag in sorted(running.keys() - wished.keys() - {"words", "order"}):
        yield Finding(
            Grade.NOTE, node.name, "kubelet-start", "kubelet.service", f"flags.{flag}", ABSENT, running[flag]
        )


def _skew(api: str, kubelet: str) -> Grade:
    """A kubelet that is newer than the API server, or too old for it, is not supported."""
    wish, has = (tuple(int(part) for part in version.lstrip("v").split(".")[:2]) for version in (api, kubelet))
    return Grade.NOTE if wish[0] == has[0] and 0 <= wish[1] - has[1] <= OLDEST_KUBELET else Grade.ERROR
