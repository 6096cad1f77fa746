"""What a node that comes later changes on the others; on itself it is every chapter of the workflow."""

ELSEWHERE: tuple[str, ...] = (
    # The balancer serves a new master, and pods reach those of a new node by a route.
    "load-balancer",
    "network",
    # A token of its own, and the CAs under a key of this run: those of the first day have expired.
    "bootstrap-token",
    "upload-certs",
    "approve-serving",
    "token-delete",
)
"""Chapters whose steps depend on who else is in the inventory."""
