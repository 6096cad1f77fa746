"""hardway parity --cluster: a live cluster beside its own kubeadm-config."""

from pathlib import Path

import typer

from hardway.cli import outputs, ui
from hardway.engine.transport import Connect
from hardway.parity.live.audit import Audit, audit_cluster
from hardway.parity.live.finding import Grade


def audit(file: Path, *, everything: bool, json: bool, connect: Connect) -> None:
    """Ask, show, and exit 1 when there is an error."""
    found = audit_cluster(file, connect)
    if json:
        ui.data(outputs.AUDIT.text(_as_data(found)))
    else:
        _show(found, everything=everything)
    if found.count(Grade.ERROR):
        raise typer.Exit(1)


def _show(found: Audit, *, everything: bool) -> None:
    for finding in found.findings:
        if finding.grade is Grade.NOTE and not everything:
            continue
        ui.data(f"{finding.grade}: {finding.node}: {finding.item}: {finding.field} ({finding.chapter or '-'})")
        ui.data(f"    expected {finding.expected}")
        ui.data(f"    found    {finding.found}")
        if finding.cure:
            ui.data(f"    cure     {finding.cure}")
    notes = found.count(Grade.NOTE)
    hidden = " (shown with --all)" if notes and not everything else ""
    ui.data(
        f"Kubernetes {found.kubernetes}: {found.items} items on {len(found.nodes)} nodes and in the API:"
        f" {found.count(Grade.ERROR)} errors, {found.count(Grade.WARNING)} warnings, {notes} notes{hidden}"
    )


def _as_data(found: Audit) -> outputs.Audit:
    return {
        "kubernetes": found.kubernetes,
        "nodes": sorted(found.nodes),
        "items": found.items,
        "errors": found.count(Grade.ERROR),
        "warnings": found.count(Grade.WARNING),
        "notes": found.count(Grade.NOTE),
        "findings": [
            {
                "severity": finding.grade.value,
                "node": finding.node,
                "chapter": finding.chapter,
                "item": finding.item,
                "field": finding.field,
                "expected": finding.expected,
                "found": finding.found,
                "cure": finding.cure,
            }
            for finding in found.findings
        ],
    }
