"""The documented shape of golden records, made from the canonical model; ``mdm.services.publish`` fills it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from mdm.canonical import DOMAINS, Domain, Field, Kind
from mdm.models import DomainName

Shape = type[serializers.Serializer[Any]]

PUBLISHED = ["live", "retired", "merged"]  # what a published record may be; drafts are not shown


class Reference(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="Public id of the other golden record.")
    name = serializers.CharField()


class Code(serializers.Serializer[Any]):
    system = serializers.CharField(help_text="The system that keeps the code.")
    code_system = serializers.CharField(help_text="Its name in lookups.")
    kind = serializers.CharField(help_text="primary, or the kind of identifier: gtin, npi …")
    code = serializers.CharField()
    uom = serializers.CharField()
    preferred = serializers.BooleanField()


class EvidenceShape(serializers.Serializer[Any]):
    field = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # also an attribute of fields
    level = serializers.ChoiceField(choices=["exact", "reformatted", "similar", "different", "empty"])
    similarity = serializers.FloatField()
    bits = serializers.FloatField(help_text="For (above 0) or against; 0 says nothing.")
    note = serializers.CharField()
    a = serializers.CharField(help_text="What the one states, as compared.")
    b = serializers.CharField(help_text="What the other states.")


_SIMPLE: dict[Kind, type[serializers.Field[Any, Any, Any, Any]]] = {
    Kind.BOOLEAN: serializers.BooleanField,
    Kind.DATE: serializers.DateField,
    Kind.INTEGER: serializers.IntegerField,
}


def _field(spec: Field, owner: str) -> Any:
    options: dict[str, Any] = {"allow_null": True, "label": spec.label}
    if spec.kind is Kind.CHILDREN:
        return _shape(f"{owner}{_camel(spec.name)}", spec.children)(many=True, **options)
    if spec.kind is Kind.REFERENCE:
        return Reference(**options)
    if spec.kind is Kind.LIST:
        return serializers.ListField(child=serializers.CharField(), **options)
    if spec.kind is Kind.DECIMAL:
        return serializers.CharField(help_text='Decimal text, e.g. "12.50".', **options)
    if spec.kind is Kind.CHOICE:
        return serializers.ChoiceField(choices=spec.choices, **options)
    return _SIMPLE.get(spec.kind, serializers.CharField)(**options)


def _shape(name: str, specs: tuple[Field, ...]) -> Shape:
    return type(name, (serializers.Serializer,), {spec.name: _field(spec, name) for spec in specs})


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def golden(domain: Domain) -> Shape:
    """``Item``, ``Supplier``, ``Location`` or ``CostCenter`` as the API shows it."""
    name = _camel(domain.name)
    fields = {
        "id": serializers.CharField(help_text="Public id. For ever."),
        "domain": serializers.ChoiceField(choices=DomainName.choices),
        "version": serializers.IntegerField(),
        "status": serializers.ChoiceField(choices=PUBLISHED),
        "merged_into": serializers.CharField(allow_null=True),
        "codes": Code(many=True),
        "attributes": _shape(f"{name}Attributes", domain.fields)(),
        "split_into": serializers.ListField(
            child=serializers.CharField(), required=False, help_text="Records that were split off from this one."
        ),
        "redirected_from": serializers.CharField(required=False, help_text="The merged id that was asked for."),
    }
    return type(name, (serializers.Serializer,), fields)


SHAPES: dict[str, Shape] = {name: golden(domain) for name, domain in DOMAINS.items()}
