"""Suppliers: one company under many spellings, legal forms, trade names and addresses."""

from __future__ import annotations

from ..blocking import crossed, informative, limited, pairs_of
from ..calibration import Calibration
from ..compare import Names, Same, Words
from ..model import Policy, weigh
from ..recipe import Recipe
from ..records import Std, Values
from ..resemblance import alike_words
from ..standardise.identifiers import registered
from ..standardise.organisations import organisation
from ..standardise.text import unique
from .parties import ADDRESS_SPACES, AREA, address_columns, address_keys, fingerprint, sites, stated_only, whole

IDENTIFIERS = {"duns": 9, "ein": 9, "lei": 0, "gln": 0, "npi": 0}

SPACES = {
    "name": "word",  # of the legal name and of every trade name
    "initials": "initials",
    "acronym": "initials",
    "name.whole": "whole",  # all its words as one
    "name=": "written",
    "site": "site",
    "purposes": "purpose",  # of the addresses: ordering, remit-to, ship-from
    **{name: name for name in IDENTIFIERS},
    **ADDRESS_SPACES,
}

WEIGHTS = {
    **weigh("name", whole=1.35, agree=0.6, miss=0.6, extra=0.25, cap=1.0, floor=-8.0, initials=3.0),
    **weigh("street", limit=0.8, agree=0.5, miss=0.3, extra=0.1, cap=0.7, floor=-5.0),
    **weigh("city", rarity=0.2, different=-2.0),
    **weigh("state", rarity=0.2, different=-2.0),
    **weigh("postcode", rarity=0.4, different=-1.0),
    **weigh("area", rarity=0.0, different=-1.5),
    **weigh("phone", rarity=0.9, different=-0.5),
    **weigh("site", rarity=0.5, different=-3.0),
    **weigh("duns", rarity=1.0, different=-3.0),
    **weigh("ein", rarity=1.0, different=-4.0),
    **weigh("lei", rarity=1.2, different=-6.0),
    **weigh("gln", rarity=1.2, different=-2.0),
    **weigh("npi", rarity=1.0, different=-2.0),
}


def standardise(values: Values) -> Std:
    """A supplier's values as columns of tokens."""
    names = [name for value in (values.get("name"), *(values.get("dba_names") or ())) for name in organisation(value)]
    single = [name.raw[0] for name in names if len(name.raw) == 1 and 2 <= len(name.raw[0]) <= 5]
    places = [place for place in values.get("addresses") or () if isinstance(place, dict)]
    return stated_only({
        "name": unique(word for name in names for word in name.words),
        "initials": unique(name.initials for name in names if len(name.initials) > 1),
        "acronym": unique("".join(sorted(word)) for word in single),
        "name.whole": unique(whole(name.words) for name in names),
        "name=": fingerprint(values.get("name")),
        "site": sites([values.get("website"), values.get("email")]),
        "purposes": unique(str(place.get("purpose") or "ordering") for place in places),
        **{name: unique([registered(values.get(name), length)]) for name, length in IDENTIFIERS.items()},
        **address_columns(places, [values.get("phone")]),
    })  # fmt: skip


def keys(std: Std) -> list[str]:
    """Identifiers, phone, site, house number with area, words of the name in pairs and alone, initials with area."""
    words = informative(std.get("name", ()), 4)
    areas = [*std.get("postcode", ())[:2], *std.get("city", ())[:2]]
    short = [*std.get("initials", ()), *std.get("acronym", ())][:2]
    return limited(
        (f"{kind}:{code}" for kind in IDENTIFIERS for code in std.get(kind, ())),
        (f"site:{name}" for name in std.get("site", ())[:2]),
        address_keys(std, 2),
        pairs_of("words", words),
        (f"word:{word}" for word in words[:3]),
        crossed("name", words[:2], areas[:2]),
        crossed("initials", short, areas[:2]),
    )


CALIBRATION = Calibration(base=-1.0, score=0.45, lead=0.12, claimed=0.15)

RECIPE = Recipe(
    domain="supplier",
    standardise=standardise,
    keys=keys,
    spaces=SPACES,
    comparators=(
        Same("duns", "DUNS"),
        Same("ein", "EIN", conflict="EINs differ"),
        Same("lei", "LEI", conflict="LEIs differ"),
        Same("gln", "GLN"),
        Same("npi", "NPI"),
        # Companies of one group share address, phone and first word; each has words that the other lacks.
        Names("name", "Name", alike_words, whole="name.whole", conflict="each name has words of its own"),
        Words("street", "Address", alike_words, limit="street.whole", comparable="purposes"),
        Same("city", "City", comparable="purposes"),
        Same("state", "State", comparable="purposes"),
        Same("postcode", "Postcode", comparable="purposes"),
        Same("area", "Postal area", comparable="purposes"),
        Same("phone", "Phone"),
        Same("site", "Web or mail host"),
    ),
    policy=Policy("supplier", review_bits=-2.0, calibration=CALIBRATION, weights=WEIGHTS),
    tied={
        **{name: (name,) for name in (*IDENTIFIERS, "site", "phone")},
        "house": ("street", *AREA), "street": ("street",),
        "words": ("name",), "word": ("name",), "name": ("name", *AREA), "initials": ("name", *AREA),
    },
)  # fmt: skip
