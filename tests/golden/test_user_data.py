"""The printed user-data is read by people: a change of it is a change that somebody has looked at."""

import subprocess
from pathlib import Path

import pytest
import yaml
from reviewed import assert_as_reviewed

from hardway.config import load
from hardway.renderers import cloud_init
from hardway.workflows.first_boot import FIRST_BOOT

ROOT = Path(__file__).resolve().parents[2]
SHOWN = {"lab": ("master-1", "worker-1", "lb-1"), "my-first-cluster": ("master-1", "master-2")}
"""The other masters differ from the last one shown by names and addresses only."""


def rendered(example: str, names: tuple[str, ...] = ()) -> dict[str, str]:
    """Path to text of the nodes' files."""
    cluster = load(ROOT / "examples" / example / "cluster.yaml")
    nodes = [node for node in cluster.nodes if not names or node.host_name in names]
    tree = cloud_init.render(cluster, FIRST_BOOT, nodes)
    return {path.removeprefix("/"): entry.content.decode() for path, entry in tree.items()}


@pytest.mark.parametrize("example", SHOWN)
def test_user_data_is_as_reviewed(example: str, request: pytest.FixtureRequest) -> None:
    """The files of both examples equal the golden files."""
    assert_as_reviewed(rendered(example, SHOWN[example]), Path(__file__).parent / f"cloud-init-{example}", request)


@pytest.mark.parametrize("example", SHOWN)
def test_commands_are_clean(example: str, tmp_path: Path) -> None:
    """shellcheck has nothing to say about any script of runcmd."""
    files = []
    for path, text in rendered(example, SHOWN[example]).items():
        if path.endswith("/user-data"):
            scripts = [command[-1] for command in yaml.safe_load(text)["runcmd"] if isinstance(command, list)]
            for number, script in enumerate(scripts):
                file = tmp_path / f"{path.replace('/', '-')}-{number}.sh"
                file.write_text(f"set -euo pipefail\n{script}")
                files.append(str(file))
    done = subprocess.run(["shellcheck", "-s", "bash", *files], capture_output=True, text=True, check=False)

    assert len(files) > 10
    assert done.stdout + done.stderr == ""
