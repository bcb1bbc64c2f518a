"""Suppliers: groups with parent and subsidiaries, namesakes in other towns, neighbours in one building, branches.

One side is a supplier register with tax numbers; the other an accounts-payable file that grew over the years.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from random import Random

from . import noise
from .geography import Site, initials, phone, retyped, site
from .vocabulary import coined, column, seeded, short_forms

COLUMNS = ("name", "dba", "address", "city", "state", "postcode", "phone", "website", "ein")
ROLES = {"kind": "party", "name": "name", "dba_names": "dba", "address": "address", "city": "city", "state": "state",
         "postcode": "postcode", "phone": "phone", "website": "website", "ein": "ein"}  # fmt: skip
GROUP = 12
CLASSES = {
    "exact": 0.05, "reformatted": 0.16, "abbreviated": 0.17, "typo": 0.10, "dba": 0.09, "acronym": 0.06, "former": 0.07,
    "remit_to": 0.11, "moved": 0.06, "sparse": 0.05, "combined": 0.08,
}  # fmt: skip
FORMS = ("Inc.", "LLC", "Corporation", "Company", "Ltd.", "L.P.", "Incorporated", "Corp.")
SHORT_FORM = {
    "Inc.": "INC", "Incorporated": "INC", "Corporation": "CORP", "Corp.": "CORP", "Company": "CO", "Ltd.": "LTD",
    "L.P.": "LP", "LLC": "LLC",
}  # fmt: skip
STATES = {"OR": "Oregon", "CA": "California", "TX": "Texas", "OH": "Ohio", "GA": "Georgia", "MN": "Minnesota"}
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Company:
    """What is true of a company, whoever writes it down."""

    name: str  # without its legal form
    form: str
    site: Site
    website: str
    ein: str
    trade_name: str
    former: str


class Circle:
    """Twelve companies that are easily mistaken for each other."""

    def __init__(self, seed: int, number: int) -> None:
        self.seed, self.number = seed, number

    def __len__(self) -> int:
        return GROUP

    @cached_property
    def companies(self) -> list[Company]:
        """The twelve companies of the circle."""
        rng = seeded(self.seed, "supplier", self.number)
        named = [*self._affiliates(rng), *self._namesakes(rng), *self._neighbours(rng), *self._branches(rng)]
        return [self._company(member, *facts, rng) for member, facts in enumerate(named)]

    def _company(self, member: int, name: str, place: Site, website: str, rng: Random) -> Company:
        trade = name.split(" ", 1)[1]
        number = (self.number * GROUP + member) * 104_729 % 9_999_991
        coin = 8_000 + self.number * GROUP + member
        return Company(
            name,
            rng.choice(FORMS),
            place,
            website,
            f"{20 + number % 70}-{number:07}",
            f"{coined(coin)} {rng.choice(('Medical', 'Direct', 'Care', 'Solutions'))}",
            f"{coined(coin * 3 + 1)} {trade if rng.random() < 0.5 else rng.choice(column('trades'))}",
        )

    def _affiliates(self, rng: Random) -> list[tuple[str, Site, str]]:
        """A parent and three subsidiaries: one web site, one campus, often one switchboard."""
        head, home = coined(self.number * 5 + 2), site(rng)
        trades = rng.sample(column("trades"), 3)
        names = [f"{head} {rng.choice(('Health Group', 'Holdings', 'Healthcare'))}", *(f"{head} {t}" for t in trades)]
        shared = [rng.random() < 0.6 for _ in names]
        places = [
            Site(
                f"{home.address} Suite {100 * (at + 1)}" if rng.random() < 0.5 else home.address,
                home.city,
                home.state,
                home.postcode,
                home.phone if shared[at] else phone(home.phone[:3], rng),
            )
            for at in range(len(names))
        ]
        return [(name, place, f"www.{head.lower()}.example") for name, place in zip(names, places, strict=True)]

    def _namesakes(self, rng: Random) -> list[tuple[str, Site, str]]:
        """Four companies of one name that have nothing to do with each other, each in its own town."""
        name = f"{rng.choice(column('namesake_heads'))} {rng.choice(column('trades'))}"
        towns = rng.sample(range(800), 4)
        places = [site(rng, town) for town in towns]
        return [(name, at, f"{initials(name).lower()}{at.city.split()[0].lower()}.example") for at in places]

    def _neighbours(self, rng: Random) -> list[tuple[str, Site, str]]:
        """Two firms in one building whose numbers differ by a digit."""
        home = site(rng)
        heads = rng.sample(column("surnames"), 4)
        line = int(home.phone[-1])
        phones = [home.phone, f"{home.phone[:-1]}{(line + 1) % 10}"]
        names = [f"{heads[at]} and {heads[at + 2]} {rng.choice(column('trades'))}" for at in range(2)]
        return [
            (name, Site(f"{home.address} Suite {20 + at}", home.city, home.state, home.postcode, phones[at]),
             f"{heads[at].lower()}{heads[at + 2].lower()}.example")
            for at, name in enumerate(names)
        ]  # fmt: skip

    def _branches(self, rng: Random) -> list[tuple[str, Site, str]]:
        """Sister companies in two states: one web site, one name but for the state."""
        head, trade = coined(self.number * 5 + 4), rng.choice(column("trades"))
        states = rng.sample(list(STATES.values()), 2)
        return [(f"{head} {trade} of {state}", site(rng), f"www.{head.lower()}.example") for state in states]

    def clean(self, member: int) -> Row:
        """The register's row."""
        company = self.companies[member]
        rng = seeded(self.seed, "register", self.number, member)
        return {
            "name": f"{company.name}{', ' if rng.random() < 0.4 else ' '}{company.form}",
            "dba": company.trade_name if rng.random() < 0.4 else "",
            "address": company.site.address,
            "city": company.site.city,
            "state": company.site.state,
            "postcode": company.site.postcode,
            "phone": company.site.phone if rng.random() < 0.8 else "",
            "website": company.website if rng.random() < 0.6 else "",
            "ein": company.ein,
        }

    def noisy(self, member: int, hardness: str, rng: Random) -> tuple[Row, list[str]]:
        """The payables file's row for the same company, and what was done to it."""
        if hardness == "exact":
            row = self.clean(member)
            row |= {"name": row["name"].upper(), "website": "", "ein": row["ein"] if rng.random() < 0.3 else ""}
            return row, ["upper case"]
        return _Clerk(self.companies[member], self.clean(member), rng).write(hardness)


