"""Records from hospital life, and strategies that make more of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

WORDS = (
    "catheter,cath,foley,screw,SCR,sterile,strl,left,right,16FR,16 Fr,5cc,10x10cm,4817-016,BX/10,memorial,hospital,st,"
    "joseph,4 west,4W,tele,inc,llc,acme,N/A,ø,w/o latex"
).split(",")
text = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join) | st.text(max_size=12)
codes = st.sampled_from(["", "01-7144", "017144", "1-7144", "A100", "a-100-EA", "N/A", "000000"])
gtins = st.sampled_from(["", "00844505010184", "844505010184", "10844505010181", "x"])
purposes = st.sampled_from(["ordering", "remit_to"])
uoms = st.sampled_from(["EA", "BX", "CA"])


def optional(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


address = {"line1": text, "city": text, "state": st.sampled_from(["AZ", "Arizona", ""]), "postcode": codes}
packaging = st.fixed_dictionaries({"uom": uoms, "quantity": st.integers(1, 100)}, optional={"gtin": gtins})
ITEM = {
    "description": text, "long_description": text, "manufacturer": text, "catalogue_number": codes, "brand": text,
    "gtin": gtins, "udi_di": gtins, "size": text, "base_uom": uoms, "packaging": st.lists(packaging, max_size=3),
}  # fmt: skip
SUPPLIER = {
    "name": text, "dba_names": st.lists(text, max_size=2), "duns": codes, "ein": codes, "phone": codes, "email": text,
    "website": text, "addresses": st.lists(optional({"purpose": purposes, **address}), max_size=2),
}  # fmt: skip
LOCATION = {
    "name": text, "location_type": st.sampled_from(["unit", "room"]), "parent_name": text, "phone": codes,
    "gln": gtins, "npi": codes, **address,
}  # fmt: skip
COST_CENTER = {
    "code": codes, "name": text, "legal_entity": text, "department": text, "gl_segment": codes, "manager_role": text,
}  # fmt: skip
VALUES = {
    "item": optional(ITEM),
    "supplier": optional(SUPPLIER),
    "location": optional(LOCATION),
    "cost_center": optional(COST_CENTER),
}
