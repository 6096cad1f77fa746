"""What people see of an audit."""

from pathlib import Path

import pytest
import typer

from hardway.cli import audit as shown
from hardway.engine.transport import open_transport
from hardway.parity.live.audit import Audit
from hardway.parity.live.finding import Finding, Grade


def test_what_belongs_to_no_chapter_is_no_matter_of_ssh(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A question that stumbled is hardway's own; a chapter is named where there is one."""
    findings = (
        Finding(Grade.ERROR, "a", "", "kubelet", "judged", "yes", "no: AttributeError: b"),
        Finding(Grade.WARNING, "a", "certs", "/x.crt", "ends", "later", "now"),
    )
    monkeypatch.setattr(shown, "audit_cluster", lambda file, connect: Audit("v1.30.4", ("a",), 2, findings))
    with pytest.raises(typer.Exit):
        shown.audit(Path("a.yaml"), everything=False, json=False, connect=open_transport)
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("error:", "warning:"))]

    assert told == ["error: a: kubelet: judged (-)", "warning: a: /x.crt: ends (certs)"]
