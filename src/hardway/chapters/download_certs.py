"""The CAs arrive on a joining master (article chapter 12 Join, phase `control-plane-prepare download-certs`).

Source: kubeadm v1.30.4 `app/phases/copycerts/copycerts.go` (DownloadCerts).
"""

import posixpath
from collections.abc import Iterator

from hardway.chapters.certs import pki_directories
from hardway.chapters.chapter import Chapter
from hardway.chapters.discovery import verified_curl
from hardway.chapters.upload_certs import secret_files
from hardway.errors import REFUSED
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, Step
from hardway.steps.shell import heredoc, input_file, quote

LIMIT = 20
"""Seconds for a new token and its role to be known to the API server that answers."""

DECRYPT = """\
import base64, json, os, pathlib, sys
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

key = AESGCM(bytes.fromhex(pathlib.Path(sys.argv[1]).read_text().strip()))
pki, data = pathlib.Path(sys.argv[2]), json.load(sys.stdin).get("data") or {}
wanted = {}
for name, path in FILES:
    if name not in data:
        sys.exit(f"Secret kubeadm-certs lacks {name}\\nhint: hardway apply uploads the certificates again")
    blob = base64.b64decode(data[name])
    if not blob:
        # The first master has no such file: the key of an external CA, or TLS for an external etcd without it.
        continue
    try:
        wanted[pki / path] = key.decrypt(blob[:12], blob[12:], None)
    except InvalidTag:
        sys.exit("the certificate key does not fit Secret kubeadm-certs\\nhint: hardway apply uploads it again")
for target, content in wanted.items():
    if target.exists() and target.read_bytes() != content:
        print(f"{target} exists and is another one\\nhint: reset this node first, or move the file away", file=sys.stderr)
        sys.exit(REFUSED)
os.umask(0o022)
for target, content in wanted.items():
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(target.name + ".new")
    beside.unlink(missing_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    beside.chmod(0o600 if b"PRIVATE KEY-----" in content else 0o644)
    beside.rename(target)
"""
"""Reads the Secret from standard input; arguments are the file of the certificate key and certificatesDir.

Nothing is written unless everything fits. Modes are kubeadm's: keys 0600, certificates and sa.pub 0644, and
directories that are missing (of an external etcd's files) 0755.
"""

_REASONS = """\
    case "$status" in
      401) reason="this node's bootstrap token is not valid (any more)" ;;
      403) reason="this node's bootstrap token may not read it: Role kubeadm:kubeadm-certs is missing" ;;
      404) reason='it was not uploaded, or its two hours are over' ;;
      *) reason="$(cat "$work/log")" ;;
    esac
"""


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield from pki_directories(cluster, node)
    # The keys of the CAs may be missing: with an external CA there are none, and an operator may take them away.
    # Files are written in this order, so the last ones say that the others have come.
    pki = cluster.paths.pki
    files = [posixpath.join(pki, path) for _, path in secret_files(cluster) if path and not path.endswith("ca.key")]
    token = f"token/{node.name}"
    yield Command(
        "control-plane-prepare/download-certs",
        "fetch and decrypt the CAs and the service-account key",
        _script(cluster, node, token),
        Check(
            "the CAs and the service-account key to be here",
            "".join(f"[ -s {quote(file)} ] || {{ echo {quote(f'{file} is missing')}; exit 1; }}\n" for file in files),
        ),
        inputs=(token, "certificate-key"),
        why="all masters sign with the same CAs",
    )


def _script(cluster: Cluster, node: Node, token: str) -> str:
    pki = cluster.paths.pki
    url = f"{cluster.endpoint.url}/api/v1/namespaces/kube-system/secrets/kubeadm-certs"
    hint = (
        "hint: hardway apply makes a token and uploads the certificates again; "
        f"if this node is registered from an earlier life: kubectl delete node {node.name}"
    )
    return (
        "(\numask 077\n"
        'work="$(mktemp -d)"\n'
        "trap 'rm -rf \"$work\"' EXIT\n"
        + heredoc('cat >"$work/decrypt.py"', f"FILES = {secret_files(cluster)!r}\nREFUSED = {REFUSED}\n{DECRYPT}")
        # From a file, because a command line can be read by everybody on the machine.
        + f'printf \'Authorization: Bearer %s\' "$(cat {input_file(token)})" >"$work/auth"\n'
        + f"url={quote(url)}\n"
        + f"deadline=$((SECONDS + {LIMIT}))\n"
        + "while :; do\n"
        + f'  status="$({verified_curl(quote(cluster.paths.ca))} -H @"$work/auth" -o "$work/secret.json" \\\n'
        + '    -w \'%{http_code}\' "$url" 2>"$work/log" || true)"\n'
        + '  [ "$status" != 200 ] || break\n'
        + '  if [ "$SECONDS" -ge "$deadline" ]; then\n'
        + _REASONS
        + '    echo "Secret kubeadm-certs cannot be read at $url (HTTP $status): $reason" >&2\n'
        + f"    echo {quote(hint)} >&2\n    exit 1\n  fi\n"
        + "  sleep 0.2\ndone\n"
        + f'python3 "$work/decrypt.py" {input_file("certificate-key")} {quote(pki)} <"$work/secret.json"\n)\n'
    )


DOWNLOAD_CERTS = Chapter(
    "download-certs", "CAs of a joining master", (12,), join_phase="control-plane-prepare download-certs", steps=steps
)
