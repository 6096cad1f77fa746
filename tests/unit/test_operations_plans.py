"""What verbs for a running cluster accept, print and read, without a cluster."""

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clusters import lab_cluster
from typer.testing import CliRunner

from hardway.chapters import leave, renew
from hardway.cli.app import app
from hardway.cli.kubeconfig import _place
from hardway.cli.options import duration
from hardway.cli.token import new_token
from hardway.engine.certificates import read as parse
from hardway.engine.certificates import requests as asked
from hardway.errors import Refused, UsageError
from hardway.operations import expiration, joining, requests, tokens
from hardway.operations.tokens import Token
from hardway.pki import catalog, sign
from hardway.pki.kubeconfigs import KubeconfigSpec, client_certificate
from hardway.workflows.renew import renew as workflow


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (86399, "23h"),
        (86400, "1d"),
        (364 * 86400, "364d"),
        (365 * 86400, "1y"),
        (3650 * 86400 - 1, "9y"),
    ],
)
def test_short_durations(seconds: int, text: str) -> None:
    """As kubeadm and kubectl print what is left."""
    assert tokens.short_duration(timedelta(seconds=seconds)) == text


def test_a_token_without_an_end() -> None:
    """kubeadm's words for it."""
    assert tokens.remaining(None, datetime.now(UTC)) == "<forever>"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": "abcdef.0123456789ABCDEF"}, "this is no bootstrap token"),
        ({"usages": "signing,reading"}, "a token has no usage `reading`"),
        ({"groups": ["system:masters"]}, "`system:masters` cannot be a group of a token"),
        ({"usages": "signing", "groups": ["system:bootstrappers:x"]}, "a token has groups only where"),
        ({"ttl": "2 hours"}, "`2 hours` is no duration"),
        ({"ttl": "-1h"}, "`-1h` is no duration"),
    ],
)
def test_what_a_token_cannot_be(arguments: dict[str, object], message: str) -> None:
    """Refused before any node is asked."""
    with pytest.raises(UsageError, match=message):
        new_token(**{"text": "", "ttl": "1h", **arguments})  # type: ignore[arg-type]


def test_a_new_token() -> None:
    """Random, in kubeadm's form, with its end; without `authentication` it has no groups."""
    made, other = new_token("", "2h"), new_token("", "0", usages="signing")

    assert tokens.is_token(made.text)
    assert made.text != other.text
    assert made.expires is not None
    assert timedelta(hours=1, minutes=59) < made.expires - datetime.now(UTC) <= timedelta(hours=2)
    assert (other.expires, other.usages, other.groups) == (None, ("signing",), ())


def test_a_token_does_not_print_its_secret() -> None:
    """Where it lands in a message by mistake, it is its id."""
    assert repr(Token("abcdef", "0123456789abcdef")) == "Token(abcdef)"


def test_durations() -> None:
    """Go's form."""
    assert duration("1h30m", "--ttl") == timedelta(minutes=90)


@pytest.mark.parametrize(
    ("text", "expected"), [("abcdef", "abcdef"), ("abcdef.0123456789abcdef", "abcdef"), ("x", "")]
)
def test_ids_of_tokens(text: str, expected: str) -> None:
    """An id, or a token whose id it is."""
    assert tokens.identifier(text) == expected


def test_the_line_for_another_master() -> None:
    """kubeadm's words and their order."""
    line = joining.join_command(lab_cluster(), "abcdef.0123456789abcdef", "sha256:aa", "bb")

    assert line == (
        "kubeadm join api.my-first-cluster.example.com:6443 --token abcdef.0123456789abcdef"
        " --discovery-token-ca-cert-hash sha256:aa --control-plane --certificate-key bb"
    )


def test_what_kubelets_renew_is_not_listed() -> None:
    """kubeadm's ten names and super-admin.conf on the first master, in its order."""
    cluster = lab_cluster()
    first = [name for name, _ in expiration.renewable(cluster, cluster.first_control_plane)]
    second = [name for name, _ in expiration.renewable(cluster, cluster.control_planes[1])]

    assert first == sorted(first)
    assert len(first) == 11
    assert set(first) - set(second) == {"super-admin.conf"} == expiration.spared(cluster)


def test_every_certificate_has_readers_or_tools() -> None:
    """Each renewable name either restarts one static pod, or is read anew each time."""
    cluster = lab_cluster()
    names = {name for name, _ in expiration.renewable(cluster, cluster.first_control_plane)}
    read = [name for listed in renew.READERS.values() for name in listed]

    assert len(read) == len(set(read))
    assert names - set(read) == {"admin.conf", "super-admin.conf", "etcd-healthcheck-client"}
    assert renew.restarted(["scheduler.conf", "etcd-peer"]) == ("etcd", "kube-scheduler")


def request(name: str) -> renew.Request:
    """A request of the first master."""
    cluster = lab_cluster()
    spec = dict(expiration.renewable(cluster, cluster.first_control_plane))[name]
    fields = client_certificate(spec) if isinstance(spec, KubeconfigSpec) else spec
    return renew.Request(name, spec, fields, "0" * 64)


def steps_of(names: Iterable[str], *, force: bool = False) -> list[str]:
    """Ids of the steps that renew these on the first master."""
    cluster = lab_cluster()
    node = cluster.first_control_plane
    chapter = renew.chapter({node.name: tuple(map(request, names))}, force=force)
    assert list(chapter.steps(cluster, cluster.control_planes[1])) == []
    return [step.id for step in chapter.steps(cluster, node)]


