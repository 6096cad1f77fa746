"""What each node should have, in the words of `normalise`: from the chapters' own steps."""

from collections.abc import Iterator
from dataclasses import dataclass

from hardway.chapters import etcd
from hardway.chapters.kubelet_finalize import rotates
from hardway.model import Cluster, Document, Endpoint, Node, thaw
from hardway.parity.certificates import Surroundings
from hardway.parity.normalise import content_fields, static_pod_fields
from hardway.parity.values import Fields
from hardway.pki.catalog import CertSpec, Usage, authorities
from hardway.pki.kubeconfigs import KubeconfigSpec, client_certificate, rotated_certificate
from hardway.renderers.files import Kind
from hardway.steps import ApiObjects, Certificate, Directory, File, KeyPair, Kubeconfig, StaticPod, Step
from hardway.workflows.init import INIT
from hardway.workflows.join import JOIN, WORKER

_OIDS = {Usage.SERVER: "1.3.6.1.5.5.7.3.1", Usage.CLIENT: "1.3.6.1.5.5.7.3.2"}
UNDECIDED = ("initial-cluster", "initial-cluster-state")
"""etcd's flags that are decided once, when a member starts for the first time."""


@dataclass(frozen=True)
class Wanted:
    """A file or directory."""

    chapter: str
    fields: Fields
    step: str = ""
    """kubeadm's sub-phase."""
    optional: bool = False
    """It may be missing."""

    @property
    def is_shared(self) -> bool:
        """All masters have the same, and the ca.crt of a worker is theirs."""
        return self.step in ("certs/ca", "certs/front-proxy-ca", "certs/etcd-ca", "certs/sa", "discovery")


def files(cluster: Cluster, node: Node, around: Surroundings) -> dict[str, Wanted]:
    """Path to what should be there. `around` are the public files of the node."""
    found: dict[str, Wanted] = {}
    for stage in (*INIT, *JOIN, *WORKER):
        if node in stage.on(cluster):
            for step in stage.chapter.steps(cluster, node):
                for path, fields, optional in _of_step(cluster, step, around):
                    found.setdefault(path, Wanted(stage.chapter.name, fields, step.id, optional))
    if node.is_control_plane:
        # A joining master has been given them.
        for spec in authorities(cluster):
            for path, fields in _certificate(spec):
                found.setdefault(path, Wanted("certs", fields, f"certs/{spec.name}"))
        pki = cluster.paths.pki
        # kubeadm makes sa.pub 0600 and downloads it 0644.
        label = _key(cluster.certificates.algorithm)[0]
        for name, form, mode in (("sa.key", label, 0o600), ("sa.pub", PUBLIC, 0o644)):
            found.setdefault(f"{pki}/{name}", Wanted("certs", key_fields(form, mode), "certs/sa"))
        if cluster.runs_member(node):
            path = f"{cluster.paths.manifests}/etcd.yaml"
            pod = _file(0o600) | _without(static_pod_fields(thaw(etcd.manifest(cluster, node, ""))), UNDECIDED)
            chapter = "etcd" if node == cluster.first_control_plane else "control-plane-join/etcd"
            found[path] = Wanted(chapter, pod, "etcd/local")
    else:
        path = cluster.paths.ca
        authority = dict(_certificate(authorities(cluster)[0]))[path]
        # kubeadm gives a worker the file of caCertPath alone, and its kubelet need not read this one.
        found[path] = Wanted("discovery", authority, "discovery", optional=_client_ca(cluster) not in ("", path))
    path = f"{cluster.paths.kubernetes}/kubelet.conf"
    found[path] = Wanted("kubelet-finalize", _kubelet_conf(cluster, node), "kubelet-finalize")
    if rotates(cluster, node):
        found[rotated_certificate(cluster, node)] = Wanted("kubelet-finalize", _of_kubelet(cluster, node))
    if cluster.kubelet_configuration.get("serverTLSBootstrap") is True:
        serving = Wanted("approve-serving", _of_kubelet(cluster, node), optional=True)
        found[f"{cluster.paths.kubelet}/pki/kubelet-server-current.pem"] = serving
    return {path: item for path, item in found.items() if not path.endswith("bootstrap-kubelet.conf")}


def _client_ca(cluster: Cluster) -> str:
    """clientCAFile of all kubelets; empty where it says nothing that can be read."""
    value: object = thaw(cluster.kubelet_configuration)
    for name in ("authentication", "x509", "clientCAFile"):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


PUBLIC = "PUBLIC KEY"


