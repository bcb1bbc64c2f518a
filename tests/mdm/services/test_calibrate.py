"""What scores mean here is learned from the records that wait, before they are resolved."""

from __future__ import annotations

import pytest

from matching import Policy as MatchPolicy
from mdm.engine import engine_for
from mdm.models import Frequencies, GoldenRecord, Policy, User
from mdm.services import calibrate
from mdm.services.resolve import resolve_all
from tests.mdm import kit

pytestmark = pytest.mark.django_db

KINDS = ("Foley catheter", "Suction catheter", "Feeding tube", "Trocar sleeve", "Bone plate")


def items(number: str) -> dict[str, dict[str, str]]:
    """Thirty items of five kinds; ``number`` says how the catalogue number is written."""
    return {
        f"{kind[:2]}{size}": {
            "description": f"{kind} {size} mm",
            "manufacturer": "Halden Medical",
            "catalogue_number": number.format(kind=KINDS.index(kind), size=size),
        }
        for kind in KINDS
        for size in range(10, 16)
    }


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "ENOUGH", 20)


@pytest.mark.usefixtures("few")
def test_a_second_system_teaches_what_scores_mean() -> None:
    kit.feed("erp", items("HM-{kind}4{size}7"))
    assert Frequencies.objects.latest("version").calibration is None  # nothing was there to compare with
    default = MatchPolicy.default("item")
    assert engine_for("item").policy == default
    kit.land("scm", items("hm{kind}4{size}7"))
    resolve_all(domain="item", actor=User.objects.system())
    learned = engine_for("item").policy
    assert learned.calibration.to_json() == Frequencies.objects.latest("version").calibration
    assert learned.calibration != default.calibration
    assert (learned.weights, learned.costs) == (default.weights, default.costs)
    assert GoldenRecord.objects.count() == 30


@pytest.mark.usefixtures("few")
def test_rules_that_people_approved_come_first() -> None:
    kit.feed("erp", items("HM-{kind}4{size}7"))
    kit.land("scm", items("hm{kind}4{size}7"))
    stated = kit.sure_from(MatchPolicy.default("item"), 9.0)
    Policy.objects.create(
        kind="match", domain="item", version=1, body=stated.to_json(), active=True, author=User.objects.system()
    )
    resolve_all(domain="item", actor=User.objects.system())
    assert engine_for("item").policy == stated


def test_too_few_records_teach_nothing() -> None:
    kit.feed("erp", items("HM-{kind}4{size}7"))
    kit.land("scm", items("hm{kind}4{size}7"))
    resolve_all(domain="item", actor=User.objects.system())
    assert engine_for("item").policy == MatchPolicy.default("item")


@pytest.mark.usefixtures("few")
def test_nothing_is_learned_anew_while_a_domain_hardly_grows() -> None:
    kit.feed("erp", items("HM-{kind}4{size}7"))
    kit.feed("scm", items("hm{kind}4{size}7"))
    versions = Frequencies.objects.count()
    kit.feed("ehr", {"X1": kit.STAPLER})
    assert Frequencies.objects.count() == versions
