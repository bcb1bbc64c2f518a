"""Own words for tests: put into force by two people, and forgotten afterwards."""

from __future__ import annotations

from matching.standardise.dictionaries import Words
from mdm.models import ChangeRequest
from mdm.services import own_words, requests
from tests.mdm import kit

FOLEY = {"abbreviations": {"zzfol": "foley", "zzcath": "catheter", "zzsil": "silicone"}}


def propose(words: Words = FOLEY, *, replace: bool = False) -> ChangeRequest:
    return own_words.propose(
        words=words, source="buyers.csv", actor=kit.steward(), reason="Our buyers", replace=replace
    )


def in_force(words: Words = FOLEY, *, replace: bool = False) -> ChangeRequest:
    return requests.approve(request=propose(words, replace=replace), actor=kit.approver())
