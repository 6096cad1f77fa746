"""Who is a member of etcd, and which of them answer: asked on one master, told as data."""

import json
import secrets
from collections.abc import Iterable

from hardway.chapters.etcd import etcdctl
from hardway.engine.run import Session, converse
from hardway.engine.script import Line, decode, frame
from hardway.errors import StepFailed
from hardway.model import Node
from hardway.model.quorum import Member

_SCRIPT = """\
if said="$({ctl} --command-timeout 5s member list -w simple 2>&1)"; then
  while IFS= read -r line; do mark member "$line"; done <<<"$said"
  mark health "$({ctl} --command-timeout 5s endpoint health --cluster -w json 2>/dev/null | base64 -w0)"
else
  mark lost "${{said##*$'\\n'}}"
fi
"""


async def members(session: Session, master: Node) -> tuple[Member, ...]:
    """The members as this master's etcd knows them; StepFailed when it cannot tell (no quorum, not started)."""
    nonce = secrets.token_hex(8)
    text = frame(nonce, _SCRIPT.format(ctl=etcdctl(session.cluster, master)))
    lines = await converse(session, master.name, nonce, text)
    for line in lines:
        if line.kind == "lost":
            raise StepFailed(
                "etcd does not tell its members",
                master.name,
                command=f"{etcdctl(session.cluster, master)} member list",
                output=line.rest,
                hint="without a quorum nobody can join or leave; does etcd run on this master and on the others?",
            )
    return parse(lines)


def parse(lines: Iterable[Line]) -> tuple[Member, ...]:
    """Members from `id, started, name, peer URLs, client URLs, is learner` and the health of client URLs."""
    rows: list[list[str]] = []
    healthy: set[str] = set()
    for line in lines:
        if line.kind == "member":
            rows.append(line.rest.split(", "))
        elif line.kind == "health" and (text := decode(line.rest)):
            healthy = {entry["endpoint"] for entry in json.loads(text) if entry["health"]}
    return tuple(
        Member(identity, name, peers.split(",")[0], learner == "true", bool(healthy & set(clients.split(","))))
        for identity, _, name, peers, clients, learner in rows
    )
