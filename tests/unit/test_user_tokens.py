"""InitConfiguration.bootstrapTokens: which tokens are made, when, and that nobody is shown their secrets."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from engine_nodes import World, note
from hardway.chapters import bootstrap_token, token_cleanup
from hardway.chapters.user_tokens import token_secret
from hardway.config import InvalidConfiguration, loads
from hardway.config.advice import advice
from hardway.engine.events import Event
from hardway.errors import StepFailed
from hardway.model import BootstrapToken, Cluster
from hardway.renderers import bash, cloud_init
from hardway.steps import Command
from hardway.steps.shell import input_file
from hardway.workflows import inputs
from hardway.workflows.apply import APPLY
from hardway.workflows.by import carried_out, chosen
from hardway.workflows.first_boot import FIRST_BOOT
from hardway.workflows.stage import Stage, first_control_plane

LAB = (Path(__file__).resolve().parents[2] / "examples/lab/cluster.yaml").read_text()
SECRETS = ("0123456789abcdef", "fedcba9876543210")
TOKENS = f"""\
- {{token: aaaaaa.{SECRETS[0]}, ttl: 90m, description: for the racks}}
- {{token: bbbbbb.{SECRETS[1]}, ttl: 0s, usages: [authentication], groups: ["system:bootstrappers:racks"]}}
- {{ttl: 1.5s}}
"""


def asking(tokens: str) -> Cluster:
    """The lab's cluster with these bootstrapTokens."""
    text = LAB.replace("kind: InitConfiguration\n", f"kind: InitConfiguration\nbootstrapTokens:\n{tokens}")
    return loads(text.replace("skip: [crictl, kubeadm]", "skip: [crictl]"))


def step(cluster: Cluster, name: str) -> Command:
    """A step of chapter bootstrap-token."""
    found = bootstrap_token.steps(cluster, cluster.first_control_plane)
    return next(one for one in found if isinstance(one, Command) and one.id == name)


def problems(tokens: str) -> list[str]:
    """What we say of such bootstrapTokens, each with its path."""
    with pytest.raises(InvalidConfiguration) as caught:
        asking(tokens)
    assert not any(secret in caught.value.render() for secret in SECRETS)
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


def test_tokens_have_kubeadms_defaults() -> None:
    """A day, both usages, kubeadm's group; no end where the ttl is zero; a part of a second is a whole one."""
    first, second, third = asking(TOKENS).bootstrap_tokens
    default = ("system:bootstrappers:kubeadm:default-node-token",)

    assert (first.identifier, first.ttl, first.description, first.groups) == (
        "aaaaaa",
        5400,
        "for the racks",
        default,
    )
    assert (second.ttl, second.usages, second.groups) == (0, ("authentication",), ("system:bootstrappers:racks",))
    assert (third.value, third.ttl, third.usages) == ("", 2, ("signing", "authentication"))
    assert asking("- {description: a}\n").bootstrap_tokens == (BootstrapToken(description="a"),)
    assert [token.ttl for token in asking("- {ttl: -1h}\n- {ttl: 48h}\n").bootstrap_tokens] == [0, 48 * 3600]


def test_an_entry_that_says_nothing_is_kubeadms_own() -> None:
    """Where there are no tokens kubeadm makes a random one; here each node has one of its own."""
    for nothing in ("- {}\n", "- {ttl: 24h}\n", "  []\n"):
        assert asking(nothing).bootstrap_tokens == (), nothing
    assert len(asking("- {}\n- {}\n").bootstrap_tokens) == 2


