"""Forms of the screens. A field of the canonical model becomes the input that fits its kind."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from django import forms

from mdm.canonical import Field, Kind
from mdm.models import CodeSystem, GoldenRecord
from mdm.services.substitution import FACTOR
from mdm.ui.readers import children, crosswalk

LONG = 200  # characters; longer text gets a larger box
FLAG = [("", "Not stated"), ("yes", "Yes"), ("no", "No")]
FLAG_WORDS = {True: "yes", False: "no"}
EDITABLE_CHILDREN = ("packaging", "addresses")


def input_for(spec: Field) -> forms.Field:
    """An optional form field that returns the canonical value, None when left empty."""
    if spec.kind is Kind.BOOLEAN:
        return forms.TypedChoiceField(
            choices=FLAG, required=False, coerce=lambda text: text == "yes", empty_value=None, widget=_select()
        )
    if spec.choices:
        return forms.TypedChoiceField(
            choices=[("", "Not stated"), *spec.choices], required=False, empty_value=None, widget=_select()
        )
    if spec.kind is Kind.DATE:
        return _Date(required=False, widget=forms.DateInput(attrs={"class": "input", "type": "date"}))
    if spec.kind is Kind.INTEGER:
        return forms.IntegerField(required=False, min_value=1, widget=forms.NumberInput(attrs={"class": "input"}))
    if spec.kind is Kind.REFERENCE:
        return Reference()
    if spec.kind is Kind.LIST:
        return _Lines(required=False, widget=_area(3))
    long = (spec.max_length or 0) > LONG
    widget = _area(2) if long else forms.TextInput(attrs={"class": "input"})
    return forms.CharField(required=False, max_length=spec.max_length, widget=widget, empty_value=None)


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "input"})


def _area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"class": "input input--area", "rows": rows})


class _Date(forms.DateField):
    def has_changed(self, initial: Any, data: Any) -> bool:
        return (initial or "") != (data or "")

    def clean(self, value: Any) -> Any:
        day = super().clean(value)
        return day.isoformat() if day else None


class _Lines(forms.CharField):
    """A list of texts, one per line."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), (data or "").replace("\r\n", "\n"))

    def clean(self, value: Any) -> Any:
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()] or None


class Reference(forms.CharField):
    """Another golden record, by its public id."""

    def __init__(self) -> None:
        widget = forms.TextInput(attrs={"class": "input mono", "placeholder": "MDM-…"})
        super().__init__(required=False, max_length=20, widget=widget, empty_value=None)

    def prepare_value(self, value: Any) -> Any:
        return value["id"] if isinstance(value, dict) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return text.upper() if text else None


