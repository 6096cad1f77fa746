"""Random cluster.yaml files as people write them: what they leave out, what they set, and in which form."""

import copy
import json
from dataclasses import dataclass, field
from typing import Any

import settings_of_users as settings
import yaml
from hypothesis import strategies as st
from patches_of_users import DIRECTORIES
from random_documents import document

from hardway.config import kube_proxy
from hardway.features import V1BETA3, V1BETA4
from hardway.kinds import kubelet
from hardway.versions import release

Strategy = st.SearchStrategy[Any]
DOMAIN = "example.com"
NOT_BUILT = ("EtcdLearnerMode", "RootlessControlPlane")
"""Feature gates of which hardway builds the default only."""


@dataclass(frozen=True)
class Configuration:
    """A cluster.yaml, and the files beside it."""

    text: str
    files: dict[str, str] = field(default_factory=dict)
    """Name beside cluster.yaml to content."""

    def __str__(self) -> str:
        return self.text + "".join(f"\n# {name}\n{content}" for name, content in self.files.items())


def flags(api: str, known: dict[str, st.SearchStrategy[str]]) -> Strategy:
    """Some of these flags in any order: a map, or from v1beta4 on a list in which one may stand twice."""
    orders = st.tuples(st.permutations(sorted(known)), st.integers(0, 4), st.integers(0, 5))

    def chosen(drawn: tuple[list[str], int, int]) -> Strategy:
        order, count, dice = drawn
        twice = order[: api != V1BETA3 and count > 0 and dice == 0]
        return st.tuples(*(st.tuples(st.just(name), known[name]) for name in (*order[:count], *twice)))

    some = orders.flatmap(chosen)
    if api == V1BETA3:
        return some.map(dict)
    return some.map(lambda pairs: [{"name": name, "value": value} for name, value in pairs])


def component(api: str, known: dict[str, st.SearchStrategy[str]], **more: Strategy) -> Strategy:
    """A component of the control plane."""
    envs = {} if api == V1BETA3 else {"extraEnvs": settings.ENVS}
    some = st.fixed_dictionaries(
        {}, optional={"extraArgs": flags(api, known), "extraVolumes": settings.VOLUMES, **envs, **more}
    )
    return or_nothing(some)


def or_nothing(some: Strategy) -> Strategy:
    """Now and then the name of a field and nothing behind it."""
    return st.integers(0, 15).flatmap(lambda dice: st.none() if dice == 13 else some)


def optional(documents: dict[str, Strategy], **fixed: str) -> Strategy:
    """A document that may be left out."""
    required = {name: st.just(text) for name, text in fixed.items()}
    return st.none() | st.fixed_dictionaries(required, optional=documents)


def registration(api: str) -> Strategy:
    """nodeRegistration."""
    known: dict[str, Strategy] = {
        "criSocket": st.sampled_from(["unix:///run/containerd/containerd.sock", "/run/other.sock"]),
        "imagePullPolicy": st.sampled_from(["Always", "Never", "IfNotPresent"]),
        "ignorePreflightErrors": st.sampled_from([["Swap"], ["all"], []]),
        "kubeletExtraArgs": flags(api, settings.KUBELET_FLAGS),
        "taints": settings.TAINTS,
    }
    if api == V1BETA4:
        known["imagePullSerial"] = st.booleans()
    return st.fixed_dictionaries({}, optional=known)


def timeouts(api: str) -> dict[str, Strategy]:
    """The patience that v1beta4 lets users choose."""
    names = (
        "controlPlaneComponentHealthCheck",
        "discovery",
        "etcdAPICall",
        "kubeletHealthCheck",
        "kubernetesAPICall",
        "tlsBootstrap",
        "upgradeManifests",
    )
    some = st.fixed_dictionaries({}, optional=dict.fromkeys(names, settings.PERIOD))
    return {} if api == V1BETA3 else {"timeouts": some}


def of_new_api(version: str) -> dict[str, Strategy]:
    """Fields of ClusterConfiguration that came with v1beta4."""
    algorithms = release(version).features.key_algorithms
    cheap = [name for name in algorithms if name not in settings.DEAR_KEYS]
    return {
        "encryptionAlgorithm": st.sampled_from([*cheap * 6, *settings.DEAR_KEYS]),
        "certificateValidityPeriod": settings.VALIDITY,
        "caCertificateValidityPeriod": settings.VALIDITY,
        "proxy": st.fixed_dictionaries({}, optional={"disabled": st.booleans()}),
    }


