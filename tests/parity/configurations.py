"""Random cluster.yaml files as people write them: what they leave out, what they set, and in which form."""

import json
from typing import Any

from hypothesis import strategies as st

VERSION = "v1.30.4"
API = "kubeadm.k8s.io/v1beta3"

SWITCH = st.sampled_from(["true", "false"])
ADDRESS = st.sampled_from(["0.0.0.0", "127.0.0.1", "10.30.0.11"])
TEXT = st.sampled_from(
    ["a", "", "x=y", "a,b,c", "0777", "two words", "1e3", "y", 'say "so"', "--v=9", "é", "~", "#1"]
)
API_SERVER_FLAGS = {
    "anonymous-auth": SWITCH,
    "audit-log-maxage": st.sampled_from(["30", "0"]),
    "audit-log-path": st.just("/var/log/kubernetes/audit.log"),
    "authorization-mode": st.sampled_from(["Node,RBAC", "RBAC", "AlwaysAllow", "RBAC,Node", "Webhook,RBAC"]),
    "bind-address": ADDRESS,
    "enable-admission-plugins": st.sampled_from(["NodeRestriction", "PodSecurity,NodeRestriction", ""]),
    "feature-gates": st.sampled_from(["A=true", "A=true,B=false"]),
    "oidc-issuer-url": st.just("https://id.example.com/?a=b&c=d"),
    "profiling": SWITCH,
    "service-node-port-range": st.just("30000-32000"),
    "tls-cipher-suites": st.just("TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384"),
    "v": st.sampled_from(["2", "9"]),
    "watch-cache-sizes": TEXT,
}
CONTROLLER_MANAGER_FLAGS = {
    "bind-address": ADDRESS,
    "cluster-signing-duration": st.just("720h0m0s"),
    "controllers": st.sampled_from(["*,bootstrapsigner,tokencleaner", "*,-ttl"]),
    "flex-volume-plugin-dir": st.just("/opt/flex"),
    "node-cidr-mask-size": st.sampled_from(["24", "25"]),
    "terminated-pod-gc-threshold": st.just("10"),
    "v": TEXT,
}
SCHEDULER_FLAGS = {"bind-address": ADDRESS, "leader-elect": SWITCH, "profiling": SWITCH, "v": TEXT}
ETCD_FLAGS = {
    "auto-compaction-retention": st.just("8h"),
    "election-timeout": st.sampled_from(["1000", "5000"]),
    "listen-metrics-urls": st.sampled_from(["http://0.0.0.0:2381", "http://127.0.0.1:2381,http://10.30.0.11:2381"]),
    "quota-backend-bytes": st.just("8589934592"),
    "snapshot-count": st.just("10000"),
    "log-level": TEXT,
}
KUBELET_FLAGS = {
    "max-pods": st.sampled_from(["50", "250"]),
    "node-labels": st.sampled_from(["a=b", "a=b,c="]),
    "pod-infra-container-image": st.just("registry.example.com/pause:1"),
    "v": st.sampled_from(["2", "10"]),
    "register-with-taints": TEXT,
}
NAMES = st.lists(
    st.sampled_from(["api.example.org", "API.Example.net", "*.b.example.org", "203.0.113.7", "fd00::7", "localhost"]),
    max_size=3,
)
REPOSITORY = st.sampled_from(["registry.k8s.io", "registry.example.com:5000/k8s", "mirror.example.com"])
TAG = st.sampled_from(["v9.9.9", "3.5.99-0"])
TAINTS = st.one_of(
    st.none(),
    st.lists(
        st.sampled_from(
            [
                {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
                {"key": "dedicated", "value": "db", "effect": "NoExecute"},
                {"key": "later", "effect": "PreferNoSchedule"},
            ]
        ),
        max_size=2,
        unique_by=lambda taint: taint["key"],
    ),
)


def flags(known: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[dict[str, str]]:
    """Some of these flags, in any order."""
    return st.permutations(sorted(known)).flatmap(
        lambda order: st.integers(0, 4).flatmap(
            lambda count: st.fixed_dictionaries({name: known[name] for name in order[:count]})
        )
    )


VOLUMES = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["audit", "policies", "a-b"]),
            "hostPath": st.sampled_from(["/var/log/kubernetes", "/etc/kubernetes/policies", "/srv/a b"]),
            "mountPath": st.sampled_from(["/logs", "/policies"]),
        },
        optional={
            "readOnly": st.booleans(),
            "pathType": st.sampled_from(["", "File", "Directory", "FileOrCreate", "DirectoryOrCreate"]),
        },
    ),
    max_size=2,
    unique_by=lambda volume: volume["name"],
)


