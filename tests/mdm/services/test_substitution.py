"""Substitutes: proposed by one, approved by another, in force on their days and at their site, and told by lookups."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import pytest
from django.utils import timezone

from mdm import lookup
from mdm.exceptions import Forbidden, InvalidValue, MergedRecord, NeedsReason, OwnChange, Refused, Stale
from mdm.models import AuditEntry, ChangeRequest, Location, Relation, Substitution, User, WorkItem
from mdm.services import change, merge, requests, split, substitution
from mdm.tasks import upkeep
from tests.mdm import kit
from tests.mdm.api import world

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def today() -> dt.date:
    return timezone.localdate()


@pytest.fixture
def pair():
    return kit.twins()


def proposed(one, two, **options) -> ChangeRequest:
    return substitution.propose(item=one, substitute=two, actor=kit.steward(), reason="Back order", **options)


def approved(one, two, **options) -> Substitution:
    request = requests.approve(request=proposed(one, two, **options), actor=kit.approver())
    return Substitution.objects.get(request=request)


def test_a_substitute_is_told_once_a_second_person_has_approved_it(pair):
    (catheter, stapler), day = pair, today()
    request = proposed(catheter, stapler, factor=Fraction(2, 3), valid_to=day + 90 * DAY)
    assert not lookup.resolve("erp-item", "E1").substitutes
    with pytest.raises(OwnChange):
        requests.approve(request=request, actor=kit.person("steward", "steward", "approver"))
    requests.approve(request=request, actor=kit.approver())

    (found,) = lookup.resolve("erp-item", "E1").substitutes
    assert (found.id, found.factor, found.site, found.reason) == (stapler.public_id, Fraction(2, 3), None, "Back order")
    assert day <= found.valid_from <= today()
    assert (found.valid_to, found.approver) == (day + 90 * DAY, "approver")
    (replaced,) = lookup.resolve("scm-item", "S1").replaces
    assert replaced.id == catheter.public_id


def test_it_is_in_force_from_its_first_day_until_before_its_last(pair):
    begin = today()
    approved(*pair, valid_from=begin + 10 * DAY, valid_to=begin + 20 * DAY)

    def told(day: int) -> bool:
        return bool(lookup.resolve("erp-item", "E1", as_of=begin + day * DAY).substitutes)

    assert [told(day) for day in (0, 9, 10, 19, 20)] == [False, False, True, True, False]


def test_ending_it_changes_no_old_answer(pair):
    made = approved(*pair)
    before = timezone.now()
    substitution.end(substitution=made, actor=kit.steward(), reason="Delivered again")
    assert not lookup.resolve("erp-item", "E1").substitutes
    assert lookup.resolve("erp-item", "E1", known_at=before).substitutes[0].id == pair[1].public_id
    with pytest.raises(Stale):
        substitution.end(substitution=made, actor=kit.steward(), reason="Again")


def test_a_retired_substitute_is_told_only_as_known_while_it_was_in_use(pair):
    catheter, stapler = pair
    approved(catheter, stapler)
    before = timezone.now()
    change.retire(golden=stapler, actor=kit.steward(), reason="No longer made")
    assert not lookup.resolve("erp-item", "E1").substitutes
    assert not lookup.resolve("erp-item", "E1", known_at=timezone.now()).substitutes
    assert not lookup.resolve("scm-item", "S1").replaces
    assert lookup.resolve("erp-item", "E1", known_at=before).substitutes[0].id == stapler.public_id


def test_what_stands_in_for_a_retired_item_is_told(pair):
    catheter, stapler = pair
    approved(catheter, stapler)
    change.retire(golden=catheter, actor=kit.steward(), reason="No longer made")
    assert lookup.resolve("erp-item", "E1").substitutes[0].id == stapler.public_id


def test_it_holds_at_its_site_and_what_is_part_of_it():
    catheter, stapler = kit.twins()
    north, ward, south = (world.golden(name, "location") for name in ("NORTH", "WARD", "SOUTH"))
    Location.objects.filter(golden=ward).update(parent=north)
    approved(catheter, stapler, site=north)

    def told(site) -> bool:
        return bool(lookup.resolve("erp-item", "E1", site=site and site.public_id).substitutes)

    assert [told(site) for site in (None, north, ward, south)] == [True, True, True, False]
    with pytest.raises(InvalidValue, match="no location"):
        lookup.resolve("erp-item", "E1", site="MDM-LO-999999")


def test_it_holds_on_where_its_site_or_what_that_is_part_of_is_merged(pair):
    house, old, ward = (world.golden(name, "location") for name in ("HOUSE", "OLD", "WARD"))
    Location.objects.filter(golden=ward).update(parent=old)
    approved(*pair, site=old)
    world.merged(old, house)
    found = [lookup.resolve("erp-item", "E1", site=one.public_id).substitutes for one in (house, old, ward)]
    assert [[one.site for one in some] for some in found] == [[house.public_id]] * 3


def test_its_name_is_the_one_that_it_had_then(pair):
    approved(*pair)
    then, was = timezone.now(), pair[1].name
    change.override(golden=pair[1], path="description", value="Stapler, new", actor=kit.steward(), reason="Clearer")
    found = [lookup.resolve("erp-item", "E1", known_at=instant).substitutes[0].name for instant in (then, None)]
    assert found == [was, "Stapler, new"]


def test_the_same_substitute_is_not_in_force_twice(pair):
    proposed(*pair)
    with pytest.raises(Stale, match="waiting"):
        proposed(*pair)
    requests.approve(request=ChangeRequest.objects.get(), actor=kit.approver())
    with pytest.raises(Refused, match="in force"):
        approved(*pair)


def test_a_merge_takes_substitutes_along_and_an_unmerge_brings_them_back(pair):
    catheter, stapler = pair
    kit.feed("ehr", {"H1": kit.STAPLER | {"catalogue_number": "ZZ-9", "description": "Retractor, ring, 30 cm"}})
    other = kit.golden("ehr", "H1")
    approved(catheter, other)
    survivor = merge.merge(survivor=stapler, loser=catheter, actor=kit.steward(), reason="One thing")
    loser = stapler if survivor.pk == catheter.pk else catheter
    assert lookup.resolve("erp-item", "E1").substitutes[0].id == other.public_id
    assert lookup.resolve("ehr-item", "H1").replaces[0].id == survivor.public_id
    split.unmerge(loser=loser, actor=kit.steward(), reason="Two things")
    assert lookup.resolve("ehr-item", "H1").replaces[0].id == catheter.public_id


def test_a_substitution_between_two_merged_items_is_in_force_again_after_an_unmerge(pair):
    catheter, stapler = pair
    made = approved(catheter, stapler, factor=Fraction(3, 2))
    survivor = merge.merge(survivor=stapler, loser=catheter, actor=kit.steward(), reason="One thing")
    assert not Substitution.objects.filter(ended_at=None).exists()
    then = timezone.now()
    loser = stapler if survivor.pk == catheter.pk else catheter
    split.unmerge(loser=loser, actor=kit.steward(), reason="Two things")
    again = Substitution.objects.get(ended_at=None)
    assert (again.item, again.substitute, again.approver) == (catheter, stapler, kit.approver())
    assert lookup.resolve("erp-item", "E1").substitutes[0].factor == Fraction(3, 2)
    assert not lookup.resolve("erp-item", "E1", known_at=then).substitutes
    assert made.request == again.request


def noted(item, substitute, **options) -> Relation:
    return Relation.objects.create(
        kind="substitute", subject=substitute, object=item, author=kit.steward(), reason="Same use", **options
    )


def test_substitutes_that_were_noted_as_relations_are_proposed_for_their_authors(pair):
    relation = noted(*pair)
    item = kit.duplicate(*pair)
    WorkItem.objects.filter(pk=item.pk).update(details={"relation": relation.pk})
    upkeep()
    request = ChangeRequest.objects.get()
    assert (request.subject, request.other, request.proposer, request.reason) == (*pair, kit.steward(), "Same use")
    assert kit.fresh(relation).state == "ended"
    assert kit.fresh(item).details == {"request": request.pk}
    assert substitution.propose_kept() == 0
    requests.approve(request=request, actor=kit.approver())
    assert lookup.resolve("erp-item", "E1").substitutes[0].id == pair[1].public_id


def test_a_noted_substitute_that_cannot_be_one_ends_and_says_why(pair):
    catheter, stapler = pair
    relation = noted(catheter, stapler)
    change.retire(golden=stapler, actor=kit.steward(), reason="Gone")
    noted(catheter, stapler, valid_from=dt.date(2099, 1, 1), valid_to=dt.date(2099, 1, 1))  # never held
    assert substitution.propose_kept() == 1
    assert not ChangeRequest.objects.filter(kind="substitute").exists()
    assert "is not live" in AuditEntry.objects.get(action="relation.ended", object_id=str(relation.pk)).reason
    assert substitution.propose_kept() == 0


@pytest.mark.parametrize("ended", [False, True])
def test_one_that_both_merged_items_had_comes_back_unless_it_was_ended_meanwhile(pair, ended):
    kit.feed("ehr", {"H1": kit.STAPLER | {"catalogue_number": "ZZ-9", "description": "Retractor, ring, 30 cm"}})
    other = kit.golden("ehr", "H1")
    for item in pair:
        approved(item, other)
    survivor = merge.merge(survivor=pair[1], loser=pair[0], actor=kit.steward(), reason="One thing")
    if ended:
        standing = Substitution.objects.get(ended_at=None)
        substitution.end(substitution=standing, actor=kit.steward(), reason="Out of stock as well")
    split.unmerge(loser=next(one for one in pair if one != survivor), actor=kit.steward(), reason="Two things")
    standing = Substitution.objects.filter(ended_at=None).values_list("item", flat=True)
    assert set(standing) == (set() if ended else {one.pk for one in pair})


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"factor": Fraction(0)}, Refused),
        ({"factor": Fraction(-1, 2)}, Refused),
        ({"factor": Fraction(1, 10_000_000)}, Refused),
        ({"valid_to": dt.date(2020, 1, 1)}, Refused),
        ({"reason": " "}, NeedsReason),
        ({"actor": "viewer"}, Forbidden),
    ],
)
def test_what_makes_no_sense_is_refused(pair, options, error):
    given = {"actor": kit.steward(), "reason": "Back order"} | options
    if given["actor"] == "viewer":
        given["actor"] = kit.person("vera", "viewer")
    with pytest.raises(error):
        substitution.propose(item=pair[0], substitute=pair[1], **given)


def test_neither_an_item_itself_nor_a_merged_one_nor_a_supplier_is_a_substitute(pair):
    with pytest.raises(Refused):
        proposed(pair[0], pair[0])
    with pytest.raises(Refused, match="Only items"):
        proposed(pair[0], world.golden("ACME", "supplier"))
    survivor = merge.merge(survivor=pair[0], loser=pair[1], actor=kit.steward(), reason="One thing")
    loser = pair[1] if survivor.pk == pair[0].pk else pair[0]
    with pytest.raises(MergedRecord):
        proposed(survivor, loser)


def test_a_request_whose_days_have_passed_can_not_be_approved(pair, monkeypatch):
    request = proposed(*pair, valid_to=today() + DAY)
    later = timezone.now() + 2 * DAY
    monkeypatch.setattr("mdm.changes.timezone.now", lambda: later)
    with pytest.raises(Stale, match="passed"):
        requests.approve(request=request, actor=kit.approver())
    assert User.objects.filter(username="approver").exists()
