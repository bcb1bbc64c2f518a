"""``/api/v1/{items,…}/match`` and ``/explain``: what a record would be matched to, and why two are one or are not."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from django.urls import URLPattern, path
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from mdm import permissions
from mdm.api import examples
from mdm.api.base import Strict, View, actor
from mdm.api.fields import AttributeValues
from mdm.api.shapes import EvidenceShape
from mdm.api.work import SourceName
from mdm.canonical import DOMAINS, Domain
from mdm.exceptions import InvalidValue
from mdm.lookup import code_systems
from mdm.models import GoldenRecord, SourceRecord
from mdm.services import explain, match, scoring
from mdm.services.explain import Explanation, Side
from mdm.services.match import Found, Match
from mdm.values import parse_values

MAX_LIMIT = 50


class MatchBody(Strict):
    values = AttributeValues(help_text="Canonical attributes, as for submitting a source record.")
    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=match.LIMIT)
    code_system = serializers.CharField(
        required=False, default=None, allow_null=True, help_text="Where the record would come from."
    )


class Thresholds(serializers.Serializer[Any]):
    link = serializers.FloatField(help_text="Bits from which records are linked without asking.")
    review = serializers.FloatField(help_text="Bits from which a steward is asked.")
    probability = serializers.FloatField(help_text="That the best candidate is right, from which it is linked.")
    policy_version = serializers.IntegerField(help_text="0: as the engine comes.")


class MatchShape(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="Public id of the golden record.")
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=GoldenRecord.Status.choices)
    score = serializers.FloatField(help_text="Bits; the sum of the evidence.")
    probability = serializers.FloatField()
    decision = serializers.ChoiceField(choices=["link", "review", "none"], help_text="As the resolver would decide.")
    margin = serializers.FloatField(allow_null=True, help_text="Bits ahead of the best other candidate.")
    vetoes = serializers.ListField(child=serializers.CharField(), help_text="What forbids an automatic link.")
    source = SourceName(  # type: ignore[assignment]  # also an attribute of fields
        help_text="The source record of it that is most alike; the evidence is of this one."
    )
    evidence = EvidenceShape(many=True)


class MatchAnswer(serializers.Serializer[Any]):
    decision = serializers.ChoiceField(choices=["link", "review", "new"], help_text="What submitting it would do.")
    reason = serializers.CharField()
    thresholds = Thresholds()
    candidates = MatchShape(many=True, help_text="Best first.")


class ExplainQuery(Strict):
    one = serializers.CharField(help_text="Public id of a golden record, or code system, slash and code.")
    two = serializers.CharField(help_text="The same for the other.")


class SideShape(serializers.Serializer[Any]):
    asked = serializers.CharField()
    id = serializers.CharField(allow_null=True, help_text="Golden record that it is, or is linked to.")
    source = SourceName(help_text="What was compared.")  # type: ignore[assignment]  # also an attribute of fields


class WhatIfShape(serializers.Serializer[Any]):
    field = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # also an attribute of fields
    how = serializers.ChoiceField(choices=["the same", "not stated"])
    bits = serializers.FloatField(help_text="What it would add to the score.")
    score = serializers.FloatField(help_text="What the score would be.")
    vetoes = serializers.ListField(child=serializers.CharField(), help_text="What would then forbid a link.")
    turns = serializers.BooleanField(help_text="By itself it would make an automatic link, or undo one.")
    text = serializers.CharField()


class ExplainAnswer(serializers.Serializer[Any]):
    one = SideShape()
    two = SideShape()
    together = serializers.BooleanField(help_text="They are one golden record.")
    score = serializers.FloatField()
    probability = serializers.FloatField()
    decision = serializers.ChoiceField(choices=["link", "review", "none"], help_text="What score and vetoes alone say.")
    verdict = serializers.CharField(help_text="The same in a sentence.")
    vetoes = serializers.ListField(child=serializers.CharField())
    obstacles = serializers.ListField(
        child=serializers.CharField(), help_text="What is decided or known besides, whatever the score."
    )
    thresholds = Thresholds()
    why = serializers.ListField(child=serializers.CharField(), help_text="The strongest evidence, in words.")
    evidence = EvidenceShape(many=True)
    changes = WhatIfShape(many=True, help_text="What would have to change, what suffices by itself first.")


class FindMatches(View):
    description = (
        "The golden records that a record with these values would be compared with, ranked as the resolver ranks them, "
        "each with the evidence of its score. Nothing is saved."
    )
    permission = permissions.VIEW
    domain: ClassVar[Domain]
    body, answer = MatchBody, MatchAnswer
    body_example, answer_example = examples.MATCH, examples.MATCH_ANSWER

    def post(self, request: Request) -> Response:
        given = MatchBody.checked(request.data)
        slug = given["code_system"]
        system = code_systems.get(slug) if slug else None
        if system and system.domain != self.domain.name:
            raise InvalidValue(f"{system.slug} holds codes of {system.domain} records, not of {self.domain.name} ones.")
        found = match.find(
            domain=self.domain.name,
            values=_values(self.domain, given["values"]),
            actor=actor(request),
            limit=given["limit"],
            code_system=system,
        )
        return Response(show_found(found))


class ExplainPair(View):
    description = (
        "Why two records are one, or are not: the evidence with weights that add up to the score, what forbids a link, "
        "and what would have to change. Of golden records the source records that are most alike are compared."
    )
    permission = permissions.VIEW
    domain: ClassVar[Domain]
    query, answer, answer_example = ExplainQuery, ExplainAnswer, examples.EXPLANATION

    def get(self, request: Request) -> Response:
        query = ExplainQuery.of_query(request)
        return Response(show(explain.explain(domain=self.domain.name, actor=actor(request), **query)))


def _values(domain: Domain, stated: dict[str, Any]) -> dict[str, Any]:
    """Canonical values, or which of those stated can't be read."""
    parsed = parse_values(domain, stated)
    if parsed.problems:
        raise ValidationError({"values": {problem.path: problem.message for problem in parsed.problems}})
    return parsed.values


