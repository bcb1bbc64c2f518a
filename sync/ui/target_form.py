"""The form of a target: its adapter's own settings as fields, filters and blackouts as lines, secrets write-only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from dataclasses import fields as fields_of
from typing import Any

from django import forms

from mdm.canonical import DOMAINS, Kind
from mdm.exceptions import InvalidValue
from mdm.models import SourceSystem
from mdm.services.change import checked
from sync import overlap
from sync.adapters import registry
from sync.configuring import secret_names
from sync.models import Target

CONFIG, SECRET, FILTER, WANTED = "config.", "secret.", "filter.", "domain."
YES_NO = [("", "As the adapter has it"), ("yes", "Yes"), ("no", "No")]
NOTHING = "∅"  # in a filter: not stated


def _text(**attrs: Any) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "input", "autocomplete": "off"} | attrs)


def _number(**attrs: Any) -> forms.NumberInput:
    return forms.NumberInput(attrs={"class": "input"} | attrs)


def _lines(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"class": "input input--area mono", "rows": rows, "spellcheck": "false"})


# Fields of the form that are a target's own.
PLAIN = (
    "name", "per_minute", "critical_first", "full_sync", "on_drift", "batch_size", "lease_seconds", "ack_seconds",
)  # fmt: skip


class Basics(forms.Form):
    """What a target needs before its adapter's settings can be asked for."""

    code = forms.SlugField(max_length=40, widget=_text())
    system = forms.ModelChoiceField(
        SourceSystem.objects.all(), to_field_name="code", widget=forms.Select(attrs={"class": "input"})
    )
    adapter = forms.ChoiceField(choices=registry.choices, widget=forms.Select(attrs={"class": "input"}))

    def draft(self) -> Target:
        """Not saved, nor checked: its settings come next."""
        said = self.cleaned_data
        return Target(
            code=said["code"],
            name="",
            adapter=said["adapter"],
            system=said["system"],
            subscriptions={d: {} for d in DOMAINS},
        )


