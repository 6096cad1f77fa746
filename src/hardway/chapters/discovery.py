"""How a joining node comes to trust the cluster (article chapters 12 and 28; kubeadm `app/discovery/token`).

The ConfigMap cluster-info is fetched once without verifying TLS: the request carries no credential, and the answer
is believed only after its JWS fits the token and its CA fits the pin. Then it is fetched again over verified TLS
and has to be the same.
"""

from collections.abc import Iterator

from hardway.chapters.certs import pki_directories
from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, Step
from hardway.steps.shell import heredoc, input_file

LIMIT = 60

VERIFY = """\
import base64, hashlib, hmac, json, pathlib, sys

work, token_file = map(pathlib.Path, sys.argv[1:3])
token_id, secret = token_file.read_text().strip().split(".")
info = json.loads((work / "cluster-info.json").read_text())["data"]
kubeconfig = info["kubeconfig"]
jws = info.get("jws-kubeconfig-" + token_id)
if jws is None:
    sys.exit("cluster-info is not signed with this token (yet)")
encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
header, payload, signature = jws.split(".")
if payload or json.loads(base64.urlsafe_b64decode(header + "==")) != {"alg": "HS256", "kid": token_id}:
    sys.exit("the signature of cluster-info has an unexpected form")
signed = header.encode() + b"." + encode(kubeconfig.encode())
expected = encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest())
if not hmac.compare_digest(expected, signature.encode()):
    sys.exit("the signature of cluster-info does not fit the token")
authorities = [
    line.split(":", 1)[1].strip()
    for line in kubeconfig.splitlines()
    if line.strip().startswith("certificate-authority-data:")
]
if len(authorities) != 1:
    sys.exit("cluster-info does not describe exactly one cluster")
(work / "ca.crt").write_bytes(base64.b64decode(authorities[0]))
(work / "kubeconfig").write_text(kubeconfig)
"""
"""Reads work directory and token file from its arguments; leaves ca.crt and kubeconfig in the work directory."""


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield from pki_directories(cluster)
    ca, token = f"{cluster.paths.pki}/ca.crt", f"token/{node.name}"
    url = f"{cluster.endpoint.url}/api/v1/namespaces/kube-public/configmaps/cluster-info"
    yield Command(
        "discovery",
        "learn the cluster's CA and verify it",
        'umask 077\nwork="$(mktemp -d)"\ntrap \'rm -rf "$work"\' EXIT\n'
        + heredoc('cat >"$work/verify.py"', VERIFY)
        + f"deadline=$((SECONDS + {LIMIT}))\n"
        # The one request without verification; no credential is sent, and nothing is believed before the checks.
        f'until curl -sSf -m 10 -k {url} -o "$work/cluster-info.json" 2>"$work/log" &&\n'
        f'  python3 "$work/verify.py" "$work" {input_file(token)} 2>"$work/log"; do\n'
        '  [ "$SECONDS" -lt "$deadline" ] || { cat "$work/log" >&2; exit 1; }\n'
        "  sleep 0.2\ndone\n"
        'pin="sha256:$(openssl x509 -noout -pubkey -in "$work/ca.crt" | openssl pkey -pubin -outform DER |'
        " sha256sum | cut -d' ' -f1)\"\n"
        f'[ "$pin" = "$(cat {input_file("ca-pin")})" ] || {{ echo "the CA of the cluster has another pin: $pin" >&2; exit 1; }}\n'
        'mv "$work/kubeconfig" "$work/first"\n'
        f'curl -sSf -m 10 --cacert "$work/ca.crt" {url} -o "$work/cluster-info.json"\n'
        f'python3 "$work/verify.py" "$work" {input_file(token)}\n'
        'cmp -s "$work/first" "$work/kubeconfig" ||\n'
        "  { echo 'cluster-info differs over verified TLS' >&2; exit 1; }\n"
        f'if [ -e {ca} ] && ! cmp -s {ca} "$work/ca.crt"; then\n'
        f"  echo '{ca} is the CA of another cluster: reset this node first' >&2\n  exit 1\nfi\n"
        f'install -m 0644 "$work/ca.crt" {ca}.new\nmv {ca}.new {ca}\n',
        Check("the cluster's CA to be known", f"[ -s {ca} ] || {{ echo 'no CA yet'; exit 1; }}\n"),
        inputs=(token, "ca-pin"),
        why="whoever believes a wrong CA hands its credentials to a stranger",
    )


DISCOVERY = Chapter("discovery", "Trust of a joining node", (12, 28), join_phase="preflight", steps=steps)
