"""The CAs on their way to the other masters (article chapter 26, kubeadm phase `upload-certs`).

Source: kubeadm v1.30.4 `app/phases/copycerts/copycerts.go`: AES-256-GCM, 12 bytes of nonce before the ciphertext,
the Secret owned by a token that lives two hours.
"""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.chapters.kubectl import HAS_JOINED, kubectl, nodes_asked
from hardway.chapters.objects import BOOTSTRAPPERS, binding, group, role, rule
from hardway.chapters.user_tokens import expiration, token_secret
from hardway.model import Cluster, EtcdExternal, Node
from hardway.steps import ApiObjects, Check, Command, Step
from hardway.steps.shell import for_each, heredoc, input_file, quote

LIFE = 2 * 60 * 60
"""Seconds until the Secret goes."""


def secret_files(cluster: Cluster) -> tuple[tuple[str, str], ...]:
    """Key in the Secret kubeadm-certs, and file: below certificatesDir, or an absolute path.

    Of external etcd three keys are always there; an empty path is a file that the configuration does not name.
    """
    etcd = cluster.etcd
    return (
        ("ca.crt", "ca.crt"),
        ("ca.key", "ca.key"),
        *(
            (
                ("external-etcd-ca.crt", etcd.ca_file),
                ("external-etcd.crt", etcd.cert_file),
                ("external-etcd.key", etcd.key_file),
            )
            if isinstance(etcd, EtcdExternal)
            else (("etcd-ca.crt", "etcd/ca.crt"), ("etcd-ca.key", "etcd/ca.key"))
        ),
        ("front-proxy-ca.crt", "front-proxy-ca.crt"),
        ("front-proxy-ca.key", "front-proxy-ca.key"),
        ("sa.key", "sa.key"),
        ("sa.pub", "sa.pub"),
    )


ENCRYPT = """\
import base64, json, os, pathlib, sys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

key = AESGCM(bytes.fromhex(pathlib.Path(sys.argv[1]).read_text().strip()))
pki, token_id = pathlib.Path(sys.argv[2]), sys.argv[3]

def sealed(path):
    if not path:
        return ""
    file, nonce = pki / path, os.urandom(12)
    if not file.exists():
        if path.endswith("ca.key"):
            return ""
        sys.exit(f"{file} is missing")
    return base64.b64encode(nonce + key.encrypt(nonce, file.read_bytes(), None)).decode()

owner = {"apiVersion": "v1", "kind": "Secret", "name": "bootstrap-token-" + token_id, "uid": sys.argv[4],
         "controller": True, "blockOwnerDeletion": True}
json.dump({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
           "metadata": {"name": "kubeadm-certs", "namespace": "kube-system", "ownerReferences": [owner]},
           "data": {name: sealed(path) for name, path in FILES}}, sys.stdout)
"""
"""Prints the Secret; arguments are the file of the certificate key, certificatesDir, and id and uid of the owner.

An external CA has no key: its place stays empty, as in kubeadm.
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
"""Ends with 0 when the value on standard input opens with the key in the file that the argument names."""


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    if cluster.joining_control_planes:
        yield from upload(cluster)


def upload(cluster: Cluster) -> Iterator[Step]:
    """What lets other masters fetch the CAs, from any master, for two hours."""
    yield ApiObjects(
        "upload-certs/rbac",
        (
            role("kubeadm:kubeadm-certs", [rule(["secrets"], ["get"], ["kubeadm-certs"])], "kube-system"),
            binding("kubeadm:kubeadm-certs", "kubeadm:kubeadm-certs", [group(BOOTSTRAPPERS)], "kube-system"),
        ),
        f"{cluster.paths.kubernetes}/admin.conf",
        why="a joining master reads exactly this Secret with its token",
    )
    yield Command(
        "upload-certs",
        "store the CAs and the service-account key, encrypted, in Secret kubeadm-certs",
        _script(cluster),
        Check("the masters to have joined, or their CAs to be uploaded with this run's key", _uploaded(cluster)),
        inputs=("certificate-key",),
        why="encrypted with a key that only this run knows, so the Secret alone opens nothing",
    )


def _in_kube_system(cluster: Cluster) -> str:
    return f"{kubectl(cluster)} -n kube-system"


def _script(cluster: Cluster) -> str:
    ctl = _in_kube_system(cluster)
    return (
        "(\numask 077\n"
        'work="$(mktemp -d)"\n'
        "trap 'rm -rf \"$work\"' EXIT\n"
        # The reader closes the pipe first; that is no failure.
        "random() { { LC_ALL=C tr -dc 'a-z0-9' </dev/urandom || true; } | head -c \"$1\"; }\n"
        # The owner of the Secret is a token without any use but to expire: with it the Secret goes.
        'id="$(random 6)"\n'
        'secret="$(random 16)"\n'
        f"{expiration(LIFE)}\n"
        f"uid=\"$({ctl} create -o 'jsonpath={{.metadata.uid}}' -f - <<EOF\n"
        f'{token_secret({"description": "Proxy for managing TTL for the kubeadm-certs secret"})}EOF\n)"\n'
        + heredoc('cat >"$work/encrypt.py"', f"FILES = {secret_files(cluster)!r}\n{ENCRYPT}")
        + f'python3 "$work/encrypt.py" {input_file("certificate-key")} {quote(cluster.paths.pki)} "$id" "$uid" \\\n'
        '  >"$work/secret.json"\n'
        # Replaced as a whole, as kubeadm does: an older owner must not stay beside the new one.
        f'{ctl} create -f "$work/secret.json" 2>/dev/null || {ctl} replace -f "$work/secret.json"\n)\n'
    )


def _uploaded(cluster: Cluster) -> str:
    ctl, key = _in_kube_system(cluster), input_file("certificate-key")
    names = [quote(other.name) for other in cluster.joining_control_planes]
    return (
        # A registered master has its CAs: its kubelet starts after they came.
        f"{nodes_asked(cluster)} || nodes=\npending=\n"
        + for_each("name", names, f"{HAS_JOINED} || pending=yes\n")
        + '[ -n "$pending" ] || exit 0\n'
        f"[ -s {key} ] || {{ echo 'not uploaded'; exit 1; }}\n"
        f"stored=\"$({ctl} get secret kubeadm-certs --ignore-not-found -o 'jsonpath={{.data.ca\\.crt}}' "
        '2>/dev/null)"\n'
        "[ -n \"$stored\" ] || { echo 'not uploaded'; exit 1; }\n"
        f"printf '%s' \"$stored\" | python3 -c {quote(DECRYPTS)} {key} 2>/dev/null ||\n"
        "  { echo 'uploaded with another key'; exit 1; }\n"
    )


UPLOAD_CERTS = Chapter("upload-certs", "CAs for the other masters", (26,), "upload-certs", steps=steps)
