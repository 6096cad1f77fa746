"""A node leaves the cluster: what another master does for it (`kubectl drain`, `etcdctl member remove`, `kubectl delete node`).

Not in the article. Source: the documentation of kubeadm (`Clean up`: drain, reset, delete node) and of `kubectl drain`;
kubeadm v1.30.4 `app/phases/etcd/local.go` (RemoveStackedEtcdMemberFromCluster) for the member. The functions take the
node that leaves and give chapters for the master that helps. kubectl asks the helper's own API server, because the
endpoint may lead to the one that goes away.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hardway.chapters.chapter import Chapter
from hardway.chapters.etcd import etcdctl, peer_url
from hardway.chapters.kubectl import kubectl
from hardway.errors import REFUSED
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, Step
from hardway.steps.shell import quote, words

LIMIT = 60
"""Seconds for a change that the API or etcd turns down at first, because a member of theirs just went away."""


@dataclass(frozen=True)
class Drain:
    """How the pods of a node are ended."""

    timeout: int = 120
    """Seconds for all pods to end."""
    bare_pods: bool = False
    """Delete pods, too, that no controller makes anew elsewhere (kubectl drain --force)."""
    dead: bool = False
    """The machine is lost: nobody confirms the end of its pods, and nobody waits for that."""


def drain(leaving: Node, how: Drain) -> Chapter:
    """Cordon the node and evict its pods."""

    def steps(cluster: Cluster, helper: Node) -> Iterator[Step]:
        ctl, name = _kubectl(cluster, helper), quote(leaving.name)
        absent = f'[ -n "$({ctl} get node {name} --ignore-not-found -o name)" ] || exit 0\n'
        yield Command(
            "drain/cordon",
            f"cordon {leaving.name}",
            f"{ctl} cordon {name}\n",
            Check(
                f"{leaving.name} to take no new pods",
                f"said=\"$({ctl} get node {name} --ignore-not-found -o 'jsonpath={{.metadata.name}} {{.spec.unschedulable}}')\" ||\n"
                "  { echo 'the API does not answer'; exit 2; }\n"
                "case \"$said\" in '' | *' true') ;; *) echo \"it still does\"; exit 1 ;; esac\n",
            ),
            idempotent=True,
            why="what is evicted must not come back",
        )
        yield Command(
            "drain/evict",
            f"evict the pods of {leaving.name}",
            absent + ("" if how.dead else _refuse_a_silent_node(ctl, leaving)) + _evict(ctl, leaving, how),
            Check(f"{leaving.name} to run no pods but those of DaemonSets", absent + _evicted(ctl, leaving, how)),
            idempotent=True,
            why="pods move while their node can still end them properly, within their disruption budgets",
        )

    return Chapter("drain", f"Drain of {leaving.host_name}", (), steps=steps)


def remove_member(leaving: Node) -> Chapter:
    """Remove the node's member from etcd; its data directory is the node's own affair. External etcd has none of it."""

    def steps(cluster: Cluster, helper: Node) -> Iterator[Step]:
        if not cluster.runs_member(leaving):
            return
        ctl = f"{etcdctl(cluster, helper)} --command-timeout 5s"
        own = f"grep -F {quote(f', {peer_url(leaving)}, ')}"
        yield Command(
            "remove-etcd-member",
            f"remove the member of {leaving.name} from etcd",
            f"deadline=$((SECONDS + {LIMIT}))\n"
            f'until members="$({ctl} member list -w simple 2>&1)" &&\n'
            f'  {{ own="$({own} <<<"$members" || true)"; [ -z "$own" ] || said="$({ctl} member remove "${{own%%,*}}" 2>&1)"; }}; do\n'
            '  [ "$SECONDS" -lt "$deadline" ] || { echo "${said:-$members}" >&2; exit 1; }\n'
            "  sleep 0.5\ndone\n",
            Check(
                f"etcd to have no member on {leaving.name}",
                f'members="$({ctl} member list -w simple 2>&1)" || {{ echo "${{members##*$\'\\n\'}}"; exit 2; }}\n'
                f"! {own} <<<\"$members\" >/dev/null || {{ echo 'it still is one'; exit 1; }}\n",
            ),
            idempotent=True,
            why="a member that never comes back counts for the quorum for ever",
        )

    return Chapter("remove-etcd-member", f"etcd without {leaving.host_name}", (), steps=steps)


def delete_node(leaving: Node) -> Chapter:
    """Delete the Node object."""

    def steps(cluster: Cluster, helper: Node) -> Iterator[Step]:
        ctl, name = _kubectl(cluster, helper), quote(leaving.name)
        yield _found_under_its_name(ctl, leaving)
        yield Command(
            "delete-node",
            f"delete the Node {leaving.name}",
            f"deadline=$((SECONDS + {LIMIT}))\n"
            f'until said="$({ctl} delete node {name} --ignore-not-found 2>&1)"; do\n'
            '  [ "$SECONDS" -lt "$deadline" ] || { echo "$said" >&2; exit 1; }\n'
            "  sleep 0.5\ndone\n",
            Check(
                f"the cluster to have no Node {leaving.name}",
                f'said="$({ctl} get node {name} --ignore-not-found -o name 2>&1)" || {{ echo "$said"; exit 2; }}\n'
                "[ -z \"$said\" ] || { echo 'it still has'; exit 1; }\n",
            ),
            idempotent=True,
            why="its pods are collected, and its name is free for a machine that joins",
        )

    return Chapter("delete-node", f"Node object of {leaving.host_name}", (), steps=steps)


def _found_under_its_name(ctl: str, leaving: Node) -> Command:
    """Refuse to take leave of a machine that the cluster knows by another name: its Node and pods would stay behind."""
    fields = '{.metadata.name}{range .status.addresses[?(@.type=="InternalIP")]} {.address}{end}'
    path = quote(f'jsonpath={{range .items[*]}}{fields}{{"\\n"}}{{end}}')
    asked = (
        f"nodes=\"$({ctl} get nodes -o {path})\" || {{ echo 'the API does not answer'; exit 2; }}\n"
        "other=''\n"
        "while read -r name addresses; do\n"
        f"  [ \"$name\" != {quote(leaving.name)} ] || {{ other=''; break; }}\n"
        f'  case " $addresses " in *{quote(f" {leaving.address} ")}*) other="$name" ;; esac\n'
        'done <<<"$nodes"\n'
        'if [ -n "$other" ]; then\n'
        f'  echo "the cluster knows the machine with the address {leaving.address} as $other:'
        ' kubectl drain and delete that Node, kubeadm reset on the machine" >&2\n'
        f"  exit {REFUSED}\nfi\n"
    )
    return Command(
        "delete-node/name",
        f"take leave of {leaving.name}",
        asked,
        Check(f"the cluster to know the machine as {leaving.name}, or not at all", asked),
        # It only asks; so its own text is its guard.
        idempotent=True,
        why="a Node of another name would stay behind, and its pods with it",
    )


def _kubectl(cluster: Cluster, helper: Node) -> str:
    host = f"[{helper.address}]" if ":" in helper.address else helper.address
    return f"{kubectl(cluster)} --server=https://{host}:{helper.bind_port}"


def _refuse_a_silent_node(ctl: str, leaving: Node) -> str:
    path = '{.status.conditions[?(@.type=="Ready")].status}'
    return (
        f'ready="$({ctl} get node {quote(leaving.name)} -o {quote("jsonpath=" + path)})"\n'
        'if [ "$ready" = Unknown ]; then\n'
        f"  echo {quote(f'{leaving.name} has fallen silent: nobody there would end its pods')} >&2\n"
        "  echo 'hint: bring it back; or, if the machine is lost for good, --force-unreachable' >&2\n"
        f"  exit {REFUSED}\nfi\n"
    )


def _evict(ctl: str, leaving: Node, how: Drain) -> str:
    argv = ["drain", leaving.name, "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={how.timeout}s"]
    if how.bare_pods or how.dead:
        argv.append("--force")
    if how.dead:
        # Deleted instead of evicted: a disruption budget cannot keep alive what is dead already.
        argv += ["--disable-eviction", "--grace-period=0", "--skip-wait-for-delete-timeout=1"]
    return f"{ctl} {words(argv)}\n"


def _evicted(ctl: str, leaving: Node, how: Drain) -> str:
    """Pods of DaemonSets and static pods stay, ended ones do not count; of a dead node those on their way out."""
    fields = (
        "{.metadata.namespace}/{.metadata.name}|{.status.phase}|{.metadata.annotations.kubernetes\\.io/config\\.mirror}"
        '|{.metadata.ownerReferences[?(@.controller==true)].kind}|{.metadata.deletionTimestamp}{"\\n"}'
    )
    path = quote(f"jsonpath={{range .items[*]}}{fields}{{end}}")
    gone = ' || [ -n "$deleted" ]' if how.dead else ""
    return (
        f'pods="$({ctl} get pods -A --field-selector {quote(f"spec.nodeName={leaving.name}")} -o {path})" ||\n'
        "  { echo 'the API does not answer'; exit 2; }\n"
        f"while IFS='|' read -r pod phase mirror owner {'deleted' if how.dead else '_'}; do\n"
        '  [ -n "$pod" ] || continue\n'
        f'  case "$phase" in Succeeded | Failed) continue ;; esac\n'
        f'  if [ -n "$mirror" ] || [ "$owner" = DaemonSet ]{gone}; then continue; fi\n'
        '  echo "$pod is still there"; exit 1\n'
        'done <<<"$pods"\n'
    )
