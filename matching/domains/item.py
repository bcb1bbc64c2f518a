"""Items: devices and supplies. Catalogue number, GTIN and sizes decide; words find and support.

Families of siblings share every word and differ by one size or one character of a code, so a conflict of code, size,
packaging or variant never links by itself, however alike the rest is.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from typing import Any

from ..blocking import crossed, informative, limited, pairs_of
from ..calibration import Calibration
from ..compare import Axes, Words, written
from ..compare_codes import Codes, Gtins
from ..model import Policy, weigh
from ..recipe import Recipe
from ..records import Std, Values
from ..resemblance import alike_sizes, alike_words
from ..standardise import codes, items, sizes
from ..standardise.dictionaries import dictionary, forgetful
from ..standardise.identifiers import device_identifier, gtin
from ..standardise.organisations import organisation
from ..standardise.text import stated, unique

# What each column of a standardised item holds, and the space its tokens are counted in.
SPACES = {
    "words": "word",  # of the description
    "words.whole": "whole",  # all of them as one
    "context": "word",  # of brand, maker, long description, GMDN term: may be matched, are not missed
    "sizes": "size",  # of description and size field: "16mm", "5ml", "16"
    "sizes_context": "size",  # of the long description
    "variants": "variant",  # "side:left"
    "variants.axes": "axis",
    "packs": "pack",  # "BX:100": a hundred to a box
    "packs.axes": "axis",
    "code": "code",  # catalogue number, letters and digits
    "code_core": "code",  # … without leading zeros
    "code_stem": "code",  # … without a letter after a last hyphen, "-S", or a unit glued to it, "EA"
    "code_letters": "letters",  # its characters in alphabetical order
    "code_shape": "shape",  # "A2D6": two letters, six digits
    "text_codes": "code",  # found in the texts
    "text_stems": "code",  # … without their last one or two characters: a color, a packaging
    "text_shapes": "shape",
    "gtins": "gtin",  # stems, which the packaging levels of an item share; other device identifiers whole
    "gtins.levels": "axis",  # "EA"
    "gtins=": "written",
    "maker": "maker",
    written("words"): "written",
    written("code"): "written",
    written("maker"): "written",
}

# Bits per bit of rarity ("agree", "miss", "extra", "rarity" …) or bits at once ("different", "conflict" …), for the
# reasons stated; checked against labelled device records. What is learned from a hospital's own data replaces them.
WEIGHTS = {
    # Words of a description depend on each other (a family shares them all): each counts for less than its rarity.
    **weigh("words", agree=0.5, miss=0.6, extra=0.08, cap=0.85, floor=-5.0, whole=0.8),
    # Sizes tell siblings apart; those of one record are nearly independent of each other.
    **weigh("sizes", agree=0.5, miss=0.4, extra=0.3, cap=0.5, floor=-16.0, conflict=-6.0, lone=-1.0),
    # "Left" against "right" is another item; that one side says neither is a small doubt.
    **weigh("variants", agree=0.5, conflict=-6.0, extra=-0.7),
    # Packaging is mistyped more often than it differs: it asks for a look, it doesn't decide.
    **weigh("packs", agree=0.5, conflict=-3.0, extra=0.0),
    # A catalogue number is nearly unique within its maker; one in 1,000 true pairs carries different ones.
    **weigh("code", rarity=1.1, found=1.0, suffix=0.6, text=1.1, extends=0.5),
    **weigh("code", different=-10.0, swapped=-3.0, likely=-7.0),
    # Check digits make a GTIN all but immune to slips; one item carries others at other levels and labellers.
    **weigh("gtins", rarity=1.2, different=-7.0, other=-1.0),
    # Makers merge, sell lines and are shortened; nearly all candidates of a family share theirs.
    **weigh("maker", agree=0.5, miss=0.5, extra=0.05, cap=0.35, floor=-5.0),
}

_DIGIT = re.compile(r"\d")
_STERILE = re.compile(r"^(.*\d.*)[\s/-](?:s|st|str)$")  # the sterile sibling, or a hospital's own mark


def standardise(values: Values) -> Std:
    """An item's values as columns of tokens; what is not stated has no column."""
    text = items.describe(values.get("description"))
    more = items.describe(values.get("long_description"), whole=True)
    size, brand, terms = [items.describe_term(str(values.get(name) or "")) for name in ("size", "brand", "gmdn_term")]
    makers = _maker_words(str(values.get("manufacturer") or ""))
    measures = _merged(text.sizes, size.sizes)
    variants = _merged(text.variants, [*size.variants, *brand.variants])
    levels = _children(values, "packaging")
    packs = _merged(_packs(levels), [f"{pack[:2]}:{pack[2:]}" for pack in text.packs])
    around = unique([*brand.words, *makers, *terms.words, *size.words, *more.words[:40]])
    columns = {
        "words": text.words,
        "words.whole": [" ".join(sorted(text.words))] if text.words else [],
        "context": [w for w in around if w not in text.words],
        "sizes": measures,
        "sizes_context": [s for s in _merged(brand.sizes, more.sizes) if s not in measures],
        "variants": variants,
        "variants.axes": _axes(variants),
        "packs": packs,
        "packs.axes": [f"pack {unit}" for unit in _axes(packs)],
        **_text_codes([*text.codes, *more.codes, *brand.codes]),
        "maker": list(makers),
        written("words"): _fingerprint(values.get("description")),
        written("maker"): _fingerprint(values.get("manufacturer")),
        **_codes(values),
        **_gtins(values, levels, [*text.gtins, *more.gtins]),
    }
    return {name: tokens for name, tokens in columns.items() if tokens}


