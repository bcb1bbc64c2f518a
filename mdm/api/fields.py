"""Fields whose shape REST framework can't tell: they say it to the API's description."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

VALUE = {
    "description": "A value as the canonical model has it: text, number, yes or no, null (not stated), or a list of "
    "texts or of children, each an object.",
    "type": ["string", "number", "boolean", "null", "array", "object"],
    "items": {"$ref": "#/components/schemas/Value"},
    "additionalProperties": {"$ref": "#/components/schemas/Value"},
}
_VALUE = {"$ref": "#/components/schemas/Value"}
_VALUES = {"type": "array", "items": _VALUE}
_BEFORE_AND_AFTER = {
    "type": "object",
    "properties": {"before": _VALUE, "after": _VALUE},
    "additionalProperties": _VALUE,
}


@extend_schema_field(_VALUE)
class Value(serializers.JSONField):
    """One value of an attribute."""


@extend_schema_field({"type": "object", "additionalProperties": _VALUE})
class AttributeValues(serializers.DictField):
    """Values by the name or path of their attribute."""


@extend_schema_field({"type": "object", "additionalProperties": {"anyOf": [_BEFORE_AND_AFTER, _VALUE]}})
class Difference(serializers.DictField):
    """What a change request changes: before and after by path, and what else its kind says."""


@extend_schema_field({"$ref": "#/components/schemas/Problem"})
class ProblemField(serializers.DictField):
    """Problem details of one row."""


@extend_schema_field({"type": "object", "additionalProperties": {"type": "object", "additionalProperties": _VALUES}})
class Topics(serializers.DictField):
    """Domains, each limited to the values of attributes: all of them where none are named."""


@extend_schema_field({"type": "object", "additionalProperties": {"type": ["object", "string"]}})
class Section(serializers.DictField):
    """A part of a document that another standard describes."""
