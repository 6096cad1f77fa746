"""The chapters that talk to the API, against a real control plane, with the real kubeadm looking over their shoulder."""

import base64
import ipaddress
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from local_cluster import Machine, eventually, machines, stopping

from built import real_kubeadm
from hardway.chapters import (
    addons_coredns,
    addons_kube_proxy,
    approve_serving,
    bootstrap_token,
    control_plane,
    kubelet_join,
    kubelet_wait_bootstrap,
    leave,
    mark_control_plane,
    own_node,
    token_cleanup,
    upload_certs,
    upload_config,
    user_manifests,
)
from hardway.errors import REFUSED
from hardway.model import freeze_document
from hardway.steps import Run, Step, lower_all
from hardway.steps.shell import input_file
from hardway.versions import release

pytestmark = pytest.mark.parity

JOINING = ("master-2", "master-3", "worker-1")
TOKENS = {name: f"{number}bcdef.{number}123456789abcdef" for number, name in enumerate(JOINING)}


@pytest.fixture(scope="module")
def all_machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Machine]]:
    """The first master with etcd, API server and controller manager; the others have files only."""
    made = machines(tmp_path_factory.mktemp("api"))
    first = made["master-1"]
    cluster, node = first.cluster, first.node
    with stopping(made.values()):
        first.serve()
        first.start("kube-controller-manager", control_plane.kube_controller_manager(cluster, node))
        yield made


@pytest.fixture(scope="module")
def first(all_machines: dict[str, Machine]) -> Machine:
    return all_machines["master-1"]


def lay_tokens(first: Machine, names: tuple[str, ...] = JOINING) -> None:
    """What the engine lays down."""
    for name in names:
        Path(inputs(first, name)).write_text(f"{TOKENS[name]}\n")


def inputs(machine: Machine, name: str) -> str:
    return f"{machine.root}/inputs/{Path(input_file(f'token/{name}.local-cluster.example.com')).name}"


