"""What could not be asked: each question that failed is a finding, and what depends on it is not judged. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from hardway.config.problems import hidden
from hardway.errors import HardwayError, Unreachable, UsageError
from hardway.model import Cluster, EtcdExternal, Node, OsFamily
from hardway.parity.live import fetch
from hardway.parity.live.cures import KUBECTL
from hardway.parity.live.finding import CLUSTER, Finding, Grade
from hardway.parity.live.found import MISSHAPEN
from hardway.parity.live.pems import NOT_ASKED
from hardway.parity.live.seen import Failure, SeenCluster, SeenNode
from hardway.steps.shell import quote, words

ITEMS = {
    "config": "ConfigMap kube-system/kubeadm-config",
    "nodes": "Nodes",
    "pods": "Pods of the control plane",
    "csrs": "CertificateSigningRequests",
    "secrets": "Secrets of kube-system",
    fetch.MEMBERS: "members of etcd",
}
_INSTALL = {OsFamily.DEBIAN: "apt-get install -y openssl", OsFamily.REDHAT: "dnf install -y openssl"}


def failed(api: SeenCluster, question: str) -> bool:
    """Nothing can be said of what it asks for."""
    return any(failure.question == question for failure in api.failed)


def why(failure: Failure, names: Mapping[str, list[str]]) -> str:
    """A command that shows on the master why a question fails. `names`: the objects that were asked for, by namespace."""
    if failure.question in fetch.QUESTIONS:
        argv = fetch.QUESTIONS[failure.question]
    else:
        namespace = failure.question.partition(":")[2]
        argv = fetch.objects_question(namespace, names.get(namespace, []))
    kubectl = f"kubectl --kubeconfig={quote(failure.conf)}" if failure.conf else KUBECTL
    return f"{kubectl} {words([*argv, '-o', 'name'])}"


def questions(
    cluster: Cluster, master: Node, failures: Iterable[Failure], names: Mapping[str, list[str]]
) -> Iterator[Finding]:
    """Those that the API and etcd have not answered."""
    for failure in failures:
        item = ITEMS.get(failure.question) or _objects(failure.question.partition(":")[2])
        if failure.question == fetch.MEMBERS:
            if isinstance(cluster.etcd, EtcdExternal):
                continue
            yield _not_asked(master.name, "etcd", item, failure, _member_list(cluster, master))
        else:
            yield _not_asked(CLUSTER, "api", item, failure, why(failure, names))


def _objects(namespace: str) -> str:
    return f"objects of {namespace}" if namespace else "objects without a namespace"


def _not_asked(node: str, chapter: str, item: str, failure: Failure, cure: str) -> Finding:
    return Finding(Grade.ERROR, node, chapter, item, "answer", "all of them", f"{NOT_ASKED}: {failure.reason}", cure)


def _member_list(cluster: Cluster, master: Node) -> str:
    pki = f"{cluster.paths.pki}/etcd"
    client = f"{pki}/healthcheck-client"
    identity = ["--cacert", f"{pki}/ca.crt", "--cert", f"{client}.crt", "--key", f"{client}.key"]
    # etcd listens on the loopback address of the family that the master's own has.
    return words(["curl", "-sS", *identity, "-d", "{}", f"https://{master.loopback}:2379/v3/cluster/member/list"])


def lost(node: Node, error: HardwayError) -> Finding:
    """A node that was not read."""
    field = "reachable" if isinstance(error, Unreachable) else "readable"
    reason = ": ".join((error.what, *map(hidden, error.output.splitlines()[:1])))
    # What hardway does not support has no cure.
    cure = "" if isinstance(error, UsageError) else error.hint or error.command
    return Finding(Grade.ERROR, node.name, "", "node", field, "yes", reason, cure)


def of_node(node: Node, seen: SeenNode) -> Iterator[Finding]:
    """What a node could not or would not tell."""
    if "openssl" in seen.lacks:
        yield Finding(
            Grade.WARNING, node.name, "certs", "openssl", "installed", "yes", "no: keys cannot be judged",
            _INSTALL[node.facts.os_family],
        )  # fmt: skip
    for path in sorted(seen.withheld):
        yield Finding(
            Grade.WARNING, node.name, "control-plane", path, "content", "no key, token or password",
            f"one of them, {NOT_ASKED} for the rest",
            "" if path.endswith((".yaml", ".yml", ".json")) else f"mv {quote(path)} /root/",
        )  # fmt: skip


def judged(seen: SeenNode, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Without those about what the node has not told."""
    for finding in findings:
        about_content = finding.item in seen.withheld and not finding.field.startswith("file.")
        if finding.found != NOT_ASKED and not about_content:
            yield finding


def known(unknown: Collection[str], findings: Iterable[Finding]) -> Iterator[Finding]:
    """Without those about objects of which the API has not said whether they are there."""
    return (finding for finding in findings if finding.item not in unknown)


def all_of(node: str, what: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, and one more where something has a shape that nobody thought of: the rest is judged all the same."""
    try:
        yield from findings
    except MISSHAPEN as error:
        reason = hidden(str(error).partition("\n")[0])
        chapter = "api" if node == CLUSTER else ""
        yield Finding(Grade.ERROR, node, chapter, what, "judged", "yes", f"no: {type(error).__name__}: {reason}")
