"""A joining master's etcd: learner, manifest, voter (article chapter 21, phase `control-plane-join etcd`, later `etcd-join`).

Source: kubeadm v1.30.4 `app/phases/etcd/local.go` (CreateStackedEtcdStaticPodManifestFile) and `app/util/etcd`.
Members are told apart by peer URL: absent, then it is added as a learner; a learner is promoted; a voter is done.
Member ids are 64 bits wide and stay text: `-w simple` prints them in the form that `promote` takes.
"""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.chapters.control_plane import manifests_directory
from hardway.chapters.etcd import checks, data_directory, etcdctl, peer_url, voter, write_manifest
from hardway.errors import REFUSED
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, Step
from hardway.steps.shell import quote

LIMIT = 120
"""Seconds for another learner to be promoted, and for this one to catch up; kubeadm's etcdAPICall."""


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    others = tuple(other for other in cluster.control_planes if other != node)
    ctl = f"{etcdctl(cluster, *others)} --command-timeout 5s"
    members = f"{ctl} member list -w simple"
    yield manifests_directory(cluster)
    yield data_directory(cluster)
    yield _announce(cluster, node, ctl, members)
    yield write_manifest(
        cluster,
        node,
        "the members that the cluster knows",
        f"  deadline=$((SECONDS + {LIMIT}))\n"
        f'  until members="$({members})"; do\n'
        '    [ "$SECONDS" -lt "$deadline" ] || exit 1\n'
        "    sleep 0.1\n  done\n"
        # A member has no name before its first start. Ours is known; for another one kubeadm takes the id.
        f"  initial_cluster=\"$(awk -F', ' -v url={quote(peer_url(node))} -v self={quote(node.name)} \\\n"
        '    \'{ printf "%s%s=%s", sep, ($4 == url ? self : $3 == "" ? $1 : $3), $4; sep = "," }\''
        ' <<<"$members")"\n',
    )
    yield _promote(cluster, node, ctl, members)


def _announce(cluster: Cluster, node: Node, ctl: str, members: str) -> Command:
    url, manifest = peer_url(node), quote(f"{cluster.paths.manifests}/etcd.yaml")
    data = quote(f"{cluster.stacked_etcd.data_dir}/member")
    return Command(
        "control-plane-join/etcd/member",
        "add this member as a learner",
        f"(\ndeadline=$((SECONDS + {LIMIT}))\n"
        "while :; do\n"
        f'  if said="$({members} 2>&1)"; then\n'
        f'    own="$(grep -F {quote(f", {url}, ")} <<<"$said" || true)"\n'
        "    case \"$own\" in *', started, '*)\n"
        f"      [ ! -d {data} ] || break\n"
        f"      echo {quote(f'the cluster has a member at {url}, whose data is not here')} >&2\n"
        '      echo "hint: if it is lost for good, on another master: etcdctl member remove ${own%%,*}" >&2\n'
        f"      exit {REFUSED} ;;\n"
        "    esac\n"
        f"    if [ -d {data} ]; then\n"
        f"      echo {quote(f'{cluster.stacked_etcd.data_dir} holds the data of another etcd cluster')} >&2\n"
        "      echo 'hint: move it away, then apply again' >&2\n"
        f"      exit {REFUSED}\n    fi\n"
        '    [ -z "$own" ] || break\n'
        # etcd takes one learner at a time; a refusal is tried again until the other one is promoted.
        f'    if said="$({ctl} member add {quote(node.name)} --learner --peer-urls={quote(url)} 2>&1)"; then break; fi\n'
        "  fi\n"
        '  [ "$SECONDS" -lt "$deadline" ] || { echo "${said##*$\'\\n\'}" >&2; exit 1; }\n'
        "  sleep 0.1\ndone\n)\n",
        # The manifest is written only after the member was added, so it stands for that.
        Check(
            "this member to be known to the cluster", f"[ -s {manifest} ] || {{ echo 'not a member yet'; exit 1; }}\n"
        ),
        why="a learner has no vote, so the quorum is never at risk while it starts",
    )


def _promote(cluster: Cluster, node: Node, ctl: str, members: str) -> Command:
    return Command(
        "control-plane-join/etcd/promote",
        "promote the learner to a voter",
        "(\n"
        f"deadline=$((SECONDS + {LIMIT}))\n"
        "patience() {\n"
        '  [ "$SECONDS" -lt "$deadline" ] || { echo "${1##*$\'\\n\'}" >&2; exit 1; }\n'
        "  sleep 0.1\n}\n"
        f'until said="$({members} 2>&1)"; do patience "$said"; done\n'
        f'own="$(grep -F {quote(f", {peer_url(node)}, ")} <<<"$said" || true)"\n'
        'if [ -z "$own" ]; then\n'
        "  echo 'this node has the manifest of etcd, but the cluster does not know the member any more' >&2\n"
        f"  echo {quote(f'hint: reset this node, then apply again; its etcd data is in {cluster.stacked_etcd.data_dir}')} >&2\n"
        f"  exit {REFUSED}\nfi\n"
        f'until said="$({ctl} member promote "${{own%%,*}}" 2>&1)"; do\n'
        # Asked of a voter, etcd answers that only a learner can be promoted.
        '  case "$said" in *"can only promote a learner member"*"in sync"*) ;;\n'
        '    *"can only promote a learner member"*) break ;; esac\n'
        '  patience "$said"\ndone\n'
        f'until said="$(\n{voter(cluster, node)})"; do patience "promoted, but $said"; done\n'
        ")\n",
        Check("etcd of this node to be a voter", voter(cluster, node)),
        why="only a voter answers reads, and counts towards the quorum",
    )


ETCD_JOIN = Chapter(
    "control-plane-join/etcd",
    "etcd of a joining master",
    (21,),
    join_phase="control-plane-join etcd",
    local_join_phase="etcd-join",
    steps=steps,
    checks=checks,
)
