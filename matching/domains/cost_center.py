"""Cost centers: a code of segments, a department's name, a legal entity."""

from __future__ import annotations

from ..blocking import crossed, informative, limited, pairs_of
from ..compare import Same, Words
from ..model import Policy
from ..recipe import Recipe
from ..records import Std, Values
from ..resemblance import alike_words
from ..standardise import codes
from ..standardise.organisations import organisation
from ..standardise.places import place
from ..standardise.text import alnum, fold, stated, unique
from .parties import fingerprint, stated_only, whole

SPACES = {
    "code": "code",  # letters and digits, without leading zeros
    "code=": "written",
    "segments": "code",  # its parts: "01-6010-200" → 6010, 200
    "name": "word",
    "name.whole": "whole",  # all its words as one
    "name=": "written",
    "numbers": "number",
    "entity": "entity",
    "department": "word",
    "segment": "gl",
    "role": "role",
}

WEIGHTS = {
    # Two systems may number their cost centers apart, so a different code disproves little; the same one proves more.
    "code.rarity": 0.8, "code.different": -1.0,
    "segments.rarity": 0.4, "segments.different": 0.0,
    "name.whole": 1.2, "name.agree": 0.7, "name.miss": 0.6, "name.extra": 0.25, "name.cap": 1.0, "name.floor": -10.0,
    "numbers.conflict": -4.0, "numbers.agree": 0.5, "numbers.miss": 1.0, "numbers.extra": 0.6, "numbers.cap": 0.3, "numbers.floor": -8.0,
    "entity.agree": 0.4, "entity.miss": 0.6, "entity.extra": 0.1, "entity.cap": 0.3, "entity.floor": -6.0,
    "department.agree": 0.3, "department.miss": 0.3, "department.extra": 0.1, "department.cap": 0.3,
    "department.floor": -4.0,
    "segment.rarity": 0.3, "segment.different": -1.0,
    "role.rarity": 0.2, "role.different": -0.5,
}  # fmt: skip


def standardise(values: Values) -> Std:
    """A cost center's values as columns of tokens."""
    name, department = place(values.get("name"), "finance"), place(values.get("department"), "finance")
    code = stated(values.get("code"))
    parts = [codes.core(alnum(part)) for part in code.replace(".", "-").replace("/", "-").replace(" ", "-").split("-")]
    return stated_only({
        "code": [codes.core(alnum(code))] if alnum(code) else [],
        "code=": [fold(code)] if code else [],
        "segments": unique(part for part in parts if len(part) >= 3) if len(parts) > 1 else [],
        "name": name.words,
        "name.whole": [whole([*name.words, *name.numbers])] if name.words else [],
        "name=": fingerprint(values.get("name")),
        "numbers": name.numbers,
        "entity": unique(word for one in organisation(values.get("legal_entity")) for word in one.words),
        "department": department.words,
        "segment": unique([codes.core(alnum(stated(values.get("gl_segment"))))]),
        "role": [role] if (role := stated(values.get("manager_role"))) else [],
    })  # fmt: skip


def keys(std: Std) -> list[str]:
    """The code and its parts, the words of the name in pairs, with entity, segment or number; a lone word alone."""
    words = informative(std.get("name", ()), 4)
    entity = informative(std.get("entity", ()), 2)
    refine = [*std.get("segment", ())[:1], *entity, *std.get("numbers", ())[:2]]
    return limited(
        (f"code:{code}" for code in unique([*std.get("code", ()), *std.get("segments", ())])[:4]),
        pairs_of("words", words),
        crossed("name", words[:3], refine),
        (f"word:{word}" for word in words[:3]),
    )


RECIPE = Recipe(
    domain="cost_center",
    standardise=standardise,
    keys=keys,
    spaces=SPACES,
    comparators=(
        Same("code", "Code"),
        Same("segments", "Part of the code"),
        Words("name", "Name", alike_words, whole="name.whole"),
        Words("numbers", "Numbers in the name", conflict="numbers in the name differ"),
        Words("entity", "Legal entity", alike_words),
        Words("department", "Department", alike_words),
        Same("segment", "GL segment"),
        Same("role", "Manager"),
    ),
    policy=Policy("cost_center", auto_bits=3.0, review_bits=-3.0, margin_bits=2.0, weights=WEIGHTS),
)
