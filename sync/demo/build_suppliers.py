"""The true suppliers: manufacturers, distributors, services, and families of companies that share a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import product

from sync.demo import check_digits, vocab
from sync.demo.dice import Dice
from sync.demo.network import Address, Supplier

PLANNED = 440  # at scale 1
SHARES = (("manufacturer", 0.29), ("distributor", 0.13), ("service", 0.5), ("gpo", 0.03), ("other", 0.05))
SUBSIDIARIES = 0.12  # share of suppliers that belong to an earlier one and carry its name
FIRST_NUMBER = 40_000  # where the identifiers of suppliers start; those of locations lie below


def build_suppliers(seed: int, scale: float) -> tuple[Supplier, ...]:
    dice = Dice(seed, "suppliers")
    wanted = max(30, round(PLANNED * scale))
    stems, phones = _stems(dice), PhoneBook()
    suppliers: list[Supplier] = []
    taken: set[str] = set()
    while len(suppliers) < wanted:
        relative = _parent(suppliers, dice) if suppliers and dice.happens(SUBSIDIARIES) else None
        supplier = _supplier(len(suppliers) + 1, _kind(len(suppliers) / wanted), relative, stems, phones, dice)
        if supplier.short_name not in taken:
            taken.add(supplier.short_name)
            suppliers.append(supplier)
    return tuple(suppliers)


def _stems(dice: Dice) -> Iterator[str]:
    """Coined words, none twice."""
    stems = [start + end for start in vocab.STEM_STARTS for end in vocab.STEM_ENDS]
    dice.shuffle(stems)
    yield from stems
    for first, second in product(stems, repeat=2):  # larger scales
        yield f"{first} {second}"


def _parent(suppliers: Sequence[Supplier], dice: Dice) -> Supplier:
    """A company that is not itself a subsidiary, so that families stay two generations deep."""
    return dice.choice([supplier for supplier in suppliers if not supplier.parent])


def _kind(position: float) -> str:
    """Which kind the supplier at ``position`` (0–1) of the list is."""
    for kind, share in SHARES:
        position -= share
        if position < 0:
            return kind
    return "other"


def _business(kind: str, dice: Dice) -> str:
    return dice.choice(
        {
            "manufacturer": vocab.FIELDS_OF_BUSINESS,
            "distributor": vocab.DISTRIBUTION,
            "gpo": vocab.PURCHASING,
            "service": vocab.SERVICES,
            "other": vocab.SERVICES,
        }[kind]
    )


def _supplier(
    number: int, kind: str, parent: Supplier | None, stems: Iterator[str], phones: PhoneBook, dice: Dice
) -> Supplier:
    stem = parent.stem if parent else next(stems)
    business = _business(kind, dice)
    town = dice.choice(vocab.TOWNS)
    address = parent.address if parent and dice.happens(0.3) else build_address(town, dice)
    party = FIRST_NUMBER + number * 7
    return Supplier(
        id=f"S{number:04d}",
        stem=stem,
        business=business,
        legal_form=dice.choice(vocab.LEGAL_FORMS),
        kind=kind,
        dba=f"{stem} {dice.choice(vocab.FIELDS_OF_BUSINESS)}" if dice.happens(0.08) else "",
        former_name=f"{next(stems)} {business}" if not parent and dice.happens(0.05) else "",
        parent=parent.id if parent else "",
        address=address,
        remit_to=build_address(dice.choice(vocab.TOWNS), dice) if dice.happens(0.5) else address,
        phone=phones.number(town),
        payment_terms=dice.choice(vocab.PAYMENT_TERMS),
        duns=check_digits.duns(party * 1_009),
        ein=check_digits.ein(party * 997),
        lei=check_digits.lei(party),
        gln=check_digits.gln(party),
        npi=check_digits.npi(party * 101) if business in vocab.CLINICAL_SERVICES else "",
        active=not dice.happens(0.04),
        since=date(2004, 1, 1) + timedelta(days=dice.randrange(6900)),
    )


def build_address(town: vocab.Town, dice: Dice) -> Address:
    return Address(
        number=dice.randrange(100, 9900),
        direction=dice.choice(vocab.DIRECTIONS) if dice.happens(0.35) else None,
        street=dice.choice(vocab.STREETS),
        kind=dice.choice(vocab.STREET_KINDS),
        suite=str(dice.randrange(100, 990, 10)) if dice.happens(0.3) else "",
        city=town.name,
        state=town.state,
        postcode=f"{town.postcode_start}{dice.randrange(1, 99):02d}",
    )


class PhoneBook:
    """Hands out ten-digit numbers of the range kept for fiction (555-01xx), none twice."""

    def __init__(self, first: int = 0) -> None:
        self._first = first
        self._given: Counter[str] = Counter()

    def number(self, town: vocab.Town) -> str:
        place = vocab.TOWNS.index(town)
        for neighbour in vocab.TOWNS[place:] + vocab.TOWNS[:place]:
            line = self._first + self._given[neighbour.area_code]
            if line < 100:
                self._given[neighbour.area_code] += 1
                return f"{neighbour.area_code}55501{line:02d}"
        raise ValueError("The numbers kept for fiction are used up; choose a smaller scale")
