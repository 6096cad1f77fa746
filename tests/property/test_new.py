"""`hardway new`: whatever it accepts is a file that can be planned."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from hardway.cli.app import app
from hardway.config import InvalidConfiguration, load, loads
from hardway.config.skeleton import Answers, skeleton
from hardway.errors import Refused, UsageError

LABEL = st.from_regex(r"[a-z][a-z0-9-]{0,10}[a-z0-9]", fullmatch=True)
WORD = LABEL | st.text(max_size=12) | st.sampled_from(["yes", "null", "1", "a: b", "#", "'", "x\ny", "-", "1.0"])
ADDRESS = st.ip_addresses(v=4).map(str) | st.sampled_from(["10.0.0.1", "fd00::1", "somewhere", ""])
MACHINES = st.dictionaries(WORD, ADDRESS, max_size=4)


@given(
    st.builds(
        Answers,
        name=WORD,
        domain=WORD,
        masters=MACHINES,
        workers=MACHINES,
        balancers=MACHINES,
        ssh_user=WORD,
        network=st.sampled_from(["bridge", "none"]),
    )
)
def test_answers_come_back(answers: Answers) -> None:
    """The file says what was answered, letter by letter, or it is refused with problems; never anything else."""
    try:
        cluster = loads(skeleton(answers))
    except InvalidConfiguration:
        return
    assert cluster.name == answers.name
    assert cluster.base_domain == answers.domain
    listed = {**answers.masters, **answers.workers, **answers.balancers}
    assert {node.host_name: node.address for node in cluster.nodes} == listed
    assert cluster.network.kind == answers.network


def test_a_file_is_written_once() -> None:
    """A second time it is refused (exit 6), and the file stays; --force writes it."""
    argv = ["new", "--name", "demo", "--domain", "example.com", "--master", "master-1=192.0.2.11",
            "--worker", "worker-1=192.0.2.21"]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/cluster.yaml"
        first = CliRunner().invoke(app, [*argv, file])
        text = Path(file).read_text()
        again = CliRunner().invoke(app, [*argv[:2], "other", *argv[3:], file])

        assert first.exit_code == 0, first.output
        assert load(Path(file)).name == "demo"
        assert isinstance(again.exception, Refused)
        assert Path(file).read_text() == text
        assert CliRunner().invoke(app, [*argv, "--force", file]).exit_code == 0


def test_what_is_missing_is_named() -> None:
    """Without a terminal nobody is asked; answers that do not go together are refused with their places."""
    alone = CliRunner().invoke(app, ["new", "-", "--name", "demo", "--domain", "example.com"])
    twice = CliRunner().invoke(
        app, ["new", "-", "--name", "demo", "--domain", "e.com", "--master", "a=10.0.0.1", "--worker", "b=10.0.0.1"]
    )

    assert isinstance(alone.exception, UsageError)
    assert alone.exception.what == "--master is missing"
    assert isinstance(twice.exception, UsageError)
    assert "`10.0.0.1` stands twice" in twice.exception.output
