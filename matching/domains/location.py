"""Locations: hospitals, buildings, units, rooms, docks. Address and phone outlive the name.

Mergers rename hospitals: of true pairs about a quarter change their name and a tenth their address, so neither vetoes.
Within one site the numbers decide: "ICU 2" is not "ICU 3".
"""

from __future__ import annotations

from ..blocking import crossed, informative, limited, pairs_of
from ..calibration import Calibration
from ..compare import Axes, Names, Same, Within, Words
from ..model import Policy, weigh
from ..recipe import Recipe
from ..records import Std, Values
from ..resemblance import alike_words
from ..standardise.identifiers import registered
from ..standardise.places import place
from ..standardise.text import stated, unique
from .parties import ADDRESS_SPACES, AREA, address_columns, address_keys, fingerprint, site_initials, stated_only, whole

# What is inside a hospital is told apart by its name; a hospital may take another.
INNER_TYPES = frozenset({"building", "floor", "unit", "room", "bed", "storeroom", "dock"})
OUTER_TYPES = frozenset({"health_system", "facility"})
INNER_WORDS = frozenset(
    "floor unit ward room bed bay pod dock storeroom closet station suite lab laboratory nursery theater theatre "
    "intensive telemetry utility waiting operating corridor workroom".split()
)
GENERIC = ("room", "unit", "department", "area", "service")  # said or left out at will
DIRECTIONS = frozenset({"north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest"})

SPACES = {
    "name": "word",
    "initials": "initials",
    "acronym": "initials",
    "name.whole": "whole",  # all its words as one
    "name=": "written",
    "inner": "inner",  # it is a part of a site, not the site
    "numbers": "number",  # floors, rooms, beds in the name
    "around": "word",  # what the name may mean besides: its site's initials, what it is part of
    "wing": "wing",  # "direction:north", "floor:3"
    "wing.axes": "axis",
    "parent_name": "word",
    "within": "whole",  # the whole name of what it is part of
    "parent_around": "word",
    "parent_numbers": "number",
    "initials_of_site": "site",
    "kind": "kind",
    "gln": "gln",
    "npi": "npi",
    "cost_center": "cost_center",
    **ADDRESS_SPACES,
}

WEIGHTS = {
    # A name of common words ("memorial hospital") proves little; a different one disproves little.
    **weigh("name", whole=1.2, agree=0.6, miss=0.3, extra=0.08, cap=1.0, floor=-6.0, conflict=-5.0, initials=3.0),
    **weigh("numbers", conflict=-8.0, agree=0.8, miss=1.0, extra=0.4, cap=0.7, floor=-20.0, lone=-3.0),
    **weigh("street", limit=0.8, agree=0.55, miss=0.3, extra=0.1, cap=0.9, floor=-4.0),
    **weigh("city", rarity=0.3, different=-2.0),
    **weigh("state", rarity=0.2, different=-8.0),
    **weigh("postcode", rarity=0.4, different=-0.5),
    **weigh("area", rarity=0.0, different=-1.5),
    **weigh("phone", rarity=1.1, different=-1.5),
    **weigh("gln", rarity=1.2, different=-4.0),
    **weigh("npi", rarity=0.9, different=-3.0),
    **weigh("wing", agree=0.5, conflict=-3.0, extra=-0.3),
    **weigh("kind", rarity=0.2, different=-8.0),
    **weigh("parent_name", agree=0.25, miss=0.4, extra=0.1, cap=0.25, floor=-8.0),
    **weigh("parent_numbers", agree=0.3, miss=0.4, extra=0.1, cap=0.2, floor=-4.0),
    **weigh("within", conflict=-6.0),
    **weigh("initials_of_site", rarity=0.2, different=-1.0),
    **weigh("cost_center", rarity=0.5, different=-0.5),
}


