"""The whole cluster: init, join and worker side by side. Only `after` makes one node wait for another."""

from hardway.workflows.init import INIT
from hardway.workflows.join import FINISH, JOIN, WORKER
from hardway.workflows.prepare import BALANCER, PREPARE
from hardway.workflows.stage import Stage

APPLY: tuple[Stage, ...] = (*BALANCER, *PREPARE, *INIT, *JOIN, *WORKER, *FINISH)
"""Every stage of a cluster, in the order in which the guide tells them."""
