"""Certificates and keys of every algorithm that a minor knows are kubeadm's; random configurations hardly draw the slow ones."""

from collections.abc import Iterator
from typing import Any

import pytest
from minors import EVERY, SHORT, kubeadm
from test_minors import text

from hardway.config import loads
from hardway.features import V1BETA4
from hardway.model import Cluster
from hardway.parity import documents
from hardway.parity.certificates import now
from hardway.parity.compare import compare
from hardway.parity.normalise import describe
from hardway.parity.oracle import Made, Oracle
from hardway.renderers import tree
from hardway.versions import release
from hardway.workflows.init import INIT

pytestmark = pytest.mark.parity

DEAREST = "RSA-4096"


def cases() -> Iterator[Any]:
    """Version and algorithm; `make test` asks one minor, and leaves out what takes a minute."""
    for version in EVERY:
        features = release(version).features
        for algorithm in features.key_algorithms if V1BETA4 in features.config_apis else ():
            is_long = version not in SHORT or algorithm == DEAREST
            yield pytest.param(version, algorithm, marks=[pytest.mark.long] * is_long, id=f"{version}-{algorithm}")


def certificates(cluster: Cluster) -> Made:
    """What our chapter of the first master makes."""
    node = cluster.first_control_plane
    (chapter,) = (stage.chapter for stage in INIT if stage.chapter.name == "certs")
    begun = now()
    found = tree.render(node, chapter.steps(cluster, node))
    return Made(found, begun, now())


@pytest.mark.parametrize(("version", "algorithm"), list(cases()))
def test_nothing_differs_in_certificates(version: str, algorithm: str) -> None:
    """`init phase certs all` and our chapter: CAs, leaves and keys, every one of that algorithm."""
    told = text(version, V1BETA4)
    newest = release(version).features.key_algorithms[-1]
    told = told.replace(f"encryptionAlgorithm: {newest}", f"encryptionAlgorithm: {algorithm}")
    cluster, given = loads(told), documents.read(told)
    node = cluster.first_control_plane
    theirs = Oracle(kubeadm(version), given, cluster).phases(node, documents.for_init(given, node), ("certs all",))
    described = [
        describe(side.tree, side.around, {}, (cluster.paths.pki,)) for side in (certificates(cluster), theirs)
    ]
    keys = {fields["key"] for path, fields in described[0].items() if path.endswith(".crt")}

    assert cluster.certificates.algorithm == algorithm
    assert [str(difference) for difference in compare(*described)] == []
    assert len(described[0]) > 20
    assert len(keys) == 1
