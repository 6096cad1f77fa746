"""A kubeconfig as awk reads it on a node, in the forms that people and tools write."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from hardway.pki.current_context import current_context, users

FOUND = {
    "server": "https://[fd00::1]:6443",
    "certificate-authority-data": "Q0E=",
    "client-certificate-data": "T1VS",
    "client-key-data": "",
}
WRITTEN = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: T1RIRVI=
    server: https://other:6443
  name: a
- cluster:
    certificate-authority-data: Q0E=
    server: https://[fd00::1]:6443
  name: ours
contexts:
- context:
    cluster: ours
    user: zed
  name: zed@ours
- context:
    cluster: a
    user: alice
  name: alice@a
current-context: zed@ours
kind: Config
users:
- name: alice
  user:
    client-certificate-data: QUxJQ0U=
    client-key-data: S0VZ
- name: tool
  user:
    exec:
      args:
      - name: zed
      command: x
      env:
      - name: zed
        value: "user:"
- name: zed
  user:
    client-certificate-data: T1VS
    client-key-data: S0VZ
"""
"""As client-go writes it, with other users before the one that counts."""
BY_HAND = """\
# ours
current-context: "zed@ours"   # not the other
users:
  - user:
        # the newest
        client-key-data: "S0VZ"
        client-certificate-data: 'T1VS'
    name: zed
  - name: alice

    user: {token: x}
clusters:
    -   name: 'ours'
        cluster:
            server: "https://[fd00::1]:6443"
            certificate-authority-data: Q0E= # base64
contexts:
  - name: zed@ours
    context:
      user: "zed"
      namespace: name
      cluster: ours
kind: Config
"""


def read(path: Path, awk: str = "awk") -> dict[str, tuple[int, str]]:
    """What is found: the number of its line, and its value."""
    command = current_context(str(path)).replace("awk", awk, 1)
    done = subprocess.run(["bash", "-euc", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    lines = (line.split(" ", 2) for line in done.stdout.splitlines())
    return {key.removesuffix(":"): (int(number), said) for number, key, said in lines}


@pytest.mark.parametrize("awk", ["mawk", "gawk --posix", "busybox awk"])
@pytest.mark.parametrize(
    "text", [WRITTEN, WRITTEN.replace("\n", "\r\n"), BY_HAND], ids=["written", "crlf", "by hand"]
)
def test_the_current_context_leads_to_cluster_and_user(text: str, awk: str, tmp_path: Path) -> None:
    """Whatever stands before it; each with the line in which it stands, and of the key nothing but that."""
    if not shutil.which(awk.split()[0]):
        pytest.skip(f"no {awk}")
    (conf := tmp_path / "x.conf").write_bytes(text.encode())
    found = read(conf, awk)
    assert {key: said for key, (_, said) in found.items()} == FOUND
    for key, (number, said) in found.items():
        line = text.splitlines()[number - 1]
        assert f"{key}:" in line
        assert said in line


@pytest.mark.parametrize(
    "text",
    [
        "",
        WRITTEN.replace("current-context: zed@ours", 'current-context: ""'),
        WRITTEN.replace("current-context: zed@ours", "current-context: none@ours"),
        WRITTEN.replace("    user: zed\n", "    user: nobody\n"),
        json.dumps({"current-context": "x", "users": [{"name": "x", "user": {"client-key-data": "S0VZ"}}]}),
    ],
)
def test_what_leads_nowhere_has_no_answer(text: str, tmp_path: Path) -> None:
    """Nor has what it cannot read: nothing is taken from another context."""
    (conf := tmp_path / "x.conf").write_text(text)
    assert read(conf) == {}


def test_data_in_several_lines_is_not_taken_for_what_it_is(tmp_path: Path) -> None:
    """It would not be replaced whole."""
    (conf := tmp_path / "x.conf").write_text(
        WRITTEN.replace("client-key-data: S0VZ", "client-key-data: |\n      S0VZ")
    )
    assert read(conf).keys() == FOUND.keys() - {"client-key-data"}


@pytest.mark.parametrize(("text", "count"), [(WRITTEN, 3), (BY_HAND, 2), ("users: []\n", 0)])
def test_users_are_counted(text: str, count: int, tmp_path: Path) -> None:
    """By their entries, not by other lists of names among them."""
    (conf := tmp_path / "x.conf").write_text(text)
    done = subprocess.run(["bash", "-euc", users(str(conf))], capture_output=True, text=True, check=True)
    assert done.stdout == f"{count}\n"
