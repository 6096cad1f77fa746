"""`make parity N=2000`: that many random configurations beside the real kubeadm, in pieces that can be interrupted.

Each piece has its own seed and its own minor of Kubernetes, one after the other; what was equal is noted in the cache
and not asked again while our code stays the same (`--again` asks). A piece that differs ends with its smallest
configuration and the differing fields side by side, and each later run asks it first.
"""

import argparse
import hashlib
import itertools
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import refusals
from configurations import Configuration, clusters
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import given as drawn
from hypothesis.errors import FlakyFailure
from minors import EVERY, kubeadm
from sides import example

from hardway.config import InvalidConfiguration, load
from hardway.lab.paths import cache_dir
from hardway.model import Cluster, EtcdExternal
from hardway.parity.objects import SHARED
from hardway.parity.report import ParityReport, compare_file
from hardway.pki import catalog, sign

PIECE = 25
"""Configurations of one seed."""
FRESH = 10
"""Each of so many pieces makes keys and CAs of its own for each configuration; the others share them. A run in which a
smaller part of all that is compared has its own has failed."""
THING = "with "
"""Begins the names of what `things` counts."""
SPOILT = 4
"""Each of so many pieces has a value in each configuration that hardly belongs there: kubeadm must not be alone in refusing it."""


@cache
def authorities() -> dict[str, bytes]:
    """CAs and service-account keys of yesterday, for configurations that need no new ones."""
    cluster = load(example("lab"))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    files = sign.certificates(catalog.authorities(cluster), {}, yesterday)
    files |= sign.key_pair(catalog.service_account_key(cluster), files)
    return {name: files[f"{cluster.paths.pki}/{name}"] for name in SHARED}


def beside_kubeadm(given: Configuration, version: str, *, fresh: bool = False) -> ParityReport | None:
    """The comparison of one cluster.yaml; None where we refuse it.

    AssertionError where kubeadm takes what we refuse, and no reason is given for that, and where it refuses what we take:
    JoinConfiguration, which needs a cluster, is handed to it for that question only.
    """
    with tempfile.TemporaryDirectory(prefix="hardway-") as folder:
        path = Path(folder) / "cluster.yaml"
        path.write_text(given.text)
        for name, content in given.files.items():
            (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
            (path.parent / name).write_text(content)
        try:
            load(path)
        except InvalidConfiguration as refused:
            stricter = refusals.only_kubeadm_takes(kubeadm(version), given.text, refused.problems)
            assert not stricter, f"kubeadm takes what hardway refuses: {stricter}\n\n{given}"
            return None
        taken = refusals.kubeadm_takes(kubeadm(version), given.text)
        assert taken, f"kubeadm refuses what hardway takes\n\n{given}"
        return compare_file(path, kubeadm(version), None if fresh else authorities())


def told(report: ParityReport) -> str:
    """The differences, side by side."""
    return "\n".join(f"{d.item}: {d.field}: hardway {d.ours!r}, kubeadm {d.kubeadm!r}" for d in report.undeclared)


def things(cluster: Cluster) -> list[str]:
    """What a configuration is about, of that which is drawn rarely enough to be missed."""
    nodes = cluster.kubernetes_nodes
    said = {
        str(cluster.certificates.algorithm): True,
        "certificatesDir elsewhere": not cluster.paths.pki.startswith(f"{cluster.paths.kubernetes}/"),
        "external etcd": isinstance(cluster.etcd, EtcdExternal),
        "joined etcd": len(cluster.etcd_members) > 1,
        "IPv6": ":" in nodes[0].address,
        "patches": any(node.patches.files for node in nodes),
    }
    return [THING + name for name, is_so in said.items() if is_so]


def version_of(number: int) -> str:
    """The minors take turns."""
    return EVERY[number % len(EVERY)]


def turn_of(number: int) -> int:
    """How often all minors have had theirs before."""
    return number // len(EVERY)


def is_fresh(number: int) -> bool:
    """Each configuration of this piece has keys and CAs of its own."""
    return turn_of(number) % FRESH == 0


def piece(number: int, *, shrink: bool = True) -> tuple[Counter[str], str]:
    """Compare the configurations of one seed: what was counted, and the smallest that differs."""
    counted: Counter[str] = Counter()
    version = version_of(number)
    turn = turn_of(number)
    fresh, spoilt = is_fresh(number), turn % SPOILT == SPOILT - 1

    @seed(number)
    @settings(
        max_examples=PIECE,
        deadline=None,
        database=None,
        derandomize=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        # No examples of earlier runs: a seed is the same everywhere.
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
    )
    # Every version begins with keys as they come, RSA keys among them.
    @drawn(clusters(version, spoilt=spoilt, quick=turn > 0))
    def compared(given: Configuration) -> None:
        try:
            report = beside_kubeadm(given, version, fresh=fresh)
        except AssertionError:
            raise
        except Exception as failed:
            # A mistake of our own program is a finding like any other.
            raise AssertionError(
                f"one side does not get through:\n{type(failed).__name__}: {failed}\n\n{given}"
            ) from failed
        if report is None:
            counted["refused"] += 1
            return
        counted["compared"] += 1
        counted["fields"] += sum(row.fields for row in report.rows)
        counted.update(things(report.cluster))
        assert not report.undeclared, f"\n{told(report)}\n\n{given}"

    try:
        compared()
    except AssertionError as difference:
        return Counter(), f"seed {number}, kubeadm {version}: {difference}\n"
    except FlakyFailure as unsteady:
        # As when the machine did not keep up; a person has to look which of the two is true.
        first = unsteady.exceptions[0]
        return Counter(), f"seed {number}, kubeadm {version}: not the same when asked again: {first}\n"
    return counted, ""


def _code() -> str:
    """What the results belong to: those modules of ours that make and compare them, and the strategies."""
    ours = [module.__file__ for name, module in sys.modules.items() if name.partition(".")[0] == "hardway"]
    files = [*filter(None, ours), *(str(Path(__file__).with_name(name)) for name in STRATEGIES)]
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in sorted(files))).hexdigest()[:16]


