"""`hardway parity` for people: what differs stands side by side, and whether that is a failure."""

import os
from pathlib import Path

import pytest
from clusters import lab_cluster
from typer.testing import CliRunner, Result

from hardway.cli import audit as audit_command
from hardway.cli import parity as parity_command
from hardway.cli.app import app
from hardway.parity.compare import ABSENT, Difference
from hardway.parity.declared import DECLARED
from hardway.parity.live.audit import Audit
from hardway.parity.live.finding import Finding, Grade
from hardway.parity.report import ParityReport, Row

EXAMPLE = Path(__file__).parents[2] / "examples/lab/cluster.yaml"
IMAGE = Difference(
    "/etc/kubernetes/manifests/etcd.yaml", "spec.containers[etcd].volumeMounts[/var/lib/etcd].name", "a [b]", ABSENT
)
TOKEN = Difference(
    "Secret kube-system/bootstrap-token-(to join)",
    "data.expiration",
    "2:00:00 after issue",
    "1 day, 0:00:00 after issue",
)
EQUAL = Row("master-1", "certs", "/etc/kubernetes/pki/ca.crt", 31, ())
DIFFERENT = Row("master-1", "etcd", IMAGE.item, 70, (IMAGE,))
DECLARED_ONLY = Row("cluster", "bootstrap-token", TOKEN.item, 9, (TOKEN,))


def parity(patch: pytest.MonkeyPatch, rows: tuple[Row, ...], *argv: str) -> Result:
    """The command with a comparison that somebody else has made."""
    patch.setattr(parity_command, "compare_cluster", lambda *_: ParityReport(lab_cluster(), rows))
    patch.setattr(os, "geteuid", lambda: 0)
    patch.setattr(parity_command, "ensure_kubernetes", lambda *_: {"kubeadm": Path("kubeadm")})
    return CliRunner().invoke(app, ["parity", "-f", str(EXAMPLE), *argv])


def cells(line: str) -> list[str]:
    """Of a line of a table; cells are two blanks or more apart."""
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_what_differs_is_shown_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line for each item with a difference, then each field with both values; declared ones with their reason."""
    done = parity(monkeypatch, (EQUAL, DIFFERENT, DECLARED_ONLY))
    told = [cells(line) for line in done.stdout.splitlines()]

    assert told[:8] == [
        ["CHAPTER", "NODE", "ITEM", "FIELDS", "DIFFERENT"],
        ["etcd", "master-1", IMAGE.item, "70", "1"],
        ["bootstrap-token", "cluster", TOKEN.item, "9", "1"],
        [],
        ["ITEM", "FIELD", "HARDWAY", "KUBEADM"],
        [IMAGE.item, IMAGE.field, IMAGE.ours, IMAGE.kubeadm],
        [TOKEN.item, TOKEN.field, TOKEN.ours, TOKEN.kubeadm],
        [],
    ]
    (reason,) = [one.reason for one in DECLARED if one.field == "data.expiration"]
    assert done.stdout.splitlines()[8:] == [
        f"declared: {reason}",
        "kubeadm v1.30.4: 3 items with 110 fields compared, 1 differ, 1 more by declaration",
    ]
    assert done.exit_code == 1


def test_what_is_declared_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is shown all the same."""
    done = parity(monkeypatch, (EQUAL, DECLARED_ONLY))

    assert done.exit_code == 0
    assert "0 differ, 1 more by declaration" in done.stdout
    assert TOKEN.ours in done.stdout


def test_what_is_equal_is_shown_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a comparison without differences is one line."""
    short, long = parity(monkeypatch, (EQUAL,)), parity(monkeypatch, (EQUAL,), "--all")

    assert (short.exit_code, long.exit_code) == (0, 0)
    assert len(short.stdout.splitlines()) == 1
    assert cells(long.stdout.splitlines()[1]) == ["certs", "master-1", EQUAL.item, "31", "0"]
    assert long.stdout.endswith(short.stdout)


def audit(patch: pytest.MonkeyPatch, findings: tuple[Finding, ...], *argv: str) -> Result:
    """The command with an audit that somebody else has made."""
    found = Audit("v1.30.4", ("master-1", "worker-1"), 160, findings)
    patch.setattr(audit_command, "audit_cluster", lambda *_: found)
    return CliRunner().invoke(app, ["parity", "--cluster", "-f", str(EXAMPLE), *argv])


ERROR = Finding(
    Grade.ERROR, "master-1", "certs", "/etc/kubernetes/pki/ca.key", "file.mode", "0600", "0644", "chmod 600 ca.key"
)
WARNING = Finding(Grade.WARNING, "worker-1", "", IMAGE.item, IMAGE.field, "a", ABSENT)
NOTE = Finding(Grade.NOTE, "cluster", "etcd", "etcd", "flag [v]", "2", "3")
ABOUT = "Kubernetes v1.30.4: 160 items on 2 nodes and in the API:"


def test_an_audit_tells_what_was_expected_and_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each finding with its severity, place and cure, and their numbers; an error is a failure."""
    done = audit(monkeypatch, (ERROR, WARNING))

    assert done.stdout.splitlines() == [
        "error: master-1: /etc/kubernetes/pki/ca.key: file.mode (certs)",
        "    expected 0600",
        "    found    0644",
        "    cure     chmod 600 ca.key",
        f"warning: worker-1: {IMAGE.item}: {IMAGE.field} (-)",
        "    expected a",
        "    found    (absent)",
        f"{ABOUT} 1 errors, 1 warnings, 0 notes",
    ]
    assert done.exit_code == 1


def test_notes_of_an_audit_are_shown_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """That there are some is said; neither they nor warnings are a failure."""
    short, long = audit(monkeypatch, (WARNING, NOTE)), audit(monkeypatch, (WARNING, NOTE), "--all")

    assert (short.exit_code, long.exit_code) == (0, 0)
    assert "note:" not in short.stdout
    assert short.stdout.endswith(f"{ABOUT} 0 errors, 1 warnings, 1 notes (shown with --all)\n")
    assert "note: cluster: etcd: flag [v] (etcd)\n    expected 2\n    found    3\n" in long.stdout
    assert long.stdout.endswith(f"{ABOUT} 0 errors, 1 warnings, 1 notes\n")
