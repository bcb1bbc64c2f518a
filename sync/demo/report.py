"""What the demo measured, as JSON and as a table."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mdm.canonical import DOMAINS
from mdm.models import AuditEntry, Crosswalk, GoldenRecord, SourceRecord, WorkItem
from sync import status
from sync.demo.stewards import links
from sync.demo.truth import Truth
from sync.models import Reconciliation, Target

Report = dict[str, Any]
Reason = SourceRecord.LinkReason

# What `make demo` promises; it fails where the figures fall short.
FLOORS = {"auto_precision": 0.99, "auto_recall": 0.80, "precision": 0.99, "recall": 0.95}
MOST_REVIEWED = 0.15


def domain_figures(domain: str, truth: Truth) -> Report:
    """Records in, what became of them, and how right that is. A link is one of the n − 1 that join n records."""
    rows = SourceRecord.objects.filter(domain=domain).values_list(
        "pk", "code_system__system__code", "code", "golden", "link_reason"
    )
    everything: dict[int, list[str | None]] = defaultdict(list)
    automatic: dict[int, list[str | None]] = defaultdict(list)
    reasons: dict[str, int] = defaultdict(int)
    expected: dict[str | None, int] = defaultdict(int)
    for _, system, code, golden, reason in rows:
        meaning = truth.of(domain, (system, code))
        expected[meaning] += 1
        reasons[reason] += 1
        if golden is not None:
            everything[golden].append(meaning)
            if reason != Reason.STEWARD:
                automatic[golden].append(meaning)
    wanted = sum(count - 1 for count in expected.values())
    made, right = links(everything.values())
    auto_made, auto_right = links(automatic.values())
    golden_count = GoldenRecord.objects.filter(domain=domain, status=GoldenRecord.Status.LIVE).count()
    return {
        "records_in": sum(expected.values()),
        "linked": reasons[Reason.AUTO],
        "reviewed": _reviewed(domain),
        "new": reasons[Reason.NEW],
        "auto_precision": _share(auto_right, auto_made),
        "auto_recall": _share(auto_right, wanted),
        "precision": _share(right, made),
        "recall": _share(right, wanted),
        "golden": golden_count,
        "codes": Crosswalk.objects.filter(golden__domain=domain, known_to__isnull=True).count(),
    }


def _reviewed(domain: str) -> int:
    """Source records that a person had to look at, however often."""
    items = WorkItem.objects.filter(domain=domain, source__isnull=False)
    return items.order_by().values("source").distinct().count()


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0


def target_figures(target: Target) -> Report:
    """``delivered``: records the target was told of; ``acknowledged``: those it confirmed at the newest version."""
    row = status.statuses([target])[0]
    read_back = Reconciliation.objects.filter(target=target).order_by("-pk").first()
    return {
        "subscribed": row.live,
        "delivered": row.delivered,
        "acknowledged": row.acknowledged,
        "dead": row.dead,
        "lag_p95_s": round(status.lag_p95(target) or 0.0, 2),
        "read_back": {
            "compared": read_back.compared if read_back else 0,
            "equal": read_back.equal if read_back else 0,
            "drifted": read_back.drifted if read_back else 0,
        },
    }


def build(truth: Truth, **measured: Any) -> Report:
    return {
        "domains": {domain: domain_figures(domain, truth) for domain in DOMAINS},
        "targets": {target.code: target_figures(target) for target in Target.objects.all()},
        "audit_entries": AuditEntry.objects.count(),
        **measured,
    }


def shortfalls(report: Mapping[str, Any], *, decided: bool) -> list[str]:
    """Where the figures are below what the demo promises."""
    found = []
    for domain, row in report["domains"].items():
        wanted = FLOORS if decided else {k: v for k, v in FLOORS.items() if k.startswith("auto")}
        found += [f"{domain}: {k} {row[k]} is below {floor}" for k, floor in wanted.items() if row[k] < floor]
        if row["reviewed"] > MOST_REVIEWED * row["records_in"]:
            found.append(f"{domain}: {row['reviewed']} of {row['records_in']} records reviewed")
    for code, row in report["targets"].items():
        if not row["subscribed"] or row["acknowledged"] < row["delivered"] or row["dead"]:
            found.append(f"{code}: {row['acknowledged']} of {row['delivered']} acknowledged, {row['dead']} dead")
        read = row["read_back"]
        if decided and (read["drifted"] or read["equal"] < row["subscribed"]):
            found.append(f"{code}: {read['equal']} of {row['subscribed']} records read back equal")
    return found


def write(report: Report, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")


def table(report: Mapping[str, Any]) -> str:
    """The report as text, for the terminal."""
    lines = ["", _row("", "in", "linked", "review", "new", "auto P", "auto R", "P", "R", "golden", "codes")]
    for domain, row in report["domains"].items():
        figures = [row[k] for k in ("records_in", "linked", "reviewed", "new")]
        shares = [f"{row[k]:.3f}" for k in ("auto_precision", "auto_recall", "precision", "recall")]
        lines.append(_row(domain, *figures, *shares, row["golden"], row["codes"]))
    lines += ["", _row("", "live", "told", "acked", "dead", "lag p95", "read", "equal")]
    for code, row in report["targets"].items():
        read = row["read_back"]
        figures = [row[k] for k in ("subscribed", "delivered", "acknowledged", "dead")]
        lines.append(_row(code, *figures, f"{row['lag_p95_s']} s", read["compared"], read["equal"]))
    lines += ["", f"{report['seconds']} s, {report['peak_rss_mb']} MB at the most (all processes, PostgreSQL included)"]
    return "\n".join(lines)


def _row(*cells: object) -> str:
    first, *rest = cells
    return f"{first!s:<12}" + "".join(f"{cell!s:>9}" for cell in rest)


def was_unattended(path: Path) -> bool:
    """Whether the last run that was reported here had its reviews decided by simulated stewards."""
    try:
        return bool(json.loads(path.read_text(encoding="utf-8"))["simulated"])
    except (OSError, ValueError, KeyError):
        return False
