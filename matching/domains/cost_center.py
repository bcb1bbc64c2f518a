"""Cost centers: a code of segments, a department's name, a legal entity."""

from __future__ import annotations

import re

from ..blocking import crossed, informative, limited, pairs_of
from ..calibration import Calibration
from ..compare import Same, Words
from ..compare_codes import Segments
from ..model import Policy, weigh
from ..recipe import Recipe
from ..records import Std, Values
from ..resemblance import alike_words
from ..standardise import codes
from ..standardise.places import place
from ..standardise.text import alnum, fold, stated, unique
from .parties import fingerprint, site_initials, stated_only, whole

_LABEL = re.compile(r"^(?:(?:cc|cost\s?(?:center|centre|ctr)|dept|department|unit|gl)\b[\s:#.-]*)+|^cc(?=\d)")
WORDS = ("finance", "locations")  # dictionaries

SPACES = {
    "code": "code",  # letters and digits, without leading zeros; also without empty parts at its end
    "code.tails": "code",  # without its first parts, which name the entity: "01-6010-200" → "6010200"
    "code=": "written",
    "segments": "code",  # its parts: "01-6010-200" → 6010, 200; "000" says nothing
    "name": "word",
    "around": "word",  # what the name may mention besides: department, entity and its initials, what it is part of
    "name.whole": "whole",  # all its words as one
    "name=": "written",
    "numbers": "number",
    "entity": "entity",
    "entity_around": "entity",  # what it may be abbreviated to
    "department": "word",
    "department_around": "word",
    "initials_of_site": "site",
    "segment": "gl",
    "role": "role",
}

WEIGHTS = {
    # A network numbers its departments alike in every entity, so a part of the code proves less than all of it.
    **weigh("code", rarity=1.1, different=-3.0, part=0.2),
    **weigh("segments", rarity=0.4, different=-2.0),
    **weigh("name", agree=0.7, miss=0.6, extra=0.15, cap=0.9, floor=-5.0, whole=1.0, conflict=-2.0),
    **weigh("numbers", agree=0.5, miss=1.0, extra=0.6, cap=0.3, floor=-8.0, conflict=-4.0),
    **weigh("entity", agree=0.4, miss=0.6, extra=0.1, cap=0.3, floor=-6.0),
    # Initials tell the entities of a network apart as their names do; how rare they are is what they prove.
    **weigh("initials_of_site", rarity=0.9, different=-5.0),
    **weigh("department", agree=0.3, miss=0.3, extra=0.05, cap=0.3, floor=-4.0),
    **weigh("segment", rarity=0.3, different=-1.0),
    **weigh("role", rarity=0.2, different=-0.5),
}


def standardise(values: Values) -> Std:
    """A cost center's values as columns of tokens."""
    name, department, parent = (place(values.get(f), *WORDS) for f in ("name", "department", "parent_name"))
    entity = place(values.get("legal_entity"), *WORDS)
    code = _LABEL.sub("", stated(values.get("code")))
    parts = [alnum(part) for part in re.split(r"[-./\s]+", code) if alnum(part)]
    sites = site_initials(entity) if entity.words else unique([*name.acronyms, *parent.acronyms])
    return stated_only({
        "code": unique(map(codes.core, _written(parts))) if len(parts) > 1 or len(alnum(code)) > 5 else [],
        "code.tails": unique(map(codes.core, (tail for n in range(1, len(parts) - 1) for tail in _written(parts[n:])))),
        "code=": [fold(code)] if code else [],
        "segments": unique(codes.core(part) for part in parts if len(part) >= 3 and part.strip("0")),
        "name": name.words,
        "name.whole": [whole([*name.words, *name.numbers])] if name.words else [],
        "around": unique([*department.words, *entity.words, *entity.runs, *parent.words]),
        "name=": fingerprint(values.get("name")),
        "numbers": name.numbers,
        "entity": entity.words,
        "entity_around": entity.runs if entity.words else [],
        "initials_of_site": sites,
        "department": department.words,
        "department_around": name.words if department.words else [],
        "segment": unique([codes.core(alnum(stated(values.get("gl_segment"))))]),
        "role": [role] if (role := stated(values.get("manager_role"))) else [],
    })  # fmt: skip


def _written(parts: list[str]) -> list[str]:
    """A code in one piece, as it stands and without the empty parts at its end: "014-7040-000" is "014-7040", too."""
    full = len(parts)
    while full > 1 and not parts[full - 1].strip("0"):
        full -= 1
    return ["".join(parts), "".join(parts[:full])]


def keys(std: Std) -> list[str]:
    """The code and its parts, the words of the name in pairs, with entity, segment or number; a lone word alone."""
    words = informative(std.get("name", ()), 4)
    sites = std.get("initials_of_site", ())[:3]
    refine = [*std.get("segment", ())[:1], *sites, *std.get("numbers", ())[:2]]
    return limited(
        (f"code:{code}" for code in unique([*std.get("code", ()), *std.get("segments", ())])[:4]),
        pairs_of("words", words),
        crossed("name", words[:3], refine),
        crossed("site", std.get("segments", ())[-2:], sites[:2]),
        pairs_of("department", informative(std.get("department", ()), 3)),
        (f"word:{word}" for word in words[:3]),
    )


CALIBRATION = Calibration(base=-0.3, score=0.45, lead=0.12, claimed=0.15)

RECIPE = Recipe(
    domain="cost_center",
    standardise=standardise,
    keys=keys,
    spaces=SPACES,
    comparators=(
        Segments("code", "Code", conflict="codes differ"),
        Same("segments", "Part of the code"),
        Words("name", "Name", alike_words, context="around", whole="name.whole",
              conflict="each name has words of its own", unless="code"),
        Words("numbers", "Numbers in the name", conflict="numbers in the name differ"),
        Words("entity", "Legal entity", alike_words, context="entity_around"),
        Same("initials_of_site", "Initials of the entity"),
        Words("department", "Department", alike_words, context="department_around"),
        Same("segment", "GL segment"),
        Same("role", "Manager"),
    ),
    policy=Policy("cost_center", review_bits=-2.0, calibration=CALIBRATION, weights=WEIGHTS),
    tied={
        "code": ("code", "segments"), "words": ("name",), "word": ("name",), "department": ("department",),
        "name": ("name", "segment", "initials_of_site", "numbers"), "site": ("segments", "code", "initials_of_site"),
    },
)  # fmt: skip
