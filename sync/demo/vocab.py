"""The words the invented network is made of. Every company, brand, town and hospital is coined here."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@cache
def table(name: str) -> tuple[dict[str, str], ...]:
    """The rows of ``data/<name>.csv`` (separated by ``|``) as dicts of heading to text."""
    text = files("sync.demo").joinpath("data", f"{name}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines(), delimiter="|", quoting=csv.QUOTE_NONE))


@dataclass(frozen=True, slots=True)
class Town:
    name: str
    state: str
    postcode_start: str
    area_code: str


def _towns(text: str) -> tuple[Town, ...]:
    rows = (line.split() for line in text.strip().splitlines())
    return tuple(Town(row[0].replace("_", " "), *row[1:4]) for row in rows)


TOWNS = _towns("""
Harrow_Falls   OR 973 503
Port_Lindane   OR 974 541
Westmarsh      OR 970 503
Ellorée        OR 975 541
Tannick        OR 977 541
Quillan_Ford   WA 985 360
Brindle_Creek  WA 986 360
Osterley_Bay   WA 983 253
Marrowdale     CA 956 916
Peña_Vista     CA 928 714
Alto_Perrin    CA 945 925
Kestrel_Flats  NV 895 775
Dunmarrow      ID 836 208
Sable_Ridge    UT 840 801
Vantry         CO 802 303
Juniper_Locks  CO 809 719
Pellham_Grove  MN 554 612
Nettle_Lake    MN 551 651
Corvane        WI 532 414
Ashgrove_Mills WI 537 608
Tarrant_Hollow IL 600 847
Lower_Wexford  IL 605 630
Mossgate       IN 465 574
Bellhaven      IN 462 317
Oakmere        OH 441 330
Three_Weirs    OH 432 614
Stonelark      MI 481 734
Upper_Calder   MI 493 231
Fennimoor      PA 191 215
Gravel_Spring  PA 152 412
Lorne_Harbor   NJ 070 973
Hazelwick      NJ 088 908
Winterbourne   NY 117 631
Cold_Anvil     NY 140 716
Millrace       MA 018 978
Penhallow_Neck MA 027 508
Rookley        CT 064 203
Saltmeadow     MD 212 410
Dovecote       VA 231 804
Lark_Summit    NC 275 919
Thistle_Run    NC 282 704
Amberfield     SC 296 864
Peach_Landing  GA 303 404
Cypress_Knoll  FL 337 727
Heron_Cay      FL 331 305
Red_Lantern    TN 372 615
Limestone_Gap  TN 381 901
Bayou_Verret   LA 701 504
Copper_Mesa    TX 750 972
Live_Oak_Bend  TX 770 713
Rio_Tilden     TX 782 210
Prairie_Vane   KS 662 913
Sunfall        AZ 850 602
Ocotillo_Pass  AZ 857 520
""")

STREETS = tuple(
    """Commerce Industrial Maple Harbor Research Technology Mill Foundry Orchard Lakeview Summit Quarry Chestnut
Prospect Meridian Enterprise Innovation Depot Canal Willow Larkspur Granite Hawthorn Ironwood Juniper Kingfisher Linden
Magnolia Northgate Parkside Ridgeline Sycamore Tamarack Underhill Valley Wharf Zephyr Birch Cedar Elmhurst""".split()
)
STREET_KINDS = (
    ("Street", "St"),
    ("Avenue", "Ave"),
    ("Boulevard", "Blvd"),
    ("Drive", "Dr"),
    ("Parkway", "Pkwy"),
    ("Road", "Rd"),
    ("Lane", "Ln"),
    ("Court", "Ct"),
    ("Way", "Way"),
)
DIRECTIONS = (("North", "N"), ("South", "S"), ("East", "E"), ("West", "W"))

# Company names: a coined stem, what the company is about, a legal form.
STEM_STARTS = tuple(
    """Brak Cald Dorv Eld Fyr Galt Hesk Ivr Jast Kelv Lorn Mord Nask Orst Palv Quem Rysk Sorv Tulv Ulm Vesk
