"""JSON Schema of configuration files, for editors and other programs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from accelsim.config.document import SOURCE_KINDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SOURCE_PROPERTIES: dict[str, Any] = {
    "source": {"type": "string", "description": "Citation of the value."},
    "kind": {"enum": list(SOURCE_KINDS), "description": "Where the value comes from."},
    "note": {"type": "string", "description": "Remark."},
}


def json_schema(spec_class: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema of the file form of a description.

    Keys are those of files, quantities are text with a unit, every value may be written with its source as
    ``{value: ..., source: ..., kind: ...}``, and a file with ``extends`` may leave out required keys. Checks between
    fields and bounds on quantities are not expressed.
    """
    schema = spec_class.model_json_schema(by_alias=True, mode="validation")
    definitions = {name: _section(definition) for name, definition in schema.pop("$defs", {}).items()}
    schema = _section(schema)
    required = schema.pop("required", [])
    schema["properties"]["extends"] = {"type": "string", "description": "File whose values this one starts from."}
    if required:
        schema["anyOf"] = [{"required": required}, {"required": ["extends"]}]
    return {"$schema": DIALECT, **schema, "$defs": definitions}


def _section(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a section with each of its values allowed to carry a source."""
    if "properties" not in schema:
        return schema
    properties = {key: _with_source(value) for key, value in schema["properties"].items()}
    return {**schema, "properties": properties}


def _with_source(schema: dict[str, Any]) -> dict[str, Any]:
    """``schema``, or a sourced value holding it; help texts stay outside, where editors look for them."""
    outside: dict[str, Any] = {key: schema[key] for key in ("description", "default", "title") if key in schema}
    inside = {key: value for key, value in schema.items() if key not in outside}
    if isinstance(inside.get("additionalProperties"), dict):
        inside["additionalProperties"] = _with_source(inside["additionalProperties"])
    if "items" in inside:
        inside["items"] = _with_source(inside["items"])
    sourced = {
        "type": "object",
        "properties": {"value": inside, **_SOURCE_PROPERTIES},
        "required": ["value"],
        "additionalProperties": False,
    }
    return {**outside, "anyOf": [inside, sourced]}
