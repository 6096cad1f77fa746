"""The CAs on their way to the other masters (article chapter 26, kubeadm phase `upload-certs`).

Source: kubeadm v1.30.4 `app/phases/copycerts/copycerts.go`: AES-256-GCM, 12 bytes of nonce before the ciphertext,
the Secret owned by a token that lives two hours.
"""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.chapters.objects import BOOTSTRAPPERS, binding, group, role, rule
from hardway.model import Cluster, Node
from hardway.steps import ApiObjects, Check, Command, Step
from hardway.steps.shell import heredoc, input_file

SECRET_FILES = (
    ("ca.crt", "ca.crt"),
    ("ca.key", "ca.key"),
    ("etcd-ca.crt", "etcd/ca.crt"),
    ("etcd-ca.key", "etcd/ca.key"),
    ("front-proxy-ca.crt", "front-proxy-ca.crt"),
    ("front-proxy-ca.key", "front-proxy-ca.key"),
    ("sa.key", "sa.key"),
    ("sa.pub", "sa.pub"),
)
"""Key in the Secret kubeadm-certs, and file below certificatesDir."""

ENCRYPT = """\
import base64, json, os, pathlib, secrets, string, sys, datetime
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

key = AESGCM(bytes.fromhex(pathlib.Path(sys.argv[1]).read_text().strip()))
pki, token_id = pathlib.Path(sys.argv[2]), sys.argv[3]

def sealed(path):
    nonce = os.urandom(12)
    return base64.b64encode(nonce + key.encrypt(nonce, (pki / path).read_bytes(), None)).decode()

owner = {"apiVersion": "v1", "kind": "Secret", "name": "bootstrap-token-" + token_id, "uid": sys.argv[4],
         "controller": True, "blockOwnerDeletion": True}
json.dump({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
           "metadata": {"name": "kubeadm-certs", "namespace": "kube-system", "ownerReferences": [owner]},
           "data": {name: sealed(path) for name, path in FILES}}, sys.stdout)
"""

DECRYPTS = """\
import base64, json, pathlib, sys
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

key = AESGCM(bytes.fromhex(pathlib.Path(sys.argv[1]).read_text().strip()))
blob = base64.b64decode(sys.stdin.read())
try:
    key.decrypt(blob[:12], blob[12:], None)
except InvalidTag:
    sys.exit(1)
"""


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    if not cluster.joining_control_planes:
        return
    etc = cluster.paths.kubernetes
    kubectl = f"kubectl --kubeconfig={etc}/admin.conf -n kube-system"
    key = input_file("certificate-key")
    names = " ".join(other.name for other in cluster.joining_control_planes)
    yield ApiObjects(
        "upload-certs/rbac",
        (
            role("kubeadm:kubeadm-certs", [rule(["secrets"], ["get"], ["kubeadm-certs"])], "kube-system"),
            binding("kubeadm:kubeadm-certs", "kubeadm:kubeadm-certs", [group(BOOTSTRAPPERS)], "kube-system"),
        ),
        why="a joining master reads exactly this Secret with its token",
    )
    yield Command(
        "upload-certs",
        "store the CAs and the service-account key, encrypted, in Secret kubeadm-certs",
        # Its owner is a token without any use but to expire: with it the Secret goes.
        "id=\"$(LC_ALL=C tr -dc 'a-z0-9' </dev/urandom | head -c 6 || true)\"\n"
        "secret=\"$(LC_ALL=C tr -dc 'a-z0-9' </dev/urandom | head -c 16 || true)\"\n"
        "expiration=\"$(date -u -d '+2 hours' +%Y-%m-%dT%H:%M:%SZ)\"\n"
        f"uid=\"$({kubectl} create -o 'jsonpath={{.metadata.uid}}' -f - <<EOF\n"
        "apiVersion: v1\nkind: Secret\ntype: bootstrap.kubernetes.io/token\nmetadata:\n"
        "  name: bootstrap-token-$id\n  namespace: kube-system\nstringData:\n"
        "  description: Proxy for managing TTL for the kubeadm-certs secret\n"
        "  expiration: $expiration\n"
        '  token-id: "$id"\n  token-secret: "$secret"\nEOF\n)"\n'
        'umask 077\nwork="$(mktemp -d)"\ntrap \'rm -rf "$work"\' EXIT\n'
        + heredoc('cat >"$work/encrypt.py"', f"FILES = {SECRET_FILES!r}\n{ENCRYPT}")
        + f'python3 "$work/encrypt.py" {key} {cluster.paths.pki} "$id" "$uid" |\n'
        f"  {kubectl} apply --server-side --force-conflicts --field-manager=hardway -f -\n",
        Check(
            "the masters to have joined, or their CAs to be uploaded with this run's key",
            f'joined="$({kubectl} get node {names} --ignore-not-found -o name 2>/dev/null | wc -l)"\n'
            f'[ "$joined" -ne {len(cluster.joining_control_planes)} ] || exit 0\n'
            f"[ -s {key} ] || {{ echo 'not uploaded'; exit 1; }}\n"
            'stored="$('
            + f"{kubectl} get secret kubeadm-certs --ignore-not-found -o 'jsonpath={{.data.ca\\.crt}}' 2>/dev/null)\"\n"
            "[ -n \"$stored\" ] || { echo 'not uploaded'; exit 1; }\n"
            + f"printf '%s' \"$stored\" | python3 -c {_shell(DECRYPTS)} {key} ||"
            " { echo 'uploaded with another key'; exit 1; }\n",
        ),
        inputs=("certificate-key",),
        why="encrypted with a key that only this run knows, so the Secret alone opens nothing",
    )


def _shell(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


UPLOAD_CERTS = Chapter("upload-certs", "CAs for the other masters", (26,), "upload-certs", steps=steps)
