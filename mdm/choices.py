"""What systems write where Concord has a choice or a country code: their letters, words and phrases."""

from __future__ import annotations

from mdm.canonical import Field
from mdm.scalars import Unreadable

# value: the ways it is written, in lower case; "" lists phrases that state nothing
_FACTS = {"": "not made with information available|labeling does not contain mri safety information|not evaluated"}
SYNONYMS: dict[str, dict[str, str]] = {
    "lifecycle": {
        "active": "a|act|actv|open|live|current|enabled|valid|y|yes|true|1|in use|in commercial distribution|released",
        "inactive": "i|ina|inact|inactv|closed|disabled|suspended|blocked|on hold|n|no|false|0|"
        "temporarily closed|invalid",
        "discontinued": "d|dis|disc|discont|dc|discontinue|obsolete|obs|deleted|retired|ended|end of life|eol|z|"
        "not in commercial distribution|withdrawn|phased out",
    },
    "latex": {
        "contains": "y|yes|true|1|latex|contains|contains natural rubber latex|with latex|natural rubber latex|lx",
        "free": "n|no|false|0|free|latex free|latexfree|non latex|nonlatex|no latex|without latex|lf|"
        "not made with natural rubber latex|does not contain latex",
    },
    "mri_safety": {
        **_FACTS,
        "safe": "mri safe|s|compatible|mr compatible|mri compatible",
        "conditional": "mri conditional|c|cond|conditionally safe",
        "unsafe": "mri unsafe|u|not safe|not mr safe|not mri safe|contraindicated",
    },
    "supplier_type": {
        "manufacturer": "m|mfr|mfg|manuf|maker|oem|manufacturing",
        "distributor": "d|dist|distrib|wholesaler|reseller|vendor|distribution",
        "service": "s|srv|svc|services|service|service vendor|contractor",
        "gpo": "g|group purchasing|group purchasing organisation|purchasing group",
        "other": "o|oth|misc|miscellaneous",
    },
    "purpose": {
        "ordering": "order|orders|order from|purchasing|main|business|po|order to",
        "remit_to": "remit|remittance|remit to|payment|pay to|accounts receivable|billing",
        "ship_from": "ship|shipping|ship from|warehouse|returns",
    },
    "location_type": {
        "health_system": "system|network|idn|health network|hs|enterprise",
        "facility": "hospital|site|campus|clinic|fac|hosp|center|medical center|entity",
        "building": "bldg|bld|bl|tower|pavilion|wing|bu",
        "floor": "fl|flr|level|lvl|storey|story",
        "unit": "nursing unit|dept|department|ward|nu|un|service unit|point of care|poc|n",
        "room": "rm|ro|suite|operating room|or|bay|r",
        "bed": "bd|be|b",
        "storeroom": "store room|stockroom|stock room|supply room|storage|par|par location|inventory|stores|sr|"
        "warehouse",
        "dock": "dk|loading dock|receiving|receiving dock|dock door",
    },
    "account_type": {
        "asset": "assets|a",
        "liability": "liabilities|l",
        "equity": "net assets|fund balance|q|owner's equity|capital",
        "revenue": "revenues|income|r|i|sales",
        "expense": "expenses|expenditure|expenditures|cost|costs|e|x|opex",
    },
}


def _plain(text: str) -> str:
    return " ".join(text.lower().replace("-", " ").replace("_", " ").split())


def _table(field: Field) -> dict[str, str]:
    table: dict[str, str] = {}
    for value, words in SYNONYMS.get(field.name, {}).items():
        table |= dict.fromkeys(map(_plain, words.split("|")), value)
    for value, label in field.choices:
        table |= {_plain(value): value, _plain(label): value}
    return table


_tables: dict[Field, dict[str, str]] = {}


def choice(field: Field, text: str) -> str | None:
    """The choice that a text means, by its value, label or a usual spelling; None where the text states nothing.

    Raises:
        Unreadable: it is none of them; the message lists them.
    """
    if field not in _tables:
        _tables[field] = _table(field)
    value = _tables[field].get(_plain(text))
    if value is None:
        labels = ", ".join(label for _value, label in field.choices)
        raise Unreadable(f"this is none of the choices: write one of {labels}")
    return value or None


COUNTRIES = {
    spelt: code
    for code, spellings in {
        "US": "USA|UNITED STATES|UNITED STATES OF AMERICA|840",
        "CA": "CAN|CANADA",
        "MX": "MEX|MEXICO",
        "GB": "GBR|UK|UNITED KINGDOM|GREAT BRITAIN|ENGLAND",
        "IE": "IRL|IRELAND",
        "DE": "DEU|GERMANY",
        "FR": "FRA|FRANCE",
        "CH": "CHE|SWITZERLAND",
        "IT": "ITA|ITALY",
        "NL": "NLD|NETHERLANDS",
        "BE": "BEL|BELGIUM",
        "SE": "SWE|SWEDEN",
        "DK": "DNK|DENMARK",
        "JP": "JPN|JAPAN",
        "CN": "CHN|CHINA",
        "IN": "IND|INDIA",
        "IL": "ISR|ISRAEL",
        "PR": "PRI|PUERTO RICO",
    }.items()
    for spelt in spellings.split("|")
}


def country(text: str) -> str:
    """ISO 3166 alpha-2 for the usual spellings of the countries that hospitals buy from; others as they are."""
    plain = text.upper().replace(".", "")
    return COUNTRIES.get(plain, plain)
