"""What verbs for a running cluster accept, print and read, without a cluster."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from clusters import lab_cluster
from typer.testing import CliRunner

from hardway.cli.app import app
from hardway.cli.options import duration
from hardway.cli.token import new_token
from hardway.errors import UsageError
from hardway.operations import expiration, joining, renewal, requests, tokens
from hardway.operations.tokens import Token


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
    assert set(first) - set(second) == {"super-admin.conf"}


def test_every_certificate_has_readers_or_tools() -> None:
    """Each renewable name either restarts one static pod, or is read anew each time."""
    cluster = lab_cluster()
    names = {name for name, _ in expiration.renewable(cluster, cluster.first_control_plane)}
    read = [name for listed in renewal.READERS.values() for name in listed]

    assert len(read) == len(set(read))
    assert names - set(read) == {"admin.conf", "super-admin.conf", "etcd-healthcheck-client"}
    assert renewal.restarted(["scheduler.conf", "etcd-peer"]) == ("etcd", "kube-scheduler")


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