class OverrideForm(forms.Form):
    """Every attribute of a record with its value; what the steward changes becomes overrides with one reason."""

    reason = forms.CharField(
        max_length=500, widget=forms.TextInput(attrs={"class": "input", "placeholder": "Why these values are right"})
    )
    until = forms.DateTimeField(required=False, widget=forms.DateInput(attrs={"class": "input", "type": "date"}))
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, fields: tuple[Field, ...], values: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.groups: dict[str, list[str]] = {}
        for spec in fields:
            for path, label, part, value in _inputs(spec, values):
                self.fields[path] = input_for(part)
                self.fields[path].label, self.fields[path].initial = label, _shown(value)
                self.groups.setdefault(spec.group, []).append(path)

    @property
    def grouped(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [(name, [self[path] for path in paths]) for name, paths in self.groups.items()]

    def changes(self) -> dict[str, Any]:
        """Path to new value of what differs from the value shown."""
        paths = [path for paths in self.groups.values() for path in paths]
        return {path: self.cleaned_data[path] for path in paths if path in self.changed_data}


def _shown(value: Any) -> Any:
    return FLAG_WORDS[value] if isinstance(value, bool) else value


def _inputs(spec: Field, values: dict[str, Any]) -> list[tuple[str, str, Field, Any]]:
    """Path, label, kind and value of each input of an attribute; a child's are addressed ``packaging[BX].quantity``."""
    if spec.kind is not Kind.CHILDREN:
        return [(spec.name, spec.label, spec, values.get(spec.name))]
    if spec.name not in EDITABLE_CHILDREN:
        return []
    return [
        (
            f"{children.path(spec, row)}.{part.name}",
            f"{children.label(spec, row)}: {part.label}",
            part,
            row.get(part.name),
        )
        for row in values.get(spec.name) or []
        for part in spec.children
        if part.name != spec.child_key
    ]


class ResolveForm(forms.Form):
    """Codes to resolve, and for when."""

    codes = forms.CharField(
        strip=False,
        widget=forms.Textarea(attrs={"class": "input input--area mono", "rows": 9, "spellcheck": "false"}),
    )
    system = forms.ModelChoiceField(CodeSystem.objects.select_related("system"), to_field_name="slug")
    to = forms.ModelChoiceField(CodeSystem.objects.select_related("system"), to_field_name="slug", required=False)
    as_of = forms.DateField(required=False, widget=forms.DateInput(attrs={"class": "input", "type": "date"}))
    known_at = forms.DateTimeField(
        required=False,
        widget=forms.DateTimeInput(attrs={"class": "input", "type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        options = crosswalk.systems()
        self.fields["system"].choices = [("", "Choose"), *options]  # type: ignore[attr-defined]
        self.fields["to"].choices = [("", "No other system"), *options]  # type: ignore[attr-defined]
        for name in ("system", "to"):
            self.fields[name].widget.attrs["class"] = "input"

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        system, to = data.get("system"), data.get("to")
        if system and to and system.domain != to.domain:
            self.add_error("to", f"{to.slug} holds codes of {to.domain} records, {system.slug} of {system.domain}.")
        return data

    def query(self) -> crosswalk.Query:
        data = self.cleaned_data
        return crosswalk.Query(data["system"], data["to"], data["as_of"], data["known_at"])


class RelationForm(forms.Form):
    """This record and another: which way round, where, and how long."""

    kind = forms.ChoiceField(choices=[], widget=_select())
    other = Reference()
    site = Reference()
    valid_from = forms.DateField(required=False, widget=forms.DateInput(attrs={"class": "input", "type": "date"}))
    valid_to = forms.DateField(required=False, widget=forms.DateInput(attrs={"class": "input", "type": "date"}))
    factor = forms.CharField(required=False, widget=forms.TextInput(attrs={"class": "input"}))
    reason = forms.CharField(max_length=500, widget=forms.TextInput(attrs={"class": "input"}))

    def __init__(self, record: GoldenRecord, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.record = record
        self.fields["other"].required = True
        self.fields["kind"].choices = [  # type: ignore[attr-defined]
            ("substitute", "This one is a substitute for"),
            ("substitute.", "This one has as its substitute"),
            ("parent", "This one is the parent of"),
            ("parent.", "This one has as its parent"),
            ("related", "This one is related to"),
        ]

    def clean_other(self) -> GoldenRecord:
        return self._record(self.cleaned_data["other"])

    def clean_factor(self) -> Fraction:
        """Exact, as a third can't be written as a decimal; written as in the API."""
        text = self.cleaned_data["factor"] or "1"
        if not re.fullmatch(FACTOR, text):
            raise forms.ValidationError("Write a whole number or a fraction, like 2 or 1/3.")
        try:
            return Fraction(text)
        except ZeroDivisionError as error:
            raise forms.ValidationError("Nothing can be divided by 0.") from error

    def clean_site(self) -> GoldenRecord | None:
        return self._record(self.cleaned_data["site"]) if self.cleaned_data["site"] else None

    @staticmethod
    def _record(public_id: str) -> GoldenRecord:
        found = GoldenRecord.objects.select_related("merged_into").filter(public_id=public_id).first()
        if found is None:
            raise forms.ValidationError(f"There is no record {public_id}. Search for it, and copy its id.")
        return found.survivor

    @property
    def is_substitute(self) -> bool:
        """Substitutes of items need a second person; all else is said by one."""
        return self.record.domain == "item" and self.cleaned_data["kind"].startswith("substitute")

    def _pair(self) -> tuple[GoldenRecord, GoldenRecord]:
        """Who is what of whom: a dot after the kind turns it round."""
        pair = (self.record, self.cleaned_data["other"])
        return pair[::-1] if self.cleaned_data["kind"].endswith(".") else pair

    def related(self) -> dict[str, Any]:
        """The arguments of ``relations.relate``."""
        subject, related = self._pair()
        rest = {name: self.cleaned_data[name] for name in ("site", "valid_from", "valid_to", "reason")}
        return {"subject": subject, "object": related, "kind": self.cleaned_data["kind"].rstrip("."), **rest}

    def substitution(self) -> dict[str, Any]:
        """The arguments of ``substitution.propose``."""
        substitute, item = self._pair()
        rest = {name: self.cleaned_data[name] for name in ("site", "valid_from", "valid_to", "reason")}
        return {"item": item, "substitute": substitute, "factor": self.cleaned_data["factor"], **rest}
