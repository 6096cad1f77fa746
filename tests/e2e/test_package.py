"""The wheel, installed where nothing of the checkout is: what a person gets who installs hardway."""

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`hardway` in a fresh environment, from a wheel that was built from this checkout."""
    folder = tmp_path_factory.mktemp("package")
    uv = ROOT / ".venv/bin/uv"
    subprocess.run([uv, "build", "-q", "--wheel", "--out-dir", folder, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([uv, "venv", "-q", folder / "venv"], check=True)
    subprocess.run([uv, "pip", "install", "-q", "--python", folder / "venv/bin/python", wheel], check=True)
    return folder / "venv/bin/hardway"


def run(command: Path, *argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The installed command, with nothing of this environment but a PATH."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "COLUMNS": "200"}
    return subprocess.run([command, *argv], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_a_first_file_and_its_guide(command: Path, tmp_path: Path) -> None:
    """new, chapters and render work without the checkout, and say the same as in it."""
    made = run(command, "new", "--name", "demo", "--domain", "example.com", "--master", "a=192.0.2.1", cwd=tmp_path)
    rendered = run(command, "render", "bash", "-o", "site", cwd=tmp_path)
    chapters = run(command, "chapters", cwd=tmp_path)
    here = run(ROOT / ".venv/bin/hardway", "chapters", cwd=tmp_path)

    assert (made.returncode, rendered.returncode) == (0, 0), made.stderr + rendered.stderr
    assert (tmp_path / "site/order.txt").read_text().count(".sh") > 15
    assert chapters.stdout == here.stdout != ""


def test_mistakes_end_with_a_message(command: Path, tmp_path: Path) -> None:
    """No file, an unknown verb, and a node that nobody knows: exit code 2 and no traceback."""
    run(command, "new", "--name", "demo", "--domain", "example.com", "--master", "a=192.0.2.1", cwd=tmp_path)
    answers = [
        run(command, *argv, cwd=tmp_path)
        for argv in (["plan", "-f", "none.yaml"], ["explode"], ["plan", "--node", "nobody"], ["apply", "--only", "x"])
    ]

    assert [answer.returncode for answer in answers] == [2, 2, 2, 2]
    assert [answer.stderr for answer in answers if "Traceback" in answer.stderr] == []
    assert "there is no node `nobody`" in answers[2].stderr