STRATEGIES = (
    "configurations.py",
    "settings_of_users.py",
    "patches_of_users.py",
    "random_documents.py",
    "refusals.py",
)


def run(count: int, done: dict[str, dict[str, int]], notes: Path, jobs: int, *, shrink: bool) -> list[str]:
    """Compare pieces until so many configurations are compared; what differs, in words."""
    began, differing = time.monotonic(), []
    authorities()
    asked_anew = sorted(int(number) for number, counted in done.items() if not counted)
    numbers = (number for number in itertools.count() if str(number) not in done)
    with ProcessPoolExecutor(jobs) as pool:
        running = {}
        while True:
            while len(running) < jobs and (asked_anew or total(done)["compared"] < count):
                number = asked_anew.pop(0) if asked_anew else next(numbers)
                running[pool.submit(piece, number, shrink=shrink)] = number
            if not running:
                return differing
            ended = next(as_completed(running))
            at = running.pop(ended)
            counted, difference = ended.result()
            if difference:
                differing.append(difference)
                sys.stdout.write(difference)
                sys.stdout.flush()
            done[str(at)] = dict(counted)
            keep(done, notes)
            sys.stderr.write(f"{time.monotonic() - began:6.0f} s  seed {at}, {version_of(at)}: {dict(counted)}\n")


def keep(done: Mapping[str, Mapping[str, int]], notes: Path) -> None:
    """Note what was equal, and by nothing what was not; who is killed meanwhile leaves the notes of before."""
    new = notes.with_suffix(".new")
    new.write_text(json.dumps(done))
    new.replace(notes)


def total(done: Mapping[str, Mapping[str, int]], version: str = "") -> Counter[str]:
    """What was counted, of one version or of all; `fresh`: how many of those compared had a PKI of their own."""
    found = Counter[str]()
    for number, counted in done.items():
        if version in ("", version_of(int(number))):
            found.update(counted)
            found["fresh"] += counted.get("compared", 0) if is_fresh(int(number)) else 0
    return found


def table(done: Mapping[str, Mapping[str, int]]) -> str:
    """A line for each version, and one for all of them."""
    lines = ["kubeadm   compared  own PKI    fields  refused by hardway"]
    for version in (*EVERY, ""):
        row = total(done, version)
        lines.append(
            f"{version or 'all':9} {row['compared']:8} {row['fresh']:8} {row['fields']:9} {row['refused']:8}"
        )
    return "\n".join(lines)


def table_of_things(done: Mapping[str, Mapping[str, int]]) -> str:
    """A line for each thing, and how many of each version's comparisons were about it."""
    columns = [total(done, version) for version in (*EVERY, "")]
    names = sorted({name for column in columns for name in column if name.startswith(THING)})
    lines = [f"{'compared':28}" + "".join(f"{version.rpartition('.')[0] or 'all':>7}" for version in (*EVERY, ""))]
    lines += [f"{name:28}" + "".join(f"{column[name]:7}" for column in columns) for name in names]
    return "\n".join(lines)


def main() -> None:
    """Run, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, help="how many configurations")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--again", action="store_true", help="do not believe what was noted before")
    parser.add_argument("--as-found", action="store_true", help="do not look for the smallest configuration")
    asked = parser.parse_args()
    notes = cache_dir() / "parity" / f"{_code()}.json"
    notes.parent.mkdir(parents=True, exist_ok=True)
    done: dict[str, dict[str, int]] = {}
    if notes.exists() and not asked.again:
        done = json.loads(notes.read_text())
    differing = run(asked.count, done, notes, asked.jobs, shrink=not asked.as_found)
    sys.stdout.write(f"{table(done)}\n\n{table_of_things(done)}\n\n{len(differing)} seeds differ\n")
    fresh, wanted = total(done)["fresh"], -(-asked.count // FRESH)
    if fresh < wanted:
        sys.stdout.write(f"only {fresh} had a PKI of their own, and {wanted} should\n")
    sys.exit(bool(differing) or fresh < wanted)


if __name__ == "__main__":
    main()
