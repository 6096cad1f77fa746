"""What kubeadm checks in its documents, and what hardway asks beyond it.

Source: kubeadm v1.30.4 `app/apis/kubeadm/validation/validation.go`, `app/features/features.go`.
"""

import re
from collections.abc import Iterator

from hardway.config import bootstrap_tokens
from hardway.config import kubeadm as api
from hardway.config.document import SourceDocument
from hardway.config.flags import Flags
from hardway.config.machines import is_dns_name
from hardway.config.networks import address
from hardway.config.problems import Problem
from hardway.config.sources import Sources
from hardway.gotypes.durations import nanoseconds
from hardway.gotypes.structs import Path, did_you_mean
from hardway.operations.tokens import is_token
from hardway.versions import Release

CERTIFICATE_KEY = re.compile(r"[0-9a-fA-F]{64}")
HOST_AND_PORT = re.compile(r"(\[[^][]*\]|[^][:]*):[^][:]*")
"""As Go's net.SplitHostPort takes them."""
ENDPOINT = re.compile(r"(?P<host>\[[^]]*\]|[^:]*)(:(?P<port>\d*))?")
_HOST = (
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])"
)
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
REPOSITORY = re.compile(rf"(?:{_HOST}(?::[0-9]+)?/)?{_PART}(?:/{_PART})*|{_HOST}(?::[0-9]+)?")
INSTEAD = {
    "RootlessControlPlane": "remove it: static pods run as root here, as kubeadm's do by default",
}
BUILT = (
    # Both settings lead to the same files and objects.
    "UpgradeAddonsBeforeControlPlane",
    "WaitForAllControlPlaneComponents",
    "ControlPlaneKubeletLocalMode",
    "NodeLocalCRISocket",
    "PublicKeysECDSA",
)
"""Feature gates that can be set here; of the others only the default is built."""
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
SKIPPABLE = ("addon", "addon/coredns", "addon/kube-proxy", "show-join-command")
NAMES = "leave it out: names come from the Inventory, with clusterName and baseDomain behind one without dots"
PULL_POLICIES = ("Always", "IfNotPresent", "Never")


def problems(sources: Sources) -> Iterator[Problem]:
    """Everything that is wrong with kubeadm's documents beyond the type of a field."""
    yield from _cluster(sources.documents["ClusterConfiguration"], sources.cluster, sources.release)
    if "InitConfiguration" in sources.documents:
        yield from _init(sources, sources.documents["InitConfiguration"], sources.init)
    if "JoinConfiguration" in sources.documents:
        yield from _join(sources, sources.documents["JoinConfiguration"], sources.join)


def unusable(sources: Sources) -> Iterator[Problem]:
    """Those of them without which there is no model of the cluster."""
    about = sources.documents["ClusterConfiguration"]
    yield from _endpoint(about, sources.cluster)
    if sources.release is not None:
        yield from _algorithm(about, sources.cluster, sources.release)


def _cluster(about: SourceDocument, cluster: api.ClusterConfiguration, release: Release | None) -> Iterator[Problem]:
    local = cluster.etcd.local or api.LocalEtcd()
    if not is_dns_name(cluster.networking.dns_domain):
        yield about.problem(("networking", "dnsDomain"), f"`{cluster.networking.dns_domain}` is not a DNS name")
    yield from _endpoint(about, cluster)
    paths: tuple[tuple[Path, str], ...] = (
        (("certificatesDir",), cluster.certificates_dir),
        (("etcd", "local", "dataDir"), local.data_dir),
    )
    for path, text in paths:
        if not text.startswith("/"):
            yield about.problem(path, f"`{text}` is not an absolute path")
        elif not text.strip("/."):
            yield about.problem(path, f"`{text}` is the root of the machine, which `kubeadm reset` would empty")
    repositories: tuple[tuple[Path, str], ...] = (
        (("imageRepository",), cluster.image_repository),
        (("dns", "imageRepository"), cluster.dns.image_repository),
        (("etcd", "local", "imageRepository"), local.image_repository),
    )
    for path, text in repositories:
        if text and not REPOSITORY.fullmatch(text):
            yield about.problem(
                path, f"`{text}` is not the name of a repository", "for example registry.example.com/k8s"
            )
    yield from _sans(about, ("apiServer", "certSANs"), [name.lower() for name in cluster.api_server.cert_sans])
    yield from _sans(about, ("etcd", "local", "serverCertSANs"), local.server_cert_sans)
    yield from _sans(about, ("etcd", "local", "peerCertSANs"), local.peer_cert_sans)
    components = (
        ("apiServer", cluster.api_server),
        ("controllerManager", cluster.controller_manager),
        ("scheduler", cluster.scheduler),
    )
    for name, component in components:
        yield from _flags(about, (name, "extraArgs"), component.extra_args)
    yield from _flags(about, ("etcd", "local", "extraArgs"), local.extra_args)
    if nanoseconds(cluster.api_server.timeout_for_control_plane) is None:
        yield about.problem(("apiServer", "timeoutForControlPlane"), "not a duration", "for example 4m0s")
    if release is not None:
        yield from _gates(about, cluster, release)
        yield from _certificates(about, cluster, release)


