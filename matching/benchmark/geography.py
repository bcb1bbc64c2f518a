"""Invented towns, streets and telephone numbers; postcodes and area codes fit the state."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from . import noise
from .vocabulary import column, short_forms, table


@dataclass(frozen=True, slots=True)
class Site:
    """A postal address with its main telephone number ("503-555-0100")."""

    address: str
    city: str
    state: str
    postcode: str
    phone: str


OLDER = ("", "New ", "Port ", "Fort ", "Upper ", "Lower ", "Old ", "Great ", "Little ", "Mount ", "Point ", "Lake ")


def town_name(number: int) -> str:
    """The name of the town with this number; the first 9,600 differ."""
    heads, tails = column("towns_first"), table("towns_last")
    head, tail = divmod(number * 313 % (len(heads) * len(tails)), len(tails))
    last, joint = tails[tail]
    return OLDER[number // 800 % len(OLDER)] + heads[head] + (" " if joint == "word" else "") + last


def phone(area: str, rng: Random) -> str:
    """A telephone number with this area code."""
    return f"{area}-{rng.randrange(220, 990)}-{rng.randrange(1000, 10000)}"


def site(rng: Random, town: int | None = None) -> Site:
    """Somewhere in a town, or in the one with this number."""
    state, areas, postcodes = rng.choice(table("regions"))
    street, kind = rng.choice(table("streets"))
    direction = rng.choice(("", "", "", "North ", "South ", "East ", "West "))
    return Site(
        f"{rng.randrange(100, 9900)} {direction}{street} {kind}",
        town_name(rng.randrange(800) if town is None else town),
        state,
        f"{rng.choice(postcodes.split())}{rng.randrange(100):02}",
        phone(rng.choice(areas.split()), rng),
    )


def retyped(address: str, rng: Random) -> str:
    """An address as a clerk types it: "1420 N OAK AVE STE 200"."""
    text = noise.abbreviate(address, short_forms("street_forms"), rng, 0.8)
    text = re.sub(r"\b(Suite|STE) ", rng.choice(("STE ", "# ", "Suite ")), text)
    return text.upper() if rng.random() < 0.7 else text


def initials(name: str) -> str:
    """The initials of the words of a name that count: "Harrow Falls Medical Center" → "HFMC"."""
    words = re.findall(r"[A-Za-z]+", name)
    return "".join(word[0] for word in words if word.lower() not in {"of", "and", "the"}).upper()
