"""A small made-up hospital at work, to look at: the demo's feeds read, some doubts decided, some left, targets served.

Where a screen needs something that feeds don't bring (a comment, a snoozed review, decisions of last week), it is added
here through the services that people use; only times in the past are set by hand.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from django.db.models import Q
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from mdm.canonical import DOMAINS
from mdm.models import ChangeRequest, Check, GoldenRecord, QualityMeasure, SourceSystem, User, WorkItem
from mdm.permissions import ROLES
from mdm.services import change, double_review, events, governance, labels, review, scorecard
from mdm.services.revise import revise
from sync import reconcile, webhooks
from sync.demo import generator, world
from sync.demo.stewards import Stewards
from sync.demo.truth import Truth
from sync.inbound import services as feeds
from sync.inbound.intake import receive
from sync.inbound.messages import set_source
from sync.inbound.runner import run as run_feed
from sync.inbound.taking import take
from sync.models import FeedRun, Target
from sync.sandbox.launch import Sandbox

SCALE = 0.1
LEFT_OPEN = 40  # reviews of items that nobody has decided
BACKEND = "django.contrib.auth.backends.ModelBackend"
UNMAPPED = "Article,Descriptn,Maker,Latex YN\nA1,Foley catheter 16 Fr,Halden,N\nA2,Foley catheter 18 Fr,Halden,Y\n"
BROKEN = "Article,Name,Maker\nA1,Foley catheter 16 Fr,Halden\n,Nameless,Halden\nA3,,\n"

State = WorkItem.State


@dataclass
class Hospital:
    url: str
    directory: Path
    session: str  # made when the data were: what a test writes stays in its transaction

    @property
    def cookie(self) -> dict[str, Any]:
        """Of the steward's session, for a browser's context."""
        return {"name": "sessionid", "value": self.session, "url": self.url}

    @property
    def item(self) -> GoldenRecord:
        """An item that several systems know, with values that lost."""
        rows = GoldenRecord.objects.filter(domain="item", status="live").order_by("-version", "pk")
        return max(rows[:50], key=lambda golden: golden.sources.count())

    @property
    def review(self) -> WorkItem:
        """The doubt with most to compare."""
        free = Q(assignee=None) | Q(assignee=the_steward())
        rows = WorkItem.objects.filter(free, kind=WorkItem.Kind.POSSIBLE_MATCH, state=State.OPEN, domain="item")
        real = [item for item in rows if 0.4 < (item.probability or 0) < 0.98] or list(rows)
        return max(real, key=lambda item: (len(item.candidates) > 1, len(item.candidates[0]["evidence"])))

    def run(self, state: str) -> FeedRun:
        return FeedRun.objects.filter(state=state).latest("pk")


@contextmanager
def opened(directory: Path) -> Iterator[Hospital]:
    """The hospital and its web server; afterwards the database is as empty as it was.

    Tests that use it are marked django_db: without any such test pytest-django makes no test database.
    """
    assert connection.settings_dict["NAME"].startswith("test_"), "this would fill, and then empty, a real database"
    server = LiveServer("localhost")
    server._live_server_modified_settings.enable()
    try:
        with Sandbox(directory / "sandbox") as sandbox:
            _fill(directory, sandbox)
        client = Client()
        client.force_login(the_steward(), backend=BACKEND)
        yield Hospital(server.url, directory, client.cookies["sessionid"].value)
    finally:
        server.stop()
        server._live_server_modified_settings.disable()
        call_command("flush", verbosity=0, interactive=False)


def _fill(directory: Path, sandbox: Sandbox) -> None:
    manifest = generator.generate(directory / "data", scale=SCALE)
    world.people("a long enough password")
    User.objects.get(username="steward").groups.set(Group.objects.filter(name__in=ROLES))  # may open every page
    world.systems(manifest)
    world.targets(sandbox.targets)
    for feed, path in world.saved_feeds(manifest, User.objects.system()):
        with path.open("rb") as file:
            run_feed(feeds.start_run(file=file, name=path.name, actor=the_steward(), feed=feed, enqueue=False).pk)
    stewards = Stewards(Truth.load(manifest.directory))
    for domain in DOMAINS:
        _decide(stewards, domain, leave=LEFT_OPEN if domain == "item" else 3)
    _at_work()
    _checked()
    _rules()
    _quality()
    _owned()
    webhooks.subscribe(url="https://bus.example.org/concord", topics={"item": {}}, actor=the_steward())
    _yesterday()
    sandbox.fault("erp", "reject", count=3)
    call_command("deliver", until_idle=True, seconds=60)
    reconcile.compare(Target.objects.get(code="erp"), actor=the_steward())
    events.sequence()
    _broken_file()
    _strange_message()


def the_steward() -> User:
    return User.objects.get(username="steward")


def _decide(stewards: Stewards, domain: str, leave: int) -> None:
    """Answer what is open, but for some."""
    items = stewards._open(domain)[leave:]
    stewards._look_up(items)
    for item in items:
        stewards._decide(item)


def _at_work() -> None:
    """Reviews in every state that the queue tells apart, and changes that wait for a second person."""
    me, other = User.objects.get(username="steward"), User.objects.get(username="simulated-steward")
    items = list(WorkItem.objects.filter(state=State.OPEN, kind=WorkItem.Kind.POSSIBLE_MATCH).order_by("pk"))
    now = timezone.now()
    for number, item in enumerate(items[:18]):
        due = now + dt.timedelta(hours=(-5, 3, 30)[number % 3])
        WorkItem.objects.filter(pk=item.pk).update(due_at=due, created_at=now - dt.timedelta(hours=2 + 3 * number))
    for item in items[:12]:
        review.assign(item=item, assignee=me, actor=me)
    for item in items[12:15]:
        review.assign(item=item, assignee=other, actor=other)
    for item in items[15:18]:
        review.snooze(item=item, until=now + dt.timedelta(days=2), actor=me)
    review.comment(item=items[0], text="The rep says that the coated one replaces it in March.", actor=other)
    for golden in GoldenRecord.objects.filter(domain="item", status="live", item__latex="free")[:2]:
        change.override(golden=golden, path="latex", value="contains", actor=other, reason="Label on the pack")
    golden = GoldenRecord.objects.filter(domain="supplier", status="live").first()
    if golden is not None:
        change.override(golden=golden, path="phone", value="+1 555 010 2233", actor=me, reason="Called them")


def _checked() -> None:
    """Labels asked for and some given; automatic links sampled; decisions seen a second time."""
    me = User.objects.get(username="steward")
    for kind, count in ((Check.Kind.SAMPLE, 40), (Check.Kind.BLIND, 36)):
        double_review.plan_checks(domain="item", kind=kind, count=count, actor=me)
    labels.start_batch(domain="item", count=12, actor=me)
    for number in range(78):
        question = double_review.next_check(actor=me)
        if question is None:
            break
        check = Check.objects.get(pk=question.check)
        double_review.answer(check=check.pk, same=check.expected is not False and number % 19 != 3, actor=me)


def _rules() -> None:
    """Match rules that somebody else has proposed."""
    proposer = User.objects.get(username="simulated-steward")
    values = {
        "costs.false_link": 12.0,
        "weights.code.rarity": 1.5,
        "weights.packs.conflict": -1.0,
        "weights.maker.miss": 0.3,
    }
    reason = "Trust catalogue numbers more, pack sizes less"
    revise(domain="item", values=values, expected_version=0, actor=proposer, reason=reason)


def _quality() -> None:
    """A scorecard a week, of a quarter in which things got better and one rule got worse."""
    scorecard.measure()
    today = [(row, row.passing, row.total - row.passing) for row in QualityMeasure.objects.all()]
    for week in range(1, 12):
        for row, passing, failing in today:
            more = failing * week // (-30 if row.rule == "stated.payment_terms" else 40)
            row.pk, row.day = None, row.day - dt.timedelta(days=7)
            row.passing = min(max(passing - more, 0), row.total)
        QualityMeasure.objects.bulk_create([row for row, _, _ in today])


def _owned() -> None:
    """Owners, and a definition or two."""
    me, owner = User.objects.get(username="steward"), User.objects.get(username="owner")
    for domain in ("cost_center", "location"):
        governance.set_ownership(domain=domain, owner=owner, stewards=[me], review_hours=48, actor=me)
    text = "Whether any part that touches patient or staff contains natural rubber latex. Empty means not stated."
    governance.describe(domain="item", path="latex", definition=text, classification="public", actor=me)
    text = "What the contract says a unit costs; seen by supply chain and finance alone."
    governance.describe(domain="item", path="supplier_parts", definition=text, classification="confidential", actor=me)


def _yesterday() -> None:
    """Decisions spread over the last month."""
    done = WorkItem.objects.filter(state=State.DONE).order_by("pk").values_list("pk", flat=True)
    for pk, day in zip(
        done, cycle((0, 1, 1, 2, 3, 3, 4, 6, 7, 8, 9, 12, 13, 15, 16, 18, 20, 21, 24, 27)), strict=False
    ):
        WorkItem.objects.filter(pk=pk).update(resolved_at=timezone.now() - dt.timedelta(days=day))


def _broken_file() -> None:
    """An import whose columns are still to be mapped, and one with rows to mend."""
    owner, system = the_steward(), SourceSystem.objects.get(code="scm")
    how = {"system": system, "domain": "item", "actor": owner}
    feeds.upload(file=ContentFile(UNMAPPED.encode()), name="new-vendor.csv", **how)
    mapping = {"Article": "$code", "Name": "description", "Maker": "manufacturer"}
    run = feeds.start_run(
        file=ContentFile(BROKEN.encode()), name="weekly-list.csv", enqueue=False, mapping=mapping, **how
    )
    run_feed(run.pk)


def _strange_message() -> None:
    """One of an interface that sends a master file nobody knows."""
    system, who = SourceSystem.objects.get(code="ehr"), User.objects.system()
    about = {"system": system, "way": "api", "format": "hl7v2", "actor": who}
    source = set_source(code="ehr-mfn", name="EHR master files", **about)
    body = "MSH|^~\\&|EPIC|GENHOSP|||20261126||MFN^M01^MFN_M01|77|P|2.5.1\rMFI|XYZ||UPD|||NE\rMFE|MAD|||4711|CE\r"
    receive(source=source, body=body.encode(), actor=who)
    take(source)


def rules_change() -> ChangeRequest:
    return ChangeRequest.objects.filter(kind=ChangeRequest.Kind.POLICY).earliest("pk")


def open_change() -> ChangeRequest:
    return ChangeRequest.objects.filter(state=ChangeRequest.State.OPEN, policy=None).earliest("pk")
