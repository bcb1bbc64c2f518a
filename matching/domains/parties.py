"""What suppliers, locations and cost centers share: fingerprints, addresses, contact data as columns."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from ..records import Std
from ..standardise import addresses
from ..standardise.phones import host, mail_host, phone
from ..standardise.places import Place
from ..standardise.text import stated, unique

Columns = dict[str, list[str]]

ADDRESS_SPACES = {
    "street": "street",  # "#2601" (house), "box790", street words
    "street.whole": "address",  # all of it, with the postcode, as one
    "city": "city",
    "state": "state",
    "postcode": "postcode",
    "area": "area",  # first three digits of a US postcode
    "phone": "phone",
    "street=": "written",
    "phone=": "written",
}

AREA = ("city", "state", "postcode", "area")  # fields that agree where a postcode or city does


def fingerprint(*values: object) -> list[str]:
    """The text as it was written, in eight characters: enough to tell "the same" from "the same, reformatted"."""
    text = "|".join(stated(value) for value in values)
    return [f"{zlib.crc32(text.encode()):x}"] if text.strip("|") else []


def whole(words: Iterable[str]) -> str:
    """All words as one token, whatever their order."""
    return " ".join(sorted(words))


def site_initials(*places: Place) -> list[str]:
    """What the site that these names belong to may be abbreviated to, or is."""
    return unique(token for place in places for token in (*place.runs, *place.acronyms))


def stated_only(columns: Columns) -> Std:
    """The columns that have tokens."""
    return {name: tokens for name, tokens in columns.items() if tokens}


def address_columns(places: Iterable[Mapping[str, Any]], phones: Iterable[object]) -> Columns:
    """Addresses (several are compared as one: any may be the shared one) and telephone numbers."""
    places, phones = list(places), list(phones)
    postcodes = unique(addresses.postcode(p.get("postcode")) for p in places)
    return {
        "street": unique(token for p in places for token in addresses.street(p.get("line1"), p.get("line2"))),
        "street.whole": unique(_whole_address(place) for place in places),
        "city": unique(addresses.city(p.get("city")) for p in places),
        "state": unique(addresses.state(p.get("state")) for p in places),
        "postcode": postcodes,
        "area": unique(code[:3] for code in postcodes if code.isdigit()),
        "phone": unique(phone(number) for number in phones),
        "street=": unique(f for p in places for f in fingerprint(p.get("line1"), p.get("line2"))),
        "phone=": unique(f for number in phones for f in fingerprint(number)),
    }


def _whole_address(place: Mapping[str, Any]) -> str:
    tokens = addresses.street(place.get("line1"), place.get("line2"))
    return whole([*tokens, addresses.postcode(place.get("postcode"))]) if tokens else ""


def sites(values: Iterable[object]) -> list[str]:
    """Host names of web and mail addresses."""
    return unique(name for value in values for name in (host(value), mail_host(value)))


def address_keys(std: Std, limit: int = 3) -> list[str]:
    """House number or box with postcode, city and street word; phone. Never from an empty value."""
    houses = [token for token in std.get("street", ()) if token.startswith(("#", "box"))][:limit]
    rest = [token for token in std.get("street", ()) if not token.startswith(("#", "box")) and len(token) > 2][:limit]
    areas = [*std.get("postcode", ())[:limit], *std.get("city", ())[:limit]]
    keys = [f"house:{house}+{area}" for house in houses for area in areas]
    keys += [f"street:{word}+{house}" for word in rest for house in houses]
    return [*(f"phone:{number}" for number in std.get("phone", ())[:limit]), *keys[:10]]
