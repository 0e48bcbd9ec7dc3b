"""The routes as OpenAPI describes them: what each takes, and what it says."""

import re
from typing import Any

Schema = dict[str, Any]

_TEXTS: Schema = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 32}
_ERROR: Schema = {
    "type": "object",
    "required": ["error", "code"],
    "properties": {
        "error": {"type": "string"},
        "code": {"type": "string"},
        "error_type": {"type": "string"},
        "request_id": {"type": "string"},
        "pointer": {"type": "string", "description": "Where in the body (RFC 6901)"},
    },
}
_FAULT: Schema = {
    "type": "object",
    "required": ["error", "status"],
    "properties": {"error": {"type": "string"}, "status": {"type": "integer"}},
}
_SHARES: Schema = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}}
_LABEL: Schema = {"type": ["string", "integer", "boolean"]}
_ONE: Schema = {
    "type": "object",
    "required": ["label", "probabilities", "cut"],
    "properties": {
        "label": {"type": ["string", "integer", "boolean", "null"]},
        "probabilities": _SHARES,
        "cut": {"type": "boolean"},
    },
}
_SEVERAL: Schema = {
    "type": "object",
    "required": ["labels", "probabilities", "cut"],
    "properties": {
        "labels": {"oneOf": [{"type": "array", "items": _LABEL}, {"type": "null"}]},
        "probabilities": _SHARES,
        "cut": {"type": "boolean"},
    },
}
_ANSWERS: Schema = {
    "type": "object",
    "required": ["model", "version", "answers"],
    "properties": {
        "model": {"type": "string"},
        "version": {"type": "integer"},
        "answers": {"type": "array", "items": {"oneOf": [_ONE, _SEVERAL, _FAULT]}},
    },
}
_BESIDE: Schema = {"model": {"type": "string"}, "version": {"type": "integer"}}
_CLASSIFY: Schema = {
    "oneOf": [
        {
            "type": "object",
            "required": [name],
            "properties": {name: schema, **_BESIDE},
            "additionalProperties": False,
        }
        for name, schema in (("text", {"type": "string"}), ("texts", _TEXTS))
    ]
}
_RANKED: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["label", "score"],
        "properties": {"label": {"type": "string"}, "score": {"type": "number"}},
    },
}
_OF_EACH: Schema = {"type": "array", "items": _RANKED}
_INPUTS: Schema = {"type": "object", "required": ["inputs"]}
_HUGGING_FACE = _INPUTS | {
    "properties": {
        "inputs": {"oneOf": [{"type": "string"}, _TEXTS]},
        "parameters": {"type": "object", "properties": {"top_k": {"type": "integer", "minimum": 1}}},
    }
}
_ALONE: Schema = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1}
_TEI = _INPUTS | {
    "properties": {
        "inputs": {"oneOf": [{"type": "string"}, {"type": "array", "items": _ALONE, "minItems": 1, "maxItems": 32}]},
        "raw_scores": {"const": False},
        "truncate": {"type": "boolean"},
    }
}
_INSTANCES: Schema = {"type": "object", "required": ["instances"], "properties": {"instances": _TEXTS}}
_PREDICTIONS: Schema = {
    "type": "object",
    "required": ["predictions"],
    "properties": {"predictions": {"type": "array"}},
}
_INFER: Schema = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "datatype", "shape", "data"],
                "properties": {
                    "name": {"type": "string"},
                    "datatype": {"const": "BYTES"},
                    "shape": {"type": "array", "items": {"type": "integer"}},
                    "data": _TEXTS,
                },
            },
        },
    },
}
_VERSION: Schema = {
    "type": "object",
    "properties": {"version": {"type": "integer"}},
    "additionalProperties": False,
}
_ANY: Schema = {"type": "object"}

_EXPLAIN: Schema = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string"}, "model": {"type": "string"}},
}

_BODIES: dict[str, tuple[Schema, Schema]] = {
    "/v1/classify": (_CLASSIFY, _ANSWERS),
    "/v1/explain": (_EXPLAIN, _ANY),
    "/v1/models/{name}/load": (_VERSION, _ANY),
    "/v1/models/{name}:predict": (_INSTANCES, _PREDICTIONS),
    "/invocations": (_INSTANCES, _PREDICTIONS),
    "/": (_HUGGING_FACE, _OF_EACH),
    "/models/{name}": (_HUGGING_FACE, _OF_EACH),
    "/predict": (_TEI, {"oneOf": [_RANKED, _OF_EACH]}),
    "/v2/models/{name}/infer": (_INFER, _ANY),
    "/v2/models/{name}/versions/{version}/infer": (_INFER, _ANY),
}
"""By path: what is sent, and what comes back."""

_NO_BODY = frozenset({"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/ping"})
_PLAIN = frozenset({"/version", "/metrics"})


def described(path: str, method: str) -> Schema:
    """What FastAPI cannot know of a route that reads its request by itself."""
    error = {"description": "Refused, and why", "content": {"application/json": {"schema": _ERROR}}}
    known: Schema = {"responses": {"default": error}}
    if names := re.findall(r"{(\w+)}", path):
        known["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if path in _NO_BODY or path.endswith("/ready"):
        known["responses"] |= {"200": {"description": "Yes"}, "503": {"description": "Not now"}}
    elif path in _PLAIN:
        known["responses"]["200"] = {"description": "Text", "content": {"text/plain": {"schema": {"type": "string"}}}}
    elif path.endswith(("/card", "/report")):
        known["responses"]["200"] = {"description": "As it was saved"}
    elif method == "GET":
        known["responses"]["200"] = {"description": "Told", "content": {"application/json": {"schema": _ANY}}}
    if method == "POST" and path in _BODIES:
        sent, said = _BODIES[path]
        known["requestBody"] = {"required": True, "content": {"application/json": {"schema": sent}}}
        known["responses"]["200"] = {"description": "Answered", "content": {"application/json": {"schema": said}}}
        if path == "/v1/classify":
            known["responses"]["422"] = {
                "description": "Refused; or none of the texts could be answered",
                "content": {"application/json": {"schema": {"oneOf": [_ANSWERS, _ERROR]}}},
            }
    return known
