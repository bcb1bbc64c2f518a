"""The true items: product lines of siblings that differ by a size, each with a packaging ladder and GTINs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, islice, product

from sync.demo import check_digits, vocab
from sync.demo.dice import Dice
from sync.demo.network import Item, Level, Size, Supplier

PLANNED = 3_200  # at scale 1; the families yield about 8,000 at most
SIBLINGS_AT_MOST = 22  # of one product line
MAKERS_PER_FAMILY = 4
FIRST_COMPANY = 1_000  # GS1 company numbers of the manufacturers


@dataclass(frozen=True, slots=True)
class Line:
    """One manufacturer's product of one family and variant, in all its sizes."""

    family: dict[str, str]
    variant: str
    maker: Supplier
    brand: str
    base: int  # what its catalogue numbers are built on, unique at the maker
    sizes: tuple[tuple[Size, ...], ...]


def build_items(seed: int, scale: float, suppliers: Sequence[Supplier]) -> tuple[Item, ...]:
    dice = Dice(seed, "items")
    makers = [supplier for supplier in suppliers if supplier.kind == "manufacturer"]
    distributors = [supplier for supplier in suppliers if supplier.kind == "distributor"]
    references = {maker.id: count(dice.randrange(100, 900)) for maker in makers}
    items = (
        item
        for line in _lines(makers, dice)
        for item in _siblings(line, makers.index(line.maker), references[line.maker.id], distributors, dice)
    )
    return tuple(
        _numbered(item, number) for number, item in enumerate(islice(items, max(120, round(PLANNED * scale))), 1)
    )


def _numbered(item: Callable[[str], Item], number: int) -> Item:
    return item(f"I{number:05d}")


def _lines(makers: Sequence[Supplier], dice: Dice) -> Iterator[Line]:
    """One line of each family first, so that a small network has something of everything."""
    first: list[Line] = []
    rest: list[Line] = []
    specialists = _specialists(makers, dice)
    bases = {maker.id: iter(dice.sample(range(1000, 9999), 400)) for maker in makers}
    for family in vocab.table("families"):
        known = specialists[family["category"]]
        for rank, maker in enumerate(dice.sample(known, min(MAKERS_PER_FAMILY, len(known)))):
            variants = family["variants"].split("/")
            for variant in dice.sample(variants, min(len(variants), dice.randint(1, 3))):
                brand = dice.choice(vocab.BRAND_STARTS) + dice.choice(vocab.BRAND_ENDS)
                line = Line(family, variant, maker, brand, next(bases[maker.id]), _sizes(family["axes"], dice))
                (rest if rank else first).append(line)
    dice.shuffle(first)
    dice.shuffle(rest)
    yield from first
    yield from rest


def _specialists(makers: Sequence[Supplier], dice: Dice) -> dict[str, list[Supplier]]:
    """Which manufacturers work in which category: each in two, each category with at least three."""
    categories = sorted({family["category"] for family in vocab.table("families")})
    known: dict[str, list[Supplier]] = {category: [] for category in categories}
    for place, maker in enumerate(makers):
        for category in {categories[place % len(categories)], dice.choice(categories)}:
            known[category].append(maker)
    for category in categories:
        outsiders = [maker for maker in makers if maker not in known[category]]
        known[category] += dice.sample(outsiders, max(0, min(3 - len(known[category]), len(outsiders))))
        known[category].sort(key=lambda maker: maker.id)
    return known


def _sizes(axes: str, dice: Dice) -> tuple[tuple[Size, ...], ...]:
    """``Fr 12 14; mL 5 30`` → all four combinations; ``mm 2.0 2.5*8 12`` → products of two numbers, "2.0x8"."""
    parsed = []
    for axis in axes.split(";"):
        unit, _, values = axis.strip().partition(" ")
        factors = [part.split() for part in values.split("*")]
        parsed.append([Size(unit, "x".join(combination)) for combination in product(*factors)])
    combinations = list(product(*parsed))
    if len(combinations) > SIBLINGS_AT_MOST:
        kept = sorted(dice.sample(range(len(combinations)), SIBLINGS_AT_MOST))
        combinations = [combinations[place] for place in kept]
    return tuple(combinations)


