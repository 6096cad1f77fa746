"""How CAs travel: discovery, upload and download against a small TLS server that answers as the API does."""

import base64
import hashlib
import hmac
import json
import os
import secrets
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from clusters import lab_cluster
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pki_samples import ask, bash, cluster_below

from hardway.chapters import (
    certs,
    check_expiration,
    discovery,
    download_certs,
    kubeconfig,
    kubelet_finalize,
    upload_certs,
)
from hardway.errors import REFUSED
from hardway.model import Cluster, Endpoint, Networking, freeze_document
from hardway.pki import catalog, sign
from hardway.steps import Await, Command, Run, Severity, Step, Wait, lower_all
from hardway.steps.shell import INPUTS

TOKEN = "abcdef.0123456789abcdef"
CERTIFICATE_KEY = secrets.token_hex(32)
INFO = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
SECRET = "/api/v1/namespaces/kube-system/secrets/kubeadm-certs"


@dataclass
class Api:
    """The answers of the API server, and what it was asked."""

    port: int
    ca: dict[str, bytes]
    """Files of the cluster's PKI by their path below certificatesDir."""
    answers: dict[str, Callable[[], tuple[int, object]]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and Authorization of each request."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A TLS server with an API server's certificate for 127.0.0.1."""
    root = tmp_path_factory.mktemp("api")
    cluster = cluster_below(root)
    pki = f"{cluster.paths.pki}/"
    wanted = [
        s for s in catalog.certificates(cluster, cluster.first_control_plane) if s.is_ca or s.name == "apiserver"
    ]
    made = sign.certificates(wanted, {}, datetime.now(UTC)) | sign.key_pair(catalog.service_account_key(cluster), {})
    certificate, key = root / "tls.crt", root / "tls.key"
    certificate.write_bytes(made[f"{pki}apiserver.crt"])
    key.write_bytes(made[f"{pki}apiserver.key"])
    api = Api(0, {path.removeprefix(pki): content for path, content in made.items()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.asked.append((self.path, self.headers.get("Authorization", "")))
            status, body = api.answers.get(self.path, lambda: (404, {}))()
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    api.port = http.server_address[1]
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield api
    http.shutdown()


@pytest.fixture
def joining(server: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Cluster, Api]:
    """A joining master with its run inputs, and an API that answers as it should."""
    monkeypatch.setattr(discovery, "LIMIT", 0)
    monkeypatch.setattr(download_certs, "LIMIT", 0)
    cluster = replace(cluster_below(tmp_path), endpoint=Endpoint("127.0.0.1", server.port))
    (tmp_path / "etc/pki/etcd").mkdir(parents=True)
    (tmp_path / "inputs").mkdir()
    node = cluster.nodes[1]
    (tmp_path / f"inputs/token-{node.name}").write_text(f"{TOKEN}\n")
    (tmp_path / "inputs/certificate-key").write_text(f"{CERTIFICATE_KEY}\n")
    (tmp_path / "inputs/ca-pin").write_text(f"{pin(server.ca['ca.crt'])}\n")
    server.asked.clear()
    server.answers = {
        INFO: lambda: (200, cluster_info(server.ca["ca.crt"])),
        SECRET: lambda: (200, kubeadm_certs(server.ca)),
    }
    return tmp_path, cluster, server


def pin(certificate: bytes) -> str:
    """kubeadm's pin of a CA."""
    public = x509.load_pem_x509_certificate(certificate).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def cluster_info(ca: bytes, token: str = TOKEN) -> object:
    """ConfigMap cluster-info, signed as kube-controller-manager signs it."""
    text = (
        "apiVersion: v1\nclusters:\n- cluster:\n"
        f"    certificate-authority-data: {base64.b64encode(ca).decode()}\n"
        '    server: https://api.example.com:6443\n  name: ""\n'
        'contexts: null\ncurrent-context: ""\nkind: Config\npreferences: {}\nusers: null\n'
    )
    identity, _, secret = token.partition(".")
    header = url64(f'{{"alg":"HS256","kid":"{identity}"}}'.encode())
    signed = hmac.new(secret.encode(), f"{header}.{url64(text.encode())}".encode(), hashlib.sha256).digest()
    return {"data": {"kubeconfig": text, f"jws-kubeconfig-{identity}": f"{header}..{url64(signed)}"}}


def url64(data: bytes) -> str:
    """base64 as in JWS."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def kubeadm_certs(pki: dict[str, bytes], key: str = CERTIFICATE_KEY) -> object:
    """Secret kubeadm-certs, encrypted by the text that the first master runs."""
    return json.loads(encrypt(pki, key))


def encrypt(pki: dict[str, bytes], key: str) -> str:
    """What the encrypting text prints for a directory with these files."""
    work = Path(os.environ["PYTEST_TMP"]) / secrets.token_hex(4)
    for path, content in pki.items():
        target = work / "pki" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    (work / "key").write_text(f"{key}\n")
    program = f"FILES = {upload_certs.secret_files(lab_cluster())!r}\n{upload_certs.ENCRYPT}"
    argv = [sys.executable, "-c", program, str(work / "key"), str(work / "pki"), "abcdef", "some-uid"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory for `encrypt`, and our Python (it has `cryptography`) as python3."""
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setenv("PYTEST_TMP", str(folder))
    (folder / "bin").mkdir()
    (folder / "bin/python3").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")


def command(steps: Iterator[Step]) -> Command:
    """The command of a chapter that does its work; the last one, what precedes it only spares it."""
    return [step for step in steps if isinstance(step, Command)][-1]


def discover(joining: tuple[Path, Cluster, Api]) -> tuple[int, str]:
    """Exit code and message of the discovery."""
    root, cluster, _ = joining
    done = bash(root, command(discovery.steps(cluster, cluster.nodes[1])).script)
    return done.returncode, done.stderr


def download(joining: tuple[Path, Cluster, Api]) -> tuple[int, str]:
    """Exit code and message of the download, with the CA that discovery brings."""
    root, cluster, api = joining
    if not (root / "etc/pki/ca.crt").exists():
        (root / "etc/pki/ca.crt").write_bytes(api.ca["ca.crt"])
    done = bash(root, command(download_certs.steps(cluster, cluster.nodes[1])).script)
    return done.returncode, done.stderr


HELLO, PASSCODE = "Hello from the other side. I must have called a thousand times.", "my voice is my passcode"


@pytest.mark.parametrize(
    ("content", "secret", "expected"),
    [
        (HELLO, PASSCODE, "VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8"),
        ("", PASSCODE, "7Ui1ALizW4jXphVUB7xUqC9vLYLL9RZeOFfVLoB7Tgk"),
        (HELLO, "", "UfkqvDGiIFxrMnFseDj9LYJOLNrvjW8aHhF71mvvAs8"),
    ],
)
def test_signatures_are_those_of_the_controller_manager(
    tmp_path: Path, content: str, secret: str, expected: str
) -> None:
    """The known signatures of Kubernetes' own cluster-bootstrap package."""
    script = f"id=joshua secret='{secret}'\n{discovery.SIGNATURE}printf '%s' '{content}' | signature\n"
    assert bash(tmp_path, script).stdout == f"eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..{expected}"


def test_discovery_brings_the_ca(joining: tuple[Path, Cluster, Api]) -> None:
    """It asks twice, sends no credential, and leaves ca.crt as kubeadm does; then its guard is content."""
    root, cluster, api = joining
    guard = command(discovery.steps(cluster, cluster.nodes[1])).unless.script
    assert ask(root, guard) == "no CA yet"
    assert discover(joining) == (0, "")
    assert api.asked == [(INFO, ""), (INFO, "")]
    found = root / "etc/pki/ca.crt"
    assert (api.ca["ca.crt"], 0o644) == (found.read_bytes(), stat.S_IMODE(found.stat().st_mode))
    assert ask(root, guard) == ""
    assert not list(root.rglob("*.new"))


def take(joining: tuple[Path, Cluster, Api], ca: bytes) -> tuple[int, str]:
    """Exit code and message where the CA was brought over SSH."""
    root, cluster, _ = joining
    (root / "inputs/ca").write_text(base64.b64encode(ca).decode() + "\n")
    taking = next(step for step in discovery.steps(cluster, cluster.nodes[1]) if isinstance(step, Command))
    done = bash(root, taking.script)
    return done.returncode, done.stderr


def test_a_ca_that_was_brought_is_taken(joining: tuple[Path, Cluster, Api]) -> None:
    """With it nothing is left to discover, and the network was not asked."""
    root, cluster, server = joining

    assert take(joining, server.ca["ca.crt"]) == (0, "")
    assert (root / "etc/pki/ca.crt").read_bytes() == server.ca["ca.crt"]
    assert ask(root, command(discovery.steps(cluster, cluster.nodes[1])).unless.script) == ""
    assert server.asked == []


def test_a_ca_that_was_brought_must_fit_the_pin(joining: tuple[Path, Cluster, Api]) -> None:
    """Another CA than the pinned one is refused and not kept."""
    root, _, server = joining
    code, message = take(joining, server.ca["front-proxy-ca.crt"])

    assert (code, message) == (1, "the CA that was brought here does not fit the pin\n")
    assert not (root / "etc/pki/ca.crt").exists()
    assert not (root / "etc/pki/ca.crt.new").exists()


def test_discovery_believes_no_wrong_signature(joining: tuple[Path, Cluster, Api]) -> None:
    """A balancer that somebody else answers for does not know the token."""
    root, _, api = joining
    api.answers[INFO] = lambda: (200, cluster_info(api.ca["ca.crt"], "abcdef.ffffffffffffffff"))
    code, message = discover(joining)
    assert code == 1
    assert "does not fit the token" in message
    assert not (root / "etc/pki/ca.crt").exists()


def test_discovery_believes_no_other_ca(joining: tuple[Path, Cluster, Api]) -> None:
    """Who knows the token but is not the cluster fails at the pin."""
    root, _, api = joining
    api.answers[INFO] = lambda: (200, cluster_info(api.ca["etcd/ca.crt"]))
    code, message = discover(joining)
    assert code == 1
    assert "has another pin: sha256:" in message
    assert not (root / "etc/pki/ca.crt").exists()


def test_discovery_verifies_the_server_with_the_ca(joining: tuple[Path, Cluster, Api]) -> None:
    """A man in the middle who passes cluster-info on has no certificate of the cluster's CA."""
    root, _, api = joining
    other = api.ca["etcd/ca.crt"]
    api.answers[INFO] = lambda: (200, cluster_info(other))
    (root / "inputs/ca-pin").write_text(f"{pin(other)}\n")
    code, message = discover(joining)
    assert code != 0
    assert "certificate" in message
    assert not (root / "etc/pki/ca.crt").exists()


def test_discovery_wants_the_same_answer_twice(joining: tuple[Path, Cluster, Api]) -> None:
    """What was said without verification has to be said again with it."""
    api = joining[2]
    answers = iter((cluster_info(api.ca["ca.crt"]), cluster_info(api.ca["ca.crt"] + b"\n")))
    api.answers[INFO] = lambda: (200, next(answers))
    code, message = discover(joining)
    assert (code, "cluster-info differs over verified TLS\n") == (1, message)


def test_discovery_without_signature_says_what_to_do(joining: tuple[Path, Cluster, Api]) -> None:
    """A token that has expired has no signature any more."""
    joining[2].answers[INFO] = lambda: (200, {"data": {"kubeconfig": "x"}})
    code, message = discover(joining)
    assert code == 1
    assert "no cluster-info that is signed with token abcdef" in message
    assert "hint: " in message


def test_discovery_replaces_no_ca(joining: tuple[Path, Cluster, Api]) -> None:
    """A node with another cluster's CA was not reset."""
    root, cluster, api = joining
    ca = root / "etc/pki/ca.crt"
    ca.write_bytes(api.ca["etcd/ca.crt"])
    assert (
        ask(root, command(discovery.steps(cluster, cluster.nodes[1])).unless.script) == "the CA does not fit the pin"
    )
    code, message = discover(joining)
    assert code == REFUSED
    assert "is the CA of another cluster" in message
    assert ca.read_bytes() == api.ca["etcd/ca.crt"]


def test_a_joined_node_discovers_nothing(joining: tuple[Path, Cluster, Api]) -> None:
    """Its run inputs are gone, its CA and kubelet.conf are there."""
    root, cluster, api = joining
    (root / "inputs/ca-pin").unlink()
    (root / "etc/pki/ca.crt").write_bytes(api.ca["ca.crt"])
    guard = command(discovery.steps(cluster, cluster.nodes[1])).unless.script
    assert ask(root, guard) == "the CA was not compared with the pin yet"
    (root / "etc/kubelet.conf").write_text("x")
    assert ask(root, guard) == ""


def test_download_brings_all_files(joining: tuple[Path, Cluster, Api]) -> None:
    """Eight files with kubeadm's modes, fetched with the node's own token."""
    root, cluster, api = joining
    guard = command(download_certs.steps(cluster, cluster.nodes[1])).unless.script
    assert "ca.crt is missing" in ask(root, guard)
    assert download(joining) == (0, "")
    assert [(SECRET, f"Bearer {TOKEN}")] == api.asked
    for _, path in upload_certs.secret_files(lab_cluster()):
        found = root / "etc/pki" / path
        expected = api.ca[path], 0o600 if path.endswith(".key") else 0o644
        assert expected == (found.read_bytes(), stat.S_IMODE(found.stat().st_mode))
    assert ask(root, guard) == ""
    assert not list(root.rglob("*.new"))


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "token is not valid"), (403, "Role kubeadm:kubeadm-certs is missing"), (404, "its two hours are over")],
)
def test_download_explains_a_no(joining: tuple[Path, Cluster, Api], status: int, reason: str) -> None:
    """The answer of the API in words, and what to do."""
    joining[2].answers[SECRET] = lambda: (status, {})
    code, message = download(joining)
    assert code == 1
    assert f"(HTTP {status})" in message
    assert reason in message
    assert "hint: hardway apply" in message