def gates(version: str) -> Strategy:
    """Some of kubeadm's feature gates; rarely what is refused: a locked one turned over, or one that is not built."""
    found = release(version).features.gates
    fixed = {name: gate.default for name, gate in found.items() if gate.locked or name in NOT_BUILT}
    rarely = {
        name: st.integers(0, 19).map(lambda dice, kept=kept: kept is not (dice == 13)) for name, kept in fixed.items()
    }
    free = {name: st.booleans() for name in found if name not in fixed}
    return st.fixed_dictionaries({}, optional={**free, **rarely})


@st.composite
def external_etcd(draw: st.DrawFn, version: str, api: str) -> dict[str, Any]:
    """etcd.external: without TLS, or with a CA and perhaps a client certificate, in many places."""
    hosts = draw(st.lists(st.sampled_from(settings.ETCD_HOSTS), min_size=1, max_size=3))
    files = draw(st.tuples(st.sampled_from([True, True, False]), settings.ETCD_FILES))
    given = dict(zip(("caFile", "certFile", "keyFile"), files[1], strict=True)) if files[0] else {}
    if draw(st.booleans()):
        # Nothing and an empty text are the same.
        given = {name: path for name, path in given.items() if path}
    scheme = "https" if given else draw(st.sampled_from(["http", "https"]))
    found: dict[str, Any] = {"endpoints": [f"{scheme}://{host}" for host in hosts], **given}
    if api == V1BETA4 and release(version).features.external_etcd_http_endpoints and draw(st.booleans()):
        found["httpEndpoints"] = draw(st.sampled_from([[], ["http://10.30.0.5:8080"], ["https://e.example.com"]]))
    return found


@st.composite
def cluster_configuration(draw: st.DrawFn, version: str, api: str, address: str) -> dict[str, Any]:
    """ClusterConfiguration; `address` is the pattern of the nodes' addresses."""
    six = ":" in address
    endpoints = [
        *settings.ENDPOINTS,
        f"[{address.format(17)}]:8443",
        *([] if six else ["10.30.0.17:8443"]),
        address.format(11),
    ]
    timeout = {"timeoutForControlPlane": settings.PERIOD} if api == V1BETA3 else {}
    envs = {} if api == V1BETA3 else {"extraEnvs": settings.ENVS}
    dns = {} if api == V1BETA3 else {"disabled": st.booleans()}
    local = st.fixed_dictionaries(
        {},
        optional={
            **settings.IMAGE,
            **envs,
            "dataDir": st.sampled_from(["/var/lib/etcd", "/data/etcd", "/srv/a/b/etcd"]),
            "extraArgs": flags(api, settings.ETCD_FLAGS),
            "serverCertSANs": settings.LOWER_CASE_NAMES,
            "peerCertSANs": settings.LOWER_CASE_NAMES,
        },
    )
    known: dict[str, Strategy] = {
        "clusterName": st.sampled_from(["mine", "a.b"]),
        "certificatesDir": st.sampled_from(["/etc/kubernetes/pki", "/etc/kubernetes/certs", "/srv/k8s/pki"]),
        "imageRepository": settings.REPOSITORY,
        "featureGates": gates(version),
        "apiServer": component(api, settings.API_SERVER_FLAGS, certSANs=settings.NAMES, **timeout),
        "controllerManager": component(api, settings.CONTROLLER_MANAGER_FLAGS),
        "scheduler": component(api, settings.SCHEDULER_FLAGS),
        "dns": or_nothing(st.fixed_dictionaries({}, optional={**settings.IMAGE, **dns})),
        "etcd": or_nothing(
            st.one_of(
                st.fixed_dictionaries({"local": or_nothing(local)}),
                st.fixed_dictionaries({"external": external_etcd(version, api)}),
            )
        ),
        **(of_new_api(version) if api == V1BETA4 else {}),
    }
    found: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {
                "apiVersion": st.just(api),
                "kind": st.just("ClusterConfiguration"),
                "kubernetesVersion": st.just(version),
                "controlPlaneEndpoint": st.sampled_from(endpoints),
                "networking": settings.NETWORKS_6 if six else settings.NETWORKS,
            },
            optional=known,
        )
    )
    return found


