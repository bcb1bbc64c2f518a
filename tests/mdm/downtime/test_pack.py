"""Downtime packs: they answer what the API answers, and nobody changes one unnoticed."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing, nullcontext
from io import StringIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.utils import timezone
from msgspec.structs import astuple

from mdm import lookup
from mdm.downtime import signing
from mdm.downtime.manifest import CONTENT, MANIFEST, SIGNATURE, Manifest, Part
from mdm.downtime.verify import verify
from mdm.exceptions import Forbidden, InvalidValue, Refused
from mdm.models import AuditEntry, DowntimeKey, DowntimePack, DowntimePlan, User
from mdm.services import downtime, downtime_keys
from tests.mdm import kit
from tests.mdm.api import world
from tests.mdm.downtime.kit import substituted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture
def hospital():
    """Boxes and pieces, a shared identifier, a merge, a retired record, a code of tomorrow and one of yesterday."""
    erp, ehr, gtin = (
        world.code_system("erp-item"),
        world.code_system("ehr-item"),
        world.code_system("gtin", unique=False),
    )
    glove, gown, old = world.golden("GLOVE, <nitrile>"), world.golden("GOWN"), world.golden("GLOVE OLD")
    retired, draft = world.golden("MASK", status="retired"), world.golden("DRAFT", status="draft", approved_version=0)
    world.packed(glove, BX=100, CA=None)
    world.coded(glove, erp, "4711", uom="BX")
    world.coded(glove, erp, "4712", uom="CA", preferred=False)
    world.coded(glove, ehr, "ITM-1", uom="EA")
    world.coded(glove, gtin, "00614141007349", uom="")
    world.coded(gown, gtin, "00614141007349", uom="")
    world.coded(gown, erp, "4713", uom="EA")
    world.coded(gown, ehr, "ITM-2", uom="EA")
    today = timezone.localdate()
    world.coded(gown, ehr, "ITM-3", uom="EA", preferred=False, valid_from=today + dt.timedelta(days=1))
    world.coded(gown, ehr, "ITM-4", uom="EA", preferred=False, valid_to=today)
    world.coded(retired, erp, "4714", uom="EA")
    world.coded(draft, erp, "4715", uom="EA")
    world.merged(old, glove)
    return glove, gown, old


@pytest.fixture
def boss():
    return kit.person("boss", "administrator")


def packed(site=None, **options) -> Path:
    """The pack, as a file."""
    boss = kit.person("boss", "administrator")
    plan = downtime.plan(site=site, actor=boss, **({"every_hours": 6, "valid_hours": 72} | options))
    pack = downtime.ask(plan=plan, actor=boss, anew=True)
    assert downtime.make(pack.pk)
    pack.refresh_from_db()
    assert pack.state == "done", pack.error
    return downtime.place(pack)


def database(pack: Path, tmp_path: Path) -> sqlite3.Connection:
    with zipfile.ZipFile(pack) as archive:
        return sqlite3.connect(archive.extract("crosswalk.sqlite", tmp_path))


def trusted():
    return signing.by_name(downtime_keys.published())


def problems(pack: Path, now: dt.datetime | None = None, keys=None) -> str:
    keys = trusted() if keys is None else keys
    return " ".join(verify(pack, keys, now=now or timezone.now()).problems)


def test_every_translation_is_the_one_that_the_api_gives(hospital, tmp_path):
    sql = "SELECT to_code, to_uom, preferred, factor, no_factor FROM translation"
    sql += " WHERE system = ? AND code = ? AND to_system = ?"
    with closing(database(packed(), tmp_path)) as file:
        for code, system, to in [
            ("4711", "erp-item", "ehr-item"), ("4712", "erp-item", "ehr-item"), ("4713", "erp-item", "ehr-item"),
            ("ITM-1", "ehr-item", "erp-item"), ("ITM-2", "ehr-item", "erp-item"), ("4711", "erp-item", "gtin"),
        ]:  # fmt: skip
            ours = [astuple(one) for one in lookup.resolve(system, code, to=to).codes]
            assert [(*row[:2], bool(row[2]), *row[3:]) for row in file.execute(sql, (system, code, to))] == ours
            assert ours


def test_a_pack_holds_what_begins_before_it_ends_and_leaves_out_drafts_and_what_is_over(hospital, tmp_path):
    with closing(database(packed(), tmp_path)) as file:
        codes = {code for (code,) in file.execute("SELECT code FROM code")}
        assert {"ITM-3", "4714"} <= codes
        assert not {"ITM-4", "4715"} & codes
        assert ("time_zone", django_settings.TIME_ZONE) in file.execute("SELECT name, value FROM about").fetchall()
        assert [m[0] for m in file.execute("SELECT public_id FROM merged")] == [hospital[2].public_id]


def test_a_site_gets_its_own_substitutes_and_the_code_systems_it_uses(hospital, tmp_path, boss):
    here, there = world.golden("North", "location"), world.golden("South", "location")
    glove, gown, _ = hospital
    for place, reason in ((here, "here"), (there, "there"), (None, "anywhere")):
        substituted(glove, gown, place, reason)
    with closing(database(packed(here, code_systems=["erp-item"]), tmp_path)) as file:
        assert [r for (r,) in file.execute("SELECT reason FROM substitute")] == ["here", "anywhere"]
        assert [s for (s,) in file.execute("SELECT slug FROM system")] == ["erp-item"]


def test_a_pack_is_genuine_whole_and_in_date(hospital):
    verdict = verify(packed(), trusted(), now=timezone.now())
    assert verdict.good, verdict.problems
    assert (verdict.manifest.serial, verdict.manifest.site, verdict.manifest.records) == (1, None, 3)


@pytest.mark.parametrize("name", [*CONTENT, MANIFEST, SIGNATURE])
def test_a_changed_byte_is_found_in_every_part(hospital, tmp_path, name):
    folder = unpacked(packed(), tmp_path)
    content = bytearray((folder / name).read_bytes())
    at = content.index(b"2") if name == MANIFEST else len(content) // 2
    content[at] ^= 1
    (folder / name).write_bytes(content)
    assert "ampered" in problems(folder)


@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("change", [lambda whole: whole[:-1], lambda whole: whole + b"\0", lambda whole: b""])
def test_a_part_that_is_longer_or_shorter_is_found(hospital, tmp_path, name, change):
    folder = unpacked(packed(), tmp_path)
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    assert f"{name} is not the file that was signed" in problems(folder)


@pytest.mark.parametrize("name", [*CONTENT, MANIFEST, SIGNATURE])
def test_a_missing_part_is_named(hospital, tmp_path, name):
    folder = unpacked(packed(), tmp_path)
    (folder / name).unlink()
    assert f"{name} " in problems(folder)
    assert "missing" in problems(folder)


def test_what_was_added_and_what_is_there_twice_is_named(hospital, tmp_path):
    pack = packed()
    with zipfile.ZipFile(pack, "a") as archive:
        archive.writestr("autorun.inf", "evil")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("lookup.html", "evil")
    told = problems(pack)
    assert "'autorun.inf' doesn't belong" in told
    assert "lookup.html is there 2 times" in told
    assert "lookup.html is not the file" in told


def test_a_pack_signed_by_somebody_else_is_of_an_unknown_key(hospital, tmp_path):
    folder = unpacked(packed(), tmp_path)
    forger = Ed25519PrivateKey.generate()
    said = json.loads((folder / MANIFEST).read_bytes()) | {"key": signing.named(forger.public_key())}
    content = json.dumps(said).encode()
    (folder / MANIFEST).write_bytes(content)
    (folder / SIGNATURE).write_bytes(forger.sign(content))
    assert problems(folder).startswith("Unknown key")
    ours = json.dumps(said | {"key": downtime_keys.current().name}).encode()
    (folder / MANIFEST).write_bytes(ours)
    (folder / SIGNATURE).write_bytes(forger.sign(ours))
    assert problems(folder).startswith("Tampered with: manifest.json")


def test_a_manifest_that_names_no_files_hides_none(hospital, tmp_path):
    folder = unpacked(packed(), tmp_path)
    said = json.loads((folder / MANIFEST).read_bytes()) | {"files": {}}
    content = json.dumps(said).encode()
    (folder / MANIFEST).write_bytes(content)
    (folder / SIGNATURE).write_bytes(downtime_keys.sign(downtime_keys.current(), content))
    assert "names other files" in problems(folder)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"null", b"[" * 100_000, b"\xff", b'{"format": "zip", "version": 9}']
)
def test_what_is_no_manifest_is_said_to_be_none(hospital, tmp_path, content):
    folder = unpacked(packed(), tmp_path)
    (folder / MANIFEST).write_bytes(content)
    assert problems(folder).startswith("manifest.json: It is")


def test_an_expired_pack_and_one_of_the_future_are_refused(hospital):
    pack = packed()
    assert problems(pack, timezone.now() + dt.timedelta(hours=71)) == ""
    assert problems(pack, timezone.now() + dt.timedelta(hours=73)).startswith("Expired on ")
    assert "clock is wrong" in problems(pack, timezone.now() - dt.timedelta(hours=1))


@pytest.mark.parametrize("cut", [0, 10, 5000])
def test_an_archive_that_was_cut_off_is_unreadable_not_a_crash(hospital, tmp_path, cut):
    path = tmp_path / "cut.zip"
    path.write_bytes(packed().read_bytes()[:cut])
    assert problems(path).startswith("It can't be read")
    assert problems(tmp_path / "none.zip").startswith("There is no ")


def test_a_bomb_is_read_no_further_than_the_manifest_says(hospital, tmp_path):
    folder = unpacked(packed(), tmp_path)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (MANIFEST, SIGNATURE, "README.txt", "crosswalk.sqlite"):
            archive.write(folder / name, name)
        archive.writestr("lookup.html", b"\0" * 50_000_000)
    assert "lookup.html is not the file" in problems(bomb)


def unpacked(pack: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(pack) as archive:
        archive.extractall(folder)
    return folder


# --------------------------------------------------------------------------------------------------------------- keys
def test_one_key_is_made_and_kept_sealed(hospital):
    packed()
    packed()
    key = DowntimeKey.objects.get()
    private = downtime_keys.sealing.cipher(downtime_keys.PURPOSE).decrypt(bytes(key.sealed))
    assert private not in bytes(key.sealed)
    assert AuditEntry.objects.filter(action="downtime_key.make").count() == 1


def test_after_a_rotation_old_packs_stay_genuine_and_the_old_key_can_sign_no_more(hospital, boss):
    old = packed()
    new = downtime_keys.rotate(actor=boss, reason="yearly")
    assert problems(old) == ""
    assert problems(packed()) == ""
    assert len(trusted()) == 2
    retired = DowntimeKey.objects.exclude(pk=new.pk).get()
    assert bytes(retired.sealed) == b""
    DowntimePack.objects.update(expires_at=timezone.now())
    assert list(trusted()) == [new.name]


def test_a_key_in_wrong_hands_is_forgotten_with_all_that_it_signed(hospital, boss):
    old = packed()
    assert downtime.in_date().count() == 1
    downtime_keys.rotate(actor=boss, reason="A laptop was stolen", distrust=True)
    assert problems(old).startswith("Unknown key")
    assert downtime.in_date().count() == 0


def test_a_key_that_was_replaced_long_ago_can_still_be_distrusted(hospital, boss):
    old = packed()
    downtime_keys.rotate(actor=boss, reason="yearly")
    assert problems(old) == ""
    downtime_keys.rotate(actor=boss, reason="It leaked last year", distrust=True)
    assert problems(old).startswith("Unknown key")
    assert DowntimeKey.objects.filter(distrusted=True).count() == 2


def test_a_key_that_cannot_be_opened_says_what_to_do(hospital, settings):
    packed()
    settings.SECRET_KEY = "another"
    plan = DowntimePlan.objects.get()
    pack = downtime.ask(plan=plan, actor=User.objects.system(), anew=True)
    downtime.make(pack.pk)
    pack.refresh_from_db()
    assert (pack.state, pack.error[:24]) == ("failed", "The key that signs downt")


@pytest.mark.parametrize("said", ["", "x" * 42, "{}", '{"keys": [{"kty": "RSA"}]}', "-----BEGIN PUBLIC KEY-----\nx"])
def test_what_is_no_key_is_refused(said):
    with pytest.raises(signing.NoKey):
        signing.read(said)


def test_keys_are_written_as_the_standard_says():
    """RFC 8037, appendix A.3: the thumbprint of its example key."""
    (key,) = signing.read("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    assert signing.named(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert signing.read(signing.pem(key)) == signing.read(json.dumps({"keys": [signing.jwk(key)]})) == [key]


# -------------------------------------------------------------------------------------------------------------- plans
def test_packs_are_made_when_they_are_due_and_one_at_a_time(hospital, boss):
    plan = downtime.plan(site=None, every_hours=6, valid_hours=24, actor=boss)
    assert downtime.ask_for_due(now=timezone.now()) == 1
    assert downtime.ask(plan=plan, actor=boss) == DowntimePack.objects.get()
    assert downtime.ask_for_due(now=timezone.now() + dt.timedelta(hours=5)) == 0
    downtime.make(DowntimePack.objects.get().pk)
    assert downtime.ask_for_due(now=timezone.now() + dt.timedelta(hours=7)) == 1
    assert list(DowntimePack.objects.values_list("serial", flat=True)) == [2, 1]
    downtime.stop(plan=plan, actor=boss)
    assert downtime.ask_for_due(now=timezone.now() + dt.timedelta(days=7)) == 0
    with pytest.raises(Refused):
        downtime.ask(plan=plan, actor=boss)


def test_a_pack_that_kills_its_workers_is_given_up(hospital, boss):
    pack = downtime.ask(plan=downtime.plan(site=None, every_hours=6, valid_hours=24, actor=boss), actor=boss)
    for _ in range(3):
        DowntimePack.objects.filter(state="waiting").update(requested_at=timezone.now() - dt.timedelta(hours=1))
        assert downtime.idle() == [pack.pk]
        assert downtime.jobs.take(DowntimePack, pack.pk)
        DowntimePack.objects.update(began_at=timezone.now() - dt.timedelta(hours=1))
    assert downtime.idle() == []
    pack.refresh_from_db()
    assert (pack.state, pack.error[:14]) == ("failed", "3 workers died")


def test_the_newest_three_files_are_kept_while_they_are_in_date(hospital, tmp_path):
    made = [packed() for _ in range(4)]
    assert downtime.tidy() == 1
    assert [path.exists() for path in made] == [False, True, True, True]
    DowntimePack.objects.update(expires_at=timezone.now())
    assert downtime.tidy() == 3


def test_a_file_whose_pack_is_not_marked_as_done_yet_is_left_alone(hospital, tmp_path):
    made = packed()
    DowntimePack.objects.update(state="running")
    assert downtime.tidy() == 0
    assert made.exists()


def test_plans_are_for_administrators_and_must_make_sense(boss):
    with pytest.raises(Forbidden):
        downtime.plan(site=None, every_hours=6, valid_hours=24, actor=kit.steward())
    for wrong in ({"every_hours": 0}, {"valid_hours": 5}, {"valid_hours": 9999}, {"code_systems": ["nope"]}):
        with pytest.raises(InvalidValue):
            downtime.plan(site=None, actor=boss, **({"every_hours": 6, "valid_hours": 24} | wrong))
    with pytest.raises(InvalidValue):
        downtime.plan(site=world.golden("GLOVE"), every_hours=6, valid_hours=24, actor=boss)


# ----------------------------------------------------------------------------------------------------------- commands
def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_the_command_makes_a_pack_for_a_site_and_copies_it(hospital, tmp_path):
    site = world.golden("North", "location")
    told = run("downtime_pack", "--site", site.public_id, "--valid", "24", "--to", str(tmp_path))
    assert (tmp_path / f"concord-downtime-{site.public_id}-000001.zip").is_file()
    assert "9 codes of 3 records" in told
    assert DowntimePlan.objects.get().valid_hours == 24
    run("downtime_pack", "--site", site.public_id)
    assert DowntimePlan.objects.get().valid_hours == 24
    run("downtime_pack", "--site", site.public_id, "--stop")
    assert not DowntimePlan.objects.get().active
    with pytest.raises(CommandError, match="is no location"):
        run("downtime_pack", "--site", "MDM-LO-999999")


def test_another_machine_checks_a_pack_without_a_database(hospital, tmp_path):
    pack = packed()
    keys = tmp_path / "keys.json"
    keys.write_text(run("downtime_pack", "--keys").split("\n\n")[0])
    command = [sys.executable, "manage.py", "verify_pack", str(pack), "--key"]
    environment = {
        "PATH": "", "CONCORD_VAR": str(tmp_path / "var"), "DATABASE_URL": "postgresql://nobody@192.0.2.1/none",
    }  # fmt: skip
    done = subprocess.run(
        [*command, str(keys)], cwd=django_settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, "Genuine, whole and in date" in done.stdout) == (0, True), done.stderr


def test_the_command_says_what_is_wrong_and_fails(hospital, tmp_path):
    pack = packed()
    with pytest.raises(SystemExit) as ended:
        run("verify_pack", str(pack))
    assert ended.value.code == 1
    with pytest.raises(CommandError, match="is no Ed25519 public key"):
        run("verify_pack", str(pack), "--key", "nonsense")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (("--site", "all", "--serial", "1"), ""),
        (("--site", "MDM-LO-000001"), "It is for the whole network, not for MDM-LO-000001."),
        (("--serial", "2"), "It is pack 1, older than pack 2."),
    ],
)
def test_a_genuine_pack_of_another_site_or_of_last_week_is_refused_where_that_is_said(hospital, asked, why):
    out, pack = StringIO(), packed()
    key = signing.pem(downtime_keys.published()[0])
    with pytest.raises(SystemExit) if why else nullcontext():
        call_command("verify_pack", str(pack), "--key", key, *asked, stdout=out, stderr=out)
    assert (why or "Genuine, whole and in date") in out.getvalue()


def test_openssl_can_check_the_signature(hospital, tmp_path):
    if not (openssl := shutil.which("openssl")):
        pytest.skip("openssl is not installed")
    folder = unpacked(packed(), tmp_path)
    (tmp_path / "key.pem").write_text(signing.pem(downtime_keys.published()[0]))
    done = subprocess.run(
        [openssl, "pkeyutl", "-verify", "-pubin", "-inkey", tmp_path / "key.pem", "-rawin",
         "-in", folder / MANIFEST, "-sigfile", folder / SIGNATURE],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_manifest_survives_being_written_and_read():
    now = timezone.now().replace(microsecond=0)
    made = Manifest(None, 1, now, now, 6, 0, "k", ("a",), 1, 2, {"x": Part(1, "y")})
    assert Manifest.of(made.to_bytes()) == made
