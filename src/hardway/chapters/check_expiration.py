"""What the certificates are worth (article chapter 18, `kubeadm certs check-expiration`): questions only.

More is asked than kubeadm asks: key, CA, names and usages too.
"""

from collections.abc import Iterator

from hardway.chapters import external_etcd
from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.pki import catalog, questions
from hardway.pki.kubeconfigs import kubeconfigs
from hardway.steps import Check, Severity
from hardway.steps.shell import quote

WARN_DAYS = 30
_DAY = 24 * 3600
_RENEW = "hardway certs renew all gives new ones, one master at a time"


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    specs = (*catalog.authorities(cluster), *catalog.leaves(cluster, node))
    configs = kubeconfigs(cluster, node)
    for spec in specs:
        yield Check(
            f"certificate {spec.name} to fit its key, its CA and its purpose",
            questions.issued(spec),
            hint=f"hardway apply --only certs --node {node.name} issues what is missing",
        )
    for config in configs:
        yield Check(
            f"{config.name}.conf to hold a valid certificate of this cluster",
            questions.kubeconfig_written(config),
            hint=f"hardway apply --only kubeconfig --node {node.name} writes what is missing",
        )
    seconds = WARN_DAYS * _DAY
    ends = {f"certificate {spec.name}": questions.lasts(spec, seconds) for spec in specs}
    ends |= {f"{config.name}.conf": questions.lasts(config, seconds) for config in configs}
    for name, script in ends.items():
        yield Check(f"{name} to last for {WARN_DAYS} days", script, hint=_RENEW, severity=Severity.WARNING)
    yield from external_etcd.checks(cluster, seconds)
    pki = quote(cluster.paths.pki)
    yield Check(
        "private keys to be readable by root only",
        f"open=\"$(find {pki} -name '*.key' -perm /077 2>/dev/null)\"\n"
        '[ -z "$open" ] || { echo "others can read ${open//$\'\\n\'/, }"; exit 1; }\n',
        hint=f"find {cluster.paths.pki} -name '*.key' -exec chmod 0600 {{}} +",
    )


CHECK_EXPIRATION = Chapter("check-expiration", "Check of the certificates", (18,), optional=True, checks=checks)
