"""How a joining node comes to trust the cluster (article chapters 12 and 28; kubeadm `app/discovery/token`).

The ConfigMap cluster-info is fetched once without verifying TLS: the request carries no credential, and the answer
is believed only after its JWS fits the token and its CA fits the pin. Then it is fetched again over verified TLS
and has to be the same.
"""

from collections.abc import Iterator

from hardway.chapters.certs import pki_directories
from hardway.chapters.chapter import Chapter
from hardway.errors import REFUSED
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, Step
from hardway.steps.shell import input_file, quote

LIMIT = 60
"""Seconds for the API server to answer and for the controller manager to sign with this node's token."""

SIGNATURE = """\
base64url() { base64 -w0 | tr '+/' '-_' | tr -d '='; }
# HMAC-SHA256 of standard input with the key $secret, made of two hashes so that no command line shows the key.
hmac() {
  local i byte inner='' outer=''
  for ((i = 0; i < 64; i++)); do
    byte=0
    [ "$i" -ge "${#secret}" ] || printf -v byte '%d' "'${secret:i:1}"
    printf -v inner '%s\\\\x%02x' "$inner" "$((byte ^ 0x36))"
    printf -v outer '%s\\\\x%02x' "$outer" "$((byte ^ 0x5c))"
  done
  {
    printf '%b' "$outer"
    { printf '%b' "$inner"; cat; } | openssl dgst -sha256 -binary
  } | openssl dgst -sha256 -binary
}
# The detached JWS of standard input, as the controller manager makes it with the token $id.$secret.
signature() {
  local header
  header="$(printf '{"alg":"HS256","kid":"%s"}' "$id" | base64url)"
  printf '%s..%s' "$header" "$({ printf '%s.' "$header"; base64url; } | hmac | base64url)"
}
"""

PIN = """\
# kubeadm's pin: the SHA-256 of a certificate's public key.
pin() {
  openssl x509 -noout -pubkey -in "$1" | openssl pkey -pubin -outform DER | sha256sum | sed 's/^/sha256:/; s/ .*//'
}
"""


def verified_curl(ca: str) -> str:
    """curl that believes this CA (a quoted path) only.

    Without --capath Debian's curl believes the public CAs of /etc/ssl/certs too.
    """
    return f"curl -sS -m 10 --cacert {ca} --capath /dev/null"


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield from pki_directories(cluster, node)
    token, pin = f"token/{node.name}", input_file("ca-pin")
    ca, conf = quote(cluster.paths.ca), quote(f"{cluster.paths.kubernetes}/kubelet.conf")
    known = Check(
        "the cluster's CA to be known",
        f"[ -s {ca} ] || {{ echo 'no CA yet'; exit 1; }}\n"
        # A node that has joined trusts this CA already, and its run inputs are gone.
        f"[ ! -s {conf} ] || exit 0\n"
        f"[ -s {pin} ] || {{ echo 'the CA was not compared with the pin yet'; exit 1; }}\n"
        f'{PIN}[ "$(pin {ca} 2>&1)" = "$(cat {pin})" ] || {{ echo \'the CA does not fit the pin\'; exit 1; }}\n',
    )
    yield Command(
        "discovery/handed-over",
        "take the CA that was brought here from the first master, if it was",
        _take(cluster),
        known,
        inputs=("ca", "ca-pin"),
        why="what came over a trusted way needs no network",
    )
    yield Command(
        "discovery",
        "learn the cluster's CA and verify it",
        _script(cluster, token),
        known,
        inputs=(token, "ca-pin"),
        why="whoever believes a wrong CA hands its credentials to a stranger",
    )


def _take(cluster: Cluster) -> str:
    target, brought = cluster.paths.ca, input_file("ca")
    ca, new = quote(target), quote(f"{target}.new")
    return (
        f"if [ -s {brought} ]; then\n"
        f"base64 -d <{brought} >{new}\n{PIN}"
        f'if [ "$(pin {new})" != "$(cat {input_file("ca-pin")})" ]; then\n'
        f"  echo 'the CA that was brought here does not fit the pin' >&2\n  rm -f {new}\n  exit 1\nfi\n"
        f"if [ -s {ca} ] && ! cmp -s {ca} {new}; then\n"
        f"  echo {quote(f'{target} is the CA of another cluster: reset this node first')} >&2\n  exit {REFUSED}\nfi\n"
        f"chmod 0644 {new}\nmv {new} {ca}\nfi\n"
    )


def _script(cluster: Cluster, token: str) -> str:
    target = cluster.paths.ca
    ca, new = quote(target), quote(f"{target}.new")
    url = f"{cluster.endpoint.url}/api/v1/namespaces/kube-public/configmaps/cluster-info"
    return (
        "(\numask 077\n"
        'work="$(mktemp -d)"\n'
        "trap 'rm -rf \"$work\"' EXIT\n"
        'cd "$work"\n'
        f'IFS=. read -r id secret <{input_file(token)} || [ -n "$secret" ]\n'
        + SIGNATURE
        + PIN
        + f"url={quote(url)}\n"
        # The one request without verification: no credential is sent, and nothing is believed before the checks.
        "deadline=$((SECONDS + " + f"{LIMIT}))\n"
        'until curl -sSf -m 10 -k -o first.json "$url" 2>log &&\n'
        '  jws="$(jq -er --arg key "jws-kubeconfig-$id" \'.data[$key]\' first.json 2>log)"; do\n'
        '  if [ "$SECONDS" -ge "$deadline" ]; then\n'
        '    echo "no cluster-info that is signed with token $id at $url: $(cat log)" >&2\n'
        "    echo 'hint: tokens live some hours; hardway apply makes a new one' >&2\n"
        "    exit 1\n  fi\n"
        "  sleep 0.2\ndone\n"
        "jq -j .data.kubeconfig first.json >first\n"
        'if [ "$jws" != "$(signature <first)" ]; then\n'
        '  echo "the signature of cluster-info does not fit the token: $url cannot be trusted" >&2\n  exit 1\nfi\n'
        "if [ \"$(grep -c 'certificate-authority-data:' first)\" != 1 ]; then\n"
        "  echo 'cluster-info does not describe exactly one cluster' >&2\n  exit 1\nfi\n"
        "sed -n 's/^ *certificate-authority-data: *//p' first | tr -d '\"' | base64 -d >ca.crt\n"
        f'if [ "$(pin ca.crt)" != "$(cat {input_file("ca-pin")})" ]; then\n'
        '  echo "the CA at $url has another pin: $(pin ca.crt)" >&2\n  exit 1\nfi\n'
        + verified_curl("ca.crt")
        + ' -f --retry 5 --retry-connrefused -o second.json "$url"\n'
        "if ! jq -j .data.kubeconfig second.json | cmp -s - first; then\n"
        "  echo 'cluster-info differs over verified TLS' >&2\n  exit 1\nfi\n"
        f"if [ -s {ca} ] && ! cmp -s {ca} ca.crt; then\n"
        f"  echo {quote(f'{target} is the CA of another cluster: reset this node first')} >&2\n  exit {REFUSED}\nfi\n"
        f"install -m 0644 ca.crt {new}\nmv {new} {ca}\n)\n"
    )


DISCOVERY = Chapter("discovery", "Trust of a joining node", (12, 28), join_phase="preflight", steps=steps)