def test_wrong_tokens_are_told_with_their_place() -> None:
    """All at once, in words that help, and without the secret."""
    here = "InitConfiguration.bootstrapTokens"
    told = problems(
        f"- {{token: aaaaaa.{SECRETS[0]}, expires: '2030-01-01T00:00:00Z'}}\n"
        f"- {{token: aaaaaa.{SECRETS[1]}, ttl: 1d, usages: [signing]}}\n"
        f"- {{token: '', usages: [signing, flying]}}\n"
        f"- {{token: A.{SECRETS[0]}, ttl: '', groups: [system:masters]}}\n"
    )

    assert told == [
        f"{here}[0].expires: kubeadm takes no `expires` in InitConfiguration",
        f"{here}[1].token: a second token with the id aaaaaa",
        f"{here}[1].ttl: `1d` is not a duration",
        f"{here}[1].usages: a token without `authentication` can have no groups, and kubeadm gives each one a group",
        f"{here}[2].token: not a bootstrap token",
        f"{here}[2].usages[1]: a token has no usage `flying`",
        f"{here}[3].token: not a bootstrap token",
        f"{here}[3].ttl: `` is not a duration",
        f"{here}[3].groups[0]: `system:masters` cannot be a group of a token",
    ]


def test_the_token_of_the_documentation_is_warned_of() -> None:
    """`kubeadm config print init-defaults` prints one that everybody knows."""
    known = [line for line in advice(asking("- {token: abcdef.0123456789abcdef}\n")) if "abcdef" in line]

    assert len(known) == 1
    assert SECRETS[0] not in known[0]
    assert [line for line in advice(asking(TOKENS)) if "token" in line] == []


def test_secrets_are_in_no_text() -> None:
    """Model, steps by us and by kubeadm, bash, user-data: each names the run input, none holds its value."""
    cluster = asking(TOKENS)
    by_kubeadm = carried_out(APPLY, chosen(APPLY, cluster, "kubeadm=all"))
    texts = [repr(cluster), repr(cluster.bootstrap_tokens)]
    texts += [repr(tuple(s.chapter.steps(cluster, n))) for s in (*APPLY, *by_kubeadm) for n in s.on(cluster)]
    texts += [script.text for script in bash.render(cluster, APPLY)]
    tree = cloud_init.render(cluster, FIRST_BOOT, cluster.nodes)
    texts += [entry.content.decode() for entry in tree.values()]

    assert [secret for secret in SECRETS for text in texts if secret in text] == []
    assert sum(input_file("bootstrap-token/aaaaaa") in text for text in texts) >= 3


def test_a_reader_of_the_scripts_is_told_where_tokens_go() -> None:
    """inputs.sh makes the random one, and says of the others into which file they have to be written."""
    cluster = asking(TOKENS)
    text = next(script.text for script in bash.render(cluster, APPLY) if script.path == "inputs.sh")

    assert f">{input_file('bootstrap-token/entry-2')}" in text
    for identifier in ("aaaaaa", "bbbbbb"):
        file = input_file(f"bootstrap-token/{identifier}")
        assert f"missing: {file} (0600): token {identifier} of InitConfiguration.bootstrapTokens" in text
        assert f">{file}" not in text


def test_every_text_of_a_user_comes_through_the_shell() -> None:
    """What bash, YAML and the template could take for their own stays in the description."""
    text = token_secret({"description": "$id `x` \\ $(id)\n  name: x\n"}, ends=False)

    assert "    \\$id \\`x\\` \\\\ \\$(id)\n      name: x\n" in text
    assert text.count("bootstrap-token-$id") == 1
    assert "expiration" not in text


def test_a_token_is_forgotten_and_not_deleted_when_nodes_have_joined() -> None:
    """Chapter token-delete deletes Secrets of nodes' tokens only."""
    cluster = asking(TOKENS)
    own, plain = (
        next(iter(token_cleanup.steps(one, one.first_control_plane)))
        for one in (cluster, replace(cluster, bootstrap_tokens=()))
    )
    assert isinstance(own, Command)
    assert isinstance(plain, Command)
    files = {input_file(token.run_input) for token in cluster.bootstrap_tokens}

    assert set(own.watches) - set(plain.watches) == files
    assert own.script.partition("rm -f")[0] == plain.script.partition("rm -f")[0]


