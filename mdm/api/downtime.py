"""``/api/v1/downtime``: packs that a site fetches while all is well, and the public keys that they are checked with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase
from django.urls import path, reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mdm import permissions
from mdm.api import conditional
from mdm.api.base import DirectView, Strict, View, actor, once
from mdm.downtime import signing
from mdm.exceptions import NotFound
from mdm.models import DowntimePack, DowntimePlan
from mdm.services import downtime, downtime_keys

MOST = 100  # packs in a list
EXAMPLE = {
    "id": 12,
    "site": "MDM-LO-000001",
    "serial": 4,
    "state": "done",
    "requested_at": "2026-05-03T14:00:00Z",
    "made_at": "2026-05-03T14:00:05Z",
    "fresh_until": "2026-05-03T14:05:05Z",
    "expires_at": "2026-05-06T14:00:05Z",
    "records": 48211,
    "codes": 131072,
    "size": 3810222,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "key": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "file": "/api/v1/downtime/packs/12/file",
    "error": "",
}


class SiteQuery(Strict):
    site = serializers.CharField(
        required=False, max_length=20, help_text="Public id of the location; left out: packs of the whole network."
    )


class PackBody(Strict):
    site = serializers.CharField(
        required=False, allow_null=True, max_length=20, help_text="Public id of the location; null: the whole network."
    )


class PackShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    site = serializers.CharField(allow_null=True, help_text="Public id of the location; null: the whole network.")
    serial = serializers.IntegerField(help_text="Counts the packs of a site.")
    state = serializers.ChoiceField(choices=DowntimePack.State.choices)
    requested_at = serializers.DateTimeField()
    made_at = serializers.DateTimeField(allow_null=True, help_text="As of when everything in it is.")
    fresh_until = serializers.DateTimeField(
        allow_null=True, help_text="Until then whoever asks for a pack of the site gets this one."
    )
    expires_at = serializers.DateTimeField(allow_null=True)
    records = serializers.IntegerField()
    codes = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField(help_text="Of the archive, as hexadecimal text.")
    key = serializers.CharField(allow_null=True, help_text="Thumbprint of the key that signed it.")
    file = serializers.CharField(allow_null=True, help_text="Where to get it. The newest three are kept.")
    error = serializers.CharField()


class PackList(serializers.Serializer[Any]):
    results = PackShape(many=True)


class KeyShape(serializers.Serializer[Any]):
    kty = serializers.CharField()
    crv = serializers.CharField()
    x = serializers.CharField(help_text="The public key.")
    kid = serializers.CharField(help_text="Its thumbprint (RFC 7638), which manifests name.")
    use = serializers.CharField()
    alg = serializers.CharField()


class KeySet(serializers.Serializer[Any]):
    keys = KeyShape(many=True)


class Keys(View):
    """The public keys whose packs may be believed, as a JSON Web Key Set (RFC 8037): the one that signs first."""

    permission = permissions.LOOKUP
    tag, operation, answer = "Downtime", "downtime_keys", KeySet
    answer_example: ClassVar = {
        "keys": [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                "kid": EXAMPLE["key"],
                "use": "sig",
                "alg": "EdDSA",
            }
        ]
    }

    def get(self, request: Request) -> Response:
        return Response({"keys": [signing.jwk(key) for key in downtime_keys.published()]})


class Packs(View):
    """The packs of a site, newest first."""

    permission = permissions.LOOKUP
    tag, operation = "Downtime", "downtime_packs"
    query, answer = SiteQuery, PackList
    answer_example: ClassVar = {"results": [EXAMPLE]}

    def get(self, request: Request) -> Response:
        wanted = _of(SiteQuery.of_query(request).get("site"))
        packs = DowntimePack.objects.filter(wanted).select_related("plan__site", "key")[:MOST]
        usable = set(downtime.in_date().filter(wanted).values_list("pk", flat=True))
        return Response({"results": [_show(pack, usable=pack.pk in usable) for pack in packs]})


class AskForPack(View):
    """Have a pack of a site made now (202; `Location` tells of it), or get the one of some minutes ago (200): until its
    `fresh_until` no other is made. An administrator has set up that the site gets packs.
    """

    permission = permissions.VIEW
    tag, operation = "Downtime", "downtime_ask"
    body, answer, proposal, answer_example = PackBody, PackShape, PackShape, EXAMPLE
    body_example: ClassVar = {"site": "MDM-LO-000001"}

    def post(self, request: Request) -> Response:
        site = PackBody.checked(request.data).get("site")
        plan = DowntimePlan.objects.filter(_of(site, prefix="")).first()
        if plan is None:
            raise NotFound("No packs are made of that. An administrator sets it up under Downtime packs.")
        made = downtime.ask(plan=plan, actor=actor(request))
        where = reverse("api:v1:downtime-pack", args=[made.pk])
        if made.state == DowntimePack.State.DONE:
            return Response(_show(made, usable=True), headers={"Location": where})
        return Response(_show(made), status=202, headers={"Location": where, "Retry-After": "5"})


class PackDetail(View):
    """How far a pack is."""

    permission = permissions.LOOKUP
    tag, operation = "Downtime", "downtime_pack"
    answer, answer_example = PackShape, EXAMPLE

    def get(self, request: Request, pk: int) -> Response:
        pack = DowntimePack.objects.select_related("plan__site", "key").filter(pk=pk).first()
        if pack is None:
            raise NotFound(f"There is no downtime pack {pk}.")
        return Response(_show(pack, usable=downtime.in_date().filter(pk=pk).exists()))


class PackFile(DirectView):
    """The archive of a pack that is in date."""

    permission = permissions.LOOKUP
    tag, operation, media = "Downtime", "downtime_pack_file", "application/zip"

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return sent(request, downtime.in_date().filter(pk=pk))


class NewestFile(DirectView):
    """The archive of a site's newest pack. With `If-None-Match` it is sent only if there is a newer one."""

    permission = permissions.LOOKUP
    tag, operation, media = "Downtime", "downtime_newest_file", "application/zip"
    query = SiteQuery

    def get(self, request: HttpRequest) -> HttpResponseBase:
        site = SiteQuery.checked(once(request.GET)).get("site")
        return sent(request, downtime.in_date().filter(_of(site)))


