"""Charts of accounts: kept as their ledger says, not matched. A chart is a small tree, so it is taken as a whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from mdm import permissions
from mdm.changes import Change
from mdm.locks import lock_name
from mdm.models import GLAccount, SourceSystem, User
from mdm.services.ingest import LandCounts, Row
from sync.inbound.reading import Bad, Batch, FeedFile, Survey

CODE_LENGTH = 40
BATCH = 500


def read(system: SourceSystem, file: FeedFile, survey: Survey) -> Batch:
    """The whole chart as one batch; accounts whose parents are wrong are among the bad rows."""
    whole = Batch()
    for batch in file.batches(survey):
        whole.rows += batch.rows
        whole.bad += batch.bad
        whole.repeated += batch.repeated
        whole.last = batch.last
    wrong = _faults(system, whole.rows)
    column = file.plan.column_of("parent")
    whole.bad += [Bad(r.number, column, r.code, wrong[r.number], dict(r.raw)) for r in whole.rows if r.number in wrong]
    whole.rows = [row for row in whole.rows if row.number not in wrong]
    return whole


def _faults(system: SourceSystem, rows: Sequence[Row]) -> dict[int, str]:
    """Rows that can't become accounts, {row number: why}: the code too long, the parents unknown or a loop."""
    parents = {row.code: str(row.values.get("parent", "")) for row in rows}
    standing = {code: parent or "" for code, parent in _standing(system)}
    tree = standing | parents
    found = {}
    for row in rows:
        parent = parents[row.code]
        if len(row.code) > CODE_LENGTH:
            found[row.number] = f"the code has {len(row.code)} characters, {CODE_LENGTH} fit"
        elif parent and parent not in tree:
            found[row.number] = f"there is no account {parent} to be part of: add its row, or mend the parent"
        elif parent and row.code in _ancestors(tree, row.code):
            found[row.number] = f"account {row.code} would be part of itself, by way of {parent}: mend the parent"
    return found


def _standing(system: SourceSystem) -> list[tuple[str, str | None]]:
    return list(GLAccount.objects.filter(system=system).values_list("code", "parent__code"))


def compare(*, system: SourceSystem, rows: Sequence[Row]) -> LandCounts:
    """What ``land`` would do."""
    known = {account.code: account for account in GLAccount.objects.filter(system=system).select_related("parent")}
    counts = LandCounts()
    for row in rows:
        account = known.get(row.code)
        if account is None:
            counts.new += 1
        elif _fill(account, row.values) or (account.parent.code if account.parent else "") != row.values.get(
            "parent", ""
        ):
            counts.changed += 1
        else:
            counts.unchanged += 1
    return counts


def _ancestors(tree: Mapping[str, str], code: str) -> set[str]:
    above: set[str] = set()
    while (code := tree.get(code, "")) and code not in above:
        above.add(code)
    return above


@transaction.atomic
def land(*, system: SourceSystem, rows: Sequence[Row], actor: User) -> LandCounts:
    """Write what the rows say, set-wise and with history; what they don't state is emptied. See ``read`` for faults."""
    permissions.require(actor, permissions.IMPORT)
    lock_name("hierarchy", f"gl_account:{system.pk}")
    known = {account.code: account for account in GLAccount.objects.select_for_update().filter(system=system)}
    fresh = [GLAccount(system=system, code=row.code) for row in rows if row.code not in known]
    for account, row in zip(fresh, (row for row in rows if row.code not in known), strict=True):
        _fill(account, row.values)
    _create(fresh, actor)
    known |= {account.code: account for account in fresh}
    changed = [known[row.code] for row in rows if _take(known, row)]
    _update(changed, actor)
    altered = {account.pk for account in changed} - {account.pk for account in fresh}
    if fresh or altered:
        change = Change.begin(actor, "gl_account.land")
        change.audit(about=system, after={"new": len(fresh), "changed": len(altered)})
    return LandCounts(len(fresh), len(altered), len(rows) - len(fresh) - len(altered))


def _fill(account: GLAccount, values: Mapping[str, Any]) -> bool:
    """Take the values, all but the parent. True if that changed anything."""
    stated = {
        "name": values.get("name", ""),
        "account_type": values.get("account_type", ""),
        "effective_from": _day(values.get("effective_from")),
        "effective_to": _day(values.get("effective_to")),
    }
    changed = any(getattr(account, name) != value for name, value in stated.items())
    for name, value in stated.items():
        setattr(account, name, value)
    return changed


def _take(known: Mapping[str, GLAccount], row: Row) -> bool:
    account, parent = known[row.code], known.get(str(row.values.get("parent", "")))
    moved = account.parent_id != (parent.pk if parent else None)
    account.parent = parent
    return _fill(account, row.values) or moved


def _day(text: Any) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _create(accounts: Sequence[GLAccount], actor: User) -> None:
    if accounts:
        bulk_create_with_history(accounts, GLAccount, batch_size=BATCH, default_user=actor)


def _update(accounts: Sequence[GLAccount], actor: User) -> None:
    fields = ["name", "account_type", "parent", "effective_from", "effective_to"]
    if accounts:
        bulk_update_with_history(list(accounts), GLAccount, fields, batch_size=BATCH, default_user=actor)


def missing_codes(system: SourceSystem, seen: set[str]) -> list[str]:
    """Accounts in force that a full chart lacks."""
    live = GLAccount.objects.filter(system=system, effective_to__isnull=True)
    return sorted(set(live.values_list("code", flat=True)) - seen)


@transaction.atomic
def retire(*, system: SourceSystem, codes: Sequence[str], actor: User) -> int:
    """End accounts as of today; they stay, for what was charged to them stays."""
    accounts = list(GLAccount.objects.select_for_update().filter(system=system, code__in=codes).order_by("pk"))
    for account in accounts:
        account.effective_to = timezone.localdate()
    _update(accounts, actor)
    if accounts:
        Change.begin(actor, "gl_account.retire").audit(about=system, after={"retired": len(accounts)})
    return len(accounts)
