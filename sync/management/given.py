"""What commands are given: JSON files, secrets in the environment, codes of targets, ids of records."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from matching.files import why
from mdm.models import GoldenRecord
from sync.models import Target


def json_object(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds. Raises CommandError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise CommandError(f"{path} is no JSON: {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} can't be read: {why(error)}.") from None
    if not isinstance(found, dict):
        raise CommandError(f"{path} holds no JSON object: setting to value.")
    return found


def secret(pair: str) -> tuple[str, str]:
    """NAME=VARIABLE as the name and what the environment variable holds. Raises CommandError."""
    name, _, variable = pair.partition("=")
    value = os.environ.get(variable or name, "")
    if not value:
        raise CommandError(f"The environment variable {variable or name} is empty; it should hold the secret {name}.")
    return name, value


def active_targets(codes: Iterable[str]) -> list[Target]:
    """The active targets with these codes; without any, all that are active. Raises CommandError."""
    found = list(Target.objects.select_related("system").filter(active=True))
    if unknown := sorted(set(codes) - {target.code for target in found}):
        known = ", ".join(target.code for target in found) or "none"
        raise CommandError(f"No active target {', '.join(unknown)}; known are {known}.")
    return [target for target in found if not codes or target.code in codes]


def records(ids: Iterable[str]) -> list[GoldenRecord]:
    """The golden records with these public ids. Raises CommandError."""
    found = list(GoldenRecord.objects.filter(public_id__in=ids))
    if unknown := sorted(set(ids) - {record.public_id for record in found}):
        raise CommandError(f"No record {', '.join(unknown)}.")
    return found
