"""What somebody's cluster can have wrong, one thing at a time: the audit finds each, and nothing where nothing is wrong."""

import base64
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from pki_samples import bash, carry_out, cluster_below

from hardway.chapters import certs, etcd, kubeconfig, kubelet_start
from hardway.chapters.control_plane import CONTROL_PLANE
from hardway.model import Certificates, Cluster, Node, Role, freeze_document
from hardway.parity.certificates import now
from hardway.parity.live import asked, fetch, judge, members, runtime, unfit
from hardway.parity.live.cures import Tools
from hardway.parity.live.finding import Finding, Grade
from hardway.parity.live.judge import Judge
from hardway.parity.live.seen import Key, SeenNode, heard, seen_node
from hardway.pki import catalog, openssl
from hardway.pki.catalog import CertSpec, Usage
from hardway.pki.kubeconfigs import rotated_certificate
from hardway.renderers.files import Entry, Kind
from hardway.steps import Command, Service, Step, Wait, Write, lower

E, W, N = Grade.ERROR, Grade.WARNING, Grade.NOTE
MASTER, WORKER = "master-1.my-first-cluster.example.com", "worker-1.my-first-cluster.example.com"
Damage = Callable[["Made", SeenNode], SeenNode]


@dataclass(frozen=True)
class Made:
    """A master and a worker as they should be, read by the very script that reads nodes."""

    root: Path
    cluster: Cluster
    nodes: Mapping[str, SeenNode]
    wrong: Mapping[str, bytes]
    """Certificates that are not as they should be, by what is wrong with them."""

    def judged(self, seen: SeenNode, *, ours: bool = False) -> list[Finding]:
        """All that is told of one node's files."""
        here, node = Judge(self.cluster, Tools("cluster.yaml", ours), now()), self.cluster.node(seen.name)
        told = (judge.files(here, node, seen), unfit.files(here, node, seen), runtime.ends(here, node, seen))
        return [
            *asked.of_node(node, seen),
            *asked.judged(seen, (finding for findings in told for finding in findings)),
        ]

    def short(self, findings: list[Finding]) -> set[tuple[Grade, str, str]]:
        """Severity, path below the root, field."""
        return {(f.grade, f.item.removeprefix(f"{self.root}/"), f.field) for f in findings}


def small(root: Path) -> Cluster:
    """One master and a worker below a directory, with keys that are made quickly."""
    cluster = cluster_below(root)
    worker = Node(WORKER, "worker-1", "10.11.0.21", frozenset({Role.WORKER}))
    kubelet = {"authentication": {"anonymous": {"enabled": False}}, "authorization": {"mode": "Webhook"}}
    return replace(
        cluster,
        nodes=(cluster.nodes[0], worker),
        certificates=Certificates("ECDSA-P256"),
        etcd=replace(cluster.etcd, data_dir=f"{root}/etcd-data"),
        kubelet_configuration=freeze_document({**kubelet, "rotateCertificates": True, "clusterDNS": ["10.96.0.10"]}),
        cluster_configuration=freeze_document({"apiVersion": "kubeadm.k8s.io/v1beta3"}),
    )


def lay(root: Path, steps: Iterator[Step]) -> None:
    """Files by the chapters' own steps, as far as these need no unit and no cluster."""
    for step in steps:
        if isinstance(step, Service | Wait) or (isinstance(step, Command) and "bootstrap" in step.id):
            continue
        writes = [primitive for primitive in lower(step) if isinstance(primitive, Write)]
        for it in writes:
            Path(it.path).write_bytes(it.content)
            Path(it.path).chmod(it.mode)
        if not writes:
            carry_out(root, [step])


def issue(root: Path, spec: CertSpec, digest: str = "sha256") -> bytes:
    """A certificate beside those of the cluster."""
    target = f"{root}/wrong/{len(list((root / 'wrong').iterdir()))}.crt"
    done = bash(root, openssl.issue(replace(spec, certificate=target)).replace("digest=sha256", f"digest={digest}"))
    assert done.returncode == 0, done.stderr
    return Path(target).read_bytes()