def kubeadm(machine: Machine, *phase: str) -> None:
    """Run a phase of the real kubeadm with the same configuration."""
    text = yaml.safe_dump_all(
        [
            {
                "apiVersion": "kubeadm.k8s.io/v1beta3",
                "kind": "InitConfiguration",
                # kubeadm takes no loopback address; these phases do not use it.
                "localAPIEndpoint": {"advertiseAddress": "10.30.0.11", "bindPort": 7443},
                "nodeRegistration": {"name": machine.node.name},
                "bootstrapTokens": [{"token": TOKENS["worker-1"], "ttl": "2h0m0s"}],
            },
            {
                "apiVersion": "kubeadm.k8s.io/v1beta3",
                "kind": "ClusterConfiguration",
                "kubernetesVersion": "v1.30.4",
                "clusterName": "local-cluster",
                "certificatesDir": "/etc/kubernetes/pki",
                "controlPlaneEndpoint": "127.77.0.1:7443",
                "apiServer": {"extraArgs": {"bind-address": "127.77.0.1"}},
                "controllerManager": {"extraArgs": dict(machine.cluster.controller_manager.extra_args)},
            },
            {
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "kind": "KubeletConfiguration",
                "serverTLSBootstrap": True,
            },
        ]
    )
    file = machine.root / "kubeadm.yaml"
    file.write_text(text)
    conf = f"{machine.cluster.paths.kubernetes}/admin.conf"
    done = subprocess.run(
        [real_kubeadm(), "init", "phase", *phase, f"--config={file}", f"--kubeconfig={conf}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def objects(first: Machine, steps: list[Step]) -> dict[str, Any]:
    """What the API holds of the objects that the steps apply."""
    found: dict[str, Any] = {}
    for item in steps:
        for wanted in getattr(item, "objects", ()):
            metadata = wanted["metadata"]
            namespace = [f"--namespace={metadata['namespace']}"] if "namespace" in metadata else []
            found[f"{wanted['kind']}/{metadata['name']}"] = first.get(wanted["kind"], metadata["name"], *namespace)
    return found


def run(machine: Machine, steps: list[Step], name: str) -> Run:
    return next(item for item in lower_all(steps) if isinstance(item, Run) and item.step == name)


def register(first: Machine, name: str) -> None:
    """A node as its kubelet would register it."""
    labels = {"kubernetes.io/hostname": name}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
    first.kubectl("create", "-f", "-", stdin=json.dumps(node), user="super-admin")
    report(first, name, "False")


def report(first: Machine, name: str, ready: str) -> None:
    """What a kubelet (or, when it is silent, the node lifecycle controller) says of the node."""
    status = {"status": {"conditions": [{"type": "Ready", "status": ready, "reason": "Test", "message": "-"}]}}
    first.kubectl("patch", "node", name, "--subresource=status", "-p", json.dumps(status), user="super-admin")


def test_tokens_cluster_info_and_rbac(first: Machine) -> None:
    """One signed token per node that has not joined; a second run has nothing to do, also after an upgrade, which leaves
    cluster-info as it was; kubeadm would change nothing.
    """
    steps = list(bootstrap_token.steps(first.cluster, first.node))
    before = datetime.now(UTC).timestamp()
    lay_tokens(first)
    register(first, first.node.name)
    admins, *others = lower_all(steps)
    assert [item.step for item in (admins, *others)] == [step for step, _ in first.due(steps)]
    assert first.due(steps)[-1] == ("bootstrap-token/tokens", "the API does not answer admin.conf")
    for primitive in (admins, *others):
        if primitive is others[-1]:
            told = "master-2.local-cluster.example.com has not joined"
            assert first.due(steps) == [("bootstrap-token/tokens", told)]
        assert isinstance(primitive, Run)
        done = first.bash(primitive.script)
        assert done.returncode == 0, done.stderr
        assert not any(token.partition(".")[2] in done.stdout + done.stderr for token in TOKENS.values())

    signed = [f"jws-kubeconfig-{token[:6]}" for token in TOKENS.values()]
    eventually(lambda: set(signed) < set(first.get("configmap", "cluster-info", "-n", "kube-public")["data"]), 60)
    info = first.get("configmap", "cluster-info", "--namespace=kube-public")
    assert sorted(info["data"]) == [*signed, "kubeconfig"]
    secret = first.get("secret", "bootstrap-token-2bcdef", "--namespace=kube-system")
    assert sorted(secret["data"]) == [
        "auth-extra-groups",
        "expiration",
        "token-id",
        "token-secret",
        "usage-bootstrap-authentication",
        "usage-bootstrap-signing",
    ]
    assert secret["type"] == "bootstrap.kubernetes.io/token"
    expires = first.kubectl(
        "get",
        "secret",
        "bootstrap-token-2bcdef",
        "-n",
        "kube-system",
        "-o",
        "go-template={{.data.expiration | base64decode}}",
    )
    assert 7190 <= datetime.fromisoformat(expires).timestamp() - before <= 7230
    newer = replace(first.cluster, release=release("v1.34.4"))
    for same in (steps, list(bootstrap_token.steps(newer, first.node))):
        assert [step for step, _ in first.due(same)] == ["bootstrap-token/tokens"]

    ours = objects(first, steps) | {"info": info["data"]["kubeconfig"]}
    kubeadm(first, "bootstrap-token")
    info = first.get("configmap", "cluster-info", "--namespace=kube-public")
    assert ours == objects(first, steps) | {"info": info["data"]["kubeconfig"]}
    after = first.get("secret", "bootstrap-token-2bcdef", "--namespace=kube-system")
    for one in (secret, after):
        one["data"].pop("expiration")
    assert secret == after


def test_a_node_that_has_joined_gets_no_token(first: Machine) -> None:
    """Its input is forgotten; a node that fell silent, perhaps made anew, gets one again."""
    steps = list(bootstrap_token.steps(first.cluster, first.node))
    script = run(first, steps, "bootstrap-token/tokens").script
    for name in JOINING:
        register(first, f"{name}.local-cluster.example.com")
        first.kubectl("delete", "secret", "-n", "kube-system", f"bootstrap-token-{TOKENS[name][:6]}")
    assert first.due(steps) == []
    report(first, "worker-1.local-cluster.example.com", "Unknown")
    assert first.due(steps) == [("bootstrap-token/tokens", "worker-1.local-cluster.example.com has not joined")]
    lay_tokens(first)

    done = first.bash(script)
    assert done.returncode == 0, done.stderr
    assert [Path(inputs(first, name)).exists() for name in JOINING] == [False, False, True]
    names = first.kubectl("get", "secret", "-n", "kube-system", "-o", "name").split()
    assert [name for name in names if "bootstrap-token" in name] == ["secret/bootstrap-token-2bcdef"]
    report(first, "worker-1.local-cluster.example.com", "True")


def test_cas_wait_for_a_master_that_fell_silent(first: Machine) -> None:
    """Its machine may have been made anew, and `kubeadm reset` leaves its Node; masters that have joined have them."""
    steps = [step for step in upload_certs.steps(first.cluster, first.node) if step.id == "upload-certs"]
    assert first.due(steps) == []
    report(first, "master-3.local-cluster.example.com", "Unknown")
    assert first.due(steps) == [("upload-certs", "not uploaded")]
    report(first, "master-3.local-cluster.example.com", "True")
    assert first.due(steps) == []


def test_tokens_are_deleted_when_they_have_served(first: Machine) -> None:
    """Secrets and inputs go together; without inputs there is nothing to do."""
    steps = list(token_cleanup.steps(first.cluster, first.node))
    key = first.root / "inputs/certificate-key"
    key.write_text("ab" * 32)
    assert [step for step, _ in first.due(steps)] == ["token-delete"]

    assert first.carry_out(steps) == ["token-delete"]
    assert list((first.root / "inputs").iterdir()) == []
    assert "bootstrap-token" not in first.kubectl("get", "secret", "-n", "kube-system", "-o", "name")
    assert first.carry_out(steps) == []


def test_configuration_and_addons_are_kubeadms(first: Machine) -> None:
    """Applied by us and then by kubeadm nothing changes, and over kubeadm's own work our steps have nothing to do."""
    steps = [
        step
        for chapter in (upload_config, addons_coredns, addons_kube_proxy)
        for step in chapter.steps(first.cluster, first.node)
    ]
    assert first.carry_out(steps) == [
        "upload-config",
        "upload-config/cri-socket",
        "addon/coredns/own",
        "addon/coredns/own",
        "addon/coredns",
        "addon/kube-proxy",
    ]
    ours = objects(first, steps)
    kubeadm(first, "upload-config", "all")
    kubeadm(first, "addon", "all")

    assert ours == objects(first, steps)
    assert first.due(steps) == []
    node = first.get("node", first.node.name)
    assert (
        node["metadata"]["annotations"][kubelet_wait_bootstrap.CRI_SOCKET_ANNOTATION]
        == first.node.registration.cri_socket
    )


def test_what_an_administrator_changed_of_coredns_stays(first: Machine) -> None:
    """Another Corefile and more replicas stay through our next run, as they do through kubeadm's."""
    steps = list(addons_coredns.steps(first.cluster, first.node))
    first.carry_out(steps)
    first.kubectl("scale", "-n", "kube-system", "deployment/coredns", "--replicas=3")
    patch = json.dumps({"data": {"Corefile": ".:53 {\n    whoami\n}\n"}})
    first.kubectl("patch", "-n", "kube-system", "configmap/coredns", "--patch", patch)
    label = json.dumps({"metadata": {"labels": {"k8s-app": "else"}}})
    first.kubectl("patch", "-n", "kube-system", "deployment/coredns", "--patch", label)

    assert first.carry_out(steps) == ["addon/coredns"]
    ours = objects(first, steps)
    kubeadm(first, "addon", "coredns")
    assert ours == objects(first, steps)
    assert ours["Deployment/coredns"]["spec"]["replicas"] == 3
    assert "whoami" in ours["ConfigMap/coredns"]["data"]["Corefile"]
    assert ours["Deployment/coredns"]["metadata"]["labels"] == {"k8s-app": "kube-dns"}


def test_a_master_is_marked(first: Machine) -> None:
    """Labels and taint as kubeadm sets them; what others have set stays; a second run has nothing to do."""
    first.kubectl("taint", "node", first.node.name, "example.com/other=x:NoSchedule")
    first.kubectl("label", "node", first.node.name, "example.com/mine=yes")
    steps = list(mark_control_plane.steps(first.cluster, first.node))

    assert first.carry_out(steps) == ["mark-control-plane"]
    assert first.carry_out(steps) == []
    node = first.get("node", first.node.name)
    assert node["metadata"]["labels"] == {
        "node-role.kubernetes.io/control-plane": "",
        "node.kubernetes.io/exclude-from-external-load-balancers": "",
        "example.com/mine": "yes",
        "kubernetes.io/hostname": first.node.name,
    }
    taints = {(taint["key"], taint.get("value", ""), taint["effect"]) for taint in node["spec"]["taints"]}
    assert taints >= {
        ("node-role.kubernetes.io/control-plane", "", "NoSchedule"),
        ("example.com/other", "x", "NoSchedule"),
    }


def test_definitions_come_before_their_objects(first: Machine) -> None:
    """A manifest may bring a kind and an object of it, in any order."""
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Thing", "plural": "things", "singular": "thing", "listKind": "ThingList"},
            "scope": "Cluster",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"size": {"type": "integer"}}}},
                }
            ],
        },
    }
    thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "one"}, "size": 3}
    cluster = replace(first.cluster, manifests=(freeze_document(thing), freeze_document(definition)))
    steps = list(user_manifests.steps(cluster, first.node))

    assert first.carry_out(steps) == ["manifests/definitions", "manifests"]
    assert first.get("thing", "one")["size"] == 3
    assert first.carry_out(steps) == []