def test_a_master_is_well_before_and_after_each_restart() -> None:
    """First the question whether all is well, then all renewals, then pod by pod in the order of their needs."""
    assert steps_of(["apiserver", "etcd-peer", "scheduler.conf"]) == [
        "renew/well",
        "renew/apiserver",
        "renew/etcd-peer",
        "renew/scheduler.conf",
        "renew/restart-etcd",
        "renew/etcd",
        "renew/restart-kube-apiserver",
        "renew/kube-apiserver",
        "renew/restart-kube-scheduler",
        "renew/kube-scheduler",
    ]


def test_what_only_tools_read_restarts_nothing() -> None:
    """And asks nobody whether the cluster is well."""
    assert steps_of(["admin.conf"]) == ["renew/admin.conf"]


def test_force_asks_nobody_first() -> None:
    """After certificates have ended nothing is well, and one member of etcd is never well alone: all masters at once."""
    (calm,), (forced,) = (workflow({"a": ()}), workflow({"a": ()}, force=True))

    assert "renew/well" not in steps_of(["etcd-peer"], force=True)
    assert (calm.serial, forced.serial) == (True, False)


def test_an_external_ca_is_refused_before_anything_is_done() -> None:
    """The refusal names the CA; what is not asked for is not looked at."""
    cluster = lab_cluster()
    node = cluster.first_control_plane
    issued = sign.certificates(catalog.authorities(cluster)[:1], {}, datetime.now(UTC))
    pem = issued[catalog.ca(cluster, "ca").certificate]
    found = [
        parse(expiration.Stored(node.name, name, "ca", name == "apiserver", pem))
        for name, _ in expiration.renewable(cluster, node)
    ]

    assert [r.name for r in asked(cluster, node, {"admin.conf"}, found)] == ["admin.conf"]
    with pytest.raises(Refused, match="apiserver is signed by ca, whose key is not here"):
        asked(cluster, node, {"admin.conf", "apiserver"}, found)


def test_another_master_can_be_let_in_where_there_is_one() -> None:
    """The line for another master is asked for just where there is none yet: the CAs are uploaded there, too."""
    cluster = lab_cluster()
    alone = replace(cluster, nodes=tuple(n for n in cluster.nodes if n not in cluster.joining_control_planes))

    assert "kubeadm-certs" in joining.upload_certificates(alone, "0" * 64)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["kubeconfig", "--server", "localhost"], "`localhost` is no URL of an API server"),
        (["csr", "approve", "x", "--watch"], "--watch looks at all requests"),
    ],
)
def test_mistakes_are_told_before_anybody_is_asked(argv: list[str], message: str) -> None:
    """Exit code 2, and no node was connected."""
    done = CliRunner().invoke(app, argv)

    assert isinstance(done.exception, UsageError)
    assert message in done.exception.what


def test_a_kubeconfig_is_placed_whole_and_private(tmp_path: Path) -> None:
    """Mode 0600 from its first byte, links are followed, directories and other content are no traceback."""
    real, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to(real)
    _place(link, "one", force=False)
    _place(link, "one", force=False)
    with pytest.raises(Refused):
        _place(link, "two", force=False)
    _place(link, "two", force=True)
    with pytest.raises(UsageError, match="it cannot be written"):
        _place(tmp_path, "two", force=True)
    with pytest.raises(UsageError, match="it cannot be written"):
        _place(tmp_path / "none/x", "two", force=False)

    assert (real.read_text(), real.stat().st_mode & 0o777, link.is_symlink()) == ("two", 0o600, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_a_request_that_was_decided_needs_nobody() -> None:
    """Only open ones without objection can be approved."""
    text = "a\tsystem:node:x\t\t\nb\tsystem:node:x\tApproved\t\nc\tme\t\tit is not from a node of the inventory\n"

    assert [item.can_be_approved for item in requests.listed(text)] == [True, False, False]


@pytest.mark.parametrize(
    "argv",
    [["kubeconfig"], ["certs", "check-expiration"], ["certs", "renew"], ["token", "create"], ["token", "list"],
     ["token", "delete"], ["join-command"], ["csr", "list"], ["csr", "approve"]],
)  # fmt: skip
def test_every_verb_explains_itself(argv: list[str]) -> None:
    """--help works and names the option for the file."""
    done = CliRunner().invoke(app, [*argv, "--help"], env={"COLUMNS": "200"})

    assert done.exit_code == 0
    assert "--file" in done.output


def test_unreadable_certificates_are_missing() -> None:
    """A line of a node with nothing in it is a certificate that is not there."""
    (found,) = expiration.read("n", "apiserver\tca\tno\t\n")

    assert (found.name, found.authority, found.external, found.pem) == ("apiserver", "ca", False, b"")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    """Each shell's script asks the command itself what comes next."""
    done = subprocess.run(
        [sys.executable, "-m", "hardway.cli", "completion", shell], capture_output=True, text=True, check=True
    )

    assert f"_HARDWAY_COMPLETE=complete_{shell}" in done.stdout
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)


def test_a_master_that_leaves_is_known_whatever_was_found_on_it() -> None:
    """Its member of etcd goes: what was probed makes another value of the node, but not another machine."""
    cluster = lab_cluster()
    master = cluster.node("master-3")
    leaving = replace(master, facts=replace(master.facts, cpus=master.facts.cpus + 1))
    steps = leave.remove_member(leaving).steps(cluster, cluster.first_control_plane)

    assert leaving not in cluster.nodes
    assert [step.id for step in steps] == ["remove-etcd-member"]
