"""Messages to send, shaped like those of real systems, and the sources that they come from."""

from __future__ import annotations

from typing import Any

from mdm.models import SourceSystem, User
from sync.inbound import intake, messages, taking
from sync.models import InboundMessage, InboundSource

M16 = r"""
MSH|^~\&|HMDM|GENHOSP|EPIC|GENHOSP|20260101120000-0500||MFN^M16^MFN_M16|01J0X1|P|2.6|||AL|AL
MFI|INV^^HL70175|HMDM|UPD|||AL
MFE|MUP|01J0X1.1|20260101|ITM-1|CE
ITM|ITM-1^HMDM|CATHETER FOLEY 16FR 5CC SILICONE|A||42142500^Urinary catheters^UNSPSC|Y|MFR1^HMDM|BARD|0165SI16|||||||||N
VND|1|SUP-42^HMDM|ACME|ACM-0165|Y
PKG|1|EA^Each|N|1|10.50&USD^UP
PKG|2|CA^Case|Y|12|120.00&USD^UP
MFE|MAD|01J0X1.2|20260101|ITM-2|CE
ITM|ITM-2^HMDM|STAPLER LINEAR CUTTER 60MM \T\ RELOAD|A||||MFR2^HMDM|CORVANE SURGICAL|LC60-A
"""
M15 = r"""
MSH|^~\&|LAWSON|GENHOSP|CONCORD|MDM|20260102083000||MFN^M15^MFN_M15|L-77|P|2.5.1|||AL|NE
MFI|INV^Inventory^HL70175||UPD|||NE
MFE|MAD|77.1|20260102|90210^GLOVE EXAM NITRILE MEDIUM^L|CE
IIM|90210^GLOVE EXAM NITRILE MEDIUM^L|GLV-M^GLOVE EXAM NITRILE MEDIUM PF^L|||MEDLINE|STORES|||BX|||240|BX
"""
M05 = r"""
MSH|^~\&|EPIC|GENHOSP|CONCORD|MDM|20260103110000||MFN^M05^MFN_M05|LOC-5|P|2.5.1|||AL|NE||8859/1
MFI|LOC^Location^HL70175||UPD|||NE
MFE|MAD|||4E^^^GENHOSP|PL
LOC|4E^^^GENHOSP|Unidad quirúrgica 4 East|N|General Hospital|1 Main St^^Springfield^IL^62701^USA|(217)555-0100
LDP|4E^^^GENHOSP|SUR|||I|A|20250101|||||6100
MFE|MAD|||4E^136^B^GENHOSP|PL
LOC|4E^136^B^GENHOSP|Bed 136 B|B
LRL|4E^136^B^GENHOSP||PARENT|PAR||4E^^^GENHOSP
"""
SUPPLIER = r"""
MSH|^~\&|SCM|GENHOSP|CONCORD|MDM|20260103||MFN^Z10^MFN_Z10|S-1|P|2.6
MFI|ZSU||UPD|||NE
MFE|MAD|S-1.1||SUP-42|EI
ZSU|SUP-42^SCM|Acme Surgical Supply Inc|Acme~Acme Medical|distributor|A||150483782|12-3456789||||(312) 555-0142
ZAD|1|remit_to|PO Box 12^^Chicago^IL^60601^US
"""


def hl7(text: str, charset: str = "utf-8", **replaced: str) -> bytes:
    """A message as it travels, with some words in it replaced."""
    text = text.strip().replace("\n", "\r") + "\r"
    for old, new in replaced.items():
        text = text.replace(old, new)
    return text.encode(charset)


def item(control: str, code: str = "IT-9", description: str = "NEEDLE SPINAL 22GA 3.5IN", event: str = "MUP") -> bytes:
    """An update of one item, about which only the description is said."""
    head = f"MSH|^~\\&|ERP|GENHOSP|CONCORD|MDM|20260101||MFN^M16^MFN_M16|{control}|P|2.6"
    body = f"MFI|INV||UPD|||NE\nMFE|{event}|{control}.1||{code}|CE"
    return hl7(f"{head}\n{body}\nITM|{code}|{description}|A" if description else f"{head}\n{body}")


def source(code: str = "ehr", way: str = "api", format: str = "hl7v2", **options: Any) -> InboundSource:
    system, _ = SourceSystem.objects.get_or_create(code=code, defaults={"name": code.upper(), "kind": "ehr"})
    config = options.pop("config", {"port": 2575} if way == "mllp" else {})
    return messages.set_source(
        code=code, system=system, way=way, format=format, actor=User.objects.system(), config=config, **options
    )


def send(source: InboundSource, body: bytes, **options: Any) -> InboundMessage:
    """Receive a message; nothing is taken yet."""
    return intake.receive(source=source, body=body, actor=User.objects.system(), **options).message


def deliver(source: InboundSource, body: bytes, **options: Any) -> InboundMessage:
    """Receive a message and take it, with whatever waits."""
    message = send(source, body, **options)
    taking.take(source)
    message.refresh_from_db()
    return message


def outcomes(message: InboundMessage) -> list[str]:
    return list(message.records.order_by("position").values_list("outcome", flat=True))


def catalogue(sets: int = 1) -> bytes:
    """A vendor's 832: an item with price and pack, and one that is cancelled."""
    isa = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'ACME':15}*ZZ*{'GENHOSP':15}*261126*1200*^*00501*000000905*0*P*>"
    body = [
        "BCT*RC*905", "DTM*007*20261126", "CUR*SE*USD", "N1*SE*ACME SURGICAL*92*SUP-42",
        "LIN*1*VC*ACM-0165*MG*HM-0165-S16*UK*00380740000011*IN*10442", "G53*001", "PID*F****CATHETER FOLEY 16FR 5CC",
        "PID*F****SILICONE COATED", "PO4*12*1*EA", "N1*MF*HALDEN MEDICAL INC", "CTP**CON*120.00*1*CA",
        "LIN*2*VC*ACM-0999", "G53*024", "PID*F****WITHDRAWN", "PO4*1**EA", "CTP**CON*1.00*1*EA", "CTT*2",
    ]  # fmt: skip
    lines = [isa, "GS*SC*ACME*GENHOSP*20261126*1200*77*X*005010"]
    for number in range(1, sets + 1):
        lines += [f"ST*832*{number:04d}", *body, f"SE*{len(body) + 2}*{number:04d}"]
    lines += [f"GE*{sets}*77", "IEA*1*000000905"]
    return "".join(f"{line}~\n" for line in lines).encode()
