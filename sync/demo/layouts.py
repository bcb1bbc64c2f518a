"""What each system exports: file, encoding, and the columns with their own headings.

Headings are listed with the canonical path they mean; the manifest turns them into a feed's mapping. Columns without a
path ($ignore) are there because real exports have them.
"""

from __future__ import annotations

from sync.demo.systems import Layout


def _columns(text: str) -> dict[str, str]:
    """Lines "path: heading" → dict."""
    pairs = (line.split(":", 1) for line in text.strip().splitlines())
    return {path.strip(): heading.strip() for path, heading in pairs}


EHR_ITEM = _columns("""
$code: SUPPLY ID
description: Supply Name
size: Size
manufacturer: Manufacturer
catalogue_number: Model / Catalog #
brand: Brand Name
udi_di: UDI-DI
latex: Latex Status
mri_safety: MRI Safety
implant: Implant?
sterile: Sterile?
single_use: Single Use?
lot_tracked: Lot Tracked?
serial_tracked: Serial Tracked?
chargeable: Chargeable?
hcpcs: HCPCS Code
gmdn_term: Device Type
base_uom: Dispense Unit
lifecycle: Record Status
$updated_at: Last Updated
""")
ERP_ITEM = _columns("""
$code: MATERIAL_NO
description: SHORT_TEXT
long_description: PO_TEXT
manufacturer: MFR_NAME
catalogue_number: MFR_PART_NO
gtin: EAN_UPC
unspsc: UNSPSC_CD
category: MATL_GROUP
implant: IMPLANT_IND
lot_tracked: BATCH_IND
expiry_tracked: SHELF_LIFE_IND
base_uom: BASE_UOM
packaging.1.uom: ALT_UOM_1
packaging.1.quantity: ALT_QTY_1
packaging.2.uom: ORDER_UOM
packaging.2.quantity: ORDER_QTY_IN_BASE
preferred_supplier: FIXED_VENDOR
supplier_parts.1.supplier: INFO_REC_VENDOR
supplier_parts.1.number: VENDOR_MATL_NO
supplier_parts.1.uom: PRICE_UOM
supplier_parts.1.price: NET_PRICE
supplier_parts.1.currency: CURR
lifecycle: STATUS
$updated_at: CHANGED_ON
""")
SCM_ITEM = _columns("""
$code: Item Number
description: Item Description
manufacturer: Manufacturer Name
catalogue_number: Mfr Catalog No
brand: Trade Name
latex: Latex
sterile: Sterile
lot_tracked: Lot Control
expiry_tracked: Expiry Control
unspsc: UNSPSC
base_uom: Lowest UoM
packaging.1.uom: Pkg 1 UoM
packaging.1.quantity: Pkg 1 Qty
packaging.1.gtin: Pkg 1 GTIN
packaging.2.uom: Pkg 2 UoM
packaging.2.quantity: Pkg 2 Qty
packaging.2.gtin: Pkg 2 GTIN
packaging.3.uom: Pkg 3 UoM
packaging.3.quantity: Pkg 3 Qty
packaging.3.gtin: Pkg 3 GTIN
preferred_supplier: Primary Vendor
supplier_parts.1.supplier: Vendor
supplier_parts.1.number: Vendor Catalog No
supplier_parts.1.uom: Vendor UoM
supplier_parts.1.price: Contract Price
supplier_parts.1.currency: Currency
supplier_parts.1.contract: Contract No
supplier_parts.1.tier: Contract Tier
supplier_parts.1.valid_from: Price Effective
lifecycle: Item Status
$updated_at: Modified
""")
EHR_SUPPLIER = _columns("""
$code: Vendor ID
name: Vendor Name
npi: NPI
phone: Main Phone
addresses.ordering.line1: Street
addresses.ordering.line2: Street 2
addresses.ordering.city: City
addresses.ordering.state: State
addresses.ordering.postcode: ZIP
addresses.ordering.country: Country
lifecycle: Status
$updated_at: Last Updated
""")
ERP_SUPPLIER = _columns("""
$code: VENDOR_NO
name: NAME_1
ein: TAX_NO_1
duns: DUNS_NO
lei: LEI
npi: NPI_NO
parent: PARENT_VENDOR
phone: TELEPHONE
payment_terms: TERMS
addresses.ordering.line1: ORDER_STREET
addresses.ordering.city: ORDER_CITY
addresses.ordering.state: ORDER_REGION
addresses.ordering.postcode: ORDER_POSTL_CODE
addresses.ordering.country: ORDER_COUNTRY
addresses.remit_to.line1: REMIT_STREET
addresses.remit_to.city: REMIT_CITY
addresses.remit_to.state: REMIT_REGION
addresses.remit_to.postcode: REMIT_POSTL_CODE
addresses.remit_to.country: REMIT_COUNTRY
lifecycle: STATUS
$updated_at: CHANGED_ON
""")
SCM_SUPPLIER = _columns("""
$code: Vendor Number
name: Vendor Legal Name
dba_names: DBA
supplier_type: Vendor Type
duns: D-U-N-S
ein: Federal Tax ID
gln: GLN
phone: Order Desk Phone
email: Order Desk E-mail
website: Web Site
addresses.ordering.line1: Order Address 1
addresses.ordering.line2: Order Address 2
addresses.ordering.city: Order City
addresses.ordering.state: Order State
addresses.ordering.postcode: Order Zip
addresses.ordering.country: Order Country
addresses.ship_from.line1: Ship Address 1
addresses.ship_from.line2: Ship Address 2
addresses.ship_from.city: Ship City
addresses.ship_from.state: Ship State
addresses.ship_from.postcode: Ship Zip
addresses.ship_from.country: Ship Country
lifecycle: Vendor Status
$updated_at: Modified
""")
EHR_LOCATION = _columns("""
$code: DEP ID
name: Location Name
location_type: Level
parent: Parent DEP ID
line1: Address
line2: Address 2
city: City
state: State
postcode: ZIP
country: Country
npi: Facility NPI
phone: Phone
cost_center: Cost Center ID
active_from: Active From
lifecycle: Record Status
$updated_at: Last Updated
""")
ERP_LOCATION = _columns("""
$code: PLANT_LOC
name: DESCRIPTION
location_type: LOC_TYPE
parent: SUPERIOR_LOC
line1: STREET
city: CITY
state: REGION
postcode: POSTL_CODE
country: COUNTRY
gln: GLN
npi: NPI_NO
phone: TELEPHONE
cost_center: COST_CTR
active_from: VALID_FROM
lifecycle: STATUS
$updated_at: CHANGED_ON
""")
SCM_LOCATION = _columns("""
$code: Ship-To No
name: Ship-To Name
location_type: Location Class
parent: Belongs To
line1: Address 1
line2: Address 2
city: City
state: State
postcode: Zip
country: Country
gln: GLN
phone: Phone
cost_center: Charge Dept
lifecycle: Status
$updated_at: Modified
""")
EHR_COST_CENTER = _columns("""
$code: CC ID
code: Department Number
name: Department Name
department: Specialty
legal_entity: Service Area
parent: Reports To
location: DEP ID
lifecycle: Record Status
$updated_at: Last Updated
""")
ERP_COST_CENTER = _columns("""
$code: COST_CTR
code: CC_NUMBER
name: DESCRIPTION
legal_entity: COMPANY
department: DEPARTMENT
gl_segment: SEGMENT
parent: HIERARCHY_NODE
manager_role: RESPONSIBLE
location: PLANT_LOC
effective_from: VALID_FROM
effective_to: VALID_TO
lifecycle: STATUS
$updated_at: CHANGED_ON
""")
SCM_COST_CENTER = _columns("""
$code: Charge Dept
code: Accounting Code
name: Charge Dept Name
legal_entity: Entity
manager_role: Approver Role
parent: Rolls Up To
location: Default Ship-To
lifecycle: Status
$updated_at: Modified
""")
GL_ACCOUNT = _columns("""
$code: GL_ACCOUNT
name: ACCT_NAME
account_type: ACCT_TYPE
parent: ACCT_GROUP
effective_from: VALID_FROM
""")

