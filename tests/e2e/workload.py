"""What a cluster is for: a pod on one node that is reached by the name of its Service from a pod on another."""

from e2e.harness import Harness

WEB = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  nodeName: worker-1.my-first-cluster.example.com
  containers:
  - name: web
    image: docker.io/library/busybox:1.36
    command: [sh, -c, "mkdir /www && echo it works >/www/index.html && echo serving && exec httpd -f -h /www -p 8080"]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  nodeName: master-2.my-first-cluster.example.com
  containers:
  - name: client
    image: docker.io/library/busybox:1.36
    command: [sleep, infinity]
"""


def assert_reached_by_name(it: Harness) -> None:
    """The name resolves, and leads to the pod."""
    it.kubectl("apply -f -", stdin=WEB)
    it.kubectl("wait --for=condition=Ready pod/web pod/client --timeout=90s")
    name = "web.default.svc.cluster.local"

    assert name in it.kubectl(f"exec client -- nslookup {name}")
    assert it.kubectl(f"exec client -- wget -q -O - http://{name}/") == "it works\n"