def test_kubeadm_gets_them_while_the_cluster_begins(tmp_path: Path) -> None:
    """Its document holds the user's tokens and the nodes'; once cluster-info is there, only the nodes'."""
    cluster = asking(TOKENS)
    stage = next(
        s
        for s in carried_out(APPLY, chosen(APPLY, cluster, "kubeadm=bootstrap-token"))
        if s.chapter.name == "bootstrap-token"
    )
    ran = next(s for s in stage.chapter.steps(cluster, cluster.first_control_plane) if isinstance(s, Command))
    world = World(tmp_path)
    world.cluster = replace(world.cluster, bootstrap_tokens=cluster.bootstrap_tokens)
    bin_, seen = tmp_path / "bin", tmp_path / "seen"
    bin_.mkdir()
    for name, text in (("kubeadm", f'cat "${{@: -1}}" >{seen}'), ("kubectl", f"cat {tmp_path}/answer")):
        (bin_ / name).write_text(f"#!/bin/bash\n{text}\n")
        (bin_ / name).chmod(0o755)
    script = f"export PATH={bin_}:$PATH\n{ran.script}"
    names = tuple(name for name in ran.inputs if name.startswith("bootstrap-token/"))
    joins = "".join(
        f"echo jjjjj{n}.{SECRETS[0]} >{input_file(name)}\n" for n, name in enumerate(set(ran.inputs) - set(names))
    )
    chapter = world.chapter("a", lambda m, n: [note(m, "a", script=joins + script, inputs=names)])

    found = []
    for answer in ("", "configmap/cluster-info\n"):
        (tmp_path / "answer").write_text(answer)
        world.apply(Stage(chapter, first_control_plane))
        tokens = json.loads(seen.read_text().splitlines()[0])["bootstrapTokens"]
        found.append([(token["token"], token["ttl"]) for token in tokens])
    joining = [(f"jjjjj{n}.{SECRETS[0]}", "7200s") for n in range(3)]

    assert found[0][:2] == [(f"aaaaaa.{SECRETS[0]}", "5400s"), (f"bbbbbb.{SECRETS[1]}", "0s")]
    assert re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", found[0][2][0])
    assert sorted(found[0][3:]) == sorted(found[1]) == joining


def test_the_engine_lays_down_what_the_document_says(tmp_path: Path) -> None:
    """Also over what an older document has left; a random one is taken up again; nobody prints either."""
    world = World(tmp_path)
    world.cluster = replace(world.cluster, bootstrap_tokens=asking(TOKENS).bootstrap_tokens)
    names = tuple(token.run_input for token in world.cluster.bootstrap_tokens)
    (world["master-1"].run / "inputs").mkdir(mode=0o700)
    for name, text in ((names[0], "aaaaaa.ffffffffffffffff"), (names[2], f"cccccc.{'c' * 16}")):
        (world["master-1"].run / "inputs" / Path(input_file(name)).name).write_text(f"{text}\n")
    events: list[Event] = []
    read = "".join(f"cat {input_file(name)}\n" for name in names)
    copied = world.chapter("a", lambda m, n: [note(m, "a", script=f"({read}) >{m.root}/copy\n", inputs=names)])
    failing = world.chapter("b", lambda m, n: [note(m, "b", script=f"{read}exit 3\n", inputs=names)])

    assert not any(
        secret in json.dumps(world.plan(Stage(copied, first_control_plane)).to_data()) for secret in SECRETS
    )
    world.apply(Stage(copied, first_control_plane), listener=events.append)
    with pytest.raises(StepFailed) as caught:
        world.apply(Stage(failing, first_control_plane), listener=events.append)

    copy = (world["master-1"].root / "copy").read_text()
    assert copy == f"aaaaaa.{SECRETS[0]}\nbbbbbb.{SECRETS[1]}\ncccccc.{'c' * 16}\n"
    assert caught.value.output == "***\n***\n***\n"
    assert not any(secret in repr(events) for secret in SECRETS)


def test_inputs_of_a_cluster() -> None:
    """Each kind names its inputs, and each name finds its kind again."""
    cluster = asking(TOKENS)
    found = {name: kind for kind in inputs.RUN_INPUTS for name in inputs.names(kind, cluster)}

    assert {name: inputs.find(name) for name in found} == found
    assert set(inputs.given(cluster)) == {"bootstrap-token/aaaaaa", "bootstrap-token/bbbbbb"}
    assert set(step(cluster, "bootstrap-token/user-tokens").inputs) < set(found)
