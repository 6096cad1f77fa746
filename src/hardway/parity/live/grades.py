"""How bad a difference is: the first rule that fits, from the most special to the most general."""

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
RULES: tuple[Rule, ...] = (
    # Keys of another size, algorithm or form are somebody's choice, and work.
    Rule("*", "*key", N, expected="RSA *"),
    Rule("*", "*key", N, expected="EC *"),
    Rule("*", "*pem", N, expected="*PRIVATE KEY"),
    Rule("*.key", "pair", N, found="nothing beside it"),
    # A name more in a certificate is an old certSAN, or a name that the cluster had.
    Rule("*", "*SubjectAlternativeName.*", N, expected=ABSENT),
    Rule("*", "*SubjectAlternativeName.*", E),
    Rule("*", "*pair", E),
    Rule("*", "*signer", E),
    Rule("*", "*subject", E),
    Rule("*", "*KeyUsage", E),
    Rule("*", "*certificate-authority*", E),
    Rule("*", "document", E),
    Rule("*/ca.key", "item", N, found=ABSENT),
    Rule("*-ca.key", "item", N, found=ABSENT),
    Rule("*.crt", "item", E, found=ABSENT),
    Rule("*.key", "item", E, found=ABSENT),
    Rule("*.pub", "item", E, found=ABSENT),
    Rule("*.conf", "item", E, found=ABSENT),
    Rule("*/manifests/*", "item", E, found=ABSENT),
    Rule("*/manifests/*", "item", N, expected=ABSENT),
    Rule("*/kubelet/config.yaml", "item", E, found=ABSENT),
    # Flags of a node come from its nodeRegistration, which is stored nowhere.
    Rule("*/kubeadm-flags.env", "*.order", N),
    Rule("*/kubeadm-flags.env", "*", N, expected=ABSENT),
    # kubeadm copies the proxy variables of the shell in which it ran.
    Rule("*/manifests/*", "*.env*", N),
    Rule("*/manifests/*", "*.command.order", N),
    Rule("*/kubelet.conf", "client-*", W),
    # kubeadm keeps what people did to CoreDNS; an edited configuration is theirs as well.
    Rule("* kube-system/coredns", "*", N),
    Rule("*", "metadata.annotations.kubeadm.kubernetes.io/component-config.hash", N),
    Rule("ClusterRole*", "*", E),
    Rule("Role*", "*", E),
    Rule("ConfigMap *", "item", E),
    Rule("*", "*", W),
)


def grade(difference: Difference) -> Grade:
    """The grade of a difference whose `ours` is what is expected and whose `kubeadm` is what was found."""
    if difference.field == "file.mode" and difference.item.endswith((".key", ".conf", ".pem")):
        wider = int(difference.kubeadm, 8) & ~int(difference.ours, 8) & 0o077
        return E if wider else W
    if difference.field == "file.mode" and int(difference.kubeadm, 8) & 0o002:
        return E
    if difference.field == "file.owner" and difference.item.endswith((".key", ".conf")):
        return E
    return next(rule.grade for rule in RULES if rule.fits(difference))
