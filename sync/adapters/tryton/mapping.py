"""Canonical field -> place in Tryton 8 with the modules party, product, purchase, stock and analytic_account.

======================= ======================================================================================
supplier                ``party.party``: name
  ein                   identifier of the type ``us_ein``, which Tryton checks
  duns, lei, gln, npi   identifiers without a type, written ``DUNS 150483782``
  phone, email, website contact mechanisms named *Master data*
  addresses             addresses: remit_to has *invoice* set, ship_from has *delivery*, ordering neither
item                    ``product.template`` with one variant: name (description), default unit (base_uom)
  long_description      the variant's description
  gtin                  identifier of the type ``ean``, which Tryton checks
  catalogue_number      identifier of the type ``mpn``; brand: of the type ``brand``
  udi_di, unspsc, hcpcs identifiers without a type, written ``UNSPSC 42142500``
  supplier_parts        *Suppliers* of the product: party, code, price for any quantity, currency
  preferred_supplier    the supplier that stands first
location                ``stock.location``: name, parent; its type is chosen once, when it is made
cost_center             ``analytic_account.account`` under the configured root: code, name, parent
======================= ======================================================================================

What Tryton has no field for stays with Concord; ``NOT_CARRIED`` says what and why. Text is stored without blanks around
it. What somebody adds in Tryton beside these (a further identifier, address or supplier) is left alone and not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matching.standardise.phones import phone
from sync.adapters.base import Values
from sync.adapters.values import comparable

from .config import TrytonConfig
from .shape import Model, Ref, Rows, Tree, decimal

NO_FIELD = "Tryton 8 has no field for it without a module of its own"
NOT_CARRIED: dict[str, dict[str, str]] = {
    "supplier": dict.fromkeys(("dba_names", "supplier_type", "parent", "payment_terms"), NO_FIELD)
    | {"lifecycle": "a party is active or not, as the record is live or not"},
    "item": dict.fromkeys(
        ("manufacturer", "size", "latex", "implant", "sterile", "single_use", "mri_safety", "lot_tracked",
         "serial_tracked", "expiry_tracked", "chargeable", "gmdn_term", "packaging",
         *(f"supplier_parts.{name}" for name in ("uom", "valid_from", "valid_to", "contract", "tier"))), NO_FIELD)
    | {"lifecycle": "a product is active or not, as the record is live or not",
       "category": "categories in Tryton decide about accounts; the ERP's administrator chooses them"},
    "location": dict.fromkeys(
        ("gln", "npi", "line1", "line2", "city", "state", "postcode", "country", "phone", "cost_center",
         "active_from", "active_to"), NO_FIELD)
    | {"lifecycle": "a location is active or not, as the record is live or not",
       "location_type": "Tryton's types are about stock: view or storage"},
    "cost_center": dict.fromkeys(
        ("legal_entity", "department", "gl_segment", "manager_role", "location", "effective_from", "effective_to"),
        NO_FIELD)
    | {"lifecycle": "an account is active or not, as the record is live or not"},
}  # fmt: skip

NAME = "Master data"  # of the contact mechanisms that are kept in step
PREFIXES = {
    "supplier": {"duns": "DUNS", "lei": "LEI", "gln": "GLN", "npi": "NPI"},
    "item": {"udi_di": "UDI-DI", "unspsc": "UNSPSC", "hcpcs": "HCPCS"},
}
TYPES = {"supplier": {"ein": "us_ein"}, "item": {"gtin": "ean", "catalogue_number": "mpn", "brand": "brand"}}
CONTACTS = ("phone", "email", "website")
GROUPS = {"health_system", "facility", "building", "floor"}  # places that hold no stock themselves
FIRST = 1  # position of the preferred supplier among a product's suppliers


def _identifier(domain: str) -> Any:
    kinds = {name: field for field, name in (TYPES[domain] | PREFIXES[domain]).items()}
    return lambda row: kinds.get(row["type"] or str(row["code"]).partition(" ")[0])


def _contact(row: Tree) -> str | None:
    return row["type"] if row["name"] == NAME and row["type"] in CONTACTS else None


def _purpose(row: Tree) -> str:
    return "remit_to" if row["invoice"] else "ship_from" if row["delivery"] else "ordering"


ADDRESS = Model(
    "party.address",
    ("street", "city", "postal_code", "invoice", "delivery", "active"),
    {"country": Ref("country.country"), "subdivision": Ref("country.subdivision")},
)
PARTY = Model(
    "party.party",
    ("name",),
    rows={
        "identifiers": Rows(Model("party.identifier", ("type", "code")), _identifier("supplier")),
        "contact_mechanisms": Rows(Model("party.contact_mechanism", ("type", "value", "name")), _contact),
        "addresses": Rows(ADDRESS, _purpose, deactivated=True),
    },
)
PRICE = Model("purchase.product_supplier.price", ("quantity", "unit_price"))
SUPPLIER_PART = Model(
    "purchase.product_supplier",
    ("code", "sequence"),
    {"party": Ref("party.party", domain="supplier"), "currency": Ref("currency.currency")},
    {"prices": Rows(PRICE, lambda row: None if row["quantity"] else "any quantity")},
)
VARIANT = Model(
    "product.product",
    ("description",),
    rows={"identifiers": Rows(Model("product.identifier", ("type", "code")), _identifier("item"))},
)
UNIT = Ref("product.uom", "symbol")
VARIANT_OF = Ref("product.product", domain="item")
TEMPLATE = Model(
    "product.template",
    ("name", "purchasable"),
    {"default_uom": UNIT, "purchase_uom": UNIT},
    {
        "products": Rows(VARIANT, lambda row: "the variant"),
        "product_suppliers": Rows(SUPPLIER_PART, lambda row: row["party"]),
    },
)
LOCATION = Model("stock.location", ("name",), {"parent": Ref("stock.location", domain="location")})
ACCOUNT = Model(
    "analytic_account.account", ("code", "name"), {"parent": Ref("analytic_account.account", domain="cost_center")}
)
MODELS = {"supplier": PARTY, "item": TEMPLATE, "location": LOCATION, "cost_center": ACCOUNT}


def to_tree(domain: str, record: str, values: Values, config: TrytonConfig) -> Tree:
    """Canonical values as Tryton is to hold them. Raises KeyError for a unit that the configuration doesn't name."""
    tree: Tree = _TO[domain](record, values, config)
    return tree