class _Clerk:
    """Writes one row of the payables file, step by step, keeping a record of the steps."""

    def __init__(self, company: Company, known: Row, rng: Random) -> None:
        self.company, self.known, self.rng = company, known, rng
        self.done: list[str] = []
        self.row: Row = {**dict.fromkeys(COLUMNS, ""), "name": company.name}

    def write(self, hardness: str) -> tuple[Row, list[str]]:
        self._place(self.company.site)
        if self.rng.random() < 0.4:
            self._phone()
        if self.rng.random() < 0.15:
            self._ein()
        if self.rng.random() < 0.12:
            self.row["website"] = self.known["website"].removeprefix("www.")
        getattr(self, f"_{hardness}")()
        return self.row, self.done

    def _place(self, place: Site) -> None:
        self.row |= {
            "address": retyped(place.address, self.rng),
            "city": place.city.upper(),
            "state": place.state,
            "postcode": place.postcode + (f"-{self.rng.randrange(1000, 9999)}" if self.rng.random() < 0.2 else ""),
        }

    def _phone(self) -> None:
        if self.known["phone"]:
            self.row["phone"] = noise.redial(self.known["phone"], self.rng)

    def _ein(self) -> None:
        self.row["ein"] = self.company.ein.replace("-", self.rng.choice(("-", "")))

    def _form(self) -> str:
        """The legal form, in short or left out."""
        return self.rng.choice(("", f" {SHORT_FORM[self.company.form]}", f", {SHORT_FORM[self.company.form]}"))

    def _reformatted(self) -> None:
        name = self.row["name"].replace(" and ", self.rng.choice((" & ", " and ", " AND ")))
        inverted = self.rng.random() < 0.15
        self.row["name"] = (f"{name}{self._form()}" + (", THE" if inverted else "")).upper()
        self.done.append("legal form, punctuation, case")

    def _abbreviated(self) -> None:
        name = noise.abbreviate(f"{self.company.name}{self._form()}", short_forms("company_words"), self.rng, 0.85)
        self.row["name"] = noise.cut(name.upper(), 35)
        self.done.append("words abbreviated")

    def _typo(self) -> None:
        self._reformatted()
        self.row["name"] = noise.misspell(self.row["name"], self.rng, 1)
        self.row["address"] = noise.misspell(self.row["address"], self.rng, 1)
        self.done.append("slips in name and address")

    def _dba(self) -> None:
        """Under the trade name; where the register doesn't know it, the legal name stands before it."""
        trade = self.company.trade_name.upper()
        self.row["name"] = trade if self.known["dba"] else f"{self.company.name}{self._form()} DBA {trade}".upper()
        self.done.append("trade name" if self.known["dba"] else "legal name with trade name")

    def _acronym(self) -> None:
        short = initials(self.company.name)
        self.row["name"] = short if len(short) > 3 else f"{short} {SHORT_FORM[self.company.form]}"
        self._ein()
        self.done.append("initials; tax number")

    def _former(self) -> None:
        self.row["name"] = f"{self.company.former}{self._form()}".upper()
        self._ein()
        self.done.append("former name; tax number")

    def _remit_to(self) -> None:
        """A lockbox in another town; tax number or the company's own telephone tell whose."""
        self._abbreviated()
        self._place(site(self.rng))
        self.row["address"] = f"{self.rng.choice(('PO BOX', 'P.O. Box', 'LOCKBOX'))} {self.rng.randrange(1000, 99999)}"
        self._phone()
        if not self.row["phone"] or self.rng.random() < 0.6:
            self._ein()
        self.done.append("remit-to address")

    def _moved(self) -> None:
        self._reformatted()
        self._place(site(self.rng))
        self._ein()
        self.done.append("old address; tax number")

    def _sparse(self) -> None:
        self._reformatted()
        self.row |= {"address": "", "postcode": "", "phone": "", "website": "", "ein": ""}
        self.done.append("name and town only")

    def _combined(self) -> None:
        self._abbreviated()
        self.row["name"] = noise.misspell(noise.cut(self.row["name"], 30), self.rng, 1)
        self.row |= {"address": "", "postcode": ""}
        self._ein()
        self.done.append("cut to 30; slip; no address; tax number")