@st.composite
def machines(draw: st.DrawFn, api: str, address: str) -> list[dict[str, Any]]:
    """One to three masters and two workers at most, with what kubeadm finds on them and what is said of them alone."""
    facts = st.fixed_dictionaries(
        {"resolved": st.booleans()},
        optional={"caDirectories": st.sampled_from([[], ["/etc/pki"], ["/usr/share/ca-certificates"]])},
    )
    own = {"facts": facts, "kubeletExtraArgs": flags(api, settings.KUBELET_FLAGS), "taints": settings.TAINTS}
    # Each node that joins costs as much again, and the first that joins tells most.
    masters = draw(st.sampled_from([1] * 8 + [2] * 2 + [3]))
    workers = draw(st.sampled_from([1] * 9 + [2, 0]))
    domain = draw(st.sampled_from(["", ".other.example.org"]))
    nodes: list[dict[str, Any]] = [
        *(
            {"name": f"master-{number}", "address": address.format(10 + number), "roles": ["control-plane"]}
            for number in range(1, masters + 1)
        ),
        *(
            {"name": f"worker-{number}{domain}", "address": address.format(20 + number), "roles": ["worker"]}
            for number in range(1, workers + 1)
        ),
    ]
    return [node | draw(st.fixed_dictionaries({}, optional=own)) for node in nodes]


def registered(registration: Strategy, names: list[str]) -> Strategy:
    """nodeRegistration, now and then with the name of one of these nodes, which kubeadm puts into lower case."""
    spelled = [*names, *(name.upper() for name in names[:1])]
    return st.tuples(registration, st.integers(0, 3), st.sampled_from(spelled or [""])).map(
        lambda drawn: {**drawn[0], "name": drawn[2]} if names and drawn[1] == 1 else drawn[0]
    )


def endpoint(nodes: list[dict[str, Any]]) -> Strategy:
    """localAPIEndpoint, with the address of one of these nodes if it has any."""
    addresses = [str(node["address"]) for node in nodes]
    where = {"advertiseAddress": st.sampled_from([*addresses, *(one.upper() for one in addresses[:1])])}
    return st.fixed_dictionaries(
        {}, optional={"bindPort": st.sampled_from([6443, 7443, 8443]), **(where if nodes else {})}
    )


def discovery(api: str) -> Strategy:
    """What `kubeadm join` needs, as people leave it in their JoinConfiguration."""
    more = {"timeout": settings.PERIOD} if api == V1BETA3 else {}
    return st.fixed_dictionaries(
        {"bootstrapToken": st.just(settings.DISCOVERY)},
        optional={"tlsBootstrapToken": st.just(settings.DISCOVERY["token"]), **more},
    )


def with_quick_keys(version: str, document: dict[str, Any]) -> dict[str, Any]:
    """ClusterConfiguration with ECDSA keys, where this version can make them."""
    gates = document.get("featureGates", {})
    if "PublicKeysECDSA" in gates or document["apiVersion"] == V1BETA3:
        # Where it is named at all, the gate wins over the field.
        if "PublicKeysECDSA" not in release(version).features.gates:
            return document
        return {**document, "featureGates": {**gates, "PublicKeysECDSA": True}}
    algorithm = str(document.get("encryptionAlgorithm", ""))
    return document if algorithm.startswith("ECDSA") else {**document, "encryptionAlgorithm": "ECDSA-P256"}


