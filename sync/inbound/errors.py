"""What can be wrong with a feed as a whole. Each docstring is the default message and says what to do."""

from __future__ import annotations

from mdm.exceptions import ConcordError


class FeedError(ConcordError):
    """The file can't be imported. Mend it and send it again."""

    status = 422
    code = "feed"


class EmptyFile(FeedError):
    """The file has 0 bytes. Export it again; nothing was changed."""

    code = "empty-file"


class NoTable(FeedError):
    """The file is no table. Send CSV, TSV, or an Excel workbook; each may be gzipped."""

    code = "no-table"


class UnknownSheet(FeedError):
    """The workbook has no such sheet. Choose one of its sheets."""

    code = "unknown-sheet"


class WrongColumns(FeedError):
    """The mapping names columns that the file lacks. Mend the mapping or export the file again."""

    code = "wrong-columns"


class BadMapping(FeedError):
    """The mapping is wrong. Map each column to a path that the domain has."""

    # its details: paths that are `strange` to the domain, those that columns go to `twice`, and whether it `has_code`

    code = "bad-mapping"


class UnknownSystem(FeedError):
    """There is no such system, or it keeps no codes of this domain. Set it up first, or choose one that exists."""

    code = "unknown-system"


class Cancelled(FeedError):
    """The import was cancelled. Rows that had landed before stay, and are recognised with the next ones."""

    code = "cancelled"


class LeaseLost(FeedError):
    """Another worker has taken this import over."""

    status = 409
    code = "lease-lost"
