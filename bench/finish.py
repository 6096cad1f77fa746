"""The finish line, asked for at little cost: on two cores every kubectl would slow down what is measured."""

import base64
import json
import ssl
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from e2e.harness import Harness, eventually

LIMIT = 600
"""Seconds until somebody should look."""


class Api:
    """The API server of the first master, asked by its administrator."""

    def __init__(self, it: Harness) -> None:
        """HardwayError as long as there is no admin.conf."""
        conf = yaml.safe_load(it.lab.exec("master-1", "cat /etc/kubernetes/admin.conf"))
        user, cluster = conf["users"][0]["user"], conf["clusters"][0]["cluster"]
        ca = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._context = ssl.create_default_context(cadata=ca)
        with tempfile.NamedTemporaryFile() as pair:
            for part in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(user[part]))
            pair.flush()
            self._context.load_cert_chain(pair.name)
        address = next(node.address for node in it.lab.spec.nodes if node.host_name == "master-1")
        self._server = f"https://{address}:6443"

    def items(self, path: str) -> list[dict[str, Any]]:
        """The objects of a list; OSError while the server does not answer."""
        with urllib.request.urlopen(f"{self._server}{path}", context=self._context, timeout=5) as answer:
            listed: list[dict[str, Any]] = json.load(answer)["items"]
        return listed


@contextmanager
def finish_line(it: Harness, nodes: frozenset[str], voters: frozenset[str], pods: int) -> Iterator[list[float]]:
    """Ask beside what the block does; afterwards the list holds the seconds until the line was reached.

    The line: these nodes are Ready, these etcd members vote, so many pods of kube-system run.
    """
    began, reached = time.monotonic(), []
    known: list[Api] = []

    def is_whole() -> bool:
        if not known:
            known.append(Api(it))
        phases = [pod["status"]["phase"] for pod in known[0].items("/api/v1/namespaces/kube-system/pods")]
        if phases != ["Running"] * pods:
            return False
        ready = {
            node["metadata"]["name"].split(".")[0]
            for node in known[0].items("/api/v1/nodes")
            for condition in node["status"]["conditions"]
            if condition["type"] == "Ready" and condition["status"] == "True"
        }
        return ready == nodes and it.voters() == voters

    def watch() -> None:
        eventually(is_whole, LIMIT, "the finish line")
        reached.append(time.monotonic() - began)

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield reached
    watcher.join()
