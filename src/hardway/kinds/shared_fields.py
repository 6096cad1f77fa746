"""Fields that the configurations of several components share.

Source: k8s.io/component-base v0.30.4 `logs/api/v1/types.go`, `tracing/api/v1/types.go`, `config/v1alpha1/types.go`.
"""

from collections.abc import Set

from hardway.features import Features
from hardway.gotypes.structs import Struct, struct

_OUTPUT = struct("bool: splitStream quantity: infoBufferSize")

LOGGING = struct(
    """
    str: format
    duration_or_number: flushFrequency!
    uint32: verbosity!
    [VModuleItem]: vmodule
    Options: options
    """,
    VModuleItem=struct("str: filePattern! uint32: verbosity!"),
    Options=struct("Output: text json", Output=_OUTPUT),
)
TRACING = struct("*str: endpoint *int32: samplingRatePerMillion")
CLIENT_CONNECTION = struct(
    "str: kubeconfig! acceptContentTypes! contentType! float32: qps! int32: burst!",
)


def logging(features: Features) -> Struct:
    """`logging` of a minor's components."""
    options = LOGGING.inner["Options"]
    if features.logging_text_options:
        return LOGGING
    return Struct(LOGGING.fields, {**LOGGING.inner, "Options": without(options, {"text"})})


def without(table: Struct, names: Set[str], log: Struct | None = None) -> Struct:
    """The table without these fields, and with `log` in the place of its Logging."""
    kept = {name: field for name, field in table.fields.items() if name not in names}
    return Struct(kept, {**table.inner, **({"Logging": log} if log else {})})
