"""Taking apart: what goes back, and what never comes together again."""

from __future__ import annotations

import pytest

from mdm.exceptions import Forbidden, NeedsReason, Refused
from mdm.models import ChangeEvent, GoldenRecord, Judgement
from mdm.services import change, crosswalk, merge, split
from tests.mdm import kit

pytestmark = pytest.mark.django_db


def join(one: GoldenRecord, two: GoldenRecord) -> None:
    merge.merge(survivor=one, loser=two, actor=kit.steward(), reason="One thing")


def part(loser: GoldenRecord) -> GoldenRecord:
    return split.unmerge(loser=loser, actor=kit.steward(), reason="Not one thing")


def third() -> GoldenRecord:
    kit.feed("mms", {"M1": kit.STAPLER | {"catalogue_number": "Z-1", "description": "Drill bit 2.5 mm"}})
    return kit.golden("mms", "M1")


# ------------------------------------------------------------------------------------------------------------- unmerge


def test_unmerging_gives_back_values_codes_and_identity() -> None:
    one, two = kit.twins(kit.CATHETER, kit.STAPLER | {"gtin": "00614141999996"})
    values = {g.pk: (g.item.description, g.item.gtin, kit.codes(g)) for g in (one, two)}
    join(one, two)
    revived = part(two)
    assert revived == two
    assert (revived.status, revived.merged_into) == ("live", None)
    for golden in (kit.fresh(one), kit.fresh(two)):
        assert (golden.item.description, golden.item.gtin, kit.codes(golden)) == values[golden.pk]
    assert not kit.rebuild()


def test_unmerging_gives_back_the_codes_that_targets_gave() -> None:
    one, two = kit.twins()
    ehr = kit.code_system("ehr")
    crosswalk.add_target_codes(code_system=ehr, codes={one.pk: [("C1", "")], two.pk: [("C2", "")]}, actor=kit.steward())
    join(one, two)
    part(two)
    assert (kit.codes(one)["ehr-item"], kit.codes(two)["ehr-item"]) == (["C1"], ["C2"])
    assert not two.codes.filter(code="C2", known_to__isnull=True, preferred=False).exists()


def test_unmerging_gives_back_the_overrides() -> None:
    one, two = kit.twins()
    change.override(golden=two, path="brand", value="Corvane One", actor=kit.steward(), reason="Label")
    join(one, two)
    assert kit.fresh(one).item.brand == "Corvane One"
    part(two)
    assert (kit.fresh(one).item.brand, kit.fresh(two).item.brand) == ("", "Corvane One")


def test_unmerging_tells_targets_to_use_the_old_id_again() -> None:
    _, loser = kit.merged()
    part(loser)
    assert kit.versions(loser)[-1][1] == ChangeEvent.Kind.UNMERGED


def test_ids_that_the_loser_had_absorbed_lead_to_it_again_all_of_them() -> None:
    one, two = kit.twins()
    three = third()
    kit.feed(
        "plm",
        {"P1": kit.OTHER_SIZE | {"manufacturer": "Ostrava", "description": "Gauze pad 4x4", "catalogue_number": "G44"}},
    )
    four = kit.golden("plm", "P1")
    join(three, four)
    join(two, three)
    join(one, two)
    part(two)
    assert set(GoldenRecord.objects.filter(merged_into=two)) == {three, four}
    assert kit.codes(two) == {"mms-item": ["M1"], "plm-item": ["P1"], "scm-item": ["S1"]}
    part(three)
    assert kit.fresh(four).merged_into == three


def test_a_link_of_a_chain_can_be_taken_out_alone() -> None:
    one, two = kit.twins()
    three = third()
    join(two, three)
    join(one, two)
    part(three)
    assert kit.codes(three) == {"mms-item": ["M1"]}
    assert kit.fresh(two).merged_into == one
    part(two)
    assert kit.codes(one) == {"erp-item": ["E1"]}


def test_a_record_that_was_merged_anew_since_is_not_given_back() -> None:
    one, two = kit.twins()
    three = third()
    join(two, three)
    join(one, two)
    split.unmerge(loser=three, actor=kit.steward(), reason="Undone", apart=False)
    join(one, three)
    part(two)
    assert kit.fresh(three).merged_into == one


