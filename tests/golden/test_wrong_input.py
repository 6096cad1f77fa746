"""What people read when their cluster.yaml is wrong: every kind of mistake, with the words that answer it."""

from pathlib import Path

import pytest

from hardway.config import InvalidConfiguration, advice, load

ROOT = Path(__file__).resolve().parents[2]
LAB = (ROOT / "examples/lab/cluster.yaml").read_text()
GOLDEN = Path(__file__).with_name("wrong-input.txt")

MASTER_3 = next(line for line in LAB.splitlines(keepends=True) if "master-3" in line)
LB_2 = next(line for line in LAB.splitlines(keepends=True) if "lb-2" in line)
INVENTORY = LAB.rindex("---")
SECOND = "---\napiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nkubernetesVersion: v1.30.4\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)


def instead(old: str, new: str) -> bytes:
    """The lab's file with one thing changed."""
    assert old in LAB
    return LAB.replace(old, new).encode()


CASES: dict[str, bytes] = {
    "not YAML": b"a: [1, 2\nb: }\n",
    "empty": b"",
    "comments alone": b"# nothing yet\n",
    "a word": b"hello\n",
    "a list": b"- a\n- b\n",
    "binary": b"\x7fELF\x00\x01\xff\xfe",
    "another encoding": LAB.encode("utf-16"),
    "huge": b"a: " + b"x" * (5 * 1024 * 1024),
    "anchors without end": BOMB.encode(),
    "a tab": instead("  serviceSubnet", "\tserviceSubnet"),
    "a key twice": instead("clusterName: my-first-cluster\n", "clusterName: my-first-cluster\nclusterName: other\n"),
    "a misspelled field": instead("controlPlaneEndpoint:", "controlPlanEndpoint:"),
    "a misspelled field of the Inventory": instead("baseDomain:", "basDomain:"),
    "a wrong type": instead("serviceSubnet: 10.96.0.0/16", "serviceSubnet: [10.96.0.0/16]"),
    "a document twice": (LAB + SECOND).encode(),
    "an unknown document": (LAB + "---\napiVersion: v1\nkind: Foo\n").encode(),
    "a document without kind": (LAB + "---\nfoo: bar\n").encode(),
    "no Inventory": LAB[:INVENTORY].encode(),
    "nothing but the Inventory": LAB[INVENTORY:].encode(),
    "a mask that is too long": instead("10.96.0.0/16", "10.96.0.0/33"),
    "bits behind the mask": instead("10.96.0.0/16", "10.96.0.5/16"),
    "pods overlap services": instead("10.96.0.0/16", "10.244.0.0/16"),
    "nodes inside of services": instead("10.96.0.0/16", "10.30.0.0/16"),
    "a name twice": instead("name: master-2", "name: master-1"),
    "an address twice": instead("10.30.0.12", "10.30.0.11"),
    "no DNS name": instead("name: master-2", "name: Master_2"),
    "no master": instead("[control-plane]", "[worker]"),
    "an even number of masters": instead(MASTER_3, ""),
    "a bad token": instead("kind: InitConfiguration\n", "kind: InitConfiguration\nbootstrapTokens: [{token: abc}]\n"),
    "tokens that kubeadm would not take": instead(
        "kind: InitConfiguration\n",
        "kind: InitConfiguration\nbootstrapTokens:\n"
        "- {token: abcdef.0123456789abcdef, expires: '2030-01-01T00:00:00Z', usages: [signing]}\n"
        "- {token: abcdef.fedcba9876543210, ttl: 1d, usages: [authentification], groups: [system:masters]}\n",
    ),
    "a bad certificate key": instead("kind: InitConfiguration\n", "kind: InitConfiguration\ncertificateKey: xyz\n"),
    "a version that is not supported": instead("v1.30.4", "v1.28.1"),
    "an API version that kubeadm does not read": instead("kubeadm.k8s.io/v1beta3", "kubeadm.k8s.io/v1beta4"),
    "a virtual address for one balancer": instead(LB_2, ""),
    "a virtual address that is a machine's": instead("virtualAddress: 10.30.0.10", "virtualAddress: 10.30.0.9"),
    "a virtual address of another family": instead("virtualAddress: 10.30.0.10", "virtualAddress: fd00::10"),
    "a virtual address that is none": instead("virtualAddress: 10.30.0.10", "virtualAddress: 10.30.0"),
    "a virtual address that is a pod's": instead("virtualAddress: 10.30.0.10", "virtualAddress: 10.244.0.10"),
    "two addresses for the API's name": instead("virtualAddress:", "address: 10.30.0.5\n  virtualAddress:"),
    "address families mixed": instead("10.30.0.12", "fd00::12"),
    "a file that is missing": instead("nodes:\n", "files:\n  /etc/x: nothing.yaml\nnodes:\n"),
    "a port that is none": instead("example.com:6443", "example.com:99999"),
    "an endpoint of another domain": instead("api.my-first-cluster.example.com:6443", "api.elsewhere.org:6443"),
    "flags that contradict": instead(
        "networking:\n",
        "apiServer: {extraArgs: {advertise-address: 192.0.2.1, service-cluster-ip-range: 10.97.0.0/16}}\n"
        "etcd: {local: {dataDir: /srv/etcd, extraArgs: {data-dir: /var/lib/etcd}}}\nnetworking:\n",
    ),
    "etcd here and elsewhere": instead(
        "networking:\n",
        "etcd: {local: {dataDir: /srv}, external: {endpoints: [https://10.30.0.5:2379]}}\nnetworking:\n",
    ),
    "etcd elsewhere, and all is wrong": instead(
        "networking:\n",
        "etcd:\n  external:\n    endpoints: [10.30.0.5:2379, http://10.30.0.6:2379, https://10.30.0.7:99999]\n"
        "    httpEndpoints: [http://10.30.0.5:8080]\n    caFile: ca.crt\n    certFile: /etc/kubernetes/pki-etcd/a.crt\nnetworking:\n",
    ),
    "etcd elsewhere, and the wrong files": instead(
        "networking:\n",
        "etcd:\n  external:\n    endpoints: [https://10.30.0.5:2379]\n    caFile: /a/ca.crt\n"
        "    certFile: /a/a.crt\n    keyFile: /a/a.key\nnetworking:\n",
    ).replace(b"\nnodes:\n", b"\nfiles: {/a/ca.crt: cluster.yaml, /a/a.key: cluster.yaml}\nnodes:\n"),
    "an unknown role": instead("[worker]", "[minion]"),
}


def answer(folder: Path, content: bytes) -> str:
    """What is said, with its exit code."""
    (folder / "cluster.yaml").write_bytes(content)
    try:
        notes = advice(load(folder / "cluster.yaml"))
    except InvalidConfiguration as refused:
        return f"{refused.render().replace(str(folder) + '/', '')}\n(exit code {refused.exit_code})\n"
    return "".join(f"note: {note}\n" for note in notes) + "(accepted)\n"


def test_every_mistake_is_answered_as_reviewed(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """All problems at once, each with file, line, place, the text marked and a way out; the exit code is 2."""
    found = "\n".join(f"=== {name}\n{answer(tmp_path, content)}" for name, content in CASES.items())
    stored = GOLDEN.read_text() if GOLDEN.exists() else ""
    if request.config.getoption("--golden"):
        GOLDEN.write_text(found)

    assert stored == found, "make golden writes it anew; read the difference before you commit it"
