"""Flags of a component, as a configuration gives them."""

Args = tuple[tuple[str, str], ...]
"""Flags without their dashes, with their values; a flag may stand there several times."""


def argument(args: Args, name: str, default: str = "") -> str:
    """Value of a flag: the last one counts, as for kubeadm (`GetArgValue`)."""
    return next((value for key, value in reversed(args) if key == name), default)


AUTHORIZATION_MODES = ("Node", "RBAC", "Webhook", "ABAC", "AlwaysAllow", "AlwaysDeny")


def authorization_modes(asked: str) -> str:
    """Those of the asked modes that kubeadm knows, or its default (`getAuthzModes`)."""
    return ",".join(mode for mode in asked.split(",") if mode in AUTHORIZATION_MODES) or "Node,RBAC"