def request(name: str, *, dns: tuple[str, ...], ips: tuple[str, ...], organization: str = "system:nodes") -> str:
    """A CSR for a serving certificate, PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    names = [x509.DNSName(item) for item in dns] + [x509.IPAddress(ipaddress.ip_address(item)) for item in ips]
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, f"system:node:{name}"),
        ]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    csr = builder.add_extension(x509.SubjectAlternativeName(names), False).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM).decode()


def submit(first: Machine, csr: str, as_user: str, pem: str, usages: tuple[str, ...]) -> None:
    """Create the CSR as this user."""
    value = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": csr},
        "spec": {
            "request": base64.b64encode(pem.encode()).decode(),
            "signerName": approve_serving.SIGNER,
            "usages": list(usages),
        },
    }
    groups = ["--as-group=system:nodes", "--as-group=system:authenticated"]
    words = ["create", "-f", "-", f"--as={as_user}", *groups]
    first.kubectl(*words, stdin=json.dumps(value), user="super-admin")


def test_only_requests_that_agree_are_approved(first: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another name, address, requester, usage or organisation: none of these is approved, and each is told once."""
    monkeypatch.setattr(approve_serving, "LIMIT", 2)
    good = "worker-1.local-cluster.example.com"
    usages = ("digital signature", "server auth")
    right = request(good, dns=(good,), ips=("127.77.0.4",))
    submit(first, "right", f"system:node:{good}", right, usages)
    submit(first, "other-ip", f"system:node:{good}", request(good, dns=(good,), ips=("127.77.0.9",)), usages)
    submit(
        first, "two-ips", f"system:node:{good}", request(good, dns=(good,), ips=("127.77.0.4", "127.77.0.9")), usages
    )
    submit(
        first,
        "other-dns",
        f"system:node:{good}",
        request(good, dns=("api.example.com",), ips=("127.77.0.4",)),
        usages,
    )
    stranger = "stranger.example.com"
    submit(
        first, "stranger", f"system:node:{stranger}", request(stranger, dns=(stranger,), ips=("127.77.0.4",)), usages
    )
    done = first.bash(run(first, list(approve_serving.steps(first.cluster, first.node)), "approve-serving").script)

    # No kubelet serves here, so it gives up in the end.
    assert done.returncode == 1
    listed = first.kubectl(
        "get", "csr", "-o", 'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[*].type}{"\\n"}{end}'
    )
    assert dict(line.split("=") for line in listed.split()) == {
        "right": "Approved",
        "other-ip": "",
        "two-ips": "",
        "other-dns": "",
        "stranger": "",
    }
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning")]
    assert len(warnings) == 4
    assert "no serving certificate of the cluster yet on: master-1" in done.stderr
    eventually(lambda: first.get("csr", "right")["status"].get("certificate") is not None, 10)


