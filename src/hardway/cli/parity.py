"""hardway parity: our files and objects beside those of the real kubeadm."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from hardway.cli import outputs, ui
from hardway.cli.audit import audit
from hardway.cli.options import DEFAULT_FILE, AskSudoPassword, File, Json, connection, with_text
from hardway.errors import UsageError
from hardway.lab.binaries import ensure_kubernetes
from hardway.parity import documents
from hardway.parity.compare import Difference
from hardway.parity.report import ParityReport, Row, compare_cluster
from hardway.steps.shell import words

VERSION = re.compile(r"v\d+\.\d+\.\d+\S*")
"""What `kubeadm version -o short` prints."""


def parity(
    file: File = DEFAULT_FILE,
    kubeadm: Annotated[
        Path | None,
        typer.Option("--kubeadm", help="kubeadm of the cluster's version (default: built from its module)"),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also list what is equal, or notes")] = False,
    live: Annotated[
        bool, typer.Option("--cluster", help="Compare the running cluster with its own kubeadm-config instead")
    ] = False,
    json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Compare every file and API object that `apply` makes with what kubeadm makes of the same documents.

    Both run here, each in a root of its own; no node is asked. Needs root. Exits 1 when something differs that is not
    on the declared list.

    With --cluster the nodes and the API are asked instead, and nothing is changed: is everything there as the
    cluster's own kubeadm-config says? The cluster may be kubeadm's: a file with only an Inventory will do, in which one
    master is enough; the API knows the others, which are reached with the Inventory's ssh settings. Each finding has
    a severity, and most have a cure. Exits 1 when there is an error among them.
    """
    if live and kubeadm is not None:
        raise UsageError("a running cluster is asked without kubeadm: leave --kubeadm out", "--cluster")
    if ask_sudo_password and not live:
        raise UsageError("no node is asked without --cluster", "--ask-sudo-password")
    if live:
        audit(file, everything=everything, json=json, connect=connection(ask_sudo_password))
        return
    cluster, text = with_text(file)
    version = cluster.release.kubernetes
    if kubeadm is not None and (other := _version(kubeadm)) != version:
        raise UsageError(f"is {other}", str(kubeadm), hint=f"{file} is for Kubernetes {version}")
    if os.geteuid() != 0:
        raise UsageError("only root can give both sides a root of their own", "parity", hint="run it with sudo")
    # As an interrupt does it: what is below the temporary directory holds keys, and goes away on the way out.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    binary = kubeadm or ensure_kubernetes(version, ["kubeadm"], ui.say)["kubeadm"]
    report = compare_cluster(cluster, documents.read(text), binary)
    if json:
        ui.data(outputs.PARITY.text(_as_data(report)))
    else:
        _show(report, everything=everything)
    if report.undeclared:
        raise typer.Exit(1)


def _version(kubeadm: Path) -> str:
    """What a kubeadm says of itself."""
    if not kubeadm.is_file():
        raise UsageError("there is no such file", str(kubeadm))
    command = (str(kubeadm.resolve()), "version", "-o", "short")
    try:
        asked = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise UsageError(f"is no kubeadm that runs here: {error.strerror}", str(kubeadm)) from None
    said = asked.stdout.decode(errors="replace").strip()
    if asked.returncode or not VERSION.fullmatch(said):
        raise UsageError(
            f"is no kubeadm that runs here: exit code {asked.returncode}, and it said {said!r}",
            str(kubeadm),
            hint=f"try: {words(command)}",
        )
    return said


def _show(report: ParityReport, *, everything: bool) -> None:
    shown = [row for row in report.rows if everything or row.differences]
    if shown:
        ui.table(("CHAPTER", "NODE", "ITEM", "FIELDS", "DIFFERENT"), [_line(row) for row in shown])
        ui.data("")
    if report.differences:
        ui.table(("ITEM", "FIELD", "HARDWAY", "KUBEADM"), _sides(report.differences))
        ui.data("")
    for reason in dict.fromkeys(declared.reason for _, declared in report.declared):
        ui.data(f"declared: {reason}")
    fields = sum(row.fields for row in report.rows)
    ui.data(
        f"kubeadm {report.kubernetes}: {len(report.rows)} items with {fields} fields compared,"
        f" {len(report.undeclared)} differ, {len(report.declared)} more by declaration"
    )


def _line(row: Row) -> tuple[str, ...]:
    return (row.chapter or "-", row.node, row.item, str(row.fields), str(len(row.differences)))


def _sides(differences: Iterable[Difference]) -> list[tuple[str, ...]]:
    return [(d.item, d.field, d.ours, d.kubeadm) for d in differences]


def _as_data(report: ParityReport) -> outputs.Parity:
    return {
        "kubernetes": report.kubernetes,
        "items": [
            {
                "chapter": row.chapter,
                "node": row.node,
                "item": row.item,
                "fields": row.fields,
                "differences": [
                    {
                        "field": difference.field,
                        "hardway": difference.ours,
                        "kubeadm": difference.kubeadm,
                        "declared": declared.reason if declared else None,
                    }
                    for difference, declared in report.judged(row)
                ],
            }
            for row in report.rows
        ],
        "undeclared": len(report.undeclared),
    }
