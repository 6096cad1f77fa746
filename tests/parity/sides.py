"""Both sides of the comparison for one example, made once per test run."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hardway.config import InvalidConfiguration, Problem, load, loads
from hardway.lab.binaries import ensure_kubernetes
from hardway.model import Cluster
from hardway.parity import made
from hardway.parity.made import Requests
from hardway.parity.oracle import Made
from hardway.parity.report import ParityReport, compare_file

ROOT = Path(__file__).parents[2]
EXAMPLES = ("lab", "my-first-cluster")


def example(name: str) -> Path:
    """cluster.yaml of an example."""
    return ROOT / "examples" / name / "cluster.yaml"


def kubeadm(name: str) -> Path:
    """The kubeadm of an example's version, which is built where the cache has none."""
    version = load(example(name)).release.kubernetes
    return ensure_kubernetes(version, ["kubeadm"], lambda line: None)["kubeadm"]


def problems_of(text: str) -> tuple[Problem, ...]:
    """What we have against a cluster.yaml."""
    try:
        loads(text)
    except InvalidConfiguration as refused:
        return refused.problems
    return ()


@cache
def report(name: str) -> ParityReport:
    """The comparison of an example with the real kubeadm."""
    return compare_file(example(name), kubeadm(name))


@dataclass(frozen=True)
class Ours:
    """What our chapters make for the first master of an example."""

    cluster: Cluster
    files: Made
    requests: Requests


@cache
def ours(name: str) -> Ours:
    """One run of our chapters, as material for mutations."""
    cluster = load(example(name))
    files = made.init(cluster)
    return Ours(cluster, files, made.requests(cluster, files.tree))
