"""A hospital's own words: proposed from a file, in force once a second person approves, then read into what is stored.

They are one set for all domains, as words are: "halden" in a vendor's name is the maker of an item.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from matching.standardise import entries
from matching.standardise.dictionaries import Words, shipped
from mdm import permissions
from mdm.engine import words_of
from mdm.exceptions import NeedsReason, Refused
from mdm.models import ChangeRequest, DictionaryEntry, Policy, User
from mdm.services import rules

KIND = Policy.Kind.DICTIONARY
SHOWN = 200  # words listed on the change request; the version holds all


def in_force() -> Policy | None:
    return Policy.objects.filter(kind=KIND, domain="", active=True).first()


def merged(words: Words, *, replace: bool = False) -> dict[str, dict[str, str]]:
    """The words in force with these on top; with ``replace``, these alone in the dictionaries that they are of."""
    whole = words_of(in_force())
    for name, added in words.items():
        whole[name] = dict(added) if replace else {**whole.get(name, {}), **added}
    return whole


def differences(before: Words, after: Words) -> dict[str, dict[str, Any]]:
    """What changes, as a change request shows it: {"abbreviations: fol": {before, after}}. What a word meant before is
    what the shipped dictionary says, if the hospital said nothing.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({*before, *after}):
        old, new = ({**shipped(name), **side.get(name, {})} for side in (before, after))
        for written in sorted({*before.get(name, {}), *after.get(name, {})}):
            if old.get(written) != new.get(written):
                was, becomes = (_shown(side, written) for side in (old, new))
                found[f"{name}: {written}"] = {"before": was, "after": becomes}
    return found


def _shown(words: Mapping[str, str], written: str) -> str | None:
    """A meaning; of a word in a list, which has none, that it is in it."""
    return (words[written] or "listed") if written in words else None


@transaction.atomic
def propose(*, words: Words, source: str, actor: User, reason: str, replace: bool = False) -> ChangeRequest:
    """Propose new words of a hospital's own. They wait for a second person's approval.

    Args:
        words: as ``entries.read`` gives them. source: where they come from.
        replace: in the dictionaries that they are of, they take the place of the hospital's words in force.
    """
    permissions.require(actor, permissions.DECIDE)
    if not reason.strip():
        raise NeedsReason
    whole = merged(words, replace=replace)
    try:
        entries.check(whole)
    except entries.BadEntries as error:
        raise Refused(str(error)) from None
    standing = in_force()
    changed = differences(words_of(standing), whole)
    if not changed:
        raise Refused("Nothing would change: these words are in force already.")
    diff = dict(list(changed.items())[:SHOWN])
    if len(changed) > SHOWN:
        diff["further words"] = {"before": None, "after": f"{len(changed) - SHOWN} more"}
    request = rules.propose(
        kind=KIND,
        domain="",
        body={"source": source},
        diff=diff,
        touched=(),
        expected_version=standing.version if standing else 0,
        actor=actor,
        reason=reason,
    )
    DictionaryEntry.objects.bulk_create(
        DictionaryEntry(policy=request.policy, dictionary=name, written=written, meaning=meaning)
        for name, own in whole.items()
        for written, meaning in own.items()
    )
    return request