def to_canonical(domain: str, record: str, tree: Mapping[str, Any], config: TrytonConfig) -> Values:
    """The carried values of a tree; the inverse of ``to_tree``, but for what Tryton itself tidies."""
    found = comparable(domain, _FROM[domain](record, tree, config))
    return {name: value for name, value in found.items() if name not in NOT_CARRIED[domain]}


def _texts(values: Values, *names: str) -> list[str | None]:
    return [_text(values.get(name)) for name in names]


def _text(value: str | None) -> str | None:
    return (value or "").strip() or None


def _identifiers(domain: str, values: Values) -> list[Tree]:
    typed = [(kind, "", values.get(name)) for name, kind in TYPES[domain].items()]
    marked = [(None, f"{prefix} ", values.get(name)) for name, prefix in PREFIXES[domain].items()]
    return [{"type": kind, "code": prefix + value.strip()} for kind, prefix, value in (*typed, *marked) if value]


def _from_identifiers(domain: str, rows: list[Tree]) -> Values:
    kind = _identifier(domain)
    found = {kind(row): row for row in rows}
    return {name: row["code"] if row["type"] else row["code"].partition(" ")[2] for name, row in found.items()}


def _party(record: str, values: Values, config: TrytonConfig) -> Tree:
    contacts = [(name, _text(values.get(name))) for name in CONTACTS]
    return {
        "name": _text(values.get("name")),
        "identifiers": _identifiers("supplier", values),
        "contact_mechanisms": [{"type": kind, "value": value, "name": NAME} for kind, value in contacts if value],
        "addresses": [_address(row, config) for row in values.get("addresses") or ()],
    }


def _address(row: Values, config: TrytonConfig) -> Tree:
    line1, line2, city, state, postcode, country = _texts(row, "line1", "line2", "city", "state", "postcode", "country")
    country = country or config.country
    return {
        "street": "\n".join(line for line in (line1, line2) if line) or None,
        "city": city,
        "postal_code": postcode,
        "invoice": row.get("purpose") == "remit_to",
        "delivery": row.get("purpose") == "ship_from",
        "active": True,
        "country": country,
        "subdivision": f"{country}-{state}" if state else None,  # ISO 3166-2
    }