def _of_step(cluster: Cluster, step: Step, around: Surroundings) -> Iterator[tuple[str, Fields, bool]]:
    paths = cluster.paths
    match step:
        case Directory(path=path, mode=mode):
            yield (
                path,
                {"file.kind": Kind.DIRECTORY.value, "file.mode": f"{mode:04o}", "file.owner": step.owner},
                False,
            )
        case File(path=path) if path.startswith((f"{paths.kubelet}/",)):
            yield path, _file(step.mode) | content_fields(path, step.content.encode(), around), False
        case StaticPod(path=path):
            yield path, _file(0o600) | static_pod_fields(thaw(step.manifest)), False
        case Certificate():
            for path, fields in _certificate(step.spec):
                yield path, fields, False
        case KeyPair():
            yield step.spec.private_key, key_fields(_key(step.spec.algorithm)[0]), False
            yield step.spec.public_key, key_fields(PUBLIC), False
        case Kubeconfig() if step.spec.name != "kubelet":
            yield step.spec.path, _kubeconfig(step.spec), bool(step.spec.spared_by)
        case _:
            return


def _file(mode: int) -> Fields:
    return {"file.kind": Kind.FILE.value, "file.mode": f"{mode:04o}", "file.owner": "root:root"}


def _without(fields: Fields, flags: tuple[str, ...]) -> Fields:
    """A static pod's fields without some flags."""
    names = tuple(f".flags.{name}" for name in flags)
    return {k: v for k, v in fields.items() if not k.endswith((".command.order", *names))}


def key_fields(label: str, mode: int = 0o600) -> Fields:
    """A key that belongs to what lies beside it."""
    return _file(mode) | {"pem": label, "pair": "fits"}


_CURVES = {"P256": "secp256r1", "P384": "secp384r1"}


def _key(algorithm: str) -> tuple[str, str]:
    """PEM label of a private key of kubeadm's encryptionAlgorithm, and its kind and size in words."""
    kind, _, size = algorithm.partition("-")
    if kind == "RSA":
        return "RSA PRIVATE KEY", f"RSA {size}, exponent 65537"
    return "EC PRIVATE KEY", f"EC {_CURVES[size]}"


def _certificate(spec: CertSpec) -> Iterator[tuple[str, Fields]]:
    yield spec.certificate, _file(0o644) | {"pem": "CERTIFICATE"} | certificate_fields(spec)
    yield spec.key, key_fields(_key(spec.algorithm)[0])


def certificate_fields(spec: CertSpec) -> Fields:
    """What a certificate should say, as `signed_fields` says what it does."""
    subject = [f"O={name}" for name in spec.organizations] + [f"CN={spec.common_name}"]
    fields = {
        "subject": ", ".join(sorted(subject)),
        "signer": spec.ca_certificate or spec.certificate,
        "key": _key(spec.algorithm)[1],
        "KeyUsage": "digital_signature, key_encipherment" + (", key_cert_sign" if spec.is_ca else ""),
        "BasicConstraints": f"CA {spec.is_ca}, path length None",
    }
    if spec.usages:
        fields["ExtendedKeyUsage"] = ", ".join(_OIDS[usage] for usage in spec.usages)
    names = [f"DNSName {name}" for name in spec.dns_names] + [f"IPAddress {name}" for name in spec.ip_addresses]
    return fields | {f"SubjectAlternativeName.{name}": "present" for name in names}


def _kubeconfig(spec: KubeconfigSpec) -> Fields:
    user = f"users[{spec.user}]"
    signed = certificate_fields(client_certificate(spec))
    return (
        _file(0o600)
        | {
            "current-context": f'"{spec.context}"',
            f"clusters[{spec.cluster_name}].cluster.server": f'"{spec.server}"',
            f"clusters[{spec.cluster_name}].certificate-authority-data": f"content of {spec.ca_certificate}",
            f"contexts[{spec.context}].context.cluster": f'"{spec.cluster_name}"',
            f"contexts[{spec.context}].context.user": f'"{spec.user}"',
            f"{user}.client-key-data.pem": _key(spec.algorithm)[0],
            f"{user}.client-key-data.pair": "fits",
        }
        | {f"{user}.client-certificate-data.{name}": value for name, value in signed.items()}
    )


def _kubelet_conf(cluster: Cluster, node: Node) -> Fields:
    """As kubelet-finalize leaves it on the first master, and the kubelet itself after its bootstrap: by what counts."""
    pem = rotated_certificate(cluster, node)
    local = cluster.release.features.kubelet_local_mode and node.is_control_plane
    fields = _file(0o600) | {
        "server": (Endpoint(node.address, node.bind_port) if local else cluster.endpoint).url,
        "certificate-authority": f"content of {cluster.paths.ca}",
    }
    return fields | ({"client-certificate": pem, "client-key": pem} if rotates(cluster, node) else {})


def _of_kubelet(cluster: Cluster, node: Node) -> Fields:
    """A certificate of the kubelet's own, with its key: the cluster has signed it for this node."""
    subject = f"CN=system:node:{node.name}, O=system:nodes"
    return _file(0o600) | {"subject": subject, "signer": cluster.paths.ca, "pair": "fits"}


def objects(cluster: Cluster) -> tuple[tuple[str, Document], ...]:
    """Chapter and object, for all that the API should have."""
    node = cluster.first_control_plane
    return tuple(
        (stage.chapter.name, value)
        for stage in INIT
        if node in stage.on(cluster)
        for step in stage.chapter.steps(cluster, node)
        if isinstance(step, ApiObjects)
        for value in step.objects
    )