def component(known: dict[str, st.SearchStrategy[str]], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A component of the control plane."""
    return st.fixed_dictionaries({}, optional={"extraArgs": flags(known), "extraVolumes": VOLUMES, **more})


IMAGE = {"imageRepository": REPOSITORY, "imageTag": TAG}
NETWORKS = st.sampled_from(
    [
        {},
        {"podSubnet": "10.244.0.0/16"},
        {"serviceSubnet": "10.112.0.0/12", "dnsDomain": "k8s.example.com"},
        {"serviceSubnet": "10.96.0.0/16,fd96::/112", "podSubnet": "10.244.0.0/16,fd44::/56"},
        {"podSubnet": "10.200.0.0/22"},
    ]
)
NETWORKS_6 = st.sampled_from(
    [
        {"serviceSubnet": "fd96::/112"},
        {"serviceSubnet": "fd96::/108", "podSubnet": "fd44::/56"},
        {"serviceSubnet": "fd96::/112,10.96.0.0/16", "podSubnet": "fd44::/56,10.244.0.0/16"},
    ]
)
ENDPOINTS = ["api.example.org", "api.example.org:443", "api.example.org:", "API.example.org:7443"]
REGISTRATION = {
    "criSocket": st.sampled_from(["unix:///run/containerd/containerd.sock", "/run/other.sock"]),
    "imagePullPolicy": st.sampled_from(["Always", "Never", "IfNotPresent"]),
    "kubeletExtraArgs": flags(KUBELET_FLAGS),
    "taints": TAINTS,
}
KUBELET_DOCUMENT = {
    "cgroupDriver": st.sampled_from(["systemd", "cgroupfs"]),
    "clusterDNS": st.just(["10.96.0.53"]),
    "evictionHard": st.just({"memory.available": "200Mi", "nodefs.available": "5%"}),
    "maxPods": st.sampled_from([30, 250]),
    "rotateCertificates": st.booleans(),
    "serverTLSBootstrap": st.booleans(),
    "shutdownGracePeriod": st.sampled_from(["30s", "1m30s"]),
    "staticPodPath": st.just("/etc/kubernetes/manifests"),
    "featureGates": st.just({"A": True}),
}
PROXY_DOCUMENT = {
    "mode": st.sampled_from(["iptables", "ipvs", "nftables", ""]),
    "clusterCIDR": st.just("10.244.0.0/16"),
    "metricsBindAddress": st.just("0.0.0.0:10249"),
    "conntrack": st.just({"maxPerCore": 0, "min": None}),
    "bindAddress": st.just("10.30.0.11"),
}


def optional(documents: dict[str, st.SearchStrategy[Any]], **fixed: str) -> st.SearchStrategy[dict[str, Any] | None]:
    """A document that may be left out."""
    required = {name: st.just(text) for name, text in fixed.items()}
    return st.none() | st.fixed_dictionaries(required, optional=documents)


@st.composite
def clusters(draw: st.DrawFn) -> str:
    """One cluster.yaml: a master, perhaps a second one, a worker."""
    six = draw(st.integers(0, 4)) == 0
    address = "fd30::{:x}" if six else "10.30.0.{}"
    local = {"bindPort": draw(st.sampled_from([6443, 7443]))} if draw(st.booleans()) else {}
    endpoints = [*ENDPOINTS, f"[{address.format(17)}]:8443" if six else "10.30.0.17:8443", address.format(11)]
    cluster = draw(
        st.fixed_dictionaries(
            {
                "apiVersion": st.just(API),
                "kind": st.just("ClusterConfiguration"),
                "kubernetesVersion": st.just(VERSION),
                "controlPlaneEndpoint": st.sampled_from(endpoints),
                "networking": NETWORKS_6 if six else NETWORKS,
            },
            optional={
                "clusterName": st.sampled_from(["mine", "a.b"]),
                "certificatesDir": st.sampled_from(["/etc/kubernetes/pki", "/etc/kubernetes/certs"]),
                "imageRepository": REPOSITORY,
                "apiServer": component(
                    API_SERVER_FLAGS,
                    certSANs=NAMES,
                    timeoutForControlPlane=st.sampled_from(["5m0s", "90s"]),
                ),
                "controllerManager": component(CONTROLLER_MANAGER_FLAGS),
                "scheduler": component(SCHEDULER_FLAGS),
                "dns": st.fixed_dictionaries({}, optional=IMAGE),
                "etcd": st.fixed_dictionaries(
                    {
                        "local": st.fixed_dictionaries(
                            {},
                            optional={
                                **IMAGE,
                                "dataDir": st.sampled_from(["/var/lib/etcd", "/data/etcd"]),
                                "extraArgs": flags(ETCD_FLAGS),
                                "serverCertSANs": NAMES,
                                "peerCertSANs": NAMES,
                            },
                        )
                    }
                ),
            },
        )
    )
    init = draw(
        st.none()
        | st.fixed_dictionaries(
            {"apiVersion": st.just(API), "kind": st.just("InitConfiguration"), "localAPIEndpoint": st.just(local)},
            optional={
                "nodeRegistration": st.fixed_dictionaries({}, optional=REGISTRATION),
                "skipPhases": st.sampled_from([["addon"], ["addon/coredns"], ["addon/kube-proxy"], []]),
            },
        )
    )
    join = draw(
        optional(
            {"nodeRegistration": st.fixed_dictionaries({}, optional=REGISTRATION)},
            apiVersion=API,
            kind="JoinConfiguration",
        )
    )
    kubelet = draw(
        optional(KUBELET_DOCUMENT, apiVersion="kubelet.config.k8s.io/v1beta1", kind="KubeletConfiguration")
    )
    proxy = draw(
        optional(PROXY_DOCUMENT, apiVersion="kubeproxy.config.k8s.io/v1alpha1", kind="KubeProxyConfiguration")
    )
    nodes = [{"name": "master-1", "address": address.format(11), "roles": ["control-plane"]}]
    if draw(st.integers(0, 3)) == 0:
        nodes.append({"name": "master-2", "address": address.format(12), "roles": ["control-plane"]})
    nodes.append({"name": "worker-1.other.example.org", "address": address.format(21), "roles": ["worker"]})
    for node in nodes:
        node |= draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "facts": st.fixed_dictionaries(
                        {"resolved": st.booleans()},
                        optional={
                            "caDirectories": st.sampled_from([[], ["/etc/pki"], ["/usr/share/ca-certificates"]])
                        },
                    )
                },
            )
        )
    inventory = {
        "apiVersion": "hardway.dev/v1alpha1",
        "kind": "Inventory",
        "baseDomain": "example.com",
        "nodes": nodes,
    }
    documents = [document for document in (init, join, cluster, kubelet, proxy, inventory) if document is not None]
    # JSON is YAML that leaves nothing to guess.
    return "\n---\n".join(json.dumps(one, ensure_ascii=False) for one in draw(st.permutations(documents))) + "\n"
