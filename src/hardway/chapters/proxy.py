"""The proxies of a machine in one file, read by whoever goes out: packages, downloads, containerd."""

from collections.abc import Iterator

from hardway.model import Cluster
from hardway.steps import File, Step
from hardway.steps.shell import quote

PROXY_ENV = "/etc/default/hardway-proxy"


def environment(cluster: Cluster) -> str:
    """Empty where there is no proxy. Both spellings: Go reads either, apt and curl want the small one."""
    values = cluster.proxy.environment
    return "".join(f'{name}="{value}"\n{name.lower()}="{value}"\n' for name, value in values.items())


def exported(cluster: Cluster) -> str:
    """bash for somebody who runs kubeadm, which copies proxies from its environment into what it makes."""
    return "".join(f"export {name}={quote(text)}\n" for name, text in cluster.proxy.environment.items())


def env_file(cluster: Cluster) -> str:
    """Path of the file where there is a proxy."""
    return PROXY_ENV if cluster.proxy.environment else ""


def steps(cluster: Cluster) -> Iterator[Step]:
    if cluster.proxy.environment:
        yield File(
            "base-os/proxy",
            PROXY_ENV,
            environment(cluster),
            why="packages, downloads and containerd's pulls go through the proxy; what belongs to the cluster does not",
        )
