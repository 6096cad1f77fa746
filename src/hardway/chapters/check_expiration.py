"""What the certificates are worth (article chapter 18, `kubeadm certs check-expiration`): questions only."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.pki import catalog, openssl
from hardway.pki.kubeconfigs import kubeconfigs
from hardway.steps import Check, Severity

WARN_SECONDS = 30 * 24 * 3600


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    specs = (*catalog.authorities(cluster), *catalog.leaves(cluster, node))
    for spec in specs:
        yield Check(
            f"certificate {spec.name} to fit its key, its CA and its purpose",
            openssl.issued(spec),
            hint=f"hardway apply --only certs --node {node.name} issues what is missing",
        )
    for config in kubeconfigs(cluster, node):
        yield Check(
            f"{config.name}.conf to hold a valid certificate of this cluster",
            openssl.kubeconfig_written(config),
            hint=f"hardway apply --only kubeconfig --node {node.name} writes what is missing",
        )
    files = " ".join(openssl.paths(specs))
    yield Check(
        "no certificate to expire within 30 days",
        f"for file in {files}; do\n"
        f'  openssl x509 -noout -checkend {WARN_SECONDS} -in "$file" >/dev/null 2>&1 ||\n'
        '    { echo "$file expires within 30 days"; exit 1; }\ndone\n',
        hint="renew them: kubeadm certs renew all",
        severity=Severity.WARNING,
    )


CHECK_EXPIRATION = Chapter("check-expiration", "Check of the certificates", (18,), optional=True, checks=checks)
