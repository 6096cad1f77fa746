"""Documents against their mirrors: pydantic's findings as problems that a person can act on."""

from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from hardway.config import flags
from hardway.config import kubeadm as api
from hardway.config.document import SourceDocument
from hardway.config.problems import SECRET_FIELDS, Problem
from hardway.gotypes.structs import Path, did_you_mean

Model = TypeVar("Model", bound=BaseModel)

TYPES = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "list_type": "a list",
    "dict_type": "a map of names to values",
    "model_type": "a map of fields",
    "model_attributes_type": "a map of fields",
}


def validate(document: SourceDocument, model: type[Model]) -> tuple[Model | None, list[Problem]]:
    """The document's value, or what is wrong with it."""
    try:
        return model.model_validate(document.value), []
    except ValidationError as error:
        return None, [_problem(document, model, dict(detail)) for detail in error.errors()]


def unknown(document: SourceDocument, model: type[BaseModel]) -> dict[Path, Problem]:
    """The fields that a mirror has not, by their places."""
    try:
        model.model_validate(document.value)
    except ValidationError as error:
        details = [dict(detail) for detail in error.errors() if detail["type"] == "extra_forbidden"]
        return {_place(detail): _problem(document, model, detail) for detail in details}
    return {}


def _place(detail: dict[str, Any]) -> Path:
    return tuple(part for part in detail["loc"] if part not in (flags.MAP, flags.LIST))


def _problem(document: SourceDocument, model: type[BaseModel], detail: dict[str, Any]) -> Problem:
    path = _place(detail)
    kind, given, context = detail["type"], detail["input"], detail.get("ctx") or {}
    if path[-1:] and path[-1] in SECRET_FIELDS:
        given = "..."
    if kind == "extra_forbidden":
        name = str(path[-1])
        if name in api.UNSUPPORTED:
            return document.problem(path, f"`{name}` is not supported", api.UNSUPPORTED[name])
        return document.problem(path, f"unknown field `{name}`", did_you_mean(name, names(model, path[:-1])))
    if kind == "missing":
        return document.problem(path, f"`{path[-1]}` is missing")
    if kind in TYPES:
        hint = "write it in quotes" if kind == "string_type" and not isinstance(given, list | dict) else ""
        return document.problem(path, f"must be {TYPES[kind]}, not `{_shown(given)}`", hint)
    if kind == "literal_error":
        expected = str(context.get("expected", "")).replace("'", "`").removeprefix("`` or ").removeprefix("``, ")
        return document.problem(path, f"must be {expected}, not `{_shown(given)}`")
    if kind in ("greater_than_equal", "less_than_equal"):
        word = "at least" if kind == "greater_than_equal" else "at most"
        return document.problem(path, f"must be {word} {context.get('ge', context.get('le'))}, not `{_shown(given)}`")
    if kind == "too_short":
        return document.problem(path, "must not be empty")
    return document.problem(path, str(detail["msg"]).lower())


def _shown(value: Any) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a map"
    return str(value).lower() if isinstance(value, bool) else str(value)[:60]


def names(model: type[BaseModel], path: Path) -> list[str]:
    """Names of the fields at a place of a document."""
    for part in path:
        if isinstance(part, int):
            continue
        field = next((f for f in model.model_fields.values() if f.alias == part), None)
        inner = next((one for one in _models(field.annotation if field else None)), None)
        if inner is None:
            return []
        model = inner
    return [field.alias or "" for field in model.model_fields.values()]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Models in a type, e.g. of `list[Taint] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