def _endpoint(about: SourceDocument, cluster: api.ClusterConfiguration) -> Iterator[Problem]:
    if cluster.control_plane_endpoint and not is_endpoint(cluster.control_plane_endpoint):
        yield about.problem(
            ("controlPlaneEndpoint",),
            f"`{cluster.control_plane_endpoint}` is not a host with a port",
            "for example api.my-first-cluster.example.com:6443",
        )


def _gates(about: SourceDocument, cluster: api.ClusterConfiguration, release: Release) -> Iterator[Problem]:
    gates = release.features.gates
    for name, enabled in cluster.feature_gates.items():
        path, gate = ("featureGates", name), gates.get(name)
        if gate is None:
            yield about.problem(path, f"unknown feature gate `{name}`", did_you_mean(name, gates))
        elif enabled != gate.default and gate.locked:
            yield about.problem(
                path, f"{name} is always {str(gate.default).lower()} in Kubernetes {release.minor}", "remove it"
            )
        elif enabled != gate.default and name not in BUILT:
            yield about.problem(
                path,
                f"hardway builds clusters with {name}={str(gate.default).lower()} only",
                INSTEAD.get(name, "remove it: that is its default"),
            )


def _algorithm(about: SourceDocument, cluster: api.ClusterConfiguration, release: Release) -> Iterator[Problem]:
    known = release.features.key_algorithms
    if cluster.encryption_algorithm not in known:
        yield about.problem(
            ("encryptionAlgorithm",), f"must be one of {', '.join(known)}, not `{cluster.encryption_algorithm}`"
        )


def _certificates(about: SourceDocument, cluster: api.ClusterConfiguration, release: Release) -> Iterator[Problem]:
    yield from _algorithm(about, cluster, release)
    for name, text in (
        ("certificateValidityPeriod", cluster.certificate_validity_period),
        ("caCertificateValidityPeriod", cluster.ca_certificate_validity_period),
    ):
        if (nanoseconds(text) or 0) < 1_000_000_000:
            yield about.problem((name,), f"`{text}` is not a duration of a second or more", "for example 8760h0m0s")


def is_endpoint(text: str) -> bool:
    """host or host:port, as kubeadm reads them (`app/util/endpoint.go`)."""
    if address(text) is not None:
        return True
    found = ENDPOINT.fullmatch(text)
    if found is None:
        return False
    host, port = found["host"].strip("[]"), found["port"]
    if text.startswith("[") and port is None:
        return False
    return (address(host) is not None or is_dns_name(host)) and (
        port is None or port == "" or 1 <= int(port) <= 65535
    )


def _sans(about: SourceDocument, path: Path, names: list[str]) -> Iterator[Problem]:
    for number, name in enumerate(names):
        if not is_dns_name(name.removeprefix("*.")) and address(name) is None:
            yield about.problem((*path, number), f"`{name}` is neither a DNS name nor an IP address")


def _flags(about: SourceDocument, path: Path, flags: Flags) -> Iterator[Problem]:
    for place, name in flags.names():
        if not name:
            yield about.problem(path, "a flag has no name")
        elif name.startswith("-") or "=" in name or any(letter.isspace() for letter in name):
            yield about.problem(
                (*path, *place),
                f"`{name}` is not the name of a flag",
                "write it without dashes, its value behind the colon",
            )


def _timeouts(about: SourceDocument, timeouts: api.Timeouts) -> Iterator[Problem]:
    for name, text in timeouts.model_dump(by_alias=True).items():
        if (nanoseconds(text) or 0) <= 0:
            yield about.problem(("timeouts", name), f"`{text}` is not a duration", "for example 4m0s")


def _init(sources: Sources, about: SourceDocument, init: api.InitConfiguration) -> Iterator[Problem]:
    yield from _registration(about, init.node_registration)
    yield from _timeouts(about, init.timeouts)
    first = sources.first_master
    if first is not None:
        name, where = init.node_registration.name, init.local_api_endpoint.advertise_address
        if name and _node_name(name) != sources.full_name(first.name):
            yield about.problem(
                ("nodeRegistration", "name"),
                f"`{name}` is not what the first master of the Inventory is called: `{sources.full_name(first.name)}`",
                NAMES,
            )
        if where and address(where) != address(first.address):
            yield about.problem(
                ("localAPIEndpoint", "advertiseAddress"),
                f"the first master of the Inventory has `{first.address}`",
                "leave it out: addresses come from the Inventory",
            )
    yield from bootstrap_tokens.problems(about, init.bootstrap_tokens)
    yield from _certificate_key(about, ("certificateKey",), init.certificate_key)
    for number, phase in enumerate(init.skip_phases):
        if phase not in SKIPPABLE:
            yield about.problem(
                ("skipPhases", number),
                f"phase `{phase}` cannot be left out here",
                did_you_mean(phase, SKIPPABLE) or f"skipped can be: {', '.join(SKIPPABLE)}",
            )


