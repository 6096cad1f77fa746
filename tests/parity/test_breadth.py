"""Files and objects are kubeadm's for configurations that nobody has thought of (`make parity N=2000` for many more)."""

import pytest
from broad import beside_kubeadm, told
from configurations import clusters
from hypothesis import given, reject, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.parity


@pytest.mark.parametrize("version", ["v1.30.4", "v1.34.4"])
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_nothing_differs_for_random_configurations(version: str, data: st.DataObject) -> None:
    """Every field of every file and object is kubeadm's, whatever is set and left out."""
    report = beside_kubeadm(data.draw(clusters(version)), version)
    if report is None:
        reject()

    assert told(report) == ""