def of_kubelet(root: Path, cluster: Cluster, node: Node) -> None:
    """What a kubelet that has joined leaves."""
    pem, authority = Path(rotated_certificate(cluster, node)), catalog.ca(cluster, "ca")
    pem.parent.mkdir(parents=True, exist_ok=True)
    key = root / "wrong" / f"{node.host_name}.key"
    spec = CertSpec(
        "kubelet", "", "", str(key), f"system:node:{node.name}", ("system:nodes",), (Usage.CLIENT,),
        ca_certificate=authority.certificate, ca_key=authority.key, algorithm="ECDSA-P256",
    )  # fmt: skip
    pem.write_bytes(issue(root, spec) + key.read_bytes())
    pem.chmod(0o600)
    conf = Path(cluster.paths.kubernetes) / "kubelet.conf"
    ca = base64.b64encode(Path(authority.certificate).read_bytes()).decode()
    conf.write_text(
        f"clusters:\n- cluster:\n    certificate-authority-data: {ca}\n    server: {cluster.endpoint.url}\n  name: a\n"
        "contexts:\n- context:\n    cluster: a\n    user: default-auth\n  name: default\ncurrent-context: default\n"
        f"users:\n- name: default-auth\n  user:\n    client-certificate: {pem}\n    client-key: {pem}\n"
    )
    conf.chmod(0o600)


def read(root: Path, cluster: Cluster, node: Node) -> SeenNode:
    """The answer of the script that the audit runs on a node."""
    done = bash(
        root, f"audit() {{\n{fetch.node_script(cluster, node)}\n}}\naudit </dev/null\n", mode="set -uo pipefail"
    )
    return seen_node(node.name, heard(done.stdout.splitlines()))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Made once; each damage is done to what was read of it."""
    root = tmp_path_factory.mktemp("damages")
    cluster = small(root)
    master, worker = cluster.nodes
    (root / "wrong").mkdir()
    for chapter in (certs.CERTS, kubeconfig.KUBECONFIG, CONTROL_PLANE, etcd.ETCD, kubelet_start.KUBELET_START):
        lay(root, iter(chapter.steps(cluster, master)))
    of_kubelet(root, cluster, master)
    by_name = {spec.name: spec for spec in catalog.certificates(cluster, master)}
    nodes = {MASTER: read(root, cluster, master)}
    server, ca = by_name["apiserver"], by_name["ca"]
    wrong = {
        "names": issue(root, replace(server, dns_names=("kubernetes",))),
        "client only": issue(root, replace(by_name["etcd-server"], usages=(Usage.CLIENT,))),
        "other CA": issue(root, replace(server, ca_certificate=by_name["etcd-ca"].certificate, ca_key=by_name["etcd-ca"].key)),
        "masters": issue(root, replace(by_name["apiserver-kubelet-client"], organizations=("system:masters",))),
        "no group": issue(root, replace(by_name["apiserver-kubelet-client"], organizations=())),
        "soon": issue(root, replace(server, days=20)),
        "ended": issue(root, replace(server, days=-0.001)),
        "old CA": issue(root, replace(ca, dns_names=())),
        "old": issue(root, replace(ca, days=90)),
        "SHA-1": issue(root, server, "sha1"),
    }  # fmt: skip
    # A worker has little of all this, and a name of its own.
    of_kubelet(root, cluster, worker)
    again = read(root, cluster, worker)
    kept = ("/etc", "/etc/pki", "/etc/pki/ca.crt", "/etc/manifests", "/etc/kubelet.conf")
    files = {p: entry for p, entry in again.files.items() if "/kubelet" in p or p.removeprefix(str(root)) in kept}
    nodes[WORKER] = replace(again, files=files, keys={p: key for p, key in again.keys.items() if p in files})
    return Made(root, cluster, nodes, wrong)


def changed(path: str, **values: object) -> Damage:
    """Mode or owner of one file."""

    def damage(made: Made, seen: SeenNode) -> SeenNode:
        entry = seen.files[f"{made.root}/{path}"]
        return replace(seen, files={**seen.files, f"{made.root}/{path}": replace(entry, **values)})  # type: ignore[arg-type]

    return damage


def edited(path: str, old: str, new: str) -> Damage:
    """Text in one file."""

    def damage(made: Made, seen: SeenNode) -> SeenNode:
        content = seen.files[f"{made.root}/{path}"].content
        assert old.encode() in content
        return changed(path, content=content.replace(old.encode(), new.encode()))(made, seen)

    return damage


def with_certificate(path: str, which: str) -> Damage:
    """A certificate in the place of one; its key fits."""
    return lambda made, seen: changed(path, content=made.wrong[which])(made, seen)


def without(path: str) -> Damage:
    """One file is gone."""
    return lambda made, seen: replace(
        seen, files={p: entry for p, entry in seen.files.items() if p != f"{made.root}/{path}"}
    )


def with_key(path: str) -> Damage:
    """Another key in the place of one."""
    return lambda made, seen: replace(seen, keys={**seen.keys, f"{made.root}/{path}": Key("EC PRIVATE KEY", "00")})


def more(path: str, mode: int = 0o600, like: str = "") -> Damage:
    """One file more, with the content of another."""

    def damage(made: Made, seen: SeenNode) -> SeenNode:
        content = seen.files[f"{made.root}/{like}"].content if like else b""
        entry = Entry(Kind.FILE, mode, content=content)
        return replace(seen, files={**seen.files, f"{made.root}/{path}": entry})

    return damage


def changed_more(path: str, content: bytes, mode: int) -> Damage:
    """One file more, with a content of its own."""
    return lambda made, seen: changed(path, content=content)(made, more(path, mode)(made, seen))


def rewritten(path: str, form: Callable[[bytes, bytes], bytes]) -> Damage:
    """The same certificate in another form; the second one of `form` is another certificate."""

    def damage(made: Made, seen: SeenNode) -> SeenNode:
        content = form(seen.files[f"{made.root}/{path}"].content, made.wrong["old CA"])
        return changed(path, content=content)(made, seen)

    return damage


def with_user(path: str, which: str) -> Damage:
    """Somebody's user with such a certificate, before the one of the current context."""

    def damage(made: Made, seen: SeenNode) -> SeenNode:
        data = base64.b64encode(made.wrong[which]).decode()
        user = {"name": "alice", "user": {"client-certificate-data": data}}
        return reshaped(path, lambda value: value["users"].insert(0, user))(made, seen)

    return damage


