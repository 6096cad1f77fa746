"""Patches applied to what they change, and the result as Go's types write it.

Source: kubeadm `app/util/patches/patches.go` (ApplyPatchesToTarget), `app/util/staticpod/utils.go` (PatchStaticPod),
`app/phases/kubelet/config.go`, `app/phases/addons/{dns,proxy}`. JSON patches are RFC 6902, merge patches RFC 7386.
"""

from collections.abc import Mapping
from typing import Any

import jsonpatch
import jsonpointer

from hardway.errors import UsageError
from hardway.features import Features
from hardway.gotypes.structs import Path, marshal, wrong
from hardway.kinds import kubelet, pods
from hardway.model import Document, Node, Patch, freeze_document, thaw
from hardway.patches.schema import Kind, Unfit
from hardway.patches.strategic import merge, without_nothing

KUBELET, COREDNS, KUBE_PROXY = "kubeletconfiguration", "corednsdeployment", "kubeproxydaemonset"
KINDS = {KUBELET: "KubeletConfiguration", COREDNS: "Deployment", KUBE_PROXY: "DaemonSet"}
"""Target to the kind of what it patches; the others are static pods."""


def patched(node: Node, target: str, document: Document, features: Features) -> Document:
    """The document with the node's patches for this target; the document itself where there are none.

    UsageError names the file of a patch that does not fit, or that makes something else of the document.
    """
    mine = [patch for patch in node.patches.patches if patch.target == target]
    if not mine:
        return document
    kind = _kind(target, features)
    value = thaw(document)
    for patch in mine:
        try:
            value = _applied(value, patch, kind)
            _check(value, thaw(document), kind)
        except Unfit as reason:
            raise UsageError(f"the {patch.kind} patch does not fit: {reason}", f"{node.name}: {patch.file}") from None
    if target == KUBELET:
        # It is never read back into Go's types.
        return freeze_document(value)
    assert kind.table is not None
    written = marshal(kind.table, value)
    return freeze_document(written if target not in KINDS else _to_send(written))


def _to_send(written: dict[str, Any]) -> dict[str, Any]:
    """An object without what the server fills in."""
    for metadata in (written["metadata"], written["spec"]["template"]["metadata"]):
        metadata.pop("creationTimestamp", None)
    return {key: item for key, item in written.items() if key != "status"}


def _kind(target: str, features: Features) -> Kind:
    if target == KUBELET:
        return Kind(KINDS[target], kubelet.fields(features))
    name = KINDS.get(target, "Pod")
    return Kind(name, pods.types(features)[name])


def _applied(value: Any, patch: Patch, kind: Kind) -> Any:
    given = thaw(patch.value)
    match patch.kind:
        case "json":
            return _by_operations(value, given)
        case "merge":
            if not isinstance(given, dict):
                raise Unfit("it is no map of fields")
            return _over(value, given)
        case _:
            return merge(value, given, kind)


def _by_operations(value: Any, operations: Any) -> Any:
    """RFC 6902, with what kubeadm's library allows beyond it: replacing a member of a map that is not there."""
    if operations is None:
        return value
    if not isinstance(operations, list):
        raise Unfit("it is no list of operations")
    for operation in operations:
        if isinstance(operation, dict) and operation.get("path") == "":
            raise Unfit("an operation on the whole document leaves nothing of it")
        try:
            value = jsonpatch.apply_patch(value, [_as_add(value, operation)])
        except jsonpatch.JsonPatchTestFailed:
            # The library shows all that it found.
            raise Unfit(f"{_shown(operation)}: something else is there, or nothing") from None
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as reason:
            raise Unfit(f"{_shown(operation)}: {_reason(reason)}") from None
    return value


def _as_add(value: Any, operation: Any) -> Any:
    if (
        not isinstance(operation, dict)
        or operation.get("op") != "replace"
        or not isinstance(operation.get("path"), str)
    ):
        return operation
    parent = jsonpointer.resolve_pointer(value, operation["path"].rpartition("/")[0], None)
    return {**operation, "op": "add"} if isinstance(parent, dict) else operation


def _shown(operation: Any) -> str:
    if not isinstance(operation, dict):
        return "an operation"
    return f"{operation.get('op')} {operation.get('path')}"


def _reason(error: Exception) -> str:
    """What the library says; of a member that is missing it says only the name."""
    text = str(error)
    return f"{text} is not there" if text.startswith("'") and text.endswith("'") else text


def _over(value: Any, patch: Any) -> Any:
    """RFC 7386: nothing takes a member away, a map goes into a map, and everything else takes its place."""
    if not isinstance(value, dict):
        return without_nothing(patch)
    if not isinstance(patch, dict):
        return patch
    merged = dict(value)
    for key, item in patch.items():
        if item is None:
            merged.pop(key, None)
        else:
            merged[key] = _over(merged.get(key), item)
    return merged


def _check(value: Any, before: Mapping[str, Any], kind: Kind) -> None:
    """What comes out is still the same kind of thing, with fields that this version knows."""
    if not isinstance(value, dict) or any(value.get(name) != before[name] for name in ("apiVersion", "kind")):
        raise Unfit(f"what comes out is no {kind.name} of {before['apiVersion']}")
    assert kind.table is not None
    if kind.name in (KINDS[COREDNS], KINDS[KUBE_PROXY]) and _identity(value) != _identity(before):
        raise Unfit("what comes out is another object: metadata.name and namespace are to stay")
    for path, message, hint in wrong(kind.table, value):
        raise Unfit(f"{_place(path)}: {message}{' (' + hint + ')' if hint else ''}")


def _identity(value: Mapping[str, Any]) -> tuple[Any, Any]:
    metadata = value.get("metadata")
    return (metadata.get("name"), metadata.get("namespace")) if isinstance(metadata, dict) else (None, None)


def _place(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")
