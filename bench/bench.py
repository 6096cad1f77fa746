"""hardway against stock kubeadm on the same nodes, same images, same finish line.

Start: booted nodes on which chapters 3-10 are done (packages, binaries, containerd, pod network, balancer), for both by
hardway. Then the clock runs: `hardway apply`, or kubeadm over SSH in the ordinary order (init, join, join, join).
Finish for both: three etcd voters, four nodes Ready, every pod of kube-system Running; asked all the time, also while
the tool is still at work.
Figures of one run; read the ratio, not the seconds.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from finish import finish_line  # noqa: E402

from e2e import stock  # noqa: E402
from e2e.harness import Harness, booted, write_cluster  # noqa: E402
from hardway.lab.binaries import ensure_binaries  # noqa: E402

MASTERS = frozenset({"master-1", "master-2", "master-3"})
NODES = MASTERS | {"worker-1"}
PODS = 18
"""Pods of kube-system: four of each master, four kube-proxy, two CoreDNS."""


def say(text: str) -> None:
    """Talk goes to stderr, the table to stdout."""
    print(text, file=sys.stderr, flush=True)


def run_hardway(it: Harness) -> list[tuple[str, float]]:
    """The rest of the chapters by hardway; seconds by chapter on the node that ends it last."""
    began = time.monotonic()
    with finish_line(it, NODES, MASTERS, PODS) as reached:
        done = json.loads(it.hardway("apply", "--json").stdout)
        applied = time.monotonic() - began
    rows = [
        (
            f"{stage['node'].split('.')[0]} {stage['chapter']} (done at {stage['finishedAt']:.1f})",
            float(stage["seconds"]),
        )
        for stage in done["stages"]
        if stage["seconds"] >= 0.3
    ]
    return [*rows, ("apply", applied), ("until the finish line", reached[0])]


def run_kubeadm(it: Harness) -> list[tuple[str, float]]:
    """init, join, join, join; serving certificates are approved as soon as they are asked for, as hardway does."""
    rows: list[tuple[str, float]] = []
    with finish_line(it, NODES, MASTERS, PODS) as reached:
        since = time.monotonic()
        ticket = stock.init(it)
        rows.append(("kubeadm init", time.monotonic() - since))
        for name in ("master-2", "master-3", "worker-1"):
            since = time.monotonic()
            stock.join(it, name, ticket)
            rows.append((f"kubeadm join {name}", time.monotonic() - since))
        stock.approve(it)
    rows.append(("until the finish line", reached[0]))
    return rows


def bring_up(name: str, network: str, tool: str) -> list[tuple[str, float]]:
    """One fresh lab, prepared, and timed with one tool."""
    with tempfile.TemporaryDirectory() as folder, booted(write_cluster(Path(folder), name, network), name) as it:
        say(f"{tool}: preparing the nodes (not timed)")
        it.hardway("apply", "--until", stock.PREPARED)
        if tool == "kubeadm":
            stock.lay_down(it, ensure_binaries("auto", say)["kubeadm"])
        say(f"{tool}: the clock runs")
        return run_hardway(it) if tool == "hardway" else run_kubeadm(it)


def main() -> None:
    """Print both breakdowns and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="rounds; the tools take turns")
    options = parser.parse_args()
    totals: dict[str, list[float]] = {"kubeadm": [], "hardway": []}
    for _ in range(options.runs):
        for tool, network in (("kubeadm", "10.33.0"), ("hardway", "10.34.0")):
            rows = bring_up("bench", network, tool)
            totals[tool].append(rows[-1][1])
            print(f"\n{tool}")
            for what, seconds in rows:
                print(f"  {what:45} {seconds:6.1f} s")
    best = {tool: min(values) for tool, values in totals.items()}
    print(
        f"\nhardway {best['hardway']:.1f} s / kubeadm {best['kubeadm']:.1f} s = {best['hardway'] / best['kubeadm']:.2f}"
    )


if __name__ == "__main__":
    main()
