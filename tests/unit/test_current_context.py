"""What counts of a kubeconfig, in the forms that people and tools write."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from hardway.pki.current_context import embedded_certificate, named, read, users

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
      apiVersion: client.authentication.k8s.io/v1
      interactiveMode: Never
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

pytestmark = pytest.mark.usefixtures("kubectl")


def said(script: str) -> str:
    """What bash prints, as on a node."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    "text",
    [WRITTEN, WRITTEN.replace("\n", "\r\n"), BY_HAND, json.dumps(yaml.safe_load(WRITTEN))],
    ids=["written", "crlf", "by hand", "JSON"],
)
def test_the_current_context_leads_to_cluster_and_user(text: str, tmp_path: Path) -> None:
    """Whatever stands before it or beside it."""
    (conf := tmp_path / "x.conf").write_bytes(text.encode())
    part = yaml.safe_load(said(f'{read(str(conf))}printf "%s" "$conf"\n'))

    assert [entry["name"] for entry in part["clusters"]] == ["ours"]
    assert part["clusters"][0]["cluster"]["server"] == "https://[fd00::1]:6443"
    assert part["users"] == [{"name": "zed", "user": {"client-certificate-data": "T1VS", "client-key-data": "S0VZ"}}]
    assert said(embedded_certificate(str(conf))) == "OUR"
    assert (said(named(str(conf), "user")), said(named(str(conf), "cluster"))) == ("zed", "ours")


def test_a_file_with_one_of_each_is_read_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody starts kubectl for what kubeadm and hardway write: it is asked on every run."""
    value = yaml.safe_load(WRITTEN)
    for entries in ("clusters", "contexts", "users"):
        value[entries] = [entry for entry in value[entries] if entry["name"] in ("ours", "zed@ours", "zed")]
    (conf := tmp_path / "x.conf").write_text(yaml.safe_dump(value))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/kubectl").write_text("#!/bin/bash\necho kubectl ran >&2\n")
    (tmp_path / "bin/kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")

    assert said(f'{read(str(conf))}printf "%s\\n" "$conf"\n') == conf.read_text()
    assert said(embedded_certificate(str(conf))) == "OUR"


@pytest.mark.parametrize(
    "text",
    [
        "",
        WRITTEN.replace("current-context: zed@ours", 'current-context: ""'),
        WRITTEN.replace("current-context: zed@ours", "current-context: none@ours"),
    ],
)
def test_what_leads_nowhere_has_no_answer(text: str, tmp_path: Path) -> None:
    """Nothing is taken from another context."""
    (conf := tmp_path / "x.conf").write_text(text)

    assert said(f'{read(str(conf))}printf "%s" "$conf"\n') == ""
    assert said(f"{named(str(conf), 'user')} || true\n") == ""


@pytest.mark.parametrize(
    ("text", "names"), [(WRITTEN, "alice tool zed"), (BY_HAND, "alice zed"), ("users: []\n", "")]
)
def test_users_are_named(text: str, names: str, tmp_path: Path) -> None:
    """By their entries, not by other lists of names among them."""
    (conf := tmp_path / "x.conf").write_text(text)

    assert said(users(str(conf))) == names