def test_a_taken_name_is_refused(all_machines: dict[str, Machine], monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ready node of the name stops the join, any other state or absence does not; the file is kubeadm's, and 0600."""
    monkeypatch.setattr(kubelet_join, "API_LIMIT", 3)
    first, worker = all_machines["master-1"], all_machines["worker-1"]
    lay_tokens(first)
    lay_tokens(worker, ("worker-1",))
    report(first, worker.node.name, "Unknown")
    script = run(first, list(bootstrap_token.steps(first.cluster, first.node)), "bootstrap-token/tokens").script
    assert first.bash(script).returncode == 0
    step = run(
        worker, list(kubelet_join.bootstrap(worker.cluster, worker.node)), "kubelet-start/bootstrap-kubeconfig"
    )
    target = Path(kubelet_join.bootstrap_kubeconfig(worker.cluster))

    report(first, worker.node.name, "True")
    done = worker.bash(step.script)
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        REFUSED,
        f"a node named {worker.node.name} is Ready already",
    )
    assert not target.exists()

    report(first, worker.node.name, "Unknown")
    assert worker.bash(step.script).returncode == 0
    first.kubectl("delete", "node", worker.node.name)
    done = worker.bash(step.script)
    assert (done.returncode, done.stderr, target.stat().st_mode & 0o777) == (0, "", 0o600)
    value = yaml.safe_load(target.read_text())
    assert value["current-context"] == "tls-bootstrap-token-user@kubernetes"
    assert value["contexts"][0]["context"] == {"cluster": "local-cluster", "user": "tls-bootstrap-token-user"}
    assert value["users"] == [{"name": "tls-bootstrap-token-user", "user": {"token": TOKENS["worker-1"]}}]

    Path(inputs(worker, "worker-1")).write_text("aaaaaa.0123456789abcdef\n")
    done = worker.bash(step.script)
    assert done.returncode == 1
    assert "HTTP 401" in done.stderr


