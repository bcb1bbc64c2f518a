"""One module per idea; everything is importable from here."""

from mdm.models.access import SYSTEM_USERNAME, ApiKey, User
from mdm.models.among import Among
from mdm.models.api import DomainExport, StoredAnswer, Touched
from mdm.models.audit import AuditEntry
from mdm.models.base import DomainName
from mdm.models.bulk_run import BulkPart, BulkRun
from mdm.models.change_request import ChangeRequest, new_change_id
from mdm.models.changed_pair import ChangedPair
from mdm.models.code_system import PRIMARY, CodeSystem, SourceSystem
from mdm.models.cost_center import CostCenter, GLAccount
from mdm.models.crosswalk import BEGINNING, Crosswalk
from mdm.models.downtime import DowntimeKey, DowntimePack, DowntimePlan
from mdm.models.event import ChangeEvent, Delivered
from mdm.models.export import Export
from mdm.models.golden import GoldenAttributes, GoldenRecord
from mdm.models.governance import AttributeNote, DomainOwnership
from mdm.models.item import Item, PackagingLevel, SupplierPart
from mdm.models.judgement import Judgement
from mdm.models.learning import Check, LabelBatch
from mdm.models.location import Location
from mdm.models.match_key import MatchKey
from mdm.models.override import Override
from mdm.models.policy import DictionaryEntry, Frequencies, Policy
from mdm.models.quality import QualityIssue, QualityMeasure
from mdm.models.relation import Relation
from mdm.models.search import SearchDocument, SearchWord
from mdm.models.source import Ingest, PendingReference, SourceRecord, SourceRevision
from mdm.models.substitution import Substitution
from mdm.models.supplier import Supplier, SupplierAddress
from mdm.models.work import Comment, WorkItem

ATTRIBUTES: dict[str, type[GoldenAttributes]] = {
    "item": Item,
    "supplier": Supplier,
    "location": Location,
    "cost_center": CostCenter,
}

__all__ = [
    "ATTRIBUTES",
    "BEGINNING",
    "PRIMARY",
    "SYSTEM_USERNAME",
    "Among",
    "ApiKey",
    "AttributeNote",
    "AuditEntry",
    "BulkPart",
    "BulkRun",
    "ChangeEvent",
    "ChangeRequest",
    "ChangedPair",
    "Check",
    "CodeSystem",
    "Comment",
    "CostCenter",
    "Crosswalk",
    "Delivered",
    "DictionaryEntry",
    "DomainExport",
    "DomainName",
    "DomainOwnership",
    "DowntimeKey",
    "DowntimePack",
    "DowntimePlan",
    "Export",
    "Frequencies",
    "GLAccount",
    "GoldenAttributes",
    "GoldenRecord",
    "Ingest",
    "Item",
    "Judgement",
    "LabelBatch",
    "Location",
    "MatchKey",
    "Override",
    "PackagingLevel",
    "PendingReference",
    "Policy",
    "QualityIssue",
    "QualityMeasure",
    "Relation",
    "SearchDocument",
    "SearchWord",
    "SourceRecord",
    "SourceRevision",
    "SourceSystem",
    "StoredAnswer",
    "Substitution",
    "Supplier",
    "SupplierAddress",
    "SupplierPart",
    "Touched",
    "User",
    "WorkItem",
    "new_change_id",
]
