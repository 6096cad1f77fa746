"""The CAs arrive on a joining master (article chapter 12 Join, phase `control-plane-prepare download-certs`).

Source: kubeadm v1.30.4 `app/phases/copycerts/copycerts.go` (DownloadCerts).
"""

from collections.abc import Iterator

from hardway.chapters.certs import pki_directories
from hardway.chapters.chapter import Chapter
from hardway.chapters.upload_certs import SECRET_FILES
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, Step
from hardway.steps.shell import heredoc, input_file

DECRYPT = """\
import base64, json, os, pathlib, sys
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

key = AESGCM(bytes.fromhex(pathlib.Path(sys.argv[1]).read_text().strip()))
pki, data = pathlib.Path(sys.argv[2]), json.load(sys.stdin).get("data") or {}
for name, path in FILES:
    if not data.get(name):
        sys.exit(f"Secret kubeadm-certs lacks {name}: upload the certificates again")
    blob = base64.b64decode(data[name])
    try:
        content = key.decrypt(blob[:12], blob[12:], None)
    except InvalidTag:
        sys.exit("the certificate key does not fit Secret kubeadm-certs")
    target = pki / path
    if target.exists():
        if target.read_bytes() != content:
            sys.exit(f"{target} exists and differs: reset this node first")
        continue
    beside = target.with_name("." + target.name + ".new")
    beside.unlink(missing_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    beside.chmod(0o600 if path.endswith(".key") else 0o644)
    beside.rename(target)
"""


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield from pki_directories(cluster)
    token, pki = f"token/{node.name}", cluster.paths.pki
    url = f"{cluster.endpoint.url}/api/v1/namespaces/kube-system/secrets/kubeadm-certs"
    files = " ".join(f"{pki}/{path}" for _, path in SECRET_FILES)
    yield Command(
        "control-plane-prepare/download-certs",
        "fetch and decrypt the CAs and the service-account key",
        'umask 077\nwork="$(mktemp -d)"\ntrap \'rm -rf "$work"\' EXIT\n'
        + heredoc('cat >"$work/decrypt.py"', f"FILES = {SECRET_FILES!r}\n{DECRYPT}")
        + f'printf \'Authorization: Bearer %s\' "$(cat {input_file(token)})" >"$work/auth"\n'
        f'if ! curl -sSf -m 10 --cacert {pki}/ca.crt -H @"$work/auth" {url} -o "$work/secret.json"; then\n'
        "  echo 'Secret kubeadm-certs cannot be read: it lives two hours; upload it again (hardway apply)' >&2\n"
        "  exit 1\nfi\n"
        f'python3 "$work/decrypt.py" {input_file("certificate-key")} {pki} <"$work/secret.json"\n',
        Check(
            "the CAs and the service-account key to be here",
            f'for file in {files}; do\n  [ -s "$file" ] || {{ echo "$file is missing"; exit 1; }}\ndone\n',
        ),
        inputs=(token, "certificate-key"),
        why="all masters sign with the same CAs",
    )


DOWNLOAD_CERTS = Chapter(
    "download-certs", "CAs of a joining master", (12,), join_phase="control-plane-prepare download-certs", steps=steps
)
