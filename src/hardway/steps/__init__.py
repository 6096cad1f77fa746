"""What chapters say (vocabulary), what it comes down to (primitives), and the one way between (lower)."""

from hardway.steps.checks import Check, Severity, all_of
from hardway.steps.lower import lower, lower_all
from hardway.steps.primitives import Await, Primitive, Run, Write
from hardway.steps.vocabulary import (
    ApiObjects,
    Certificate,
    Command,
    Directory,
    File,
    KeyPair,
    Kubeconfig,
    Packages,
    Service,
    StaticPod,
    Step,
    Wait,
)

__all__ = [
    "ApiObjects",
    "Await",
    "Certificate",
    "Check",
    "Command",
    "Directory",
    "File",
    "KeyPair",
    "Kubeconfig",
    "Packages",
    "Primitive",
    "Run",
    "Service",
    "Severity",
    "StaticPod",
    "Step",
    "Wait",
    "Write",
    "all_of",
    "lower",
    "lower_all",
]