def test_download_with_another_key_writes_nothing(joining: tuple[Path, Cluster, Api]) -> None:
    """A Secret of an earlier run is told from a broken one."""
    root, _, api = joining
    api.answers[SECRET] = lambda: (200, kubeadm_certs(api.ca, secrets.token_hex(32)))
    code, message = download(joining)
    assert code == 1
    assert "the certificate key does not fit" in message
    assert [path.name for path in (root / "etc/pki").rglob("*") if path.is_file()] == ["ca.crt"]


def test_download_misses_no_file(joining: tuple[Path, Cluster, Api]) -> None:
    """An incomplete Secret is an error, as for kubeadm."""
    _, _, api = joining
    stored = json.loads(encrypt(api.ca, CERTIFICATE_KEY))
    del stored["data"]["sa.pub"]
    api.answers[SECRET] = lambda: (200, stored)
    code, message = download(joining)
    assert code == 1
    assert "lacks sa.pub" in message


def test_download_replaces_no_other_file(joining: tuple[Path, Cluster, Api]) -> None:
    """A different CA of an earlier life stays, and nothing else is written beside it."""
    root, _, _ = joining
    (root / "etc/pki/etcd/ca.crt").write_text("mine")
    code, message = download(joining)
    assert code == REFUSED
    assert "etcd/ca.crt exists and is another one" in message
    assert (root / "etc/pki/etcd/ca.crt").read_text() == "mine"
    assert not (root / "etc/pki/sa.key").exists()


