"""Tokens, join commands and requests for certificates on a real API server, beside the real kubeadm."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from local_cluster import Machine, machines, stopping

from built import real_kubeadm
from hardway.chapters import bootstrap_token, upload_certs
from hardway.operations import joining, requests, tokens
from hardway.operations.tokens import Token
from hardway.steps import Run, lower_all
from hardway.steps.shell import INPUTS

pytestmark = pytest.mark.parity

NOW = datetime.now(UTC).replace(microsecond=0)
OURS = Token("abcdef", "0123456789abcdef", NOW + timedelta(hours=3), description="for a trial")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """etcd and API server of the first master, with the roles of chapter bootstrap-token."""
    machine = machines(tmp_path_factory.mktemp("api"))["master-1"]
    cluster, node = machine.cluster, machine.node
    with stopping([machine]):
        machine.serve()
        rbac = next(item for item in lower_all(bootstrap_token.steps(cluster, node)) if isinstance(item, Run))
        assert machine.bash(rbac.script).returncode == 0
        yield machine


def ours(machine: Machine, text: str) -> str:
    """What our text prints."""
    done = machine.bash(text)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kubeadm(machine: Machine, *words: str) -> str:
    """What the real kubeadm prints."""
    conf = f"{machine.cluster.paths.kubernetes}/admin.conf"
    done = subprocess.run(
        [real_kubeadm(), "token", *words, f"--kubeconfig={conf}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(table: str) -> dict[str, list[str]]:
    """kubeadm's table by token."""
    found = (re.split(r"  +", line.strip()) for line in table.splitlines()[1:])
    return {row[0]: row for row in found}


def test_kubeadm_lists_our_token(first: Machine) -> None:
    """Life, end, usages, description and groups of a token of ours are what kubeadm reads."""
    ours(first, tokens.create(first.cluster, OURS))
    row = rows(kubeadm(first, "list"))[OURS.text]

    assert OURS.expires is not None
    assert row[1] in ("2h", "3h")
    assert row[2:] == [
        tokens.utc(OURS.expires),
        "authentication,signing",
        "for a trial",
        "system:bootstrappers:kubeadm:default-node-token",
    ]


def test_we_list_kubeadms_tokens(first: Machine) -> None:
    """What kubeadm creates is read back whole, one without an end included."""
    groups = "system:bootstrappers:a,system:bootstrappers:b"
    kubeadm(first, "create", "aaaaaa.0123456789abcdef", "--ttl=0", "--usages=authentication", "--description=x y")
    kubeadm(first, "create", "bbbbbb.0123456789abcdef", "--ttl=1h", f"--groups={groups}")
    found = {token.identifier: token for token in tokens.listed(ours(first, tokens.listing(first.cluster)))}
    plain = Token("aaaaaa", "0123456789abcdef", None, ("authentication",), description="x y")

    assert found["aaaaaa"] == plain
    assert found["bbbbbb"].groups == tuple(groups.split(","))
    assert found["bbbbbb"].expires is not None
    assert timedelta(minutes=59) < found["bbbbbb"].expires - datetime.now(UTC) < timedelta(minutes=61)


def test_a_taken_id_is_refused_and_a_missing_one_not_deleted(first: Machine) -> None:
    """The API's own words reach whoever asked."""
    ours(first, tokens.create(first.cluster, replace(OURS, identifier="cccccc")))
    again = first.bash(tokens.create(first.cluster, replace(OURS, identifier="cccccc")))
    ours(first, tokens.delete(first.cluster, ("cccccc",)))
    missing = first.bash(tokens.delete(first.cluster, ("cccccc",)))

    assert (again.returncode, missing.returncode) == (1, 1)
    assert "already exists" in again.stderr
    assert "not found" in missing.stderr
    assert "cccccc" not in kubeadm(first, "list")


def test_the_join_command_is_kubeadms(first: Machine) -> None:
    """The same words for the same token."""
    token = "dddddd.0123456789abcdef"
    expected = kubeadm(first, "create", token, "--print-join-command").strip()
    # The pin is read where every cluster has its CA; here that is a directory of the test.
    pin = ours(first, joining.pin(first.cluster)).strip()

    assert joining.join_command(first.cluster, token, pin).strip() == expected