def sent(request: HttpRequest, packs: Iterable[DowntimePack]) -> HttpResponseBase:
    """The archive of the first one, or 304. Raises ``NotFound`` where there is none that may be used."""
    found = downtime.opened(packs)
    if found is None:
        raise NotFound("There is no such pack in date. Look at the list, or ask for one.")
    pack, file = found
    return conditional.file(request, file, pack.sha256, name=downtime.file_name(pack), media="application/zip")


def _of(site: str | None, prefix: str = "plan__") -> Q:
    return Q(**{f"{prefix}site__public_id": site}) if site else Q(**{f"{prefix}site__isnull": True})


def _show(pack: DowntimePack, *, usable: bool = False) -> dict[str, Any]:
    plain = ("id", "serial", "state", "requested_at", "made_at", "expires_at", "records", "codes", "size", "sha256")
    return {name: getattr(pack, name) for name in (*plain, "error")} | {
        "site": pack.plan.site.public_id if pack.plan.site else None,
        "fresh_until": downtime.fresh_until(pack),
        "key": pack.key.name if pack.key else None,
        "file": reverse("api:v1:downtime-pack-file", args=[pack.pk]) if usable else None,
    }


ROUTES = [
    path("downtime/keys", Keys.as_view(), name="downtime-keys"),
    path("downtime/file", NewestFile.as_view(), name="downtime-file"),
    path("downtime/packs", Packs.with_writes(post=AskForPack).as_view(), name="downtime-packs"),
    path("downtime/packs/<int:pk>", PackDetail.as_view(), name="downtime-pack"),
    path("downtime/packs/<int:pk>/file", PackFile.as_view(), name="downtime-pack-file"),
]
