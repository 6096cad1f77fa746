"""`make parity N=2000`: that many random configurations beside the real kubeadm, in pieces that can be interrupted.

Each piece has its own seed; what was equal is noted in the cache and not asked again while our code stays the same
(`--again` asks). A piece that differs ends with its smallest configuration and the differing fields side by side.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections import Counter
from functools import cache
from pathlib import Path

from configurations import VERSION, clusters
from hypothesis import HealthCheck, Phase, given, seed, settings
from sides import example, kubeadm

from hardway.config import InvalidConfiguration, load
from hardway.errors import StepFailed
from hardway.lab.paths import cache_dir
from hardway.parity import made
from hardway.parity.objects import SHARED
from hardway.parity.report import ParityReport, compare_cluster

PIECE = 25
"""Configurations of one seed."""
PHASES = (Phase.generate, Phase.shrink)
"""No examples of earlier runs: a seed is the same everywhere."""
FRESH = 10
"""Each of so many pieces makes keys and CAs of its own for each configuration; the others share them."""


@cache
def authorities() -> dict[str, bytes]:
    """CAs and service-account keys for configurations that need no new ones."""
    cluster = load(example("lab"))
    tree = made.init(cluster).tree
    return {name: tree[f"{cluster.paths.pki}/{name}"].content for name in SHARED}


def beside_kubeadm(text: str, *, fresh: bool = False) -> ParityReport | None:
    """The comparison of one cluster.yaml; None where we refuse it."""
    with tempfile.TemporaryDirectory(prefix="hardway-") as folder:
        path = Path(folder) / "cluster.yaml"
        path.write_text(text)
        try:
            load(path)
        except InvalidConfiguration:
            return None
        return compare_cluster(path, kubeadm("lab"), None if fresh else authorities())


def told(report: ParityReport) -> str:
    """The differences, side by side."""
    return "\n".join(f"{d.item}: {d.field}: hardway {d.ours!r}, kubeadm {d.kubeadm!r}" for d in report.undeclared)


def piece(number: int, count: int) -> Counter[str]:
    """Compare the configurations of one seed; AssertionError with the smallest that differs."""
    counted: Counter[str] = Counter()

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
        phases=PHASES,
    )
    @given(clusters())
    def compared(text: str) -> None:
        try:
            report = beside_kubeadm(text, fresh=number % FRESH == 0)
        except StepFailed as refused:
            raise AssertionError(f"one side does not get through:\n{refused}\n\n{text}") from refused
        if report is None:
            counted["refused"] += 1
            return
        counted["compared"] += 1
        counted["fields"] += sum(row.fields for row in report.rows)
        assert not report.undeclared, f"\n{told(report)}\n\n{text}"

    compared()
    return counted


def _code() -> str:
    """What the results belong to: our source and the strategies."""
    root = Path(__file__).parents[2]
    files = sorted([*root.glob("src/hardway/**/*.py"), Path(__file__).with_name("configurations.py")])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def main() -> None:
    """Run, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, help="how many configurations")
    parser.add_argument("--again", action="store_true", help="do not believe what was noted before")
    given_args = parser.parse_args()
    notes = cache_dir() / "parity" / f"{_code()}.json"
    done: dict[str, dict[str, int]] = {}
    if notes.exists() and not given_args.again:
        done = json.loads(notes.read_text())
    began = time.monotonic()
    failures = []
    for number in range(-(-given_args.count // PIECE)):
        if str(number) in done:
            continue
        try:
            done[str(number)] = dict(piece(number, PIECE))
        except AssertionError as difference:
            failures.append(number)
            sys.stdout.write(f"seed {number}: {difference}\n")
            continue
        notes.parent.mkdir(parents=True, exist_ok=True)
        notes.write_text(json.dumps(done))
        sys.stderr.write(f"{time.monotonic() - began:6.0f} s  seed {number}: {done[str(number)]}\n")
    total = sum((Counter(one) for one in done.values()), Counter[str]())
    sys.stdout.write(
        f"kubeadm {VERSION}: {total['compared']} configurations with {total['fields']} fields are equal,"
        f" {total['refused']} were refused, {len(failures)} seeds differ\n"
    )
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
