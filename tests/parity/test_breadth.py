"""Files and objects are kubeadm's for configurations that nobody has thought of (`make parity N=2000` for many more)."""

import pytest
from broad import beside_kubeadm, told
from configurations import clusters
from hypothesis import given, reject, settings

pytestmark = pytest.mark.parity


@settings(max_examples=5, deadline=None)
@given(clusters())
def test_nothing_differs_for_random_configurations(text: str) -> None:
    """Every field of every file and object is kubeadm's, whatever is set and left out."""
    report = beside_kubeadm(text)
    if report is None:
        reject()

    assert told(report) == ""
