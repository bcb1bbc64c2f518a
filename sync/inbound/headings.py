"""What systems put above their columns, per domain and path. Case, blanks and punctuation don't count."""

from __future__ import annotations

OWN_CODE = "Record code"  # of the files that Concord gives out to be filled in
# headings that Concord has no attribute for, and that look like some it has
NOTHING = "county|count|latitude|longitude|row|row number|created by|created on|user|buyer|payments|beds|alt name"
_UPDATED = "last updated|modified|modified on|changed on|last change|last modified|update date|updated at|timestamp"
_STATUS = "status|record status|active|active flag|active indicator|state code status|lifecycle status"
_PHONE = "phone|telephone|telephone number|phone number|phone no|tel|main phone|contact phone"
_ADDRESS = {
    "line1": "address|address 1|address line 1|street|street address|street 1|addr1|addr 1|line 1",
    "line2": "address 2|address line 2|street 2|addr2|addr 2|suite|line 2",
    "city": "city|town|city name",
    "state": "state|region|province|state code|st",
    "postcode": "zip|zip code|zipcode|postal code|postl code|post code|postcode",
    "country": "country|country code|ctry",
}
_PURPOSES = {
    "ordering": ("", "order", "ordering", "purchasing", "main"),
    "remit_to": ("remit", "remit to", "payment", "pay to"),
    "ship_from": ("ship", "ship from", "shipping", "warehouse"),
}

_PACKAGING = {
    path: text
    for n in "1234"
    for path, text in {
        f"packaging.{n}.uom": f"uom {n}|pkg {n} uom|pack {n} uom|alt uom {n}|packaging {n} unit|unit {n}|level {n} uom",
        f"packaging.{n}.quantity": f"qty {n}|pkg {n} qty|pack {n} qty|alt qty {n}|packaging {n} quantity|"
        f"conversion {n}|level {n} quantity|uom {n} qty",
        f"packaging.{n}.gtin": f"gtin {n}|pkg {n} gtin|pack {n} gtin|level {n} gtin|uom {n} gtin",
    }.items()
}

