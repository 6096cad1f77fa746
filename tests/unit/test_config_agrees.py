"""kubeadm's verdict and ours on the same documents, mistake by mistake."""

import re
import subprocess
from pathlib import Path

import pytest

from built import real_kubeadm
from hardway.config import InvalidConfiguration, loads

DOCUMENTS = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.0.2.11 ENDPOINT}
nodeRegistration: {name: master-1.kubernetes.example.com, criSocket: /run/containerd/containerd.sock REGISTRATION}
INIT
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.30.4
controlPlaneEndpoint: api.example.com:6443
CLUSTER
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
KUBELET
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
PROXY
"""
INVENTORY = """
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
nodes:
  - {name: master-1, address: 192.0.2.11, roles: [control-plane]}
  - {name: master-2, address: 192.0.2.12, roles: [control-plane]}
"""

TOKEN = "token: abcdef.0123456789abcdef"
JOIN = f"""\
PROXY ---
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
discovery:
  bootstrapToken: {{{TOKEN}, apiServerEndpoint: 'api.example.com:6443', caCertHashes: ['sha256:{"0" * 64}']}}
"""
ACCEPTED = {
    "nothing more": "",
    "empty parts": "CLUSTER apiServer:\netcd:\nnetworking: {podSubnet: , dnsDomain: ''}\nclusterName: ''",
    "a flag without a value": "CLUSTER scheduler: {extraArgs: {v: }}",
    "names in capitals": "CLUSTER apiServer: {certSANs: [API.example.com, '*.Example.com', 'fd00::7']}",
    "two families": "CLUSTER networking: {serviceSubnet: '10.96.0.0/16,fd00::/112', podSubnet: '10.1.0.0/16,fd01::/56'}",
    "no shares, any size": "CLUSTER networking: {podSubnet: 10.0.0.0/28}\ncontrollerManager: {extraArgs: {allocate-node-cidrs: 'false'}}",
    "larger shares": "CLUSTER networking: {podSubnet: 10.1.0.0/26}\ncontrollerManager: {extraArgs: {node-cidr-mask-size-ipv4: '28'}}",
    "a repository with a port": "CLUSTER imageRepository: '[fd00::1]:5000/a/b__c'",
    "kubelet: nothing but nothing": "KUBELET clusterDNS:\nauthentication:\nresolvConf:",
    "kubelet: a whole number with a point": "KUBELET maxPods: 110.0",
    "kubelet: yes is true": "KUBELET serverTLSBootstrap: y",
    "kubelet: numbers of all kinds": "KUBELET maxPods: 0x10\nport: 010\nkubeAPIBurst: 1_000\neventBurst: 0b11\npodsPerCore: 1e1",
    "proxy: a fraction of a second": "PROXY conntrack: {udpTimeout: 1.5s}\nlogging: {flushFrequency: 5}",
    "certificate key in capitals": f"INIT certificateKey: '{'AB' * 32}'",
    "etcd elsewhere": "CLUSTER etcd: {external: {endpoints: ['https://192.0.2.9:2379']}}",
    "etcd elsewhere, in the clear": "CLUSTER etcd: {external: {endpoints: ['http://192.0.2.9:2379'], caFile: ''}, local: }",
    "etcd elsewhere, with files": (
        "CLUSTER etcd: {external: {endpoints: ['https://[fd00::9]:2379/'], caFile: /a/ca, certFile: /b/b, keyFile: /b/b}}"
    ),
    "etcd nowhere": "CLUSTER etcd: {external: , local: }",
    "a token with all its fields": (
        f"INIT bootstrapTokens: [{{{TOKEN}, description: a, ttl: 2h,"
        " usages: [authentication], groups: ['system:bootstrappers:a']}]"
    ),
    "a token without an end": f"INIT bootstrapTokens: [{{{TOKEN}, ttl: '0'}}, {{ttl: -1h}}]",
    "random tokens": "INIT bootstrapTokens: [{}, {token: , ttl: , description: ''}]",
    "a token with empty lists": f"INIT bootstrapTokens: [{{{TOKEN}, usages: [], groups: , expires: }}]",
    "a usage twice": f"INIT bootstrapTokens: [{{{TOKEN}, usages: [signing, signing, authentication]}}]",
    "no tokens": "INIT bootstrapTokens:",
    "no taints": "INIT skipPhases: [addon/coredns]",
    "join: nothing more": JOIN,
    "join: empty parts": f"{JOIN}nodeRegistration:\ncontrolPlane:\nskipPhases:\npatches:\ncaCertPath: ''",
    "join: a node without a word": f"{JOIN}nodeRegistration: {{kubeletExtraArgs: {{v: }}, taints: [], criSocket: /run/a.sock}}",
    "join: a master": f"{JOIN}controlPlane: {{localAPIEndpoint: {{advertiseAddress: 192.0.2.12, bindPort: 0}}}}",
    "join: a CA elsewhere": f"{JOIN}caCertPath: /srv/a b/ca.crt",
    "join: a bare .crt": f"{JOIN}caCertPath: /.crt",
}
REFUSED = {
    "unknown field": "CLUSTER clusterNmae: a",
    "unknown field far down": "CLUSTER apiServer: {extraVolumes: [{name: a, hostPath: /a, mountPath: /a, readonly: true}]}",
    "a name twice": "CLUSTER clusterName: a\nclusterName: b",
    "a number for a flag": "CLUSTER apiServer: {extraArgs: {v: 2}}",
    "a truth for a flag": "CLUSTER apiServer: {extraArgs: {profiling: no}}",
    "a list for a map": "CLUSTER apiServer: []",
    "a text for a list": "CLUSTER apiServer: {certSANs: a.example.com}",
    "a text for a truth": "CLUSTER featureGates: {EtcdLearnerMode: 'true'}",
    "unknown feature": "CLUSTER featureGates: {Nonsense: true}",
    "not a network": "CLUSTER networking: {serviceSubnet: 10.96.0.0/40}",
    "a space between networks": "CLUSTER networking: {serviceSubnet: '10.96.0.0/16, fd00::/112'}",
    "two networks of one family": "CLUSTER networking: {serviceSubnet: '10.96.0.0/16,10.97.0.0/16'}",
    "too few services": "CLUSTER networking: {serviceSubnet: 10.96.0.0/29}",
    "too many services": "CLUSTER networking: {serviceSubnet: 10.0.0.0/8}",
    "too few pods": "CLUSTER networking: {podSubnet: 10.1.0.0/29}",
    "pods that cannot be shared": "CLUSTER networking: {podSubnet: 10.1.0.0/25}",
    "too many shares": "CLUSTER networking: {podSubnet: 10.0.0.0/7}",
    "a domain in capitals": "CLUSTER networking: {dnsDomain: Cluster.Local}",
    "a name with a blank": "CLUSTER apiServer: {certSANs: ['a b']}",
    "capitals in etcd's names": "CLUSTER etcd: {local: {peerCertSANs: [A.example.com]}}",
    "a relative directory": "CLUSTER certificatesDir: etc/pki",
    "a relative directory for etcd": "CLUSTER etcd: {local: {dataDir: data}}",
    "etcd here and elsewhere": "CLUSTER etcd: {local: {}, external: {endpoints: ['https://192.0.2.9:2379']}}",
    "etcd without a scheme": "CLUSTER etcd: {external: {endpoints: ['192.0.2.9:2379']}}",
    "etcd in the clear with files": "CLUSTER etcd: {external: {endpoints: ['http://192.0.2.9:2379'], caFile: /a/ca}}",
    "a certificate for etcd without a key": "CLUSTER etcd: {external: {endpoints: ['https://a:1'], caFile: /a, certFile: /a}}",
    "a key for etcd without a certificate": "CLUSTER etcd: {external: {endpoints: ['https://a:1'], caFile: /a, keyFile: /a}}",
    "a certificate for etcd without its CA": "CLUSTER etcd: {external: {endpoints: ['https://a:1'], certFile: /a, keyFile: /b}}",
    "a relative file for etcd": "CLUSTER etcd: {external: {endpoints: ['https://a:1'], caFile: pki/ca.crt}}",
    "a field of a later version": "CLUSTER etcd: {external: {endpoints: ['https://a:1'], httpEndpoints: ['http://a:2']}}",
    "a repository in capitals": "CLUSTER imageRepository: registry.example.com/K8S",
    "not a repository": "CLUSTER dns: {imageRepository: 'https://registry.example.com'}",
    "not a duration": "CLUSTER apiServer: {timeoutForControlPlane: 4 minutes}",
    "an empty duration": "CLUSTER apiServer: {timeoutForControlPlane: ''}",
    "an old API": "KUBELET ---\napiVersion: kubeadm.k8s.io/v1beta2\nkind: JoinConfiguration",
    "a document twice": "PROXY ---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration",
    "a port out of range": "ENDPOINT , bindPort: 65536",
    "a short certificate key": "INIT certificateKey: abcd",
    "not a token": "INIT bootstrapTokens: [{token: abcdef.0123}]",
    "an empty token": "INIT bootstrapTokens: [{token: ''}]",
    "a token that is a number": "INIT bootstrapTokens: [{token: 123456.1234567890123456}]",
    "a token with an end": f"INIT bootstrapTokens: [{{{TOKEN}, expires: '2100-01-01T00:00:00Z'}}]",
    "a token with two ends": f"INIT bootstrapTokens: [{{{TOKEN}, expires: '2100-01-01T00:00:00Z', ttl: 0s}}]",
    "a token with an empty end": f"INIT bootstrapTokens: [{{{TOKEN}, expires: ''}}]",
    "a token that lives a day": f"INIT bootstrapTokens: [{{{TOKEN}, ttl: 1d}}]",
    "a token with an empty life": f"INIT bootstrapTokens: [{{{TOKEN}, ttl: ''}}]",
    "a token with a number for its life": f"INIT bootstrapTokens: [{{{TOKEN}, ttl: 0}}]",
    "a token that only signs": f"INIT bootstrapTokens: [{{{TOKEN}, usages: [signing]}}]",
    "a token with another usage": f"INIT bootstrapTokens: [{{{TOKEN}, usages: [authentication, flying]}}]",
    "a token of another group": f"INIT bootstrapTokens: [{{{TOKEN}, groups: ['system:masters']}}]",
    "a token of a group in capitals": f"INIT bootstrapTokens: [{{{TOKEN}, groups: ['system:bootstrappers:A']}}]",
    "a token with an unknown field": f"INIT bootstrapTokens: [{{{TOKEN}, TTL: 2h}}]",
    "join: not a token": JOIN.replace("abcdef.", "abcde."),
    "join: unknown field": f"{JOIN}caCert: /etc/ca.crt",
    "join: unknown field of a node": f"{JOIN}nodeRegistration: {{hostname: a}}",
    "join: a pull policy": f"{JOIN}nodeRegistration: {{imagePullPolicy: Sometimes}}",
    "join: a number for a flag": f"{JOIN}nodeRegistration: {{kubeletExtraArgs: {{v: 2}}}}",
    "join: a text for taints": f"{JOIN}nodeRegistration: {{taints: 'a=b:NoSchedule'}}",
    "join: a port out of range": f"{JOIN}controlPlane: {{localAPIEndpoint: {{advertiseAddress: 192.0.2.12, bindPort: 65536}}}}",
    "join: not an address": f"{JOIN}controlPlane: {{localAPIEndpoint: {{advertiseAddress: 192.0.2.256}}}}",
    "join: a short certificate key": f"{JOIN}controlPlane: {{localAPIEndpoint: {{advertiseAddress: 192.0.2.12}}, certificateKey: ab}}",
    "join: a list for a master": f"{JOIN}controlPlane: []",
    "join: a relative CA": f"{JOIN}caCertPath: pki/ca.crt",
    "join: a CA that is no .crt": f"{JOIN}caCertPath: /etc/ca.pem",
    "join: a text for phases": f"{JOIN}skipPhases: preflight",
    "join: a field of a later version": f"{JOIN}timeouts: {{discovery: 1m}}",
    "a pull policy": "REGISTRATION , imagePullPolicy: Sometimes",
    "kubelet: unknown field": "KUBELET maxPod: 1",
    "kubelet: unknown field below": "KUBELET authentication: {anonymous: {enable: true}}",
    "kubelet: a text for a number": "KUBELET maxPods: '110'",
    "kubelet: a number too large": "KUBELET maxPods: 2147483648",
    "kubelet: a fraction": "KUBELET maxPods: 1.5",
    "kubelet: not a duration": "KUBELET syncFrequency: 1 m",
    "kubelet: a number for a duration": "KUBELET syncFrequency: 60",
    "kubelet: no duration": "KUBELET syncFrequency:",
    "kubelet: a truth for a text": "KUBELET clusterDomain: on",
    "kubelet: a list for a text": "KUBELET clusterDomain: [a]",
    "kubelet: a text for a list": "KUBELET clusterDNS: 10.96.0.10",
    "kubelet: not a quantity": "KUBELET reservedMemory: [{numaNode: 0, limits: {memory: 1Gb}}]",
    "kubelet: a negative level": "KUBELET logging: {verbosity: -1}",
    "proxy: unknown field below": "PROXY conntrack: {maxPerCores: 0}",
}


ONLY_WE_REFUSE = {
    "etcd elsewhere without an endpoint": ("CLUSTER etcd: {external: {endpoints: []}}", "must not be empty"),
    "etcd behind a socket": (
        "CLUSTER etcd: {external: {endpoints: ['unix:///run/etcd']}}",
        "`unix:///run/etcd` is not the URL of an etcd",
    ),
    "files that nobody mounts": (
        "CLUSTER etcd: {external: {endpoints: ['https://a:1'], caFile: /etc/etcd/ca, certFile: /etc/etcd-b/b, keyFile: /etc/etcd-b/k}}",
        "kube-apiserver would not see `/etc/etcd-b/b`",
    ),
    "another feature": ("CLUSTER featureGates: {EtcdLearnerMode: false}", "EtcdLearnerMode=true only"),
    "a phase that is needed": ("INIT skipPhases: [certs]", "phase `certs` cannot be left out here"),
    "a phase that a join needs": (
        f"{JOIN}skipPhases: [preflight]",
        "phase `preflight` cannot be left out when nodes join",
    ),
    "join: an effect": (
        f"{JOIN}nodeRegistration: {{taints: [{{key: a, effect: Sometimes}}]}}",
        "must be one of NoSchedule",
    ),
    "join: somebody else's address": (
        f"{JOIN}controlPlane: {{localAPIEndpoint: {{advertiseAddress: 192.0.2.11}}}}",
        "no joining node of the Inventory has `192.0.2.11`",
    ),
    "dashes before a flag": ("CLUSTER scheduler: {extraArgs: {--v: '2'}}", "`--v` is not the name of a flag"),
    "bits behind the mask": ("CLUSTER networking: {podSubnet: 10.1.2.3/16}", "has bits set behind its mask"),
    "pods among services": ("CLUSTER networking: {podSubnet: 10.96.0.0/16}", "overlap services"),
    "a node among pods": ("CLUSTER networking: {podSubnet: 192.0.0.0/16}", "lies in podSubnet"),
    "an effect": ("REGISTRATION , taints: [{key: a, effect: Sometimes}]", "must be one of NoSchedule"),
    "etcd in the root": ("CLUSTER etcd: {local: {dataDir: /}}", "the root of the machine"),
    "certificates in the root": ("CLUSTER certificatesDir: //.", "the root of the machine"),
    "patches from nowhere": ("INIT patches: {directory: /tmp}", "nothing brings patches to `/tmp`"),
    "patches of this directory": ("INIT patches: {directory: patches}", "`patches` is not an absolute path"),
    "two tokens with one id": (
        f"INIT bootstrapTokens: [{{{TOKEN}}}, {{{TOKEN}}}]",
        "a second token with the id abcdef",
    ),
    "a version to come": ("KUBELET ---\napiVersion: a.example.com/v1\nkind: Something", "unknown kind `Something`"),
    "a merge": ("CLUSTER scheduler: {<<: {extraArgs: {v: '2'}}}", "merges (`<<`) are not read"),
}
"""Where hardway is stricter than kubeadm."""


def with_change(change: str) -> str:
    """The documents with something more at one of the places in capitals."""
    place, _, more = change.partition(" ")
    text = re.sub(rf"\b{place}\b", lambda _: more, DOCUMENTS) if place else DOCUMENTS
    return re.sub(r" ?\b(INIT|ENDPOINT|REGISTRATION|CLUSTER|KUBELET|PROXY)\b", "", text)


def kubeadm_accepts(folder: Path, text: str) -> tuple[bool, str]:
    """Verdict of the real kubeadm, and what it said."""
    file = folder / "kubeadm.yaml"
    file.write_text(text)
    done = subprocess.run(
        [str(real_kubeadm()), "config", "validate", "--config", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stderr


def we_accept(text: str) -> tuple[bool, str]:
    """Our verdict, and what is said."""
    said = ""
    try:
        loads(text + INVENTORY)
    except InvalidConfiguration as refused:
        said = refused.render()
    return not said, said


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    """What kubeadm reads is read."""
    assert we_accept(with_change(ACCEPTED[name])) == (True, "")


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    """What kubeadm refuses is refused, with the line that is wrong."""
    accepted, said = we_accept(with_change(REFUSED[name]))

    assert not accepted
    assert "^" in said


@pytest.mark.parametrize("name", ONLY_WE_REFUSE)
def test_refused_by_us_alone(name: str) -> None:
    """What hardway cannot build, or what would fail later, is refused at once."""
    change, message = ONLY_WE_REFUSE[name]

    assert message in we_accept(with_change(change))[1]


@pytest.mark.parity
@pytest.mark.parametrize("name", [*ACCEPTED, *REFUSED])
def test_kubeadm_agrees(name: str, tmp_path: Path) -> None:
    """The verdicts above are the real kubeadm's."""
    accepted, said = kubeadm_accepts(tmp_path, with_change({**ACCEPTED, **REFUSED}[name]))

    assert accepted == (name in ACCEPTED), said


PLAIN_WORDS = [
    "y", "N", "on", "No", "TRUE", "~", "null", "1:30", "010", "0o10", "0x1F", "0b101", "1_000", "1e3", ".5", "5.", "+1", "-0",
    "1.2.3.4", "2024-08-14", "fd00::1", "0xg", "12e", "--", "=", "18446744073709551616", "a", "4m0s", "08", ".inf", "1__0",
]  # fmt: skip


@pytest.mark.parity
def test_plain_words_mean_what_they_mean_to_kubeadm(tmp_path: Path) -> None:
    """An unquoted word is text here where it is text for kubeadm."""
    texts = {word: with_change(f"CLUSTER scheduler: {{extraArgs: {{v: {word}}}}}") for word in PLAIN_WORDS}
    theirs = {word: kubeadm_accepts(tmp_path, text)[0] for word, text in texts.items()}

    assert {word: we_accept(text)[0] for word, text in texts.items()} == theirs
    # Each word has been asked about, and of both kinds there are some.
    assert len(set(texts.values())) == len(PLAIN_WORDS)
    assert set(theirs.values()) == {True, False}
