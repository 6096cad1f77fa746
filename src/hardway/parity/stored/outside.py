"""An etcd that somebody else runs: one member with TLS on a machine of its own, that masters reach with files they were given."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from hardway.model import EtcdExternal
from hardway.parity.stored.machines import Network
from hardway.renderers import sandbox
from hardway.renderers.files import Tree, file
from hardway.steps.shell import words

NAME = "outside"


def start(net: Network, etcd: EtcdExternal, programs: Mapping[str, Path], files: Tree) -> None:
    """Bring up the machine of the first endpoint, which has to be an address; `files` are those of `shared.foreign`."""
    (url, *_) = etcd.endpoints
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 2379
    names = file(f"127.0.0.1 localhost\n{host} {NAME}\n")
    machine = net.add(
        sandbox.Machine(NAME, programs={"etcd": programs["etcd"]}), host, {**files, "/etc/hosts": names}
    )
    command = words(
        [
            *("etcd", "--name", NAME, "--data-dir", "/var/lib/etcd", "--client-cert-auth"),
            *("--listen-client-urls", url, "--advertise-client-urls", url),
            *("--trusted-ca-file", etcd.ca_file, "--cert-file", etcd.cert_file, "--key-file", etcd.key_file),
        ]
    )
    machine.run(
        # The script's own text is file 3, for which nobody may have to wait.
        f"setsid {command} </dev/null >/run/etcd.log 2>&1 3>&- &\n"
        f"until (: </dev/tcp/{host}/{port}) 2>/dev/null; do\n"
        '  kill -0 "$!" || { cat /run/etcd.log >&2; exit 1; }\n'
        "  sleep 0.1\n"
        "done\n",
        "start etcd",
    )
