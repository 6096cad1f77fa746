"""kubeadm's RootlessControlPlane, which hardway does not build. Pure.

Source: kubeadm v1.30.4 `app/util/staticpod/utils_linux.go`: each component gets a user of its own, whose number is the
machine's, and what it alone reads is given to that user.
"""

import re
from collections.abc import Iterable, Iterator

from hardway.model import Cluster
from hardway.parity.compare import ABSENT
from hardway.parity.live.finding import Finding

GATE = "RootlessControlPlane"
_GIVEN = (
    "sa.pub",
    "sa.key",
    "ca.key",
    "apiserver.key",
    "apiserver-kubelet-client.key",
    "apiserver-etcd-client.key",
    "front-proxy-client.key",
    "etcd/server.key",
    "etcd/peer.key",
)
_CONFS = ("controller-manager.conf", "scheduler.conf")
_CONTEXT = re.compile(
    r".*securityContext\.(runAsUser|runAsGroup|supplementalGroups\[\d+\]|allowPrivilegeEscalation|"
    r"capabilities\.(drop|add)\[\d+\])"
)


def judged(cluster: Cluster, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Without those about the users and what is theirs: a cure would take it from them."""
    if cluster.feature_gates.get(GATE) is not True:
        yield from findings
        return
    paths = cluster.paths
    theirs = {f"{paths.pki}/{name}" for name in _GIVEN} | {f"{paths.kubernetes}/{name}" for name in _CONFS}
    theirs |= {cluster.stacked_etcd.data_dir} if cluster.etcd_members else set()
    for finding in findings:
        readers = finding.item == f"{paths.pki}/sa.key" and (finding.field, finding.found) == ("file.mode", "0640")
        owner = finding.item in theirs and finding.field == "file.owner"
        if not (readers or owner or _is_context(finding)):
            yield finding


def _is_context(finding: Finding) -> bool:
    """What the component may, where that is less than root may."""
    added = ".add[" not in finding.field or finding.found == '"NET_BIND_SERVICE"'
    less = added and finding.found not in ("true", "0")
    return finding.expected == ABSENT and less and _CONTEXT.fullmatch(finding.field) is not None