def _from_party(record: str, tree: Mapping[str, Any], config: TrytonConfig) -> Values:
    contacts = {row["type"]: row["value"] for row in tree["contact_mechanisms"]}
    number, mail = contacts.get("phone"), contacts.get("email")
    user, _, host = (mail or "").rpartition("@")
    return {
        "name": _text(tree["name"]),
        **_from_identifiers("supplier", tree["identifiers"]),
        "phone": number and (phone(number) or number),  # Tryton may write it in its own way
        "email": mail and f"{user}@{host.lower()}",
        "website": contacts.get("website"),
        "addresses": [_from_address(row) for row in tree["addresses"] if row["active"]],
    }


def _from_address(row: Tree) -> Values:
    line1, _, line2 = (row["street"] or "").partition("\n")
    return {
        "purpose": _purpose(row),
        "line1": line1,
        "line2": line2,
        "city": row["city"],
        "state": (row["subdivision"] or "").partition("-")[2],
        "postcode": row["postal_code"],
        "country": row["country"],
    }


def _template(record: str, values: Values, config: TrytonConfig) -> Tree:
    preferred, parts = values.get("preferred_supplier"), {p["supplier"]: p for p in values.get("supplier_parts") or ()}
    suppliers = {**({preferred: {}} if preferred else {}), **parts} if "supplier" in config.domains else {}
    unit = config.units[values.get("base_uom") or "EA"]
    return {
        "name": _text(values.get("description")),
        "default_uom": unit,
        **({"purchasable": True, "purchase_uom": unit} if suppliers else {}),
        "products": [
            {"description": _text(values.get("long_description")), "identifiers": _identifiers("item", values)}
        ],
        "product_suppliers": [_part(supplier, part, supplier == preferred, config)
                              for supplier, part in suppliers.items()],
    }  # fmt: skip


def _part(supplier: str, part: Values, first: bool, config: TrytonConfig) -> Tree:
    price = part.get("price")
    return {
        "party": supplier,
        "code": _text(part.get("number")),
        "sequence": FIRST if first else None,
        "currency": part.get("currency") or config.currency,
        "prices": [{"quantity": 0, "unit_price": decimal(price)}] if price else [],
    }


def _from_template(record: str, tree: Mapping[str, Any], config: TrytonConfig) -> Values:
    (variant, *_) = tree["products"] or [{"description": None, "identifiers": []}]
    first = [row["party"] for row in tree["product_suppliers"] if row["sequence"] == FIRST]
    units = {theirs: ours for ours, theirs in config.units.items()}
    return {
        "description": tree["name"],
        "long_description": _text(variant["description"]),
        "base_uom": units.get(tree["default_uom"], tree["default_uom"]),
        **_from_identifiers("item", variant["identifiers"]),
        "preferred_supplier": first[0] if first else None,
        "supplier_parts": [_from_part(row) for row in tree["product_suppliers"] if row["code"] or row["prices"]],
    }


def _from_part(row: Tree) -> Values:
    price = row["prices"][0]["unit_price"]["decimal"] if row["prices"] else None
    return {
        "supplier": row["party"],
        "number": row["code"],
        "price": price,
        "currency": row["currency"] if price else None,
    }


def _location(record: str, values: Values, config: TrytonConfig) -> Tree:
    return {"name": _text(values.get("name")), "parent": values.get("parent")}


def _from_location(record: str, tree: Mapping[str, Any], config: TrytonConfig) -> Values:
    return {"name": tree["name"], "parent": tree["parent"]}


def _account(record: str, values: Values, config: TrytonConfig) -> Tree:
    code, name = _texts(values, "code", "name")
    return {"code": code or record, "name": name, "parent": values.get("parent")}


def _from_account(record: str, tree: Mapping[str, Any], config: TrytonConfig) -> Values:
    code = None if tree["code"] == record else tree["code"]
    return {"code": code, "name": tree["name"], "parent": tree["parent"]}


_TO = {"supplier": _party, "item": _template, "location": _location, "cost_center": _account}
_FROM = {"supplier": _from_party, "item": _from_template, "location": _from_location, "cost_center": _from_account}


def first_values(domain: str, code: str, values: Values) -> Tree:
    """What only a new record is given: its code, and what Tryton requires and people may change there."""
    match domain:
        case "supplier":
            return {"code": code}
        case "item":
            return {"code": code, "type": "goods"}
        case "location":
            return {"code": code, "type": "view" if values.get("location_type") in GROUPS else "storage"}
    return {"type": "normal", "state": "opened"}
