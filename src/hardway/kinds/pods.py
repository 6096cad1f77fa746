"""Pod, Deployment and DaemonSet with everything below them: the fields, and which lists are merged by what.

Source: k8s.io/api `core/v1/types.go` and `apps/v1/types.go`, apimachinery `meta/v1/types.go` of all minors, fields in
the words of `gotypes.structs`. Left out: status and managedFields, which only servers write.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from hardway.features import Features
from hardway.gotypes.structs import Struct, struct
from hardway.kinds.volumes import VOLUMES
from hardway.versions import RELEASES

TYPES = {
    "Pod": "str: kind apiVersion ObjectMeta: metadata PodSpec: spec PodStatus: status",
    "Deployment": "str: kind apiVersion ObjectMeta: metadata DeploymentSpec: spec DeploymentStatus: status",
    "DaemonSet": "str: kind apiVersion ObjectMeta: metadata DaemonSetSpec: spec DaemonSetStatus: status",
    "ObjectMeta": (
        "str: name generateName namespace selfLink uid resourceVersion int64: generation *time: "
        "creationTimestamp! deletionTimestamp *int64: deletionGracePeriodSeconds {str}: labels annotations "
        "[OwnerReference]: ownerReferences [str]: finalizers"
    ),
    "PodSpec": (
        "[Volume]: volumes [Container]: initContainers containers! [EphemeralContainer]: ephemeralContainers str: "
        "restartPolicy dnsPolicy serviceAccountName serviceAccount nodeName hostname subdomain schedulerName "
        "priorityClassName *int64: terminationGracePeriodSeconds activeDeadlineSeconds {str}: nodeSelector *bool: "
        "automountServiceAccountToken shareProcessNamespace enableServiceLinks setHostnameAsFQDN hostUsers bool: "
        "hostNetwork hostPID hostIPC *PodSecurityContext: securityContext [LocalObjectReference]: "
        "imagePullSecrets *Affinity: affinity [Toleration]: tolerations [HostAlias]: hostAliases *int32: priority "
        "*PodDNSConfig: dnsConfig [PodReadinessGate]: readinessGates *str: runtimeClassName preemptionPolicy "
        "hostnameOverride {quantity}: overhead [TopologySpreadConstraint]: topologySpreadConstraints *PodOS: os "
        "[PodSchedulingGate]: schedulingGates [PodResourceClaim]: resourceClaims *ResourceRequirements: resources "
        "*WorkloadReference: workloadRef *PodSchedulingGroup: schedulingGroup [EvictionResponder]: "
        "evictionResponders"
    ),
    "DeploymentSpec": (
        "*int32: replicas revisionHistoryLimit progressDeadlineSeconds *LabelSelector: selector! PodTemplateSpec: "
        "template! DeploymentStrategy: strategy int32: minReadySeconds bool: paused"
    ),
    "DaemonSetSpec": (
        "*LabelSelector: selector! PodTemplateSpec: template! DaemonSetUpdateStrategy: updateStrategy int32: "
        "minReadySeconds *int32: revisionHistoryLimit"
    ),
    "OwnerReference": "str: apiVersion! kind! name! uid! *bool: controller blockOwnerDeletion",
    "Container": (
        "str: name! image workingDir terminationMessagePath terminationMessagePolicy imagePullPolicy [str]: "
        "command args [ContainerPort]: ports [EnvFromSource]: envFrom [EnvVar]: env ResourceRequirements: "
        "resources [ContainerResizePolicy]: resizePolicy *str: restartPolicy [VolumeMount]: volumeMounts "
        "[VolumeDevice]: volumeDevices *Probe: livenessProbe readinessProbe startupProbe *Lifecycle: lifecycle "
        "*SecurityContext: securityContext bool: stdin stdinOnce tty [ContainerRestartRule]: restartPolicyRules"
    ),
    "EphemeralContainer": (
        "str: name! image workingDir terminationMessagePath terminationMessagePolicy imagePullPolicy "
        "targetContainerName [str]: command args [ContainerPort]: ports [EnvFromSource]: envFrom [EnvVar]: env "
        "ResourceRequirements: resources [ContainerResizePolicy]: resizePolicy *str: restartPolicy [VolumeMount]: "
        "volumeMounts [VolumeDevice]: volumeDevices *Probe: livenessProbe readinessProbe startupProbe *Lifecycle: "
        "lifecycle *SecurityContext: securityContext bool: stdin stdinOnce tty [ContainerRestartRule]: "
        "restartPolicyRules"
    ),
    "PodSecurityContext": (
        "*SELinuxOptions: seLinuxOptions *WindowsSecurityContextOptions: windowsOptions *int64: runAsUser "
        "runAsGroup fsGroup *bool: runAsNonRoot [int64]: supplementalGroups [Sysctl]: sysctls *str: "
        "fsGroupChangePolicy supplementalGroupsPolicy seLinuxChangePolicy *SeccompProfile: seccompProfile "
        "*AppArmorProfile: appArmorProfile"
    ),
    "LocalObjectReference": "str: name",
    "Affinity": "*NodeAffinity: nodeAffinity *PodAffinity: podAffinity *PodAntiAffinity: podAntiAffinity",
    "Toleration": "str: key operator value effect *int64: tolerationSeconds",
    "HostAlias": "str: ip! [str]: hostnames",
    "PodDNSConfig": "[str]: nameservers searches [PodDNSConfigOption]: options",
    "PodReadinessGate": "str: conditionType!",
    "TopologySpreadConstraint": (
        "int32: maxSkew! str: topologyKey! whenUnsatisfiable! *LabelSelector: labelSelector *int32: minDomains "
        "*str: nodeAffinityPolicy nodeTaintsPolicy [str]: matchLabelKeys"
    ),
    "PodOS": "str: name!",
    "PodSchedulingGate": "str: name!",
    "PodResourceClaim": "str: name! ClaimSource: source *str: resourceClaimName resourceClaimTemplateName",
    "LabelSelector": "{str}: matchLabels [LabelSelectorRequirement]: matchExpressions",
    "PodTemplateSpec": "ObjectMeta: metadata PodSpec: spec",
    "DeploymentStrategy": "str: type *RollingUpdateDeployment: rollingUpdate",
    "DaemonSetUpdateStrategy": "str: type *RollingUpdateDaemonSet: rollingUpdate",
    "ContainerPort": "str: name protocol hostIP int32: hostPort containerPort!",
    "EnvFromSource": "str: prefix *ConfigMapEnvSource: configMapRef *SecretEnvSource: secretRef",
    "EnvVar": "str: name! value *EnvVarSource: valueFrom",
    "ResourceRequirements": "{quantity}: limits requests [ResourceClaim]: claims",
    "ContainerResizePolicy": "str: resourceName! restartPolicy!",
    "VolumeMount": (
        "str: name! mountPath! subPath subPathExpr bool: readOnly *str: mountPropagation recursiveReadOnly [str]: "
        "bindMountOptions"
    ),
    "VolumeDevice": "str: name! devicePath!",
    "Probe": (
        "*ExecAction: exec *HTTPGetAction: httpGet *TCPSocketAction: tcpSocket *GRPCAction: grpc int32: "
        "initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold *int64: "
        "terminationGracePeriodSeconds"
    ),
    "Lifecycle": "*LifecycleHandler: postStart preStop *str: stopSignal",
    "SecurityContext": (
        "*Capabilities: capabilities *bool: privileged runAsNonRoot readOnlyRootFilesystem "
        "allowPrivilegeEscalation *SELinuxOptions: seLinuxOptions *WindowsSecurityContextOptions: windowsOptions "
        "*int64: runAsUser runAsGroup *str: procMount *SeccompProfile: seccompProfile *AppArmorProfile: "
        "appArmorProfile"
    ),
    "SELinuxOptions": "str: user role type level",
    "WindowsSecurityContextOptions": (
        "*str: gmsaCredentialSpecName gmsaCredentialSpec runAsUserName *bool: hostProcess"
    ),
    "Sysctl": "str: name! value!",
    "SeccompProfile": "str: type! *str: localhostProfile",
    "NodeAffinity": (
        "*NodeSelector: requiredDuringSchedulingIgnoredDuringExecution [PreferredSchedulingTerm]: "
        "preferredDuringSchedulingIgnoredDuringExecution"
    ),
    "PodAffinity": (
        "[PodAffinityTerm]: requiredDuringSchedulingIgnoredDuringExecution [WeightedPodAffinityTerm]: "
        "preferredDuringSchedulingIgnoredDuringExecution"
    ),
    "PodAntiAffinity": (
        "[PodAffinityTerm]: requiredDuringSchedulingIgnoredDuringExecution [WeightedPodAffinityTerm]: "
        "preferredDuringSchedulingIgnoredDuringExecution"
    ),
    "PodDNSConfigOption": "str: name *str: value",
    "ClaimSource": "*str: resourceClaimName resourceClaimTemplateName",
    "LabelSelectorRequirement": "str: key! operator! [str]: values",
    "RollingUpdateDeployment": "*int_or_str: maxUnavailable maxSurge",
    "RollingUpdateDaemonSet": "*int_or_str: maxUnavailable maxSurge",
    "ConfigMapEnvSource": "str: name *bool: optional",
    "SecretEnvSource": "str: name *bool: optional",
    "EnvVarSource": (
        "*ObjectFieldSelector: fieldRef *ResourceFieldSelector: resourceFieldRef *ConfigMapKeySelector: "
        "configMapKeyRef *SecretKeySelector: secretKeyRef *FileKeySelector: fileKeyRef"
    ),
    "ResourceClaim": "str: name! request",
    "ExecAction": "[str]: command",
    "HTTPGetAction": "str: path host scheme int_or_str: port! [HTTPHeader]: httpHeaders *str: protocol",
    "TCPSocketAction": "int_or_str: port! str: host",
    "GRPCAction": "int32: port! *str: service! mode",
    "LifecycleHandler": "*ExecAction: exec *HTTPGetAction: httpGet *TCPSocketAction: tcpSocket *SleepAction: sleep",
    "Capabilities": "[str]: add drop",
    "NodeSelector": "[NodeSelectorTerm]: nodeSelectorTerms!",
    "PreferredSchedulingTerm": "int32: weight! NodeSelectorTerm: preference!",
    "PodAffinityTerm": (
        "*LabelSelector: labelSelector namespaceSelector [str]: namespaces matchLabelKeys mismatchLabelKeys str: "
        "topologyKey!"
    ),
    "WeightedPodAffinityTerm": "int32: weight! PodAffinityTerm: podAffinityTerm!",
    "ObjectFieldSelector": "str: apiVersion fieldPath!",
    "ResourceFieldSelector": "str: containerName resource! quantity: divisor",
    "ConfigMapKeySelector": "str: name key! *bool: optional",
    "SecretKeySelector": "str: name key! *bool: optional",
    "HTTPHeader": "str: name! value!",
    "SleepAction": "int64: seconds!",
    "NodeSelectorTerm": "[NodeSelectorRequirement]: matchExpressions matchFields",
    "NodeSelectorRequirement": "str: key! operator! [str]: values",
    "AppArmorProfile": "str: type! *str: localhostProfile",
    "ContainerRestartRule": "str: action *ContainerRestartRuleOnExitCodes: exitCodes",
    "ContainerRestartRuleOnExitCodes": "str: operator [int32]: values",
    "FileKeySelector": "str: volumeName! path! key! *bool: optional",
    "WorkloadReference": "str: name! podGroup! podGroupReplicaKey",
    "PodSchedulingGroup": "*str: podGroupName",
    "EvictionResponder": "str: name! *int32: priority!",
    "PodStatus": "",
    "DeploymentStatus": "",
    "DaemonSetStatus": "",
}
"""Name of a type to its fields."""

MERGED = {
    "ObjectMeta.ownerReferences": "uid",
    "ObjectMeta.finalizers": "",
    "PodSpec.volumes": "name",
    "PodSpec.initContainers": "name",
    "PodSpec.containers": "name",
    "PodSpec.ephemeralContainers": "name",
    "PodSpec.imagePullSecrets": "name",
    "PodSpec.hostAliases": "ip",
    "PodSpec.topologySpreadConstraints": "topologyKey",
    "PodSpec.schedulingGates": "name",
    "PodSpec.resourceClaims": "name",
    "PodSpec.evictionResponders": "name",
    "Container.ports": "containerPort",
    "Container.env": "name",
    "Container.volumeMounts": "mountPath",
    "Container.volumeDevices": "devicePath",
    "EphemeralContainer.ports": "containerPort",
    "EphemeralContainer.env": "name",
    "EphemeralContainer.volumeMounts": "mountPath",
    "EphemeralContainer.volumeDevices": "devicePath",
}
"""Lists with the tag `patchStrategy:"merge"`: type and field to their patchMergeKey, which lists of texts have not.

All other lists are replaced as a whole. No map has the strategy `replace`.
"""

ADDED = frozenset().union(*(release.features.pod_fields for release in RELEASES))
"""Fields that some minor knows and another one does not."""


@cache
def types(features: Features) -> dict[str, Struct]:
    """Every type by its name, with the fields that a minor knows."""
    found: dict[str, Struct] = {}
    for name, text in (TYPES | VOLUMES).items():
        fields = struct(text).fields
        unknown = {field for field in fields if f"{name}.{field}" in ADDED - features.pod_fields}
        found[name] = Struct({field: kind for field, kind in fields.items() if field not in unknown}, found)
    for name, field in _left_out(features):
        fields = found[name].fields
        found[name] = Struct({**fields, field: replace(fields[field], always=False)}, found)
    return found


def _left_out(features: Features) -> Iterator[tuple[str, str]]:
    """Type and field of what a minor leaves out when it is empty, and others always write."""
    if not features.empty_values_written:
        yield "ObjectMeta", "creationTimestamp"
    if not features.empty_host_alias_written:
        yield "HostAlias", "ip"