class Settings(forms.Form):
    """All settings of one target. ``settings`` gives them as the service takes them."""

    name = forms.CharField(max_length=120, widget=_text())
    every = forms.IntegerField(required=False, min_value=1, max_value=24 * 60, widget=_number())
    blackout = forms.CharField(required=False, max_length=2000, widget=_lines(3))
    per_minute = forms.IntegerField(required=False, min_value=1, widget=_number())
    critical_first = forms.BooleanField(required=False)
    full_sync = forms.BooleanField(required=False)
    on_drift = forms.ChoiceField(
        required=False,
        choices=Target.OnDrift.choices,
        label="What differs there, each night",
        widget=forms.Select(attrs={"class": "input"}),
    )
    batch_size = forms.IntegerField(min_value=1, max_value=5000, widget=_number())
    lease_seconds = forms.IntegerField(min_value=1, max_value=3600, widget=_number())
    ack_seconds = forms.IntegerField(min_value=1, max_value=7 * 24 * 3600, widget=_number())
    lag = forms.FloatField(required=False, min_value=1, label="Lag", widget=_number(step="any"))
    success = forms.FloatField(required=False, min_value=1, max_value=100, widget=_number(step="any"))
    emails = forms.CharField(required=False, max_length=2000, widget=_text(), label="E-mail to")
    webhook = forms.CharField(required=False, max_length=500, widget=_text(), label="Webhook")
    new_secret = forms.CharField(required=False, max_length=60, widget=_text())
    new_value = forms.CharField(
        required=False, strip=False, max_length=20_000,
        widget=forms.PasswordInput(attrs={"class": "input", "autocomplete": "new-password"}),
    )  # fmt: skip
    hours = forms.IntegerField(
        required=False, min_value=0, max_value=overlap.MOST_OVERLAP, initial=overlap.OVERLAP, widget=_number(),
        label="The old alert_webhook signs beside a new one for"
    )  # fmt: skip
    reason = forms.CharField(max_length=500, widget=_text())

    def __init__(self, data: Any, target: Target) -> None:
        self.target = target
        self.known_secrets = secret_names(target)
        super().__init__(data, initial=_initial(target))
        for setting in _settings(target):
            self.fields[CONFIG + setting.name] = setting.field
        for name in self.known_secrets:
            self.fields[SECRET + name] = forms.CharField(
                required=False, strip=False, max_length=20_000, label=name,
                widget=forms.PasswordInput(attrs={"class": "input", "autocomplete": "new-password"}),
            )  # fmt: skip
        for domain in DOMAINS.values():
            self.fields[WANTED + domain.name] = forms.BooleanField(required=False, label=domain.plural)
            self.fields[FILTER + domain.name] = forms.CharField(
                required=False, max_length=4000, widget=_lines(2), label=f"Only {domain.plural.lower()} with"
            )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        for name, read in (("blackout", blackout_of), *((FILTER + d, _filter_reader(d)) for d in DOMAINS)):
            try:
                said[name] = read(said.get(name) or "")
            except InvalidValue as error:
                self.add_error(name, error.message)
        if bool(said.get("new_secret")) != bool(said.get("new_value")):
            self.add_error("new_value", "A secret has a name and a value.")
        return said

    def clean_on_drift(self) -> str:
        return self.cleaned_data["on_drift"] or self.target.on_drift

    @property
    def settings(self) -> dict[str, Any]:
        said = self.cleaned_data
        config = {
            name.removeprefix(CONFIG): v for name, v in said.items() if name.startswith(CONFIG) and v not in (None, "")
        }
        schedule = {"every": said["every"], "blackout": said["blackout"]}
        return {name: said[name] for name in PLAIN} | {
            "system": self.target.system.code,
            "adapter": self.target.adapter,
            "config": config,
            "objectives": self._objectives,
            "schedule": {name: value for name, value in schedule.items() if value},
            "subscriptions": {d: said[FILTER + d] for d in DOMAINS if said[WANTED + d]},
        }

    @property
    def _objectives(self) -> dict[str, Any]:
        said = self.cleaned_data
        share = said["success"] / 100 if said["success"] else None
        emails = said["emails"].replace(",", " ").split()
        found = {"lag": said["lag"], "success": share, "emails": emails, "webhook": said["webhook"]}
        return {name: value for name, value in found.items() if value}

    @property
    def secrets(self) -> dict[str, str]:
        said = self.cleaned_data
        given = {name: said[SECRET + name] for name in self.known_secrets if said.get(SECRET + name)}
        return given | ({said["new_secret"]: said["new_value"]} if said["new_secret"] else {})

    @property
    def hours_of_overlap(self) -> int:
        said: int | None = self.cleaned_data["hours"]
        return overlap.OVERLAP if said is None else said

    @property
    def turns(self) -> bool:
        """Whether a new secret may take the place of one that signs."""
        return overlap.ALERTS in self.known_secrets

    @property
    def config_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(CONFIG)]

    @property
    def secret_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(SECRET)]

    @property
    def domain_fields(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        return [(self[WANTED + name], self[FILTER + name]) for name in DOMAINS]


def _initial(target: Target) -> dict[str, Any]:
    found = {name: getattr(target, name) for name in PLAIN}
    found |= {"every": target.schedule.get("every"), "blackout": blackout_text(target.schedule.get("blackout", ()))}
    wanted = target.objectives
    share = round(wanted["success"] * 100, 6) if "success" in wanted else None
    found |= {"lag": wanted.get("lag"), "success": share, "webhook": wanted.get("webhook", "")}
    found["emails"] = ", ".join(wanted.get("emails", ()))
    for domain in DOMAINS:
        found[WANTED + domain] = domain in target.subscriptions
        found[FILTER + domain] = filter_text(target.subscriptions.get(domain, {}))
    return found


# ------------------------------------------------------------------------------------------- the adapter's own settings
@dataclass(frozen=True, slots=True)
class Setting:
    name: str
    field: forms.Field


def _settings(target: Target) -> Iterator[Setting]:
    """A field for each setting of the adapter, by its dataclass; one for the whole object where it has none."""
    kind, config = registry.config_class(target.adapter), target.config
    if kind is None:
        for name, value in config.items():
            yield Setting(name, _Json(label=name, required=False, initial=value))
        return
    for one in fields_of(kind):
        required = one.default is MISSING and one.default_factory is MISSING
        default = None if one.default is MISSING else one.default
        yield Setting(one.name, _field(_type_name(one.type), one.name, required, default, config.get(one.name)))


def _type_name(annotation: Any) -> str:
    """``int``, whether the module postpones its annotations or not."""
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _field(type_name: str, name: str, required: bool, default: Any, value: Any) -> forms.Field:
    label = name.replace("_", " ").capitalize()
    if type_name == "bool":
        initial = "" if value is None else "yes" if value else "no"
        return _Flag(label=label, initial=initial)
    hint = "" if default is None or default == "" else str(default)
    if type_name in ("int", "float"):
        field = forms.IntegerField if type_name == "int" else forms.FloatField
        return field(label=label, required=required, initial=value, widget=_number(placeholder=hint, step="any"))
    if type_name == "str":
        return forms.CharField(
            label=label, required=required, initial=value, max_length=4000, widget=_text(placeholder=hint)
        )
    return _Json(
        label=label, required=required, initial=value, placeholder="" if default is None else json.dumps(default)
    )


class _Flag(forms.ChoiceField):
    def __init__(self, **options: Any) -> None:
        super().__init__(choices=YES_NO, required=False, widget=forms.Select(attrs={"class": "input"}), **options)

    def clean(self, value: Any) -> bool | None:
        return {"yes": True, "no": False}.get(super().clean(value))


class _Json(forms.JSONField):
    """A list or an object, on one line."""

    def __init__(self, *, placeholder: str = "", **options: Any) -> None:
        super().__init__(widget=_text(placeholder=placeholder), **options)

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None else super().prepare_value(value)


# ------------------------------------------------------------------------------------------------ filters and blackouts
def filter_text(wanted: Mapping[str, list[Any]]) -> str:
    """``supplier_type = distributor, gpo``, a line for each attribute."""
    return "\n".join(f"{name} = {', '.join(_said(value) for value in values)}" for name, values in wanted.items())


def _said(value: Any) -> str:
    return (
        NOTHING
        if value in (None, "")
        else {True: "yes", False: "no"}.get(value, str(value))
        if isinstance(value, bool)
        else str(value)
    )


def _filter_reader(domain: str) -> Any:
    return lambda text: filter_of(domain, text)


def filter_of(domain: str, text: str) -> dict[str, list[Any]]:
    """The filter that such lines mean. Raises InvalidValue naming the line's fault."""
    found: dict[str, list[Any]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, sign, values = (part.strip() for part in line.partition("="))
        spec = DOMAINS[domain].by_name.get(name)
        if not sign or spec is None or spec.kind in (Kind.REFERENCE, Kind.CHILDREN, Kind.LIST):
            plain = [f.name for f in DOMAINS[domain].fields if f.kind not in (Kind.REFERENCE, Kind.CHILDREN, Kind.LIST)]
            raise InvalidValue(
                f"“{line[:60]}”: write an attribute = values with commas. Attributes: {', '.join(plain)}."
            )
        found[name] = [
            None if one == NOTHING else checked(domain, name, one) for one in map(str.strip, values.split(","))
        ]
    return found


def blackout_text(windows: Any) -> str:
    """``sat, sun 22:00-02:00``, a line for each window."""
    return "\n".join(f"{', '.join(w.get('days', []))} {w['from']}-{w['to']}".strip() for w in windows)


def blackout_of(text: str) -> list[dict[str, Any]]:
    """The windows that such lines mean; the service checks their days and times."""
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        days, _, times = line.rpartition(" ")
        start, sign, end = times.partition("-")
        if not sign:
            raise InvalidValue(f"“{line[:60]}”: write days and times, sat, sun 22:00-02:00.")
        window: dict[str, Any] = {"from": start, "to": end}
        named = [day.strip()[:3].lower() for day in days.split(",") if day.strip()]
        found.append(window | ({"days": named} if named else {}))
    return found