def embedding_both(made: Made, seen: SeenNode) -> SeenNode:
    """kubectl embeds a whole ca.crt, kubeadm the first certificate of it."""
    whole = rewritten("etc/pki/ca.crt", lambda pem, other: pem + other)(made, seen)
    encoded = base64.b64encode(whole.files[f"{made.root}/etc/pki/ca.crt"].content).decode()
    return reshaped("etc/kubelet.conf", in_use("cluster", certificate_authority_data=encoded))(made, whole)


def reshaped(path: str, change: Callable[[dict[str, Any]], object]) -> Damage:
    """A document in YAML that somebody has given another shape."""

    def damage(made: Made, seen: SeenNode) -> SeenNode:
        value = yaml.safe_load(seen.files[f"{made.root}/{path}"].content)
        change(value)
        return changed(path, content=yaml.safe_dump(value).encode())(made, seen)

    return damage


def without_openssl(damage: Damage) -> Damage:
    """Labels of keys are all that is told."""

    def both(made: Made, seen: SeenNode) -> SeenNode:
        keys = {path: Key(key.label, None) for path, key in seen.keys.items()}
        return damage(made, replace(seen, keys=keys, lacks=frozenset({"openssl"})))

    return both


def container(value: dict[str, Any]) -> dict[str, Any]:
    """The only one of a static pod."""
    (found,) = value["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def in_use(kind: str, **values: object) -> Callable[[dict[str, Any]], object]:
    """More in the first cluster or user of a kubeconfig."""
    return lambda value: value[f"{kind}s"][0][kind].update(
        {name.replace("_", "-"): it for name, it in values.items()}
    )


API, KCM, ETCD = (f"etc/manifests/{name}.yaml" for name in ("kube-apiserver", "kube-controller-manager", "etcd"))
PEM = "kubelet/pki/kubelet-client-current.pem"
CONFIG = "kubelet/config.yaml"


def flag(component: str, name: str) -> str:
    """Field of a flag."""
    return f"containers[{component}].command.flags.{name}"


OTHER = {"name": "other", "cluster": {"server": "https://192.0.2.9:6443"}}
OPEN = {"name": "other", "cluster": {"server": "https://192.0.2.9:6443", "insecure-skip-tls-verify": True}}


@pytest.mark.parametrize(
    ("node", "damage", "expected"),
    [
        (MASTER, with_certificate("etc/pki/apiserver.crt", "names"), {
            (E, "etc/pki/apiserver.crt", "SubjectAlternativeName.DNSName kubernetes.default"),
            (E, "etc/pki/apiserver.crt", "SubjectAlternativeName.DNSName api.my-first-cluster.example.com"),
        }),
        (MASTER, with_certificate("etc/pki/etcd/server.crt", "client only"), {
            (E, "etc/pki/etcd/server.crt", "ExtendedKeyUsage"),
        }),
        (MASTER, with_certificate("etc/pki/apiserver.crt", "other CA"), {(E, "etc/pki/apiserver.crt", "signer")}),
        (MASTER, with_certificate("etc/pki/apiserver-kubelet-client.crt", "masters"), {
            (N, "etc/pki/apiserver-kubelet-client.crt", "subject"),
        }),
        (MASTER, with_certificate("etc/pki/apiserver.crt", "soon"), {(W, "etc/pki/apiserver.crt", "ends")}),
        (MASTER, with_certificate("etc/pki/apiserver.crt", "ended"), {(E, "etc/pki/apiserver.crt", "ends")}),
        (MASTER, with_certificate("etc/pki/ca.crt", "old CA"), {
            (N, "etc/pki/ca.crt", "SubjectAlternativeName.DNSName kubernetes"),
        }),
        (MASTER, with_certificate("etc/pki/ca.crt", "old"), {(W, "etc/pki/ca.crt", "ends")}),
        (MASTER, changed("etc/pki/apiserver.crt", content=b"nonsense"), {
            (E, "etc/pki/apiserver.crt", "certificate"), (E, "etc/pki/apiserver.key", "pair"),
        }),
        (MASTER, with_key("etc/pki/ca.key"), {(E, "etc/pki/ca.key", "pair")}),
        (MASTER, with_key("etc/pki/sa.key"), {(E, "etc/pki/sa.key", "pair"), (E, "etc/pki/sa.pub", "pair")}),
        (MASTER, without("etc/pki/ca.key"), {(N, "etc/pki/ca.key", "item")}),
        (MASTER, without("etc/pki/sa.key"), {(E, "etc/pki/sa.key", "item")}),
        (MASTER, without("etc/pki/front-proxy-client.crt"), {
            (E, "etc/pki/front-proxy-client.crt", "item"), (N, "etc/pki/front-proxy-client.key", "pair"),
        }),
        (MASTER, changed("etc/pki/apiserver.key", mode=0o644), {(E, "etc/pki/apiserver.key", "file.mode")}),
        (MASTER, changed("etc/pki/sa.key", owner="nobody:root"), {(E, "etc/pki/sa.key", "file.owner")}),
        (MASTER, changed("etc/pki/sa.pub", mode=0o644), set()),
        (MASTER, changed("etc/pki/sa.pub", mode=0o666), {(E, "etc/pki/sa.pub", "file.mode")}),
        (MASTER, changed("etc/pki", mode=0o777), {(E, "etc/pki", "file.mode")}),
        (MASTER, changed("etcd-data", mode=0o755), {(N, "etcd-data", "file.mode")}),
        (MASTER, changed("etc/controller-manager.conf", mode=0o640), {(E, "etc/controller-manager.conf", "file.mode")}),
        (MASTER, edited("etc/scheduler.conf", "10.11.0.11", "api.my-first-cluster.example.com"), {
            (W, "etc/scheduler.conf", "clusters[my-first-cluster].cluster.server"),
        }),
        (MASTER, edited("etc/scheduler.conf", "10.11.0.11", "10.11.0.99"), {
            (E, "etc/scheduler.conf", "clusters[my-first-cluster].cluster.server"),
        }),
        (MASTER, edited(API, "Node,RBAC", "AlwaysAllow"), {(E, API, flag("kube-apiserver", "authorization-mode"))}),
        (MASTER, edited(API, "Node,RBAC", "Node,RBAC,Webhook"), {(W, API, flag("kube-apiserver", "authorization-mode"))}),
        (MASTER, edited(API, "=NodeRestriction", "=AlwaysPullImages"), {
            (E, API, flag("kube-apiserver", "enable-admission-plugins")),
        }),
        (MASTER, edited(API, "    - --service-cluster-ip-range=29.64.0.0/16\n", ""), {
            (E, API, flag("kube-apiserver", "service-cluster-ip-range")),
        }),
        (MASTER, edited(API, "kube-apiserver:v1.30.4", "kube-apiserver:v1.29.6"), {
            (W, API, "spec.containers[kube-apiserver].image"),
        }),
        (MASTER, edited(KCM, "bootstrapsigner", "-bootstrapsigner"), {
            (W, KCM, flag("kube-controller-manager", "controllers")),
        }),
        (MASTER, edited(ETCD, "peer-client-cert-auth=true", "peer-client-cert-auth=false"), {
            (E, ETCD, flag("etcd", "peer-client-cert-auth")),
        }),
        (MASTER, edited(ETCD, "advertise-peer-urls=https://10.11.0.11", "advertise-peer-urls=https://10.11.0.12"), {
            (W, ETCD, flag("etcd", "initial-advertise-peer-urls")),
        }),
        (MASTER, more("etc/manifests/kube-apiserver.yaml.bak", like=API), {
            (E, "etc/manifests/kube-apiserver.yaml.bak", "metadata.name"),
        }),
        (MASTER, more("etc/manifests/.kube-apiserver.yaml.swp", like=API), set()),
        (MASTER, more("etc/bootstrap-kubelet.conf"), {(W, "etc/bootstrap-kubelet.conf", "item")}),
        (MASTER, more("etc/openssl/admin.key", 0o644), {(E, "etc/openssl/admin.key", "file.mode")}),
        (WORKER, more("etc/pki/ca.key"), {(E, "etc/pki/ca.key", "item")}),
        # Only what is a master's by its name: a kubelet's tlsPrivateKeyFile may lie there, and what an etcd needs.
        (WORKER, more("etc/pki/kubelet.key"), {(N, "etc/pki/kubelet.key", "item")}),
        (WORKER, more("etc/pki/etcd/peer.key", 0o644), {
            (N, "etc/pki/etcd/peer.key", "item"), (E, "etc/pki/etcd/peer.key", "file.mode"),
        }),
        (MASTER, more("etc/openssl/admin.key", 0o640), {(N, "etc/openssl/admin.key", "file.mode")}),
        # A *.conf of a cloud or a resolver holds no key.
        (WORKER, changed_more("etc/cloud.conf", b"[Global]\nregion: here\n", 0o644), set()),
        (WORKER, changed_more("etc/resolv.conf", b"", 0o644), set()),
        (WORKER, more("etc/old/admin.conf", 0o644, like="etc/kubelet.conf"), {(E, "etc/old/admin.conf", "file.mode")}),
        (MASTER, without(PEM), {(E, PEM, "item")}),
        (WORKER, with_certificate(PEM, "names"), {(E, PEM, "subject"), (E, PEM, "pair")}),
        (WORKER, changed(PEM, mode=0o644), {(E, PEM, "file.mode")}),
        (WORKER, edited("etc/kubelet.conf", "    client-certificate: ", "    client-certificate-x: "), {
            (E, "etc/kubelet.conf", "client-certificate"),
        }),
        (WORKER, edited("etc/kubelet.conf", "api.my-first", "api.my-second"), {(E, "etc/kubelet.conf", "server")}),
        (WORKER, without("etc/kubelet.conf"), {(E, "etc/kubelet.conf", "item")}),
        (WORKER, edited(CONFIG, "enabled: false", "enabled: true"), {(E, CONFIG, "authentication.anonymous.enabled")}),
        (WORKER, edited(CONFIG, "Webhook", "AlwaysAllow"), {(E, CONFIG, "authorization.mode")}),
        (WORKER, edited(CONFIG, "rotateCertificates", "readOnlyPort: 10255\nrotateCertificates"), {
            (E, CONFIG, "readOnlyPort"),
        }),
        # What nobody thinks of is told as well, and hides nothing else.
        (MASTER, edited(API, "    - kube-apiserver\n", "    - 5\n"), {(E, API, "spec.containers[0].command[0]")}),
        (MASTER, reshaped(API, lambda v: container(v)["command"].insert(1, {"--feature-gates": "Foo=true"})), {
            (W, API, "containers[kube-apiserver].command.words"),
            (E, API, "spec.containers[0].command[1]"),
        }),
        (MASTER, reshaped(API, lambda v: container(v).update(command=None)), {
            (E, API, flag("kube-apiserver", "authorization-mode")),
        }),
        (MASTER, reshaped(API, lambda v: container(v).update(args="--v=2")), {(E, API, "spec.containers[0].args")}),
        (MASTER, reshaped(KCM, lambda v: v.update(spec=[])), {(E, KCM, "spec.containers")}),
        (MASTER, reshaped(KCM, lambda v: v["spec"]["containers"].insert(0, "x")), {(E, KCM, "spec.containers[0]")}),
        (MASTER, changed(ETCD, content=b"- a\n"), {(E, ETCD, "spec.containers")}),
        (MASTER, changed(ETCD, content=b"metadata: !!timestamp 2026-99-99\n"), {(E, ETCD, "document")}),
        (WORKER, changed(CONFIG, content=b"a: &a [*a]\n"), {(E, CONFIG, "document")}),
        (WORKER, changed(CONFIG, content=b"\xff\xfe"), {(W, CONFIG, "authorization.mode")}),
        (WORKER, changed("kubelet/kubeadm-flags.env", content=b"\xff\n"), {
            (N, "kubelet/kubeadm-flags.env", "line 0"),
        }),
        (WORKER, changed("etc/kubelet.conf", content=b"clusters: 5\nusers: [x]\n"), {
            (E, "etc/kubelet.conf", "server"), (E, "etc/kubelet.conf", "current-context"),
        }),
        # As fetch tells a copy of bootstrap-kubelet.conf, and as it did without the name of the token.
        (WORKER, reshaped("etc/kubelet.conf", lambda v: v["users"][0].update(user={"token": "(not sent)"})), {
            (E, "etc/kubelet.conf", "client-certificate"), (E, "etc/kubelet.conf", "client-key"),
            (W, "etc/kubelet.conf", "users[default-auth].token"),
        }),
        (WORKER, reshaped("etc/kubelet.conf", lambda v: v["users"][0].update(user=None)), {
            (E, "etc/kubelet.conf", "client-certificate"), (E, "etc/kubelet.conf", "client-key"),
        }),
        (MASTER, reshaped("etc/admin.conf", lambda v: v["users"].append(5)), set()),
        (MASTER, reshaped("etc/admin.conf", lambda v: v.update(users=5)), {
            (E, "etc/admin.conf", "users[kubernetes-admin].client-certificate-data.subject"),
        }),
        (MASTER, with_user("etc/admin.conf", "ended"), set()),
        (MASTER, with_user("etc/admin.conf", "SHA-1"), set()),
        # A second entry that nobody uses is somebody's own; a context that leads nowhere is not.
        (WORKER, reshaped("etc/kubelet.conf", lambda v: v["clusters"].insert(0, OTHER)), set()),
        (WORKER, reshaped("etc/kubelet.conf", lambda v: v.update({"current-context": "x"})), {
            (E, "etc/kubelet.conf", "current-context"), (E, "etc/kubelet.conf", "server"),
        }),
        (WORKER, reshaped("etc/kubelet.conf", in_use("cluster", insecure_skip_tls_verify=True)), {
            (E, "etc/kubelet.conf", "clusters[a].insecure-skip-tls-verify"),
        }),
        (MASTER, reshaped("etc/admin.conf", lambda v: v["clusters"].insert(0, OPEN)), {
            (N, "etc/admin.conf", "clusters[other].insecure-skip-tls-verify"),
        }),
        (MASTER, reshaped("etc/scheduler.conf", in_use("cluster", proxy_url="(not sent)")), {
            (W, "etc/scheduler.conf", "clusters[my-first-cluster].proxy-url"),
        }),
        (MASTER, reshaped("etc/scheduler.conf", in_use("user", **{"as": "(not sent)"})), {
            (W, "etc/scheduler.conf", "users[system:kube-scheduler].as"),
        }),
        (MASTER, with_certificate("etc/pki/apiserver.crt", "SHA-1"), {(E, "etc/pki/apiserver.crt", "signature")}),
        # openssl could not read it: that is something else than that nobody asked.
        (MASTER, lambda m, s: replace(s, keys={**s.keys, f"{m.root}/etc/pki/ca.key": Key("EC PRIVATE KEY", "")}), {
            (E, "etc/pki/ca.key", "pair"),
        }),
        (MASTER, without_openssl(changed("etc/pki/ca.key", mode=0o644)), {
            (W, "openssl", "installed"), (E, "etc/pki/ca.key", "file.mode"),
        }),
    ],
)  # fmt: skip
def test_a_damage_is_found(made: Made, node: str, damage: Damage, expected: set[tuple[Grade, str, str]]) -> None:
    """Nothing else is told, and the cures are commands of bash that leave CAs and what masters share alone."""
    spoilt = damage(made, made.nodes[node])
    for ours in (False, True):
        findings = made.judged(spoilt, ours=ours)
        found = made.short(findings)

        assert expected <= found
        items = {item for _, item, _ in expected}
        assert {f for f in found if f[1] not in items and "certificate-authority" not in f[2]} == set()
        for finding in findings:
            done = subprocess.run(["bash", "-n"], input=finding.cure, text=True, capture_output=True, check=False)
            assert done.returncode == 0, finding.cure
            assert not re.search(r"rm [^|]*(/ca\.|/sa\.)(?!key$)", finding.cure)


@pytest.mark.parametrize("node", [MASTER, WORKER])
def test_nothing_is_told_of_a_node_that_is_as_it_should_be(made: Made, node: str) -> None:
    """Neither an error nor a note."""
    assert made.judged(made.nodes[node]) == []


FORMS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "text before": lambda pem, _: b"subject=CN = kubernetes\n\n" + pem,
    "no last end of line": lambda pem, _: pem.rstrip(),
    "another behind it": bytes.__add__,
}