@forgetful
@lru_cache(maxsize=32_768)
def _maker_words(value: str) -> tuple[str, ...]:
    return tuple(unique(word for name in organisation(value) for word in name.words if len(word) > 1))


def _merged(some: list[str], more: list[str]) -> list[str]:
    """Both lists, each token once; ``some`` has none twice."""
    return unique([*some, *more]) if more else some


def _axes(tokens: list[str]) -> list[str]:
    """What stands before the colon."""
    return unique([token.split(":")[0] for token in tokens]) if tokens else tokens


def _text_codes(found: list[str]) -> dict[str, list[str]]:
    if not found:
        return {}
    cores = unique(codes.core(code) for code in found)[:8]
    return {
        "text_codes": cores,
        "text_stems": unique(c[:-cut] for c in cores for cut in (1, 2) if len(c) - cut >= 5),
        "text_shapes": unique(codes.shape(c) for c in cores if len(c) >= 6),
    }


def _fingerprint(value: object) -> list[str]:
    text = stated(value)
    return [f"{zlib.crc32(text.encode()):x}"] if text else []


def _codes(values: Values) -> dict[str, list[str]]:
    number = stated(values.get("catalogue_number"))
    code = codes.bare(number)
    if len(code) < 2:
        return {}
    suffixed = _STERILE.match(number) if number[-1] in "str" else None
    core = codes.core(code)
    stem = codes.core(codes.bare(suffixed[1])) if suffixed else codes.without_unit(core)
    return {
        "code": [code],
        "code_core": [core],
        "code_letters": ["".join(sorted(core))],
        "code_shape": [codes.shape(core)] if len(core) >= 6 else [],
        "code_stem": [stem] if stem != core else [],
        written("code"): [number],
    }


def _gtins(values: Values, packaging: list[dict[str, Any]], hidden: list[str]) -> dict[str, list[str]]:
    """Those of the record and its packaging, and those ``hidden`` in its texts, of a level that nobody tells."""
    each = unique([device_identifier(values.get("udi_di")), gtin(values.get("gtin"))])
    known = dictionary("packs")
    levels = [(str(c.get("uom") or "").lower(), gtin(c.get("gtin"))) for c in packaging]
    numbers = unique([*each, *(number for _, number in levels), *hidden])
    if not numbers:
        return {}
    return {
        "gtins": unique(_stem(number) for number in numbers),
        "gtins.levels": unique(
            [*["EA"] * bool(each), *(known.get(uom, uom.upper()) for uom, number in levels if number)]
        ),
        "gtins=": numbers,
    }


def _stem(number: str) -> str:
    """A GTIN without its indicator and check digit; anything else as it is."""
    return number[1:13] if number.isdigit() and len(number) == 14 else number


def _packs(packaging: list[dict[str, Any]]) -> list[str]:
    """Packaging levels, "CA:4" and "CA:200": some systems count the next lower unit, some the base unit."""
    known, found, base = dictionary("packs"), list[str](), 1
    for level in packaging:
        uom, quantity = str(level.get("uom") or "").lower(), level.get("quantity")
        if uom and isinstance(quantity, int) and quantity > 1:
            base *= quantity
            found += [f"{known.get(uom, uom.upper())}:{count}" for count in (quantity, base)]
    return unique(found)


def _children(values: Values, name: str) -> list[dict[str, Any]]:
    return [child for child in values.get(name) or () if isinstance(child, dict)]


def keys(std: Std) -> list[str]:
    """Codes wherever they stand, GTINs of any packaging level, rare words in pairs, words with sizes."""
    words = informative(std.get("words", ()), 6)
    bare = [number for number in (sizes.split(size)[0] for size in std.get("sizes", ())) if number not in ("", "0")]
    cores = unique([*std.get("code_core", ()), *std.get("code_stem", ()), *std.get("text_codes", ())])
    stems = unique([*std.get("text_stems", ()), *cores])
    return limited(
        [f"code:{core}" for core in cores[:6]],
        [f"gtin:{number}" for number in std.get("gtins", ())[:4]],
        [f"stem:{stem}" for stem in stems[:4]],
        [f"word:{word}" for word in words if len(word) > 2 and _DIGIT.search(word)],
        pairs_of("words", words),
        crossed("size", words[:3], bare[:3]),
        pairs_of("sizes", bare[:3]),
    )


def critical(values: Values) -> bool:
    """Implants stay in a body: a recall must find each, and no other."""
    return bool(values.get("implant"))


CALIBRATION = Calibration(base=-0.7, score=0.45, lead=0.15, claimed=0.17)

RECIPE = Recipe(
    domain="item",
    standardise=standardise,
    keys=keys,
    spaces=SPACES,
    comparators=(
        Codes("code", "Catalogue no."),
        Gtins("gtins", "GTIN / UDI", conflict="GTINs of one packaging level differ"),
        Words("maker", "Manufacturer", alike_words),
        Words("words", "Description", alike_words, context="context", whole="words.whole"),
        Words("sizes", "Sizes", alike_sizes, context="sizes_context", conflict="sizes differ"),
        Axes("variants", "Variant", conflict="variants differ"),
        Axes("packs", "Packaging", conflict="packaging differs"),
    ),
    policy=Policy("item", review_bits=-2.0, calibration=CALIBRATION, weights=WEIGHTS),
    critical=critical,
    candidates=30,  # codes find what can be found: more cost time and find nothing
    tied={
        "code": ("code",), "stem": ("code",), "gtin": ("gtins",), "word": ("words", "code"), "words": ("words",),
        "size": ("words", "sizes"), "sizes": ("sizes",),
    },
)  # fmt: skip