@st.composite
def clusters(
    draw: st.DrawFn, version: str, *, api: str = "", spoilt: bool = False, quick: bool = False
) -> Configuration:
    """One cluster.yaml for this version, in any API version that it reads or in `api`.

    `spoilt`: with something in it that hardly belongs there. `quick`: nearly all make ECDSA keys, because most of a
    comparison's time is spent on primes.
    """
    api = api or draw(st.sampled_from(release(version).features.config_apis))
    address = "fd30::{:x}" if draw(st.integers(0, 4)) == 0 else "10.30.0.{}"
    cluster = draw(cluster_configuration(version, api, address))
    # Not 0 for the others: ends of a range are drawn more often than they should.
    if quick and draw(st.integers(0, 19)) != 13:
        cluster = with_quick_keys(version, cluster)
    nodes = draw(machines(api, address))
    names = [
        node["name"] if "." in node["name"] else f"{node['name']}.{cluster.get('clusterName', 'kubernetes')}.{DOMAIN}"
        for node in nodes
    ]
    init = draw(
        optional(
            {
                "bootstrapTokens": settings.TOKENS,
                "certificateKey": st.just(settings.KEY),
                "localAPIEndpoint": endpoint(nodes[:1]),
                "nodeRegistration": registered(registration(api), names[:1]),
                "skipPhases": settings.SKIPPED,
                **timeouts(api),
            },
            apiVersion=api,
            kind="InitConfiguration",
        )
    )
    join = draw(
        optional(
            {
                "caCertPath": settings.JOINING_CA,
                "controlPlane": st.fixed_dictionaries(
                    {},
                    optional={"localAPIEndpoint": endpoint(nodes[1:]), "certificateKey": st.just(settings.KEY)},
                ),
                "discovery": discovery(api),
                "nodeRegistration": registered(registration(api), names[1:]),
                **timeouts(api),
            },
            apiVersion=api,
            kind="JoinConfiguration",
        )
    )
    components = draw(component_documents(version))
    inventory = {
        "apiVersion": "hardway.dev/v1alpha1",
        "kind": "Inventory",
        "baseDomain": DOMAIN,
        "nodes": nodes,
        **draw(st.sampled_from([{}] * 7 + [{"proxy": settings.PROXY}]).flatmap(st.fixed_dictionaries)),
    }
    files: dict[str, str] = {}
    if draw(st.integers(0, 2)) == 0:
        init, join, files = draw(patched(api, init, join, inventory))
    documents = [one for one in (init, join, cluster, *components) if one is not None]
    if spoilt:
        # Values that are drawn are shared with the next configuration.
        documents = copy.deepcopy(documents)
        draw(spoil(documents))
    return Configuration(written(draw(st.permutations([*documents, inventory])), as_json=draw(st.booleans())), files)


@st.composite
def component_documents(draw: st.DrawFn, version: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """KubeletConfiguration and KubeProxyConfiguration: what people set, or now and then any fields that there are."""
    features = release(version).features
    found: list[dict[str, Any] | None] = []
    for api, kind, usual, any_fields in (
        (kubelet.API_VERSION, "KubeletConfiguration", settings.KUBELET_DOCUMENT, kubelet.fields(features)),
        (kube_proxy.API_VERSION, "KubeProxyConfiguration", settings.PROXY_DOCUMENT, kube_proxy.fields(features)),
    ):
        head = {"apiVersion": api, "kind": kind}
        if draw(st.integers(0, 2)) == 1:
            found.append({**head, **draw(document(any_fields))})
        else:
            found.append(draw(optional(usual, **head)))
    return found[0], found[1]


@st.composite
def patched(
    draw: st.DrawFn,
    api: str,
    init: dict[str, Any] | None,
    join: dict[str, Any] | None,
    inventory: dict[str, Any],
) -> tuple[dict[str, Any] | None, dict[str, Any] | None, dict[str, str]]:
    """Both documents and the inventory with patches for one of them or both, from one directory or two."""
    places = {"InitConfiguration": "/etc/kubernetes/patches", "JoinConfiguration": "/etc/kubernetes/patches"}
    if draw(st.booleans()):
        places["JoinConfiguration"] = "/srv/patches"
    wanted = draw(st.sampled_from([("InitConfiguration",), ("JoinConfiguration",), tuple(places)]))
    found = {"InitConfiguration": init, "JoinConfiguration": join}
    for kind in wanted:
        given = found[kind] or {"apiVersion": api, "kind": kind}
        found[kind] = {**given, "patches": {"directory": places[kind]}}
    files: dict[str, str] = {}
    inventory["patches"] = {}
    for directory in sorted({places[kind] for kind in wanted}):
        name = directory.strip("/").replace("/", "-")
        inventory["patches"][directory] = name
        files |= {f"{name}/{file}": text for file, text in draw(DIRECTORIES).items()}
    return found["InitConfiguration"], found["JoinConfiguration"], files


@st.composite
def spoil(draw: st.DrawFn, documents: list[dict[str, Any]]) -> None:
    """Put a value to a place where it hardly belongs."""
    kinds = {one["kind"]: one for one in documents}
    places = [place for place in settings.SPOILT if place[0][0] in kinds]
    (kind, *path), values = draw(st.sampled_from(places))
    here = kinds[kind]
    for name in path[:-1]:
        here[name] = here.get(name) or {}
        here = here[name]
    here[path[-1]] = draw(st.sampled_from(values))


def written(documents: list[dict[str, Any]], *, as_json: bool) -> str:
    """JSON is YAML that leaves nothing to guess; the other is written as tools of Python do."""
    if as_json:
        return "\n---\n".join(json.dumps(one, ensure_ascii=False) for one in documents) + "\n"
    text: str = yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False)
    return text