@pytest.mark.parametrize(
    ("node", "damage"),
    [
        *(
            (node, rewritten(path, form))
            for form in FORMS.values()
            for node, path in (
                (MASTER, "etc/pki/ca.crt"),
                (WORKER, "etc/pki/ca.crt"),
                (MASTER, "etc/pki/apiserver.crt"),
            )
        ),
        (MASTER, rewritten("etc/pki/sa.pub", lambda pem, _: b"of our cluster\n" + pem.rstrip())),
        (WORKER, embedding_both),
    ],
)
def test_the_form_of_a_certificate_disturbs_nobody(made: Made, node: str, damage: Damage) -> None:
    """openssl writes it, people copy it, external CAs hand it out with theirs; kubeadm takes and embeds the first one."""
    assert made.short(made.judged(damage(made, made.nodes[node]))) == set()


def test_an_authority_that_is_in_no_file_is_told(made: Made) -> None:
    """A second certificate in ca.crt is not one that a kubeconfig may have alone."""
    seen = rewritten("etc/pki/ca.crt", lambda pem, other: other + pem)(made, made.nodes[WORKER])

    assert (E, "etc/kubelet.conf", "certificate-authority") in made.short(made.judged(seen))


def by_openssl(made: Made, seen: SeenNode) -> SeenNode:
    """All that is signed below a CA is somebody's own work: cfssl's usages and names, openssl's lack of extensions."""
    spec = {spec.name: spec for spec in catalog.certificates(made.cluster, made.cluster.nodes[0])}
    server, client = spec["apiserver"], spec["front-proxy-client"]
    pki, names = made.cluster.paths.pki, "[req]\\ndistinguished_name=dn\\nstring_mask=default\\n[dn]\\n"
    script = (
        f"openssl req -x509 -key {pki}/ca.key -subj /CN=kubernetes -days 3650 -extensions v3"
        f" -config <(printf '{names}[v3]\\nbasicConstraints=critical,CA:TRUE\\n')\n"
        f"openssl req -new -key {client.key} -subj /O=ours/CN=front-proxy-client -config <(printf '{names}')"
        f" | openssl x509 -req -CA {client.ca_certificate} -CAkey {client.ca_key} -days 100\n"
    )
    done = bash(made.root, script)
    ca, plain = done.stdout.encode().split(b"-----END CERTIFICATE-----\n", 1)
    for path, pem in (
        ("etc/pki/apiserver.crt", issue(made.root, replace(server, usages=(Usage.SERVER, Usage.CLIENT), organizations=("k8s",)))),
        ("etc/pki/ca.crt", ca + b"-----END CERTIFICATE-----\n"),
        ("etc/pki/front-proxy-client.crt", plain),
    ):  # fmt: skip
        assert b"BEGIN CERTIFICATE" in pem, done.stderr
        seen = changed(path, content=pem)(made, seen)
    return seen