LAYOUTS: dict[tuple[str, str], Layout] = {
    ("ehr", "supplier"): Layout("ehr_supplier.xlsx", "xlsx", False, "ignore", 0.02, EHR_SUPPLIER),
    ("erp", "supplier"): Layout("erp_supplier.csv", "cp1252", False, "ignore", 0.02, ERP_SUPPLIER),
    ("scm", "supplier"): Layout("scm_supplier.csv.gz", "utf-8", True, "ignore", 0, SCM_SUPPLIER),
    ("ehr", "cost_center"): Layout("ehr_cost_center.tsv", "utf-8", True, "ignore", 0, EHR_COST_CENTER),
    ("erp", "cost_center"): Layout("erp_cost_center.csv", "cp1252", True, "retire", 0, ERP_COST_CENTER),
    ("scm", "cost_center"): Layout("scm_cost_center.xlsx", "xlsx", False, "ignore", 0.015, SCM_COST_CENTER),
    ("ehr", "location"): Layout("ehr_location.csv", "utf-8-sig", True, "retire", 0, EHR_LOCATION),
    ("erp", "location"): Layout("erp_location.xlsx", "xlsx", True, "ignore", 0, ERP_LOCATION),
    ("scm", "location"): Layout("scm_location.tsv", "cp1252", False, "ignore", 0.015, SCM_LOCATION),
    ("ehr", "item"): Layout("ehr_item.csv", "utf-8-sig", True, "ignore", 0, EHR_ITEM),
    ("erp", "item"): Layout("erp_item.csv", "cp1252", False, "ignore", 0.015, ERP_ITEM),
    ("scm", "item"): Layout("scm_item.tsv.gz", "utf-8", False, "ignore", 0.015, SCM_ITEM),
}
GL_LAYOUT = Layout("erp_gl_account.csv", "cp1252", True, "retire", 0, GL_ACCOUNT)
