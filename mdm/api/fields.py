"""Fields whose shape REST framework can't tell: they say it to the API's description.

Values are described without recursion, which few generators of clients can read, and go no deeper than that.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

Schema = dict[str, Any]

_SCALARS: list[Schema] = [{"type": "string"}, {"type": "number"}, {"type": "boolean"}, {"type": "null"}]
_CHILD = {"$ref": "#/components/schemas/Child"}
_VALUE = {"$ref": "#/components/schemas/Value"}
COMPONENTS: dict[str, Schema] = {
    "Child": {
        "description": "A packaging level, an address or a supplier's part: its values by their names.",
        "type": "object",
        "additionalProperties": {"anyOf": _SCALARS},
    },
    "Value": {
        "description": "A value as the canonical model has it: text, number, yes or no, null (not stated), or a list "
        "of texts or of children.",
        "anyOf": [*_SCALARS, _CHILD, {"type": "array", "items": {"anyOf": [{"type": "string"}, _CHILD]}}],
    },
}
_VALUES = {"type": "array", "items": _VALUE}


@extend_schema_field(_VALUE)
class Value(serializers.JSONField):
    """One value of an attribute."""


@extend_schema_field({"type": "object", "additionalProperties": _VALUE})
class AttributeValues(serializers.DictField):
    """Values by the name or path of their attribute."""

    def to_internal_value(self, data: Any) -> Any:
        values: dict[str, Any] = super().to_internal_value(data)
        wrong = {name: [_DEPTH] for name, value in values.items() if not _is_value(value)}
        if wrong:
            raise serializers.ValidationError(wrong)
        return values


_DEPTH = "A value is text, a number, true, false or null, an object of those, or a list of texts or of such objects."


def _is_value(value: Any) -> bool:
    """Whether it has the shape that ``Value`` describes."""
    if isinstance(value, list):
        return all(isinstance(part, str) or (isinstance(part, dict) and _is_value(part)) for part in value)
    return not isinstance(value, dict) or not any(isinstance(part, dict | list) for part in value.values())


@extend_schema_field({"type": "object", "additionalProperties": {"anyOf": [_VALUE, {"type": "object"}]}})
class Difference(serializers.DictField):
    """What a change request changes: {before, after} by path, and what else its kind says, rules in their own form."""


@extend_schema_field({"$ref": "#/components/schemas/Problem"})
class ProblemField(serializers.DictField):
    """Problem details of one row."""


@extend_schema_field({"type": "object", "additionalProperties": {"type": "object", "additionalProperties": _VALUES}})
class Topics(serializers.DictField):
    """Domains, each limited to the values of attributes: all of them where none are named."""


@extend_schema_field({"type": "object", "additionalProperties": {"type": ["object", "string"]}})
class Section(serializers.DictField):
    """A part of a document that another standard describes."""
