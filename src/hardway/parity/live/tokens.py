"""Bootstrap tokens, what is signed with them, and requests for certificates. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from hardway.model import Cluster
from hardway.parity.compare import ABSENT
from hardway.parity.live import cures
from hardway.parity.live.finding import CLUSTER, Finding, Grade
from hardway.parity.live.judge import Judge
from hardway.parity.live.seen import Secret, SeenCluster
from hardway.parity.objects import TOKEN
from hardway.steps.shell import quote

INFO = "ConfigMap kube-public/cluster-info"
PATIENCE = timedelta(minutes=10)
"""For the controller manager to take away a token that has ended."""


def tokens(judge: Judge, api: SeenCluster, info: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Tokens that have no end or outlived it, a living one that nobody can join with, and the shared certificates."""
    names = {secret.name for secret in api.secrets}
    signatures = (info or {}).get("data") or {}
    for secret in api.secrets:
        if secret.type == TOKEN:
            yield from _token(judge, secret, signatures)
        elif secret.name == "kubeadm-certs" and not secret.owner:
            yield Finding(
                Grade.WARNING, CLUSTER, "upload-certs", f"Secret kube-system/{secret.name}",
                "metadata.ownerReferences", "a token, with which it goes", ABSENT,
                f"{cures.KUBECTL} -n kube-system delete secret {secret.name}",
            )  # fmt: skip
        elif secret.name == "kubeadm-certs" and secret.owner not in names:
            yield Finding(
                Grade.NOTE, CLUSTER, "upload-certs", f"Secret kube-system/{secret.name}", "metadata.ownerReferences",
                "a token that lives", f"{secret.owner}, which is gone: the Secret goes soon, too",
            )  # fmt: skip


def _token(judge: Judge, secret: Secret, signatures: Mapping[str, str]) -> Iterator[Finding]:
    token = secret.name.removeprefix("bootstrap-token-")
    item, delete = f"Secret kube-system/{secret.name}", cures.delete_token(judge.tools, token)
    end = _moment(secret.expiration)
    if end is None and not secret.expiration and token in _endless(judge.cluster):
        # InitConfiguration asks for it.
        pass
    elif end is None:
        yield Finding(
            Grade.WARNING, CLUSTER, "bootstrap-token", item, "data.expiration", "a time",
            secret.expiration or ABSENT, delete,
        )  # fmt: skip
    elif end + PATIENCE < judge.moment:
        yield Finding(
            Grade.WARNING, CLUSTER, "bootstrap-token", item, "data.expiration",
            "taken away by the controller manager when it ends", secret.expiration, delete,
        )  # fmt: skip
    key = f"jws-kubeconfig-{token}"
    if secret.signs and (end is None or end > judge.moment) and key not in signatures:
        logs = f"{cures.KUBECTL} -n kube-system logs -l component=kube-controller-manager --tail=-1"
        yield Finding(
            Grade.ERROR, CLUSTER, "bootstrap-token", INFO, f"data.{key}", "present", ABSENT,
            f"{logs} | grep -i bootstrap",
        )  # fmt: skip


def _endless(cluster: Cluster) -> frozenset[str]:
    """Ids of the tokens that the user wants without an end."""
    return frozenset(token.identifier for token in cluster.bootstrap_tokens if token.ttl == 0)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


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
                f"hardway csr approve -f {quote(judge.tools.file)}" if judge.tools.ours
                else f"{cures.KUBECTL} certificate approve {name}",
            )  # fmt: skip
