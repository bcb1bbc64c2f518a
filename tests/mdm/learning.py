"""A small population with decisions to learn from, and to measure."""

from __future__ import annotations

from mdm.changes import Change
from mdm.models import Judgement, User
from mdm.services.judgements import judge
from tests.mdm import kit

NOUNS = ("catheter", "retractor", "cannula", "forceps", "drain", "trocar", "suture", "bandage")
KINDS = ("silicone", "curved", "endoscopic", "pediatric", "fenestrated")


def item(number: int, **values: str) -> dict[str, str]:
    noun, kind = NOUNS[number % len(NOUNS)], KINDS[number % len(KINDS)]
    return {
        "description": f"{noun} {kind} {number + 3} mm",
        "manufacturer": "Halden Medical",
        "catalogue_number": f"HM-{4100 + 7 * number}",
        **values,
    }


def population(count: int = 8) -> None:
    """Items of erp, and the same of scm in other words: linked by themselves."""
    kit.feed("erp", {f"E{n}": item(n) for n in range(count)})
    kit.feed("scm", {f"S{n}": item(n, manufacturer="HALDEN MED INC") for n in range(count)})


def decide(one: str, other: str, same: bool, actor: User | None = None) -> Judgement:
    """A steward's judgement about a record of erp and one of scm."""
    verdict = Judgement.Verdict.SAME if same else Judgement.Verdict.DIFFERENT
    pair = [kit.source("erp", one).pk], [kit.source("scm", other).pk]
    return judge(Change.begin(actor or kit.steward(), "test"), *pair, verdict)[0]


def colleague() -> User:
    return kit.person("colleague", "steward")