def test_the_cas_open_with_the_key_that_is_printed(first: Machine) -> None:
    """Secret kubeadm-certs holds all eight files, opens with this key, and no file with the key is left."""
    key = "0123456789abcdef" * 4
    ours(first, joining.upload_certificates(first.cluster, key))
    data = first.get("secret", "kubeadm-certs", "-n", "kube-system")["data"]
    (first.root / "inputs/key").write_text(key)
    for name in data:
        opened = first.bash(
            f"printf '%s' '{data[name]}' | python3 -c \"$DECRYPTS\" {INPUTS}/key".replace(
                '"$DECRYPTS"', "'" + upload_certs.DECRYPTS.replace("'", "'\\''") + "'"
            )
        )
        assert opened.returncode == 0, name

    assert sorted(data) == sorted(name for name, _ in upload_certs.secret_files(first.cluster))
    assert [path.name for path in (first.root / "inputs").iterdir()] == ["key"]


def request(machine: Machine, name: str, address: str) -> str:
    """A request as a kubelet of that name makes it; the name of the object."""
    folder = machine.root / name
    folder.mkdir()
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{folder}/key", "-out", f"{folder}/csr",
         "-subj", f"/O=system:nodes/CN=system:node:{name}", "-addext", f"subjectAltName=DNS:{name},IP:{address}"],
        check=True, capture_output=True,
    )  # fmt: skip
    encoded = subprocess.run(["base64", "-w0", f"{folder}/csr"], capture_output=True, text=True, check=True).stdout
    body = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": f"of-{name.split('.')[0]}"},
        "spec": {
            "request": encoded,
            "signerName": "kubernetes.io/kubelet-serving",
            "usages": ["digital signature", "server auth"],
        },
    }
    machine.kubectl(
        "create", "-f", "-", f"--as=system:node:{name}", "--as-group=system:nodes",
        "--as-group=system:authenticated", stdin=yaml.safe_dump(body),
    )  # fmt: skip
    return f"of-{name.split('.')[0]}"


def forge(machine: Machine, like: str, name: str) -> str:
    """The same request from somebody whose name looks like the rest of a row; the name of the object."""
    original = machine.get("csr", like)["spec"]
    row = f'||{original["request"]}|["digital signature" "server auth"]|["system:nodes"]|"system:node:{name}"'
    body = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": "forged"},
        "spec": {key: original[key] for key in ("request", "signerName", "usages")},
    }
    machine.kubectl(
        "create", "-f", "-", f"--as=x{row}", '--as-group=x "system:nodes', "--as-group=system:masters",
        stdin=yaml.safe_dump(body),
    )  # fmt: skip
    return "forged"


def test_only_what_agrees_may_be_approved(first: Machine) -> None:
    """The list says of each request whether name and address are the inventory's; approval shows in the next list."""
    worker = next(node for node in first.cluster.nodes if not node.is_control_plane)
    master = first.cluster.control_planes[1]
    fine = request(first, worker.name, worker.address)
    wrong = request(first, master.name, worker.address)
    strange = request(first, "stranger.example.com", "127.77.0.9")
    found = {item.name: item for item in requests.listed(ours(first, requests.listing(first.cluster)))}

    forged = forge(first, fine, worker.name)
    again = {item.name: item for item in requests.listed(ours(first, requests.listing(first.cluster)))}

    assert {name for name, item in found.items() if item.can_be_approved} == {fine}
    assert again[forged].objection == "it is not from a node of the inventory"
    assert found[wrong].objection.startswith("it asks for the names")
    assert found[strange].objection == "it is not from a node of the inventory"
    ours(first, requests.approve(first.cluster, (fine,)))
    after = {item.name: item for item in requests.listed(ours(first, requests.listing(first.cluster)))}
    assert (after[fine].state, after[fine].objection) == ("Approved", "")
    assert {item.state for name, item in after.items() if name != fine} == {"Pending"}
