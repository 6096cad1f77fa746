"""Random documents of kubeadm's user, for the kubeadm of the default release."""

from hypothesis import strategies as st

from hardway.config import kube_proxy
from hardway.kinds import kubelet
from hardway.versions import DEFAULT, release
from parity.random_documents import DURATIONS, WORDS, document

FEATURES = release(DEFAULT).features
"""Of the kubeadm that is asked."""

KUBELET = document(kubelet.fields(FEATURES))
KUBE_PROXY = document(kube_proxy.fields(FEATURES))

FLAGS = st.none() | st.dictionaries(
    st.sampled_from(["v", "bind-address", "feature-gates", "z"]), WORDS | st.none(), max_size=3
)
NAMES = st.lists(
    st.sampled_from(["API.Example.com", "b.example.com", "*.c.example.com", "10.0.0.7", "fd00::7"]), max_size=2
)
LOWER = st.lists(st.sampled_from(["b.example.com", "*.c.example.com", "10.0.0.7"]), max_size=2)
REPOSITORIES = st.sampled_from([None, "", "registry.k8s.io", "registry.example.com:5000/k8s", "mirror.example.com"])
VOLUMES = st.lists(
    st.fixed_dictionaries(
        {"name": st.just("audit"), "hostPath": st.just("/a"), "mountPath": st.just("/b")},
        optional={"readOnly": st.booleans(), "pathType": st.sampled_from(["", "File", "DirectoryOrCreate"])},
    ),
    max_size=2,
)
COMPONENT = st.none() | st.fixed_dictionaries({}, optional={"extraArgs": FLAGS, "extraVolumes": VOLUMES})
IMAGE = {"imageRepository": REPOSITORIES, "imageTag": st.sampled_from(["", "v1.2.3"])}
EXTERNAL_ETCD = st.sampled_from(
    [
        {"endpoints": ["http://10.0.0.5:2379"]},
        {"endpoints": ["https://10.0.0.5:2379", "https://[fd00::5]:2379/"], "caFile": "", "certFile": None},
        {"endpoints": ["https://etcd.example.com"], "caFile": "/etc/etcd/ca.pem"},
        {
            "endpoints": ["https://10.0.0.5:2379"],
            "caFile": "/etc/kubernetes/pki/etcd/ca.crt",
            "certFile": "/srv/a b/client.crt",
            "keyFile": "/srv/a b/client.key",
        },
    ]
).map(lambda external: {"external": external, "local": None})
"""etcd that somebody else runs."""

CLUSTER = st.fixed_dictionaries(
    {
        "apiVersion": st.just("kubeadm.k8s.io/v1beta3"),
        "kind": st.just("ClusterConfiguration"),
        "kubernetesVersion": st.just("v1.30.4"),
        "controlPlaneEndpoint": st.sampled_from(
            [
                "api.example.com",
                "api.example.com:6443",
                "10.0.0.1:7443",
                "10.0.0.1",
                "fd00::1",
                "[fd00::1]:443",
                "api.example.com:",
            ]
        ),
    },
    optional={
        "clusterName": st.sampled_from([None, "", "mine"]),
        "certificatesDir": st.sampled_from([None, "", "/etc/kubernetes/certs"]),
        "imageRepository": REPOSITORIES,
        "featureGates": st.sampled_from(
            [None, {}, {"EtcdLearnerMode": True}, {"UpgradeAddonsBeforeControlPlane": False}]
        ),
        "networking": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "serviceSubnet": st.sampled_from([None, "", "10.20.0.0/16", "10.20.0.0/16,fd10::/112", "fd10::/108"]),
                "podSubnet": st.sampled_from([None, "", "10.244.0.0/16", "10.244.0.0/16,fd11::/56"]),
                "dnsDomain": st.sampled_from([None, "", "k8s.example.com"]),
            },
        ),
        "apiServer": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "extraArgs": FLAGS,
                "extraVolumes": VOLUMES,
                "certSANs": st.none() | NAMES,
                "timeoutForControlPlane": st.none() | DURATIONS,
            },
        ),
        "controllerManager": COMPONENT,
        "scheduler": COMPONENT,
        "dns": st.none() | st.fixed_dictionaries({}, optional=IMAGE),
        "etcd": st.none()
        | EXTERNAL_ETCD
        | st.fixed_dictionaries(
            {},
            optional={
                "local": st.none()
                | st.fixed_dictionaries(
                    {},
                    optional={
                        **IMAGE,
                        "dataDir": st.sampled_from([None, "", "/data/etcd"]),
                        "extraArgs": FLAGS,
                        "serverCertSANs": LOWER,
                        "peerCertSANs": LOWER,
                    },
                )
            },
        ),
    },
)