def test_a_retired_record_is_retired_again_after_its_unmerging() -> None:
    one, two = kit.twins()
    change.retire(golden=two, actor=kit.steward(), reason="Gone")
    join(one, two)
    assert part(two).status == "retired"


def test_what_was_unmerged_is_never_joined_again_by_matching() -> None:
    one, two = kit.twins(kit.CATHETER, kit.STAPLER)
    join(one, two)
    part(two)
    kit.feed("scm", {"S1": kit.SAME_CATHETER})  # now word for word the same
    assert kit.golden("scm", "S1") == two
    kit.feed("mms", {"M1": kit.SAME_CATHETER})  # resembles both: joins at most one of them
    assert kit.golden("scm", "S1") != kit.golden("erp", "E1")
    with pytest.raises(Refused, match="not the same"):
        join(one, two)


def test_undoing_a_merge_that_nobody_made_is_refused() -> None:
    one, two = kit.twins()
    with pytest.raises(Refused, match="not merged"):
        part(two)
    join(one, two)
    with pytest.raises(NeedsReason):
        split.unmerge(loser=two, actor=kit.steward(), reason="")
    with pytest.raises(Forbidden):
        split.unmerge(loser=two, actor=kit.person("viewer", "viewer"), reason="x")
    part(two)
    with pytest.raises(Refused):
        part(two)


def test_an_unmerge_that_would_leave_nothing_behind_is_refused() -> None:
    one, two = kit.twins()
    join(one, two)
    split.split(golden=kit.fresh(one), sources=[kit.source("erp", "E1")], actor=kit.steward(), reason="Other")
    with pytest.raises(Refused, match="empty"):
        part(two)


# --------------------------------------------------------------------------------------------------------------- split


def linked() -> GoldenRecord:
    kit.feed("erp", {"E1": kit.CATHETER})
    kit.feed("scm", {"S1": kit.SAME_CATHETER})
    golden = kit.golden("erp", "E1")
    assert kit.golden("scm", "S1") == golden
    return golden


def test_splitting_gives_sources_a_record_of_their_own_with_their_codes() -> None:
    golden = linked()
    new = split.split(golden=golden, sources=[kit.source("scm", "S1")], actor=kit.steward(), reason="Other size")
    assert (kit.codes(golden), kit.codes(new)) == ({"erp-item": ["E1"]}, {"scm-item": ["S1"]})
    assert kit.fresh(golden).item.description == kit.CATHETER["description"]
    assert kit.versions(new) == [(1, "created")]
    assert Judgement.objects.get().verdict == "different"
    assert not kit.rebuild()


def test_what_was_split_is_not_joined_again_by_a_rematch_nor_through_a_third_record() -> None:
    golden = linked()
    split.split(golden=golden, sources=[kit.source("scm", "S1")], actor=kit.steward(), reason="Other size")
    kit.feed("scm", {"S1": kit.SAME_CATHETER | {"brand": "Again"}})
    kit.feed("mms", {"M1": kit.CATHETER})
    assert kit.golden("scm", "S1") != kit.golden("erp", "E1")


def test_another_code_becomes_preferred_when_the_preferred_one_leaves() -> None:
    kit.feed("erp", {"E1": kit.CATHETER, "E2": kit.SAME_CATHETER})
    golden = kit.golden("erp", "E1")
    assert kit.golden("erp", "E2") == golden
    first = golden.codes.get(known_to__isnull=True, preferred=True, code_system__slug="erp-item").code
    split.split(golden=golden, sources=[kit.source("erp", first)], actor=kit.steward(), reason="Other")
    left = golden.codes.get(known_to__isnull=True, code_system__slug="erp-item")
    assert left.preferred
    assert left.code != first


def test_a_split_needs_sources_of_the_record_and_leaves_one() -> None:
    golden = linked()
    kit.feed("mms", {"M1": kit.STAPLER})
    sources = [kit.source("erp", "E1"), kit.source("scm", "S1")]
    for wrong in ([], sources, [kit.source("mms", "M1")]):
        with pytest.raises(Refused):
            split.split(golden=golden, sources=wrong, actor=kit.steward(), reason="x")
    with pytest.raises(NeedsReason):
        split.split(golden=golden, sources=sources[:1], actor=kit.steward(), reason="")
    with pytest.raises(Forbidden):
        split.split(golden=golden, sources=sources[:1], actor=kit.person("viewer", "viewer"), reason="x")
