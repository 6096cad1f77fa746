"""Kubeconfigs in words: their structure, and what is embedded."""

import base64
import binascii
import re
from dataclasses import replace
from typing import Any

import yaml

from hardway.config.scalars import value_of
from hardway.parity.certificates import Surroundings, certificate_fields, key_fields, same_as
from hardway.parity.values import Fields, flatten, prefixed

_TOKEN = re.compile("[a-z0-9]{6}[.][a-z0-9]{16}")


def kubeconfig_fields(content: bytes, around: Surroundings) -> Fields:
    """A kubeconfig by its structure; embedded PEM as the certificate or key that it is."""
    # In every release.
    around = replace(around, leaves_begin_with_ca=True)
    try:
        value = value_of(content)
    except yaml.YAMLError as error:
        return {"document": f"not YAML: {type(error).__name__}"}
    fields: Fields = {}
    embedded: Fields = {}
    for place, entry in (("cluster", "clusters"), ("user", "users")):
        for item in (value or {}).get(entry) or []:
            body = item.get(place) or {}
            pems = {key: _decoded(body[key]) for key in list(body) if key.endswith("-data")}
            for key, pem in pems.items():
                body[key] = "embedded"
                where = f"{entry}[{item.get('name')}].{key}"
                if key == "certificate-authority-data":
                    embedded[where] = same_as(pem, around.files)
                elif key == "client-certificate-data":
                    embedded |= prefixed(certificate_fields(pem, around), where)
                else:
                    embedded |= prefixed(key_fields(pem, pems.get("client-certificate-data")), where)
            if token := body.get("token"):
                body["token"] = "of bootstrapping" if _TOKEN.fullmatch(str(token)) else "of another kind"
    fields |= flatten(value)
    return fields | embedded


def _decoded(text: Any) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error:
        return b""
