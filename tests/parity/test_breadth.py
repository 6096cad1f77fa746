"""Files and objects are kubeadm's for configurations that nobody has thought of (`make parity N=2000` for many more)."""

import pytest
from broad import beside_kubeadm, kubeadm, told
from configurations import clusters
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from refusals import kubeadm_takes, only_kubeadm_takes
from sides import example

from hardway.config import InvalidConfiguration
from hardway.config.load import loads
from hardway.config.problems import Problem

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


@pytest.mark.parametrize("version", ["v1.30.4", "v1.34.4"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_what_kubeadm_takes_is_not_refused(version: str, data: st.DataObject) -> None:
    """Of documents that are hardly right: where we say no and kubeadm yes, the reason is on the list."""
    drawn = data.draw(clusters(version, spoilt=True))
    problems: tuple[Problem, ...] = ()
    try:
        loads(drawn.text)
    except InvalidConfiguration as refused:
        problems = refused.problems

    assert only_kubeadm_takes(kubeadm(version), drawn.text, problems) == []


def test_a_refusal_without_a_reason_is_told() -> None:
    """The example is right for kubeadm: whatever we had against it would be told; what it refuses itself would not."""
    text, mine = (
        example("lab").read_text(),
        [Problem("too blue"), Problem("pods 10.1.0.0/16 overlap services 10.1.0.0/16")],
    )
    wrong = text.replace("kubernetesVersion: ", "kubernetesVersio: ")

    assert only_kubeadm_takes(kubeadm("v1.30.4"), text, mine) == ["too blue"]
    assert not kubeadm_takes(kubeadm("v1.30.4"), wrong)
