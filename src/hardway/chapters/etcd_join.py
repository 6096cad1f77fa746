"""A joining master's etcd: learner, manifest, voter (article chapter 21, phase `control-plane-join etcd`).

Source: kubeadm v1.30.4 `app/phases/etcd/local.go` (CreateStackedEtcdStaticPodManifestFile) and `app/util/etcd`.
Members are told apart by peer URL: absent, then it is added as a learner; a learner is promoted; a voter is done.
"""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.chapters.control_plane import manifests_directory
from hardway.chapters.etcd import checks, client_url, data_directory, etcdctl, peer_url, write_manifest
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, Step

PROMOTE_LIMIT = 120
"""Seconds for a learner to catch up, as kubeadm has it."""


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    others = ",".join(client_url(other) for other in cluster.control_planes if other != node)
    ctl = f"{etcdctl(cluster, others)} --command-timeout 10s"
    url = peer_url(node)
    manifest = f"{cluster.paths.manifests}/etcd.yaml"
    # Our own etcd answers only as a started member, so a quick no here costs nothing.
    own = f"{etcdctl(cluster, client_url(node))} --command-timeout 5s --dial-timeout 1s"
    voter = f"{own} member list -w simple 2>/dev/null |\n  grep -q ', started, .*, {url}, .*, false$'"
    refusal = "/run/hardway/etcd-member-add"
    yield manifests_directory(cluster)
    yield data_directory(cluster)
    yield Command(
        "control-plane-join/etcd/member",
        "add this member as a learner",
        f"if [ ! -e {manifest} ] && [ -d {cluster.etcd.data_dir}/member ]; then\n"
        f"  echo '{cluster.etcd.data_dir} holds data of another etcd member' >&2\n  exit 1\nfi\n"
        f"install -d -m 0700 /run/hardway\ndeadline=$((SECONDS + {PROMOTE_LIMIT}))\n"
        f"until {ctl} member list -w simple | grep -qF ', {url},'; do\n"
        # etcd takes one learner at a time; a refusal is tried again until the other one is promoted.
        f"  {ctl} member add {node.name} --learner --peer-urls={url} >/dev/null 2>{refusal} && break\n"
        f'  [ "$SECONDS" -lt "$deadline" ] || {{ cat {refusal} >&2; exit 1; }}\n'
        "  sleep 0.2\ndone\n",
        Check(
            "this member to be known to the cluster", f"[ -s {manifest} ] || {{ echo 'not a member yet'; exit 1; }}\n"
        ),
        why="a learner has no vote, so the quorum is never at risk while it starts",
    )
    yield write_manifest(
        cluster,
        node,
        # Unstarted members have no name in the list: ours is the only one, so it takes our name.
        f"initial_cluster=\"$({ctl} member list -w simple | awk -F', ' -v self={node.name} "
        '\'{ printf "%s%s=%s", sep, ($3 == "" ? self : $3), $4; sep = "," }\')"\n',
        "the members that the cluster knows",
    )
    yield Command(
        "control-plane-join/etcd/promote",
        "promote the learner to a voter",
        f"deadline=$((SECONDS + {PROMOTE_LIMIT}))\n"
        "while :; do\n"
        f"  member=\"$({ctl} member list -w simple 2>/dev/null | grep -F ', {url},' || true)\"\n"
        '  case "$member" in *", started, "*", false") break ;; esac\n'
        f'  if [ -n "$member" ] && reason="$({ctl} member promote "${{member%%,*}}" 2>&1)"; then break; fi\n'
        '  [ "$SECONDS" -lt "$deadline" ] || { printf \'%s\\n\' "${reason:-no member}" >&2; exit 1; }\n'
        "  sleep 0.1\ndone\n"
        f"until {voter}; do\n"
        '  [ "$SECONDS" -lt "$deadline" ] || { echo \'promoted, but it does not answer\' >&2; exit 1; }\n'
        "  sleep 0.1\ndone\n",
        Check("etcd of this node to be a voter", f"{voter} || {{ echo 'not a voter yet'; exit 1; }}\n"),
        why="only a voter answers reads, and counts towards the quorum",
    )


ETCD_JOIN = Chapter(
    "control-plane-join/etcd",
    "etcd of a joining master",
    (21,),
    join_phase="control-plane-join etcd",
    steps=steps,
    checks=checks,
)