Wend Xand Yarr Zemb Aust Bryl Corv Dask Emn Fask Grel Hult Ister Jolv Krav Lusk Melv Norv Oxl Prusk Relk Stav Thal Urv
Vorn Wisk Yelv Zorn Abr Kréb Müld Ørv""".split()
)
STEM_ENDS = tuple(
    """avia idan omere ulon eska orin anth istra owen ulis amont ery ondo arix isk ethra ofield unda""".split()
)
FIELDS_OF_BUSINESS = tuple(
    """Medical|Surgical|Healthcare|Medical Devices|Orthopedics|Biosciences|Medical Products|
Technologies|Diagnostics|Life Sciences|Therapeutics|Instruments|Medical Systems|Vascular|Laboratories
""".replace("\n", "").split("|")
)
DISTRIBUTION = tuple(
    """Medical Supply|Distribution|Hospital Supply|Medical Distributors|Health Logistics|
Surgical Supply|Supply Partners""".replace("\n", "").split("|")
)
SERVICES = tuple(
    """Elevator Service|Linen Service|Waste Solutions|Biomedical Services|Staffing|Physician Group|
Anesthesia Associates|Radiology Associates|Pathology Associates|Courier|Electric|Plumbing|Roofing|Landscaping|
Food Services|Consulting|Translation Services|Ambulance|Calibration|Fire Protection|Security|Software|Printing|
Uniforms|Imaging Service|Water Treatment|Pest Control|Dialysis Partners|Home Health|Transcription
""".replace("\n", "").split("|")
)
CLINICAL_SERVICES = frozenset(
    {
        "Physician Group",
        "Anesthesia Associates",
        "Radiology Associates",
        "Pathology Associates",
        "Ambulance",
        "Dialysis Partners",
        "Home Health",
    }
)
PURCHASING = ("Purchasing Alliance", "Group Purchasing", "Contracting Cooperative")
LEGAL_FORMS = (
    ("Inc.", "INC"),
    ("LLC", "LLC"),
    ("Corporation", "CORP"),
    ("Company", "CO"),
    ("Ltd.", "LTD"),
    ("L.P.", "LP"),
)

# Words that lose letters when a system abbreviates a company's name.
COMPANY_SHORT = {
    "Medical": "Med",
    "Surgical": "Surg",
    "Healthcare": "Hlthcare",
    "Devices": "Dev",
    "Orthopedics": "Ortho",
    "Biosciences": "Biosci",
    "Products": "Prod",
    "Technologies": "Tech",
    "Diagnostics": "Diag",
    "Sciences": "Sci",
    "Therapeutics": "Thera",
    "Instruments": "Instr",
    "Systems": "Sys",
    "Laboratories": "Labs",
    "Vascular": "Vasc",
    "Distribution": "Dist",
    "Distributors": "Distr",
    "Supply": "Sply",
    "Hospital": "Hosp",
    "Logistics": "Logist",
    "Service": "Svc",
    "Services": "Svcs",
    "Associates": "Assoc",
    "Solutions": "Soln",
    "Physician": "Phys",
    "Group": "Grp",
    "International": "Intl",
    "Holdings": "Hldgs",
    "Manufacturing": "Mfg",
    "America": "Amer",
    "Partners": "Ptnrs",
    "Management": "Mgmt",
    "Equipment": "Equip",
    "Security": "Sec",
    "Electric": "Elec",
}

BRAND_STARTS = tuple(
    """Zuvi Qualo Velqu Torne Kyndo Braxi Oxalu Lumqu Fendi Jorvo Piqua Sylqu Druvi Ulvo Nuxo Evqui Myrlo