def _siblings(
    line: Line, company: int, references: Iterator[int], distributors: Sequence[Supplier], dice: Dice
) -> Iterator[Callable[[str], Item]]:
    """The items of one line, each waiting for its id."""
    family = line.family
    cheapest, dearest = (float(price) for price in family["price"].split("-"))
    price = cheapest + (dearest - cheapest) * dice.random()
    seller = line.maker if dice.happens(0.35) else dice.choice(distributors)
    contract = f"C{dice.randrange(2021, 2026)}-{dice.randrange(1000):03d}" if dice.happens(0.7) else ""
    since = date(2009, 1, 1) + timedelta(days=dice.randrange(5600))
    place = vocab.table("families").index(family)
    numbers = _catalogue_numbers(line, company)
    for rank, sizes in enumerate(line.sizes):
        number = numbers[rank]

        def item(id: str, rank: int = rank, sizes: tuple[Size, ...] = sizes, number: str = number) -> Item:
            return Item(
                id=id,
                noun=family["noun"],
                kind=family["kind"],
                variant=line.variant,
                sizes=sizes,
                brand=line.brand,
                manufacturer=line.maker.id,
                catalogue_number=number,
                levels=_levels(family["ladder"], FIRST_COMPANY + company, next(references)),
                cents=max(4, round(price * 100 * (1 + rank * 0.015))),
                flags=frozenset(family["flags"]),
                category=family["category"],
                gmdn=family["gmdn"],
                unspsc=f"42{10 + place % 30:02d}{10 + place // 2:02d}{1 + len(line.variant) % 20:02d}",
                hcpcs=f"{'ACELQ'[place % 5]}{4000 + place * 7}" if "c" in family["flags"] else "",
                supplier=seller.id,
                supplier_part=number if seller is line.maker else f"{seller.stem[0]}{dice.randrange(100_000, 999_999)}",
                contract=contract,
                active=not dice.happens(0.03),
                since=since,
            )

        yield item


def _levels(ladder: str, company: int, reference: int) -> tuple[Level, ...]:
    """``EA>BX12>CS4`` → each, box of 12, case of 4 boxes; the GTINs share their stem and differ in the indicator."""
    levels = []
    for indicator, step in enumerate(ladder.split(">")):
        uom, quantity = step[:2], int(step[2:] or 1)
        levels.append(Level(uom, quantity, check_digits.gtin14(indicator, company, reference)))
    return tuple(levels)


def _catalogue_numbers(line: Line, company: int) -> list[str]:
    """One number per size, in the manufacturer's own scheme; never the same twice."""
    scheme = SCHEMES[company % len(SCHEMES)]
    numbers: list[str] = []
    for rank, sizes in enumerate(line.sizes):
        number = scheme(line, rank, _size_code(sizes))
        numbers.append(number if number not in numbers else f"{number}{chr(65 + rank)}")
    return numbers


def _size_code(sizes: Sequence[Size]) -> str:
    """16 Fr, 5 mL → 1605; LEFT → L; the way many manufacturers put sizes into their numbers."""
    parts = []
    for size in sizes:
        for part in re.findall(r"[0-9.]+|[A-Z]+", size.value.upper()):
            digits = part.replace(".", "")
            parts.append(digits.zfill(2) if digits.isdigit() else part[:2])
    return "".join(parts)


def _letters(line: Line) -> str:
    return (line.brand[0] + line.brand[-2:]).upper()


SCHEMES: tuple[Callable[[Line, int, str], str], ...] = (
    lambda line, rank, code: f"{_letters(line)}-{line.base % 100:02d}{code}",
    lambda line, rank, code: f"{line.base}{100 + rank * 5}",
    lambda line, rank, code: f"{line.base}-{code}",
    lambda line, rank, code: f"00{line.base}{rank + 1:02d}",
    lambda line, rank, code: f"{line.base % 90 + 10:02d}.{line.base // 10:03d}.{100 + rank * 2}",
    lambda line, rank, code: f"{_letters(line)}{line.base}{rank + 1:02d}",
    lambda line, rank, code: f"M00{line.base}{code}0",
    lambda line, rank, code: f"{line.base // 10}-{line.base % 10}{rank + 1:03d}/{code[-2:]}",
)
