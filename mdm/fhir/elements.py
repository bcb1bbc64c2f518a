"""``_elements``: of each resource only what the client wants, tagged as incomplete (R4, search.html#elements)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from rest_framework.exceptions import ValidationError

KEPT = {"resourceType", "id", "meta", "active", "status"}  # what it is, and whether it is in use, is never left out
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
NAMES = re.compile(r"[A-Za-z.]{1,64}(,[A-Za-z.]{1,64}){0,49}").fullmatch


def parse(resource: str, text: str) -> Collection[str]:
    """The elements that a client wants of a resource; none: all. Raises ``ValidationError``."""
    if text and not NAMES(text):
        raise ValidationError({"_elements": "Names of elements are needed, with commas between, e.g. identifier,name."})
    return {name.removeprefix(f"{resource}.").partition(".")[0] for name in text.split(",")} if text else set()


def only(resource: Mapping[str, Any], wanted: Collection[str]) -> dict[str, Any]:
    if not wanted:
        return dict(resource)
    shown = {name: value for name, value in resource.items() if name in KEPT or name in wanted}
    return shown | {"meta": resource["meta"] | {"tag": [*resource["meta"].get("tag", []), SUBSETTED]}}