def test_an_external_ca_travels_without_its_key(joining: tuple[Path, Cluster, Api]) -> None:
    """Its place in the Secret stays empty, and its absence is no error."""
    root, _, api = joining
    without = {path: content for path, content in api.ca.items() if path != "ca.key"}
    assert json.loads(encrypt(without, CERTIFICATE_KEY))["data"]["ca.key"] == ""
    api.answers[SECRET] = lambda: (200, kubeadm_certs(without))
    assert download(joining) == (0, "")
    assert not (root / "etc/pki/ca.key").exists()


def test_the_secret_has_kubeadms_shape(server: Api) -> None:
    """Eight entries of nonce, ciphertext and tag; owned by the token that expires."""
    stored = json.loads(encrypt(server.ca, CERTIFICATE_KEY))
    assert sorted(name for name, _ in upload_certs.secret_files(lab_cluster())) == sorted(stored["data"])
    assert len(base64.b64decode(stored["data"]["ca.crt"])) == 12 + len(server.ca["ca.crt"]) + 16
    owner = {
        "apiVersion": "v1",
        "kind": "Secret",
        "name": "bootstrap-token-abcdef",
        "uid": "some-uid",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    assert stored["metadata"] == {"name": "kubeadm-certs", "namespace": "kube-system", "ownerReferences": [owner]}


def test_upload_looks_whether_its_key_opens_the_secret(server: Api, tmp_path: Path) -> None:
    """The guard tells this run's Secret from another run's."""
    stored = json.loads(encrypt(server.ca, CERTIFICATE_KEY))["data"]["ca.crt"]
    for key, expected in ((CERTIFICATE_KEY, 0), (secrets.token_hex(32), 1)):
        (tmp_path / "key").write_text(f"{key}\n")
        done = subprocess.run(
            [sys.executable, "-c", upload_certs.DECRYPTS, str(tmp_path / "key")], input=stored, text=True, check=False
        )
        assert expected == done.returncode


def test_a_single_master_uploads_nothing() -> None:
    """Nobody would fetch it, and what is not stored cannot be stolen."""
    cluster = cluster_below(Path("/x"))
    alone = replace(cluster, nodes=cluster.nodes[:1])
    assert list(upload_certs.steps(alone, alone.nodes[0])) == []


def test_secrets_are_read_from_files_only() -> None:
    """Texts name the files of run inputs and declare them; tokens and keys stand on no command line."""
    cluster = cluster_below(Path("/x"))
    first, second = cluster.nodes
    for steps in (
        discovery.steps(cluster, second),
        download_certs.steps(cluster, second),
        upload_certs.steps(cluster, first),
    ):
        step = command(steps)
        for name in step.inputs:
            assert f"{INPUTS}/{name.replace('/', '-')}" in step.script
        assert step.script.count(INPUTS) >= len(step.inputs)


def test_finalize_waits_for_the_kubelet_and_then_points_at_its_file(tmp_path: Path) -> None:
    """The result is kubeadm's file to the byte: paths in place of the embedded data, nothing else changed."""
    cluster = cluster_below(tmp_path)
    wait, change, healthy = kubelet_finalize.steps(cluster, cluster.first_control_plane)
    assert isinstance(wait, Wait)
    assert isinstance(change, Command)
    assert isinstance(healthy, Wait)
    (tmp_path / "etc").mkdir()
    conf = tmp_path / "etc/kubelet.conf"
    conf.write_text("users:\n- name: n\n  user:\n    client-certificate-data: QQ==\n    client-key-data: Qg==\n")
    assert bash(tmp_path, f'systemctl() {{ echo "$@"; }}\n{change.script}').stdout == "restart kubelet\n"
    pem = f"{tmp_path}/kubelet/pki/kubelet-client-current.pem"
    expected = f"users:\n- name: n\n  user:\n    client-certificate: {pem}\n    client-key: {pem}\n"
    assert (expected, 0o600) == (conf.read_text(), stat.S_IMODE(conf.stat().st_mode))

    started = "systemctl() { echo '2020-01-01 00:00:00 UTC'; }\n"
    assert bash(tmp_path, started + change.unless.script).stdout == "the kubelet was not restarted since\n"
    # A first master that joined: its kubelet writes the file after its start.
    conf.write_text(expected.replace("name: n", "name: default-auth"))
    assert bash(tmp_path, started + change.unless.script).returncode == 0


def test_a_kubelet_that_does_not_rotate_keeps_its_certificate() -> None:
    """kubeadm does nothing there; waiting for the file would be in vain."""
    cluster = cluster_below(Path("/x"))
    still = replace(cluster, kubelet_configuration=freeze_document({"rotateCertificates": False}))
    assert list(kubelet_finalize.steps(still, still.first_control_plane)) == []


def test_every_certificate_is_checked_and_warned_about() -> None:
    """One question whether it is right, one whether it lasts, for each certificate and kubeconfig of the node."""
    cluster = cluster_below(Path("/x"))
    asked = list(check_expiration.checks(cluster, cluster.first_control_plane))
    assert len([check for check in asked if check.severity is Severity.WARNING]) == 15
    assert len(asked) == 15 + 15 + 1


@pytest.mark.parametrize("which", [0, 1])
def test_all_texts_are_clean(tmp_path: Path, which: int) -> None:
    """shellcheck has nothing to say about scripts and checks, IPv6 and odd directories included."""
    cluster = cluster_below(Path("/a b/it's"))
    cluster = replace(cluster, networking=Networking(("fd01::/108",)), endpoint=Endpoint("fd00::7"))
    node = cluster.nodes[which]
    texts = [check.script for check in check_expiration.checks(cluster, node)]
    for chapter in (certs, kubeconfig, discovery, download_certs, upload_certs, kubelet_finalize):
        for primitive in lower_all(chapter.steps(cluster, node)):
            if isinstance(primitive, Run):
                texts += [f"set -euo pipefail\n{primitive.script}", primitive.unless.script]
            texts += [primitive.check.script] if isinstance(primitive, Await) else []
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.sh").write_text(f"#!/usr/bin/env bash\n{text}")
    done = subprocess.run(["shellcheck", *map(str, sorted(tmp_path.glob("*.sh")))], capture_output=True, text=True)
    assert done.stdout == ""