def test_a_deleted_node_comes_back_with_its_kubelet(all_machines: dict[str, Machine], tmp_path: Path) -> None:
    """The API tells the kubelet's own identity that its Node is gone, and the restarted kubelet is waited for."""
    first, worker = all_machines["master-1"], all_machines["worker-1"]
    name, pki = worker.node.name, first.cluster.paths.pki
    pem, pid = Path(f"{worker.cluster.paths.kubelet}/pki/kubelet-client-current.pem"), worker.root / "kubelet.key"
    subject = f"/O=system:nodes/CN=system:node:{name}"
    done = first.bash(
        f"openssl req -newkey rsa:2048 -nodes -subj {subject} -keyout {pid} 2>/dev/null |\n"
        f"  openssl x509 -req -days 1 -CA {pki}/ca.crt -CAkey {pki}/ca.key -CAcreateserial -CAserial {tmp_path}/serial"
        f" 2>/dev/null >{pem}\ncat {pid} >>{pem}\n"
    )
    assert done.returncode == 0, done.stderr
    step = own_node.register_again(worker.cluster, worker.node)
    conf = f"{first.cluster.paths.kubernetes}/super-admin.conf"
    node = json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    # The kubelet and systemd in one.
    systemctl = (
        'systemctl() {\n  [ "$1" = is-active ] ||\n'
        f"    kubectl --kubeconfig={conf} create -f - <<<'{node}' >/dev/null\n}}\n"
    )

    register(first, name)
    assert worker.ask(systemctl + step.unless.script) == ""
    first.kubectl("delete", "node", name, user="super-admin")
    assert worker.ask(systemctl + step.unless.script).startswith("it was deleted")
    done = worker.bash(systemctl + step.script)
    assert (done.returncode, done.stderr) == (0, "")
    assert worker.ask(systemctl + step.unless.script) == ""


def test_a_machine_that_the_cluster_knows_by_another_name_does_not_leave(all_machines: dict[str, Machine]) -> None:
    """Told before anything is done; one that it knows by its name, or not at all, may go."""
    first, worker = all_machines["master-1"], all_machines["worker-1"]
    asked, _ = (run for run in lower_all(leave.delete_node(worker.node).steps(first.cluster, first.node)))
    assert isinstance(asked, Run)
    first.kubectl("delete", "node", worker.node.name, "--ignore-not-found", user="super-admin")
    assert first.ask(asked.unless.script) == ""

    for other, address in (("short", worker.node.address), ("stranger", f"{worker.node.address}0")):
        register(first, other)
        status = {"status": {"addresses": [{"type": "InternalIP", "address": address}]}}
        first.kubectl("patch", "node", other, "--subresource=status", "-p", json.dumps(status), user="super-admin")
    done = first.bash(asked.unless.script, "set -u")
    assert done.returncode == REFUSED
    assert f"the cluster knows the machine with the address {worker.node.address} as short:" in done.stderr

    register(first, worker.node.name)
    assert first.ask(asked.unless.script) == ""
    first.kubectl("delete", "node", "short", "stranger", worker.node.name, user="super-admin")
    assert first.ask(asked.unless.script) == ""
