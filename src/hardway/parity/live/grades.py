"""How bad a difference is: the first rule that fits, from the most special to the most general."""

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hardway.parity.compare import ABSENT, Difference
from hardway.parity.live.finding import Grade


@dataclass(frozen=True)
class Rule:
    """Patterns of item and field, and what `found` must be for the rule to fit (empty: anything)."""

    item: str
    field: str
    grade: Grade
    found: str = "*"
    expected: str = "*"

    def fits(self, difference: Difference) -> bool:
        """`ours` is what is expected, `kubeadm` what was found."""
        pairs = (
            (difference.item, self.item),
            (difference.field, self.field),
            (difference.kubeadm, self.found),
            (difference.ours, self.expected),
        )
        return all(fnmatchcase(text, pattern.replace("[", "[[]")) for text, pattern in pairs)


E, W, N = Grade.ERROR, Grade.WARNING, Grade.NOTE

_SERIOUS = {
    "kube-apiserver": "authorization-mode enable-admission-plugins client-ca-file requestheader-client-ca-file"
    " service-account-key-file service-account-signing-key-file service-cluster-ip-range",
    "kube-controller-manager": "service-account-private-key-file root-ca-file cluster-signing-cert-file"
    " cluster-signing-key-file service-cluster-ip-range",
    "etcd": "client-cert-auth peer-client-cert-auth trusted-ca-file peer-trusted-ca-file",
}
"""Flags of static pods that decide who is let in and who is believed, and those on which all masters must agree."""

JOINING = (
    "Role kube-public/kubeadm:bootstrap-signer-clusterinfo",
    "RoleBinding kube-public/kubeadm:bootstrap-signer-clusterinfo",
    "ClusterRoleBinding kubeadm:node-autoapprove-bootstrap",
)
"""With these strangers may read cluster-info, and nodes with a token get a certificate unasked. People take them away
where nodes join in another way: Kubernetes' page of `kubeadm join` says how."""

RULES: tuple[Rule, ...] = (
    # Keys of another size, algorithm or form are somebody's choice, and work.
    Rule("*", "*key", N, expected="RSA *"),
    Rule("*", "*key", N, expected="EC *"),
    Rule("*", "*pem", N, expected="*PRIVATE KEY"),
    Rule("*.key", "pair", N, found="nothing beside it"),
    # A CA may be one that somebody brought, below another CA; older ones of kubeadm's own have no names.
    Rule("*ca.crt", "SubjectAlternativeName.*", N),
    Rule("*ca.crt", "subject", N),
    Rule("*ca.crt", "signer", N),
    Rule("*ca.crt", "KeyUsage", N, found="*key_cert_sign*"),
    Rule("*ca.crt", "ExtendedKeyUsage", N),
    Rule("*ca.crt", "BasicConstraints", N, found="CA True*"),
    # Renewal keeps the subject: up to 1.28 these were system:masters, and some minors make the first one an administrator.
    Rule("*/apiserver-kubelet-client.crt", "subject", N, found="CN=kube-apiserver-kubelet-client"),
    Rule("*/apiserver-kubelet-client.crt", "subject", N, found="CN=kube-apiserver-kubelet-client, O=*"),
    Rule("*/apiserver-etcd-client.crt", "subject", N, found="CN=kube-apiserver-etcd-client, O=system:masters"),
    Rule("*/healthcheck-client.crt", "subject", N, found="CN=kube-etcd-healthcheck-client, O=system:masters"),
    # Up to 1.28 it was a system:masters; `kubeadm upgrade apply` to 1.29 made a new one on its own master alone
    # (`createSuperAdminKubeConfig`), `upgrade node` leaves it.
    Rule("*/admin.conf", "*client-certificate-data.subject", W, found="CN=kubernetes-admin, O=system:masters"),
    # A name more in a certificate is an old certSAN, or a name that the cluster had.
    Rule("*", "*SubjectAlternativeName.*", N, expected=ABSENT),
    Rule("*", "*SubjectAlternativeName.*", E),
    Rule("*", "*pair", E),
    Rule("*", "*signer", E),
    Rule("*", "*subject", E),
    Rule("*", "*KeyUsage", E),
    Rule("*", "*BasicConstraints", E),
    Rule("*", "*certificate", E, found="unreadable*"),
    Rule("*", "*certificate-authority*", E),
    Rule("*", "document", E),
    Rule("*/ca.key", "item", N, found=ABSENT),
    Rule("*-ca.key", "item", N, found=ABSENT),
    Rule("*.crt", "item", E, found=ABSENT),
    Rule("*.key", "item", E, found=ABSENT),
    Rule("*.pub", "item", E, found=ABSENT),
    Rule("*.pem", "item", E, found=ABSENT),
    Rule("*.conf", "item", E, found=ABSENT),
    Rule("*/manifests/*", "item", E, found=ABSENT),
    Rule("*/manifests/*", "item", N, expected=ABSENT),
    Rule("*/kube-apiserver.yaml", "*.authorization-mode", E, found="*AlwaysAllow*"),
    Rule("*/kube-apiserver.yaml", "*.authorization-mode", W, found="*Node*RBAC*"),
    Rule("*/kube-apiserver.yaml", "*.authorization-mode", W, found="*RBAC*Node*"),
    Rule("*/kube-apiserver.yaml", "*.enable-admission-plugins", W, found="*NodeRestriction*"),
    *(
        Rule(f"*/manifests/{pod}.yaml", f"*.flags.{flag}", E)
        for pod, flags in _SERIOUS.items()
        for flag in flags.split()
    ),
    Rule("*/kubelet/config.yaml", "item", E, found=ABSENT),
    Rule("*/kubelet/config.yaml", "authentication.anonymous.enabled", E, found="true"),
    Rule("*/kubelet/config.yaml", "authentication.x509.clientCAFile", E),
    Rule("*/kubelet/config.yaml", "authorization.mode", E, found='"AlwaysAllow"'),
    Rule("*/kubelet/config.yaml", "readOnlyPort", W, found="0"),
    Rule("*/kubelet/config.yaml", "readOnlyPort", W, found=ABSENT),
    Rule("*/kubelet/config.yaml", "readOnlyPort", E),
    Rule("*/kubelet/config.yaml", "rotateCertificates", E, found="false"),
    Rule("*/kubelet/config.yaml", "staticPodPath", E),
    # Flags of a node come from its nodeRegistration, which is stored nowhere.
    Rule("*/kubeadm-flags.env", "*.order", N),
    # It keeps an image from being removed, no more; kubeadm upgrade leaves the flag as it was.
    Rule("*/kubeadm-flags.env", "*.flags.pod-infra-container-image", W, found=ABSENT),
    Rule("*/kubeadm-flags.env", "*.flags.pod-infra-container-image", N),
    Rule("*/kubeadm-flags.env", "*", N, expected=ABSENT),
    # kubeadm copies the proxy variables of the shell in which it ran.
    Rule("*/manifests/*", "*.env*", N),
    Rule("DaemonSet kube-system/kube-proxy", "*.env.order", N),
    Rule("DaemonSet kube-system/kube-proxy", "*.env[*_proxy].*", N),
    Rule("DaemonSet kube-system/kube-proxy", "*.env[*_PROXY].*", N),
    Rule("*/manifests/*", "*.command.order", N),
    # The kubelet renews its certificate, and after the end of the old one cannot start with this file.
    Rule("*/kubelet.conf", "client-*", E),
    # kubeadm keeps what people did to CoreDNS; an edited configuration is theirs as well.
    Rule("Deployment kube-system/coredns", "item", W, found=ABSENT),
    Rule("ServiceAccount *", "item", E, found=ABSENT),
    Rule("Service *", "item", E, found=ABSENT),
    Rule("Service kube-system/kube-dns", "spec.clusterIP*", E),
    Rule("ConfigMap *", "item", E),
    # Nobody reads it; kubeadm up to 1.21 kept ClusterStatus in kubeadm-config.
    Rule("ConfigMap *", "data.*", N, expected=ABSENT, found="present"),
    Rule("* kube-system/coredns", "*", N),
    Rule("*", "metadata.annotations.kubeadm.kubernetes.io/component-config.hash", N),
    *(Rule(item, "item", W, found=ABSENT) for item in JOINING),
    # As kubectl leaves a binding without its last subject.
    *(Rule(item, "subjects*", W, found=ABSENT) for item in JOINING),
    Rule("ClusterRole*", "*", E),
    Rule("Role*", "*", E),
    Rule("*", "*", W),
)