HEADINGS: dict[str, dict[str, str]] = {
    "item": {
        "$code": "item number|item no|item id|item|item code|material|material no|material number|supply id|sku|"
        "id|code|"
        "item num|stock number|product id|product code|part id|pmm item number|lawson item",
        "$uom": "issue uom|stocking uom|counted in|stock unit",
        "$updated_at": _UPDATED,
        "description": "item description|short text|supply name|desc|item desc|short description|item name|"
        "product description|material description|product name|name|description 1",
        "long_description": "po text|extended description|description 2|purchase text|full description|long text",
        "manufacturer": "manufacturer name|mfr|mfg|mfr name|mfg name|maker|company|company name|"
        "vendor manufacturer|labeler",
        "catalogue_number": "catalog number|catalog no|catalogue number|mfr catalog no|mfr part no|mfg part number|"
        "manufacturer part number|manufacturer catalog number|model catalog|mfr cat no|cat no|part number|mfr number|"
        "reference number|ref|ref no|model number|manufacturer number|mpn",
        "brand": "brand name|trade name|proprietary name|trademark",
        "gtin": "gtin each|ean upc|ean|upc|barcode|gtin 14|upc code|global trade item number",
        "udi_di": "udi|udi di|device identifier|primary di|di|di number|primary device identifier",
        "lifecycle": f"item status|{_STATUS}|discontinued|device status|commercial distribution status",
        "size": "sizes|dimension|dimensions|device size|size text",
        "latex": "latex status|latex free|contains latex|latex indicator|latex flag",
        "implant": "implantable|implant ind|implant flag|is implant|implant y n",
        "sterile": "sterile flag|is sterile|sterility|device sterile",
        "single_use": "single use device|disposable|sud|single use flag",
        "mri_safety": "mri|mri safety status|mr safety|mri status|mri safety information",
        "lot_tracked": "lot control|batch ind|lot controlled|lot track|lot flag",
        "serial_tracked": "serial control|serial ind|serialized|serial track|serial flag",
        "expiry_tracked": "expiry control|shelf life ind|expiration control|expiration tracked|exp date flag",
        "chargeable": "charge flag|patient chargeable|billable|is chargeable|chargeable flag",
        "unspsc": "unspsc cd|unspsc code|commodity code|unspsc class",
        "hcpcs": "hcpcs code|hcpcs cpt|billing code",
        "gmdn_term": "gmdn|gmdn name|gmdn preferred term|device type|generic name",
        "category": "item category|matl group|material group|item class|product class|item type|commodity",
        "base_uom": "base uom|lowest uom|base unit of measure|uom|unit of measure|each uom|unit|dispense unit",
        "preferred_supplier": "primary vendor|fixed vendor|preferred vendor|main supplier|primary supplier",
        "supplier_parts.1.supplier": "vendor|supplier|vendor number|vendor no|vendor id|supplier id|info rec vendor|"
        "vendor code|distributor",
        "supplier_parts.1.number": "vendor catalog no|vendor catalog number|vendor part number|vendor item|"
        "vendor matl no|"
        "supplier part number|vendor item number|distributor item number|vendor sku|reorder number",
        "supplier_parts.1.uom": "vendor uom|price uom|purchase uom|buy uom|po uom|order uom",
        "supplier_parts.1.price": "price|contract price|net price|unit price|cost|unit cost|po price|purchase price",
        "supplier_parts.1.currency": "currency|curr|currency code",
        "supplier_parts.1.valid_from": "price effective|price from|valid from|price start|contract start",
        "supplier_parts.1.valid_to": "price to|valid to|price expires|price end|contract end|expiration",
        "supplier_parts.1.contract": "contract|contract no|contract number|contract id|agreement",
        "supplier_parts.1.tier": "contract tier|tier|price tier",
        **_PACKAGING,
    },
    "supplier": {
        "$code": "vendor number|vendor no|vendor id|vendor|supplier number|supplier id|supplier code|vendor code|id|"
        "code|lifnr|supplier no",
        "$updated_at": _UPDATED,
        "name": "vendor name|supplier name|vendor legal name|name 1|company|company name|legal name|business name",
        "dba_names": "dba|dba name|doing business as|trade name|other names|alternate name|aka|name 2",
        "supplier_type": "vendor type|supplier type|vendor class|class|category|vendor category",
        "lifecycle": f"vendor status|supplier status|{_STATUS}|inactive",
        "parent": "parent vendor|parent company|corporate parent|parent id|parent supplier",
        "duns": "d u n s|duns no|duns number|dun bradstreet",
        "ein": "tax id|tin|federal tax id|tax no 1|fein|ein number|taxpayer id|employer id",
        "lei": "legal entity identifier|lei code",
        "gln": "global location number|gln number",
        "npi": "npi no|npi number|national provider identifier",
        "phone": f"{_PHONE}|order desk phone|vendor phone",
        "email": "e mail|email address|order desk e mail|contact email|mail",
        "website": "web site|url|homepage|www|web",
        "payment_terms": "terms|payment term|pay terms|terms code|net terms",
        **{
            f"addresses.{purpose}.{name}": "|".join(
                f"{prefix} {word}" for prefix in prefixes for word in words.split("|")
            )
            for purpose, prefixes in _PURPOSES.items()
            for name, words in _ADDRESS.items()
        },
    },
    "location": {
        "$code": "location id|location code|location number|dep id|department id|plant loc|ship to no|"
        "facility id|unit id|"
        "loc id|id|code|site id|location|loc code|par location|provider id|ccn",
        "$updated_at": _UPDATED,
        "name": "location name|facility name|ship to name|description|site name|department name|unit name|"
        "hospital name|"
        "loc name|location description",
        "location_type": "loc type|level|location class|class|facility type|hierarchy level",
        "parent": "parent location|parent id|parent dep id|belongs to|superior loc|part of|parent code|"
        "reports to|facility",
        "lifecycle": f"location status|{_STATUS}|open closed",
        "gln": "global location number|gln number",
        "npi": "npi no|npi number|facility npi|national provider identifier",
        **_ADDRESS,
        "phone": _PHONE,
        "cost_center": "cost center id|cost centre|cost ctr|charge dept|cost center code|department number|cc",
        "active_from": "valid from|start date|open date|effective from|opened|effective date",
        "active_to": "valid to|end date|close date|effective to|closed|closed date",
    },
    "cost_center": {
        "$code": "cost center|cost center id|cost ctr|cost centre|cc id|charge dept|department number|dept id|dept|id|"
        "department id|cost center number|kostl",
        "$updated_at": _UPDATED,
        "code": "cost center code|accounting code|cc number|cc code|number|accounting unit",
        "name": "description|cost center name|department name|charge dept name|cc name|dept name|dept descrptn|title",
        "legal_entity": "company|entity|company code|legal entity name|business unit|co",
        "department": "dept|division|service line|specialty|department group",
        "gl_segment": "segment|gl segment code|accounting segment|fund|gl string",
        "parent": "parent cost center|hierarchy node|rolls up to|reports to|parent code|node",
        "lifecycle": _STATUS,
        "manager_role": "manager|responsible|approver role|owner|manager title|responsible person|approver",
        "location": "plant loc|default ship to|location id|location code|dep id|site",
        "effective_from": "valid from|start date|effective date|begin date",
        "effective_to": "valid to|end date|expiration date",
    },
    "gl_account": {
        "$code": "account|account number|account code|gl account|gl code|account no|acct|acct no|"
        "natural account|id|code|"
        "commitment item|gl number",
        "name": "account name|acct name|description|account description|commitmt item name|title|gl description",
        "account_type": "type|acct type|account class|class|category|account category",
        "parent": "acct group|parent account|account group|rolls up to|parent code|group|summary account",
        "effective_from": "valid from|start date|effective date",
        "effective_to": "valid to|end date",
    },
}