def show_found(found: Found) -> dict[str, Any]:
    return {
        "decision": found.decision,
        "reason": found.reason,
        "thresholds": _thresholds(found),
        "candidates": [_match(one) for one in found.matches],
    }


def _match(one: Match) -> dict[str, Any]:
    return {
        "id": one.golden.public_id,
        "name": one.golden.name,
        "status": one.golden.status,
        "score": round(one.score, 3),
        "probability": round(one.probability, 6),
        "decision": one.decision,
        "margin": None if one.margin is None else round(one.margin, 3),
        "vetoes": list(one.vetoes),
        "source": _source(one.source),
        "evidence": scoring.evidence(one.comparison),
    }


def _thresholds(of: Found | Explanation) -> dict[str, Any]:
    policy = of.policy
    return {
        "link": round(policy.sure_score, 3),
        "review": policy.review_bits,
        "probability": policy.costs.auto,
        "policy_version": of.policy_version,
    }


def _source(source: SourceRecord) -> dict[str, str]:
    return {"code_system": source.code_system.slug, "code": source.code}


def show(found: Explanation) -> dict[str, Any]:
    return {
        "one": _side(found.one, found.pair[0]),
        "two": _side(found.two, found.pair[1]),
        "together": found.together,
        "score": round(found.comparison.score, 3),
        "probability": round(found.probability, 6),
        "decision": found.decision,
        "verdict": found.verdict,
        "vetoes": list(found.vetoes),
        "obstacles": list(found.obstacles),
        "thresholds": _thresholds(found),
        "why": list(found.why),
        "evidence": scoring.evidence(found.comparison),
        "changes": [
            asdict(change) for change in found.changes
        ],
    }  # fmt: skip


def _side(side: Side, compared: SourceRecord) -> dict[str, Any]:
    golden = side.golden or compared.golden
    return {"asked": side.name, "id": golden and golden.public_id, "source": _source(compared)}


def _of(view: type[View], domain: Domain, word: str) -> Any:
    own = {"domain": domain, "tag": domain.plural, "operation": f"{domain.name}_{word}"}
    return type(f"{domain.label.title().replace(' ', '')}{view.__name__}", (view,), own).as_view()  # type: ignore[attr-defined]


def routes(domain: Domain) -> list[URLPattern]:
    word = domain.plural.lower().replace(" ", "-")
    return [
        path(f"{word}/match", _of(FindMatches, domain, "match"), name=f"{word}-match"),
        path(f"{word}/explain", _of(ExplainPair, domain, "explain"), name=f"{word}-explain"),
    ]


ROUTES = [route for domain in DOMAINS.values() for route in routes(domain)]
