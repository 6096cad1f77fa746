"""Fields that the configurations of several components share.

Source: k8s.io/component-base v0.30.4 `logs/api/v1/types.go`, `tracing/api/v1/types.go`, `config/v1alpha1/types.go`.
"""

from hardway.config.go import struct

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