Tevqu Ravo Yndi""".split()
)
BRAND_ENDS = tuple("""neth mira vex lith dran quil sor tona bren phar stel wick nox ryn glide seld""".split())
PAYMENT_TERMS = ("NET 30", "NET 45", "NET 60", "2% 10 NET 30", "NET 15", "DUE ON RECEIPT")

# Locations.
SYSTEM_NAME = "Larkhaven Health Network"


@dataclass(frozen=True, slots=True)
class Site:
    """One facility: how it is called, by whom, and how big it is."""

    name: str
    acronym: str
    former_name: str  # what a system that was never told still calls it
    entity: str  # number of its legal entity
    kind: str  # L large hospital, H hospital, A ambulatory surgery, C clinic, R rehabilitation; as in departments.csv
    town: str
    buildings: tuple[tuple[str, str, int], ...]  # letter of its rooms, name, floors


SITES = (
    Site(
        "Harrow Falls Medical Center",
        "HFMC",
        "",
        "10",
        "L",
        "Harrow Falls",
        (("A", "Main Tower", 6), ("B", "Women and Children Pavilion", 4), ("C", "Professional Building", 3)),
    ),
    Site(
        "Port Lindane Hospital",
        "PLH",
        "Lindane County Memorial Hospital",
        "20",
        "L",
        "Port Lindane",
        (("H", "Main Building", 5), ("J", "Heart Institute", 3)),
    ),
    Site(
        "Saint Orlane Hospital", "SOH", "", "30", "H", "Westmarsh", (("K", "Main Building", 4), ("M", "East Annex", 2))
    ),
    Site(
        "Quillan Valley Community Hospital",
        "QVCH",
        "Quillan District Hospital",
        "40",
        "H",
        "Quillan Ford",
        (("P", "Main Building", 3), ("Q", "Outpatient Center", 2)),
    ),
    Site("Ellorée Surgery Center", "ESC", "", "50", "A", "Ellorée", (("A", "Surgery Center", 2),)),
    Site("Tannick Clinic", "TCL", "Tannick Family Practice", "60", "C", "Tannick", (("A", "Clinic Building", 2),)),
    Site("Brindle Creek Rehabilitation Hospital", "BCRH", "", "70", "R", "Brindle Creek", (("R", "Main Building", 2),)),
)

# What a unit may be: name, short name, number of its department, whether it has beds.
UNITS = (
    ("Telemetry", "Tele", "60100", True),
    ("Medical Surgical", "Med Surg", "60120", True),
    ("Intensive Care", "ICU", "60140", True),
    ("Neonatal Intensive Care", "NICU", "60160", True),
    ("Pediatrics", "Peds", "60180", True),
    ("Labor and Delivery", "L&D", "60200", True),
    ("Oncology", "Onc", "60220", True),
    ("Orthopedics", "Ortho", "60240", True),
    ("Emergency Department", "ED", "61200", True),
    ("Operating Rooms", "OR", "62100", False),
    ("Post Anesthesia Care", "PACU", "62120", True),
    ("Endoscopy", "Endo", "62200", False),
    ("Cardiac Catheterization", "Cath Lab", "63100", False),
    ("Radiology Diagnostic", "Rad Diag", "63200", False),
    ("Laboratory Chemistry", "Lab Chem", "63400", False),
    ("Dialysis", "Dial", "63700", True),
    ("Infusion Center", "Infus Ctr", "63720", False),
    ("Pharmacy Inpatient", "Rx Inpt", "63800", False),
    ("Physical Therapy", "PT", "63620", False),
    ("Sterile Processing", "SPD", "62160", False),
)
WINGS = (("East", "E"), ("West", "W"), ("North", "N"), ("South", "S"))
PLACE_SHORT = {
    "Medical": "Med",
    "Center": "Ctr",
    "Hospital": "Hosp",
    "Community": "Comm",
    "Building": "Bldg",
    "Floor": "Fl",
    "Room": "Rm",
    "Storeroom": "Strm",
    "Receiving": "Recv",
    "Surgery": "Surg",
    "Rehabilitation": "Rehab",
    "Saint": "St",
    "Pavilion": "Pav",
    "Institute": "Inst",
    "Outpatient": "Outpt",
    "Professional": "Prof",
    "East": "E",
    "West": "W",
    "North": "N",
    "South": "S",
    "Clean": "Cln",
    "Supply": "Sply",
    "Children": "Chldrn",
}
