"""Charts of accounts: kept as their ledger says, as a tree without loops, with history."""

from __future__ import annotations

import io

import pytest
from django.utils import timezone

from mdm.models import AuditEntry, GLAccount, SourceSystem, User, WorkItem
from sync.inbound import services
from sync.models import FeedRun

MAPPING = {"Account": "$code", "Name": "name", "Type": "account_type", "Group": "parent", "From": "effective_from"}
CHART = [
    ("6100", "Supplies", "Expense", "6000", "01/01/2026"),
    ("6000", "Operating expenses", "Expenses", "", ""),
    ("1000", "Cash", "asset", "", ""),
]


@pytest.fixture
def ledger(db: None, woken: list[int]) -> SourceSystem:
    return SourceSystem.objects.create(code="gl", name="Ledger", kind="erp")


def queue(
    ledger: SourceSystem, rows: list[tuple[str, ...]], mapping: dict[str, str] = MAPPING, **options: str
) -> FeedRun:
    content = "\n".join(",".join(row) for row in [tuple(mapping), *rows]) + "\n"
    return services.start_run(
        file=io.BytesIO(content.encode()),
        name="chart.csv",
        actor=User.objects.system(),
        system=ledger,
        domain="gl_account",
        mapping=mapping,
        **options,
    )


def send(
    ledger: SourceSystem, rows: list[tuple[str, ...]], mapping: dict[str, str] = MAPPING, **options: str
) -> FeedRun:
    return services.run(queue(ledger, rows, mapping, **options).pk)


def test_a_chart_is_kept_with_its_tree(ledger: SourceSystem) -> None:
    run = send(ledger, CHART)
    assert (run.state, run.new, run.quarantined, run.progress) == ("done", 3, 0, 100)
    supplies = GLAccount.objects.get(system=ledger, code="6100")
    assert (supplies.name, supplies.account_type, str(supplies.effective_from)) == ("Supplies", "expense", "2026-01-01")
    assert supplies.parent is not None
    assert supplies.parent.code == "6000"


def test_a_repeated_chart_writes_no_history(ledger: SourceSystem) -> None:
    send(ledger, CHART)
    history, audit = GLAccount.history.count(), AuditEntry.objects.filter(action="gl_account.land").count()
    run = send(ledger, CHART, missing="retire")
    assert (run.new, run.changed, run.unchanged, run.retired) == (0, 0, 3, 0)
    assert GLAccount.history.count() == history
    assert AuditEntry.objects.filter(action="gl_account.land").count() == audit


def test_a_change_keeps_what_was_before(ledger: SourceSystem) -> None:
    send(ledger, CHART)
    run = send(ledger, [("6100", "Medical supplies", "Expense", "", ""), *CHART[1:]])
    assert (run.changed, run.unchanged) == (1, 2)
    account = GLAccount.objects.get(code="6100")
    assert (account.name, account.parent, account.effective_from) == ("Medical supplies", None, None)
    assert account.history.earliest("history_id").name == "Supplies"


def test_without_a_code_column_the_name_is_the_code(ledger: SourceSystem) -> None:
    run = send(ledger, [("Travel",), ("Office Supplies",), ("Travel",)], {"Name": "name"})
    assert (run.new, run.repeated) == (2, 1)
    assert GLAccount.objects.get(code="Travel").name == "Travel"


def test_a_loop_is_refused_and_the_rest_is_kept(ledger: SourceSystem) -> None:
    loop = [("1", "A", "", "3", ""), ("2", "B", "", "1", ""), ("3", "C", "", "2", ""), ("4", "D", "", "4", "")]
    run = send(ledger, [*CHART, *loop])
    assert (run.new, run.quarantined) == (3, 4)
    assert "part of itself" in run.quarantine.first().reason  # type: ignore[union-attr]


def test_a_loop_by_way_of_an_account_that_stands_is_refused(ledger: SourceSystem) -> None:
    send(ledger, CHART)
    run = send(ledger, [("6000", "Operating expenses", "Expenses", "6100", "")])
    assert (run.changed, run.quarantined) == (0, 1)


def test_an_unknown_parent_is_told(ledger: SourceSystem) -> None:
    run = send(ledger, [("1", "A", "", "777", ""), ("x" * 41, "B", "", "", "")])
    assert run.new == 0
    assert ["no account 777" in q.reason or "41 characters" in q.reason for q in run.quarantine.all()] == [True, True]
    assert run.quarantine.get(row_number=2).column == "Group"


def test_accounts_that_a_chart_lacks_end_today_if_they_are_few(ledger: SourceSystem) -> None:
    chart, day = [(str(n), f"Account {n}", "", "", "") for n in range(100)], timezone.localdate()
    send(ledger, chart)
    assert send(ledger, chart[2:], missing="retire").retired == 2
    ended = GLAccount.objects.get(code="0").effective_to
    assert ended is not None
    assert day <= ended <= timezone.localdate()
    run = send(ledger, chart[20:], missing="retire")
    assert (run.retired, "more than the 2%" in run.message) == (0, True)
    assert WorkItem.objects.filter(kind="feed_problem", subject="feed:gl:gl_account", state="open").exists()


def test_a_dry_run_of_a_chart_writes_nothing(ledger: SourceSystem) -> None:
    send(ledger, CHART)
    run = queue(ledger, [("6100", "Renamed", "Expense", "6000", "01/01/2026"), *CHART[1:], ("9", "New", "", "8", "")])
    tried = services.dry_run(run=run, actor=User.objects.system())
    assert (tried.rows, tried.new, tried.changed, tried.unchanged, tried.quarantined) == (4, 0, 1, 2, 1)
    assert GLAccount.objects.get(code="6100").name == "Supplies"