def test_certificates_of_other_issuers_are_notes(made: Made) -> None:
    """They work, and kubeadm takes them: an external CA has a profile of its own."""
    findings = made.judged(by_openssl(made, made.nodes[MASTER]))
    told = {(f.item.rpartition("/")[2], f.field): f.grade for f in findings if f.item.endswith(".crt")}

    assert told.keys() >= {
        ("ca.crt", "KeyUsage"),
        ("apiserver.crt", "ExtendedKeyUsage"),
        ("apiserver.crt", "subject"),
        ("front-proxy-client.crt", "ExtendedKeyUsage"),
        ("front-proxy-client.crt", "KeyUsage"),
        ("front-proxy-client.crt", "BasicConstraints"),
        ("front-proxy-client.crt", "subject"),
    }
    assert {field: grade for field, grade in told.items() if grade is not N} == {}


def test_who_reaches_kubelets_after_an_upgrade(made: Made) -> None:
    """A certificate that an older minor has made without a group needs that minor's binding, which an upgrade leaves."""
    here, name = Judge(made.cluster, Tools("cluster.yaml", ours=True), now()), "etc/pki/apiserver-kubelet-client.crt"
    kept = with_certificate(name, "no group")(made, made.nodes[MASTER])
    binding = {"ClusterRoleBinding kubeadm:apiserver-kubelet-client": dict[str, object]()}
    (told,) = members.kubelet_client(here, {MASTER: kept}, {})

    assert made.short(made.judged(kept)) == {(N, name, "subject")}
    assert made.short([told]) == {(E, name, "subject")}
    assert '"system:kubelet-api-admin"' in told.cure
    assert list(members.kubelet_client(here, {MASTER: kept}, binding)) == []
    assert list(members.kubelet_client(here, {MASTER: made.nodes[MASTER]}, {})) == []
