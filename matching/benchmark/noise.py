"""What happens to text between two systems: slips, abbreviations, cut fields, reformatted codes and numbers.

Every function takes the generator it draws from; none loses what it is not named for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random

NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip
_WORD = re.compile(r"[A-Za-z]+")


def slip(word: str, rng: Random) -> str:
    """One slip of the keyboard behind the first letter: two letters swapped, one dropped, doubled or missed."""
    at = rng.randrange(1, max(2, len(word) - 1))
    kind = rng.randrange(4)
    if kind == 0 and word[at : at + 2] != word[at : at + 2][::-1]:
        return word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    near = NEIGHBOURS.get(word[at].lower(), "") or "e"
    other = rng.choice(near)
    return word[:at] + (other.upper() if word[at].isupper() else other) + word[at + 1 :]


def misspell(text: str, rng: Random, slips: int = 1) -> str:
    """``text`` with slips in words of five letters or more; words with digits stay."""
    for _ in range(slips):
        spots = [m for m in _WORD.finditer(text) if len(m[0]) >= 5]
        if spots:
            spot = rng.choice(spots)
            text = text[: spot.start()] + slip(spot[0], rng) + text[spot.end() :]
    return text


def abbreviate(text: str, forms: Mapping[str, tuple[str, ...]], rng: Random, share: float = 0.8) -> str:
    """``text`` with that share of its known words abbreviated."""

    def short(match: re.Match[str]) -> str:
        known = forms.get(match[0].lower())
        return rng.choice(known) if known and rng.random() < share else match[0]

    return re.sub(r"[A-Za-z]+(?:-[a-z]+)?", short, text)


def cut(text: str, width: int) -> str:
    """``text`` as a field of that width keeps it."""
    return text[:width].rstrip()


def recode(code: str, rng: Random) -> tuple[str, str]:
    """A catalogue number or ledger code as another system writes it, and what was done. The same code to an expert."""
    solid = re.sub(r"[^A-Za-z0-9]", "", code)
    forms = [(solid.lower() if rng.random() < 0.2 else solid, "separators dropped")] * (3 * (solid != code))
    forms.append((f"REF {code}", "REF prefix"))
    forms.append((code + rng.choice(["-EA", "-BX", " EA", "-CS"]), "unit suffix"))
    if re.search(r"[-.]", code):
        forms.append((re.sub(r"[-.]", " ", code), "spaces for hyphens"))
    else:
        middle = len(code) // 2
        forms.append((f"{code[:middle]}-{code[middle:]}", "hyphen added"))
    if code.startswith("0"):
        forms += [(code.lstrip("0"), "leading zeros dropped")] * 2
    elif code.isdigit():
        forms.append((f"00{code}", "leading zeros added"))
    if "0" in code[1:] and re.search(r"[A-Z]", code):
        at = code.index("0", 1)
        forms.append((code[:at] + "O" + code[at + 1 :], "O for 0"))
    return rng.choice(forms)


def miscode(code: str, rng: Random, span: int, taken: frozenset[str]) -> str:
    """``code`` with one digit slipped within its first ``span`` characters, and not one of those ``taken``."""
    spots = [at for at in range(min(span, len(code))) if code[at].isdigit()]
    while True:
        at = rng.choice(spots)
        other = rng.choice([digit for digit in "123456789" if digit != code[at]])
        turned = code[:at] + code[at : at + 2][::-1] + code[at + 2 :]
        swapped = turned if at + 1 < span and turned != code else ""
        found = swapped if swapped and rng.random() < 0.5 else code[:at] + other + code[at + 1 :]
        if found not in taken:
            return found


def redial(phone: str, rng: Random) -> str:
    """A telephone number ("503-555-0100") in another way of writing, at times with an extension's or country's code."""
    area, exchange, line = phone.split("-")
    forms = (f"({area}) {exchange}-{line}", f"{area}.{exchange}.{line}", f"{area}{exchange}{line}")
    return rng.choice((*forms, f"1-{phone}", f"+1 {area} {exchange} {line}"))