def standardise(values: Values) -> Std:
    """A location's values as columns of tokens. ``parent_name``, if given, is compared; a parent's code is not."""
    name, parent = place(values.get("name")), place(values.get("parent_name"))
    wings = [*(f"direction:{word}" for word in name.words if word in DIRECTIONS), *name.parts]
    single = len(name.words) == 1 and 2 <= len(name.words[0]) <= 5
    inner = _is_inner(stated(values.get("location_type")), name.words, parent.words)
    return stated_only({
        "name": name.words,
        "initials": [name.initials] if len(name.initials) > 1 else [],
        "acronym": ["".join(sorted(name.words[0]))] if single else [],
        "name.whole": [whole([*name.words, *name.numbers])] if name.words else [],
        "name=": fingerprint(values.get("name")),
        "inner": ["inner"] if inner else [],
        "numbers": name.numbers,
        "wing": wings,
        "wing.axes": unique(wing.partition(":")[0] for wing in wings),
        "around": unique([*name.runs, *parent.words, *parent.runs, *(GENERIC if inner else ())]),
        "initials_of_site": site_initials(name, parent),
        "parent_name": parent.words,
        "within": [whole([*parent.words, *parent.numbers])] if parent.words else [],
        "parent_around": unique([*parent.runs, *name.words, *name.runs]) if parent.words else [],
        "parent_numbers": parent.numbers,
        "kind": [stated(values.get("location_type"))] if stated(values.get("location_type")) else [],
        "gln": [code] if (code := registered(values.get("gln"))) else [],
        "npi": [code] if (code := registered(values.get("npi"))) else [],
        "cost_center": [code] if (code := registered(values.get("cost_center"))) else [],
        **address_columns([values], [values.get("phone")]),
    })  # fmt: skip


def _is_inner(kind: str, words: list[str], parent: list[str]) -> bool:
    """Whether a place is a part of a site: by its type, or as what it is part of, or its name, tells."""
    if kind in OUTER_TYPES:
        return False
    return kind in INNER_TYPES or bool(parent) or not INNER_WORDS.isdisjoint(words)


def keys(std: Std) -> list[str]:
    """Identifiers, phone, house number with area, rare words of the name in pairs, with area, number or parent."""
    words = informative(std.get("name", ()), 4)
    parent = informative(std.get("parent_name", ()), 2)
    areas = [*std.get("postcode", ())[:1], *std.get("city", ())[:1]]
    numbers = std.get("numbers", ())[:2]
    return limited(
        (f"{kind}:{code}" for kind in ("gln", "npi") for code in std.get(kind, ())),
        address_keys(std, 1),
        crossed("place", areas, numbers),
        crossed("name", words[:3], [*areas, *numbers, *parent]),
        pairs_of("words", words),
        [] if areas or numbers or parent or len(words) > 1 else (f"word:{word}" for word in words),
    )


CALIBRATION = Calibration(base=0.0, score=0.36, lead=0.14, claimed=0.15)

RECIPE = Recipe(
    domain="location",
    standardise=standardise,
    keys=keys,
    spaces=SPACES,
    comparators=(
        Same("gln", "GLN"),
        Same("npi", "NPI"),
        Names("name", "Name", alike_words, context="around", whole="name.whole", among="inner",
              conflict="each name has words of its own"),
        Words("numbers", "Floor, room, bed", conflict="numbers in the name differ"),
        Axes("wing", "Wing, floor, building", conflict="it is another part"),
        Same("kind", "Type", conflict="types differ"),
        Words("parent_name", "Part of", alike_words, context="parent_around"),
        Words("parent_numbers", "Floor, wing of", context="numbers"),
        Within("within", "Inside", conflict="one is part of the other"),
        Same("initials_of_site", "Initials of the site"),
        Words("street", "Address", alike_words, limit="street.whole"),
        Same("city", "City"),
        Same("state", "State", conflict="states differ"),
        Same("postcode", "Postcode"),
        Same("area", "Postal area"),
        Same("phone", "Phone"),
        Same("cost_center", "Cost center"),
    ),
    policy=Policy("location", review_bits=-2.0, calibration=CALIBRATION, weights=WEIGHTS),
    tied={
        "gln": ("gln",), "npi": ("npi",), "phone": ("phone",), "house": ("street", *AREA), "street": ("street",),
        "place": (*AREA, "numbers"), "name": ("name", *AREA, "numbers", "parent_name"),
        "words": ("name",), "word": ("name",),
    },
)  # fmt: skip
