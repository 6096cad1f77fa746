"""What people set in kubeadm's documents: flags, names, paths and numbers, usual ones and those that a YAML reader trips over."""

from typing import Any

from hypothesis import strategies as st

SWITCH = st.sampled_from(["true", "false"])
ADDRESS = st.sampled_from(["0.0.0.0", "127.0.0.1", "10.30.0.11"])
TEXT = st.sampled_from(
    ["a", "", "x=y", "a,b,c", "0777", "two words", "1e3", "y", 'say "so"', "--v=9", "é", "~", "#1"]
)
API_SERVER_FLAGS = {
    "advertise-address": st.just("10.30.0.11"),
    "allow-privileged": SWITCH,
    "anonymous-auth": SWITCH,
    "audit-log-maxage": st.sampled_from(["30", "0"]),
    "audit-log-path": st.just("/var/log/kubernetes/audit.log"),
    "authorization-config": st.just("/etc/kubernetes/policies/authorization.yaml"),
    "authorization-mode": st.sampled_from(["Node,RBAC", "RBAC", "AlwaysAllow", "RBAC,Node", "Webhook,RBAC"]),
    "bind-address": ADDRESS,
    "enable-admission-plugins": st.sampled_from(["NodeRestriction", "PodSecurity,NodeRestriction", ""]),
    "etcd-servers": st.just("https://127.0.0.1:2379,https://etcd-2.example.com:2379"),
    "feature-gates": st.sampled_from(["A=true", "A=true,B=false"]),
    "oidc-issuer-url": st.just("https://id.example.com/?a=b&c=d"),
    "profiling": SWITCH,
    "secure-port": st.just("6443"),
    "service-account-issuer": st.sampled_from(["https://new.example.com", "https://old.example.com"]),
    "service-node-port-range": st.just("30000-32000"),
    "tls-cipher-suites": st.just("TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384"),
    "v": st.sampled_from(["2", "9"]),
    "watch-cache-sizes": TEXT,
}
CONTROLLER_MANAGER_FLAGS = {
    "allocate-node-cidrs": SWITCH,
    "bind-address": ADDRESS,
    "cluster-signing-duration": st.just("720h0m0s"),
    "controllers": st.sampled_from(["*,bootstrapsigner,tokencleaner", "*,-ttl"]),
    "flex-volume-plugin-dir": st.just("/opt/flex"),
    "node-cidr-mask-size": st.sampled_from(["24", "25"]),
    "node-cidr-mask-size-ipv4": st.just("26"),
    "node-cidr-mask-size-ipv6": st.just("72"),
    "secure-port": st.just("11257"),
    "terminated-pod-gc-threshold": st.just("10"),
    "v": TEXT,
}
SCHEDULER_FLAGS = {
    "bind-address": ADDRESS,
    "config": st.just("/etc/kubernetes/policies/scheduler.yaml"),
    "leader-elect": SWITCH,
    "profiling": SWITCH,
    "secure-port": st.just("11259"),
    "v": TEXT,
}
METRICS_URLS = (
    *("http://0.0.0.0:2381", "http://127.0.0.1:2381,http://10.30.0.11:2381", "https://LOCALHOST", "127.0.0.1:2399"),
    # Of these kubeadm takes what it understands.
    *(
        "http://0.0.0.0:99999",
        "http://127.0.0.1:x",
        "http://[::1:2381",
        "http://[::1]x",
        "http://:2399",
        "http://a:b@c:2399",
    ),
)
ETCD_FLAGS = {
    "advertise-client-urls": st.just("https://etcd.example.com:2379"),
    "auto-compaction-retention": st.just("8h"),
    "election-timeout": st.sampled_from(["1000", "5000"]),
    "listen-client-urls": st.just("https://0.0.0.0:2379"),
    "listen-metrics-urls": st.sampled_from(METRICS_URLS),
    "quota-backend-bytes": st.just("8589934592"),
    "snapshot-count": st.just("10000"),
    "log-level": TEXT,
}
ETCD_HOSTS = (
    "10.30.0.5:2379",
    "[fd30::5]:2379",
    "etcd-1.example.com:2379",
    "ETCD-2.example.com:12379/",
    "etcd.example.com",
)
ETCD_FILES = st.sampled_from(
    [
        # As kubeadm's documentation has it; as packages of etcd do; each somewhere else, in an order of its own.
        (
            "/etc/kubernetes/pki/etcd/ca.crt",
            "/etc/kubernetes/pki/apiserver-etcd-client.crt",
            "/etc/kubernetes/pki/apiserver-etcd-client.key",
        ),
        ("/etc/etcd/ca.pem", "/etc/etcd/tls/client.pem", "/etc/etcd/tls/client-key.pem"),
        ("/srv/etcd/certs/ca.crt", "/srv/etcd/client.crt", "/srv/etcd/private/client.key"),
        ("/srv/z/ca.crt", "/opt/a b/client.crt", "/var/lib/m/client.key"),
        # What is mounted anyway; one file that is both; a path that is not written out; a CA alone.
        ("/etc/ssl/certs/etcd.pem", "/etc/kubernetes/certs/client.crt", "/etc/kubernetes/certs/client.key"),
        ("/etc/pki/etcd/ca.crt", "/etc/pki/tls/certs/client.crt", "/etc/pki/tls/certs/client.key"),
        ("/usr/local/share/ca-certificates/etcd.crt", "/opt/etcd/both.pem", "/opt/etcd/both.pem"),
        ("/opt//tls/ca.crt", "/opt/tls/./client.crt", "/opt/tls/client.key"),
        ("//srv/etcd/ca.crt", "/srv//etcd/client.crt", "/srv/etcd/./client.key"),
        ("/etc/etcd/ca.crt", "", ""),
        # Beside a directory that is mounted, so kubeadm mounts it not: refused.
        ("/etc/etcd/ca.crt", "/etc/etcd-client/client.crt", "/etc/etcd-client/client.key"),
    ]
)
KUBELET_FLAGS = {
    "cloud-provider": st.sampled_from(["external", ""]),
    # The first is the first master's own in a cluster of kubeadm's default name.
    "hostname-override": st.sampled_from(["master-1.kubernetes.example.com", "another"]),
    "max-pods": st.sampled_from(["50", "250"]),
    "node-ip": st.sampled_from(["10.30.0.11", "fd30::b", "0.0.0.0", "10.30.0.11,fd30::b"]),
    "node-labels": st.sampled_from(["a=b", "a=b,c="]),
    "pod-infra-container-image": st.just("registry.example.com/pause:1"),
    "v": st.sampled_from(["2", "10"]),
    "register-with-taints": TEXT,
}
LOWER_CASE = ["api.example.org", "*.b.example.org", "203.0.113.7", "fd00::7", "localhost"]
LOWER_CASE_NAMES = st.lists(st.sampled_from(LOWER_CASE), max_size=3)
NAMES = st.lists(st.sampled_from([*LOWER_CASE, "API.Example.net"]), max_size=3)
REPOSITORY = st.sampled_from(["registry.k8s.io", "registry.example.com:5000/k8s", "mirror.example.com"])
TAG = st.sampled_from(["v9.9.9", "3.5.99-0"])
TAINTS = st.one_of(
    st.none(),
    st.lists(
        st.sampled_from(
            [
                {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
                {"key": "dedicated", "value": "db", "effect": "NoExecute"},
                {"key": "dedicated", "value": "cache", "effect": "NoSchedule"},
                {"key": "later", "effect": "PreferNoSchedule"},
            ]
        ),
        max_size=2,
        unique_by=lambda taint: (taint["key"], taint["effect"]),
    ),
)
VOLUMES = st.lists(
    st.fixed_dictionaries(
        {
            # The last two are kubeadm's own names.
            "name": st.sampled_from(["audit", "policies", "a-b", "k8s-certs", "etcd-data"]),
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
        {"serviceSubnet": "fd96::/108", "podSubnet": "fd44::/56", "dnsDomain": "k8s.example.com"},
        {"serviceSubnet": "fd96::/112,10.96.0.0/16", "podSubnet": "fd44::/56,10.244.0.0/16"},
    ]
)
JOINING_CA = st.sampled_from(
    [
        "",
        "/etc/kubernetes/pki/ca.crt",
        "/etc/kubernetes/certs/ca.crt",
        "/etc/kubernetes/pki/../ca.crt",
        "/srv/a b/$(id) `x`.crt",
    ]
)
SKIPPED = st.sampled_from(
    [
        ["addon"],
        ["addon/coredns"],
        ["addon/kube-proxy"],
        ["addon/coredns", "addon/kube-proxy"],
        ["show-join-command"],
        ["show-join-command", "addon/kube-proxy"],
        [],
    ]
)
ENDPOINTS = ["api.example.org", "api.example.org:443", "api.example.org:"]
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
PROXY = st.fixed_dictionaries(
    {"http": st.sampled_from(["http://proxy.example.com:3128", "http://10.30.0.3:3128"])},
    optional={
        "https": st.just("http://proxy.example.com:3129"),
        "noProxy": st.sampled_from([["10.30.0.0/24"], [".example.org", "fd30::/64"], []]),
    },
)
KEY = "0123456789abcdef" * 4
"""No secret: it is nobody's key."""
DISCOVERY = {
    "token": "abcdef.0123456789abcdef",
    "apiServerEndpoint": "api.example.org:6443",
    "caCertHashes": [f"sha256:{KEY}"],
}
"""bootstrapToken as `kubeadm token create --print-join-command` has it; here it is checked and not used."""
TOKENS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "token": st.sampled_from(["abcdef.0123456789abcdef", "012345.0123456789012345"]),
            "description": TEXT | st.just("$(id) `x` \\ \n  name: x\n"),
            # Not too short: lives are counted from a time of some seconds.
            "ttl": st.sampled_from(["24h0m0s", "90m", "1h30m30s", "0s", "0", "-5m"]),
            "usages": st.sampled_from([["signing", "authentication"], ["authentication"], []]),
            "groups": st.lists(
                st.sampled_from(["system:bootstrappers:a", "system:bootstrappers:kubeadm:default-node-token"]),
                max_size=2,
            ),
        },
    ),
    max_size=3,
    unique_by=lambda token: token.get("token", str(token)),
)
ENVS = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(["GOGC", "A", "HTTPS_PROXY", "a.b"])}, optional={"value": TEXT}),
    max_size=2,
    unique_by=lambda env: env["name"],
)
VALIDITY = st.sampled_from(["8760h0m0s", "2160h30m", "1h", "90000s"])
PERIOD = st.sampled_from(["5m0s", "90s", "1h2m3s"])
DEAR_KEYS = ("RSA-3072", "RSA-4096")
"""Rarely drawn, because their primes take long to find."""
FLAGS: list[Any] = [
    {"": "x"},
    {"a b": "x"},
    {"--v": "2"},
    {"v=2": ""},
    [{"name": "", "value": "x"}],
    [{"name": "a b", "value": "x"}],
    [{"name": "-v", "value": "2"}],
    ["v=2"],
]
REGISTRATIONS: list[Any] = [
    {"criSocket": "tcp://1.2.3.4:5"},
    {"criSocket": "run/a.sock"},
    *({"name": name} for name in ("master-1", "node.example.org", "MASTER-1.kubernetes.example.com", " ")),
    {"imagePullPolicy": "always"},
    {"taints": [{"key": "a"}]},
    {"taints": [{"key": "a", "effect": "No"}]},
    {"taints": [{"key": "a b", "effect": "NoSchedule"}]},
    {"ignorePreflightErrors": ["all", "Swap"]},
    *({"kubeletExtraArgs": flags} for flags in FLAGS),
]
ENDS: list[Any] = [
    {"bindPort": 0},
    {"bindPort": 65536},
    {"bindPort": "6443"},
    {"bindPort": -1},
    {"advertiseAddress": "10.30.0.256"},
]
KEYS = ["ab", "g" * 64, "0" * 64]
DISCOVERIES: list[Any] = [
    *(
        {"bootstrapToken": {**DISCOVERY, **more}}
        for more in (
            {},
            {"token": "a.b"},
            {"apiServerEndpoint": "api.example.org"},
            {"apiServerEndpoint": "fd30::b:6443"},
            {"apiServerEndpoint": "[fd30::b]:6443"},
            {"apiServerEndpoint": "https://api.example.org:6443"},
            {"apiServerEndpoint": "api.example.org:66666"},
            {"caCertHashes": ["md5:00"]},
            {"caCertHashes": [KEY]},
            {"caCertHashes": ["sha256:xyz"]},
            {"caCertHashes": [], "unsafeSkipCAVerification": True},
        )
    ),
    {"bootstrapToken": DISCOVERY, "tlsBootstrapToken": "a.b"},
    {"bootstrapToken": DISCOVERY, "tlsBootstrapToken": "abcdef.0123456789abcdef"},
    *({"bootstrapToken": DISCOVERY, "timeout": text} for text in ("5", "-1m", "")),
    {"file": {"kubeConfigPath": "/srv/discovery.conf"}},
]
SPOILT = (
    (
        ("ClusterConfiguration", "networking", "serviceSubnet"),
        ["10.96.0.0", "10.96.0.0/31", "a", "fd96::/64", "10.96.0.0/12,10.97.0.0/16"],
    ),
    (
        ("ClusterConfiguration", "networking", "podSubnet"),
        ["10.244.0.0/33", "10.96.0.0/16", "10.244.0.0/28", "fd44::/120"],
    ),
    (("ClusterConfiguration", "networking", "dnsDomain"), ["Cluster.Local", "a..b", "-a"]),
    (
        ("ClusterConfiguration", "controlPlaneEndpoint"),
        [
            "API.example.org:7443",
            "api_1.example.org",
            "api.example.org:0",
            "a:b",
            "[10.30.0.17]:6443",
            "https://api.example.org",
        ],
    ),
    (("ClusterConfiguration", "certificatesDir"), ["pki", "./pki", "/etc/kubernetes/pki/"]),
    (("ClusterConfiguration", "imageRepository"), ["http://a", "A/B", "a b", "a/"]),
    (("ClusterConfiguration", "clusterName"), ["a b", "", "-"]),
    (
        ("ClusterConfiguration", "featureGates"),
        [{"Unknown": True}, {"PublicKeysECDSA": "yes"}, {"PublicKeysECDSA": True}],
    ),
    (("ClusterConfiguration", "encryptionAlgorithm"), ["RSA-1024", "rsa-2048", "ECDSA-P384", "ECDSA-P521", ""]),
    (("ClusterConfiguration", "certificateValidityPeriod"), ["1d", "-1h", "0s", "100000h"]),
    (("ClusterConfiguration", "caCertificateValidityPeriod"), ["1y", "2h", ""]),
    (
        ("ClusterConfiguration", "apiServer", "certSANs"),
        [["a_b"], ["*"], ["a.*.b"], [""], ["1.2.3"], ["10.0.0.0/8"], "a"],
    ),
    (("ClusterConfiguration", "apiServer", "timeoutForControlPlane"), ["4", "4 m", -1, "-4m"]),
    (
        ("ClusterConfiguration", "apiServer", "extraVolumes"),
        [
            [{"name": "A_b", "hostPath": "/a", "mountPath": "/b"}],
            [{"name": "a"}],
            [{"name": "a", "hostPath": "/a", "mountPath": "/b", "pathType": "Folder"}],
        ],
    ),
    (("ClusterConfiguration", "scheduler", "extraArgs"), FLAGS),
    (("ClusterConfiguration", "etcd", "local", "extraArgs"), FLAGS),
    (("ClusterConfiguration", "etcd", "local", "dataDir"), ["etcd", "/", "/var/lib/etcd/"]),
    (("ClusterConfiguration", "etcd", "local", "serverCertSANs"), [["a b"], ["10.0.0.256"], ["API.Example.net"]]),
    (
        ("ClusterConfiguration", "etcd"),
        [
            {"external": None},
            {"external": {}},
            {"external": {"endpoints": []}},
            {"external": {"endpoints": ["10.30.0.5:2379"]}},
            {"external": {"endpoints": ["etcd.example.com:2379"]}},
            {"external": {"endpoints": ["https://10.30.0.5:2379", ""]}},
            {"external": {"endpoints": ["unix:///run/etcd.sock"]}},
            {"external": {"endpoints": "https://10.30.0.5:2379"}},
            {"external": {"endpoints": [2379]}},
            {"external": {"endpoints": ["http://10.30.0.5:2379"], "caFile": "/etc/etcd/ca.crt"}},
            {"external": {"endpoints": ["https://10.30.0.5:2379"], "caFile": "ca.crt"}},
            {"external": {"endpoints": ["https://10.30.0.5:2379"], "certFile": "/a.crt", "keyFile": "/a.key"}},
            {"external": {"endpoints": ["https://10.30.0.5:2379"], "caFile": "/a/ca.crt", "certFile": "/a/a.crt"}},
            {"external": {"endpoints": ["https://10.30.0.5:2379"], "caFile": "/a/ca.crt", "keyFile": "/a/a.key"}},
            {"external": {"endpoints": ["https://10.30.0.5:2379"], "httpEndpoints": ["10.30.0.5:8080"]}},
            {"external": {"endpoints": ["https://10.30.0.5:2379"], "nosuchfield": 1}},
            {"external": {"endpoints": ["https://10.30.0.5:2379"]}, "local": {}},
            {"external": {"endpoints": ["https://10.30.0.5:2379"]}, "local": None},
        ],
    ),
    (("InitConfiguration", "localAPIEndpoint"), ENDS),
    (("JoinConfiguration", "controlPlane", "localAPIEndpoint"), ENDS),
    (("JoinConfiguration", "controlPlane", "certificateKey"), KEYS),
    (("JoinConfiguration", "discovery"), DISCOVERIES),
    (
        ("JoinConfiguration", "caCertPath"),
        ["/srv/ca.crt", "pki/ca.crt", "/srv/ca.pem", "/", "", 5, "/srv/./ca.crt", "/srv/ca.crt/"],
    ),
    (("JoinConfiguration", "skipPhases"), [["preflight"], ["control-plane-join/etcd", "nonsense"], [""], [], "all"]),
    (("InitConfiguration", "nodeRegistration"), REGISTRATIONS),
    (("JoinConfiguration", "nodeRegistration"), REGISTRATIONS),
    (
        ("InitConfiguration", "bootstrapTokens"),
        [
            [{"token": "a.b"}],
            [{"token": ""}],
            [{"token": 5}],
            *(
                [{"token": "abcdef.0123456789abcdef", **more}]
                for more in (
                    {"usages": ["flying"]},
                    {"usages": ["signing"]},
                    {"usages": ["signing", "signing", "authentication"]},
                    {"groups": ["a"]},
                    {"groups": ["system:bootstrappers:"]},
                    {"groups": ["system:bootstrappers:a,b"]},
                    {"ttl": "1d"},
                    {"ttl": ""},
                    {"ttl": 0},
                    {"expires": "2100-01-01T00:00:00Z"},
                    {"expires": "2100-01-01T00:00:00Z", "ttl": "0s"},
                    {"expires": ""},
                    {"description": 5},
                )
            ),
            [{"token": "abcdef.0123456789abcdef"}, {"token": "abcdef.fedcba9876543210"}],
        ],
    ),
    (("InitConfiguration", "certificateKey"), KEYS),
    (("InitConfiguration", "skipPhases"), [["addon/dns"], ["preflight"], "addon"]),
    (("KubeletConfiguration", "clusterDomain"), ["a b", 5]),
    (("KubeletConfiguration", "maxPods"), ["many", -5]),
    (("KubeletConfiguration", "cgroupDriver"), ["systemD"]),
    (("KubeletConfiguration", "evictionHard"), [{"memory.available": 5}, []]),
    (("KubeletConfiguration", "nosuchfield"), [1]),
    (("KubeProxyConfiguration", "mode"), ["userspace", "ebpf"]),
    (("KubeProxyConfiguration", "conntrack"), [{"maxPerCore": "0"}, []]),
    (("KubeProxyConfiguration", "iptables"), [{"syncPeriod": "30"}, {"syncPeriod": "30s", "masqueradeAll": "yes"}]),
)
"""Places in the documents, and what does not belong there, or hardly."""