def grade(difference: Difference, servers: Collection[str] = ()) -> Grade:
    """The grade of a difference whose `ours` is what is expected and whose `kubeadm` is what was found.

    `servers`: where the API is known to answer; a kubeconfig that points to none of them is an error.
    kubeadm's patches are stored nowhere: where only an Inventory is known, what somebody patched is told like what somebody
    broke, because nothing tells the two apart and silence would hide the second.
    """
    if difference.field == "file.mode" and difference.item.endswith((".key", ".conf", ".pem")):
        wider = int(difference.kubeadm, 8) & ~int(difference.ours, 8) & 0o077
        return E if wider else W
    if difference.field == "file.mode" and int(difference.kubeadm, 8) & 0o002:
        return E
    if difference.field == "file.mode" and difference.ours == "0700" and "/manifests" not in difference.item:
        # A disk of its own, mounted there before kubeadm came: it leaves the mode alone, and what lies inside is closed.
        return N
    if difference.field == "file.owner" and difference.item.endswith((".key", ".conf", ".pem")):
        return E
    if difference.item.endswith(".conf") and difference.field.rpartition(".")[2] == "server":
        return W if difference.kubeadm.strip('"') in servers else E
    if _serves(difference):
        return N
    return next(rule.grade for rule in RULES if rule.fits(difference))


_ANY_USAGE = "2.5.29.37.0"
_RIGHTS = ("O=system:", "O=kubeadm:", "CN=")


def _serves(difference: Difference) -> bool:
    """A certificate of another issuer's profile, which everybody takes as well.

    Go asks for the extended usage that it needs where there is such an extension, for the right to sign where a CA has a
    KeyUsage, and for no other KeyUsage (crypto/x509 `Verify`, `CheckSignatureFrom`). cfssl gives both usages and names of
    an organization, openssl no extension that it was not asked for.
    """
    wish, has = (set(text.split(", ")) for text in (difference.ours, difference.kubeadm))
    is_absent = difference.kubeadm == ABSENT
    match difference.field.rpartition(".")[2]:
        case "ExtendedKeyUsage":
            return is_absent or wish <= has or _ANY_USAGE in has
        case "KeyUsage":
            return is_absent or ("key_cert_sign" if "key_cert_sign" in wish else "digital_signature") in has
        case "BasicConstraints":
            return is_absent and difference.ours.startswith("CA False")
        case "subject":
            # What the API server or kubeadm gives rights to is no mere name of an organization.
            return wish <= has and not any(name.startswith(_RIGHTS) for name in has - wish)
    return False