def _join(sources: Sources, about: SourceDocument, join: api.JoinConfiguration) -> Iterator[Problem]:
    yield from _registration(about, join.node_registration)
    yield from _timeouts(about, join.timeouts)
    first, name = sources.first_master, join.node_registration.name
    joining = {sources.full_name(node.name) for node in sources.inventory.nodes if node is not first}
    if name and _node_name(name) not in joining:
        yield about.problem(
            ("nodeRegistration", "name"),
            f"no joining node of the Inventory is called `{name}`",
            NAMES,
        )
    token = join.discovery.bootstrap_token
    if token.token and not is_token(token.token):
        yield about.problem(
            ("discovery", "bootstrapToken", "token"), "not a bootstrap token", "leave it out: each node gets its own"
        )
    if join.discovery.tls_bootstrap_token and not is_token(join.discovery.tls_bootstrap_token):
        yield about.problem(
            ("discovery", "tlsBootstrapToken"), "not a bootstrap token", "leave it out: each node gets its own"
        )
    if token.api_server_endpoint and not HOST_AND_PORT.fullmatch(token.api_server_endpoint):
        yield about.problem(
            ("discovery", "bootstrapToken", "apiServerEndpoint"),
            f"`{token.api_server_endpoint}` is not a host with a port",
            "leave it out: it is controlPlaneEndpoint",
        )
    if nanoseconds(join.discovery.timeout) is None:
        yield about.problem(("discovery", "timeout"), "not a duration", "for example 5m0s")
    if token.unsafe_skip_ca_verification:
        yield about.problem(
            ("discovery", "bootstrapToken", "unsafeSkipCAVerification"),
            "joins always verify the CA",
            "remove it: hardway pins the CA itself",
        )
    if join.control_plane:
        where = join.control_plane.local_api_endpoint.advertise_address
        joining_at = [address(node.address) for node in sources.inventory.nodes if node is not first]
        if where and (address(where) is None or address(where) not in joining_at):
            yield about.problem(
                ("controlPlane", "localAPIEndpoint", "advertiseAddress"),
                f"no joining node of the Inventory has `{where}`",
                "leave it out: addresses come from the Inventory",
            )
        yield from _certificate_key(about, ("controlPlane", "certificateKey"), join.control_plane.certificate_key)
    if not join.ca_cert_path.startswith("/") or not join.ca_cert_path.endswith(".crt"):
        yield about.problem(("caCertPath",), f"`{join.ca_cert_path}` is not the absolute path of a .crt")
    for number, phase in enumerate(join.skip_phases):
        yield about.problem(("skipPhases", number), f"phase `{phase}` cannot be left out when nodes join")


def _node_name(name: str) -> str:
    """nodeRegistration.name as kubeadm reads it: no domain is put behind it (`k8s.io/component-helpers/node/util`, GetHostname)."""
    return name.strip().lower()


def _registration(about: SourceDocument, registration: api.NodeRegistration) -> Iterator[Problem]:
    here = "nodeRegistration"
    scheme, colon, _ = registration.cri_socket.partition("://")
    if colon and scheme != "unix":
        yield about.problem((here, "criSocket"), f"`{registration.cri_socket}` is not a unix:// socket")
    yield from _flags(about, (here, "kubeletExtraArgs"), registration.kubelet_extra_args)
    if registration.image_pull_policy not in PULL_POLICIES:
        yield about.problem((here, "imagePullPolicy"), f"must be one of {', '.join(PULL_POLICIES)}")
    yield from taints(about, (here, "taints"), registration.taints or [])
    ignored = {name.lower() for name in registration.ignore_preflight_errors}
    if "all" in ignored and len(ignored) > 1:
        yield about.problem(
            (here, "ignorePreflightErrors"), "`all` stands for the others, too", "keep one or the other"
        )


def taints(about: SourceDocument, path: Path, given: list[api.Taint]) -> Iterator[Problem]:
    """Effects that Kubernetes knows: the kubelet would not start with another."""
    for number, taint in enumerate(given):
        if taint.effect not in EFFECTS:
            yield about.problem(
                (*path, number, "effect"), f"must be one of {', '.join(EFFECTS)}, not `{taint.effect}`"
            )


def _certificate_key(about: SourceDocument, path: Path, key: str) -> Iterator[Problem]:
    if key and not CERTIFICATE_KEY.fullmatch(key):
        yield about.problem(path, "not 32 bytes in hexadecimal", "leave it out: it is minted for each run")
