"""A batch goes to Tryton: find, claim, read again, write each, settle (see ``marks``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from sync.adapters.base import ErrorClass, Outcome, PeerError, Rendered, State

from . import mapping
from .directory import Directory, Held
from .marks import Claim, Marks
from .rpc import Conflict, Refused, Row, Rpc
from .shape import Ref, Tree, commands, fields, references, tree


@dataclass(slots=True)
class Job:
    """One message on its way, and what Tryton holds for it."""

    body: Row
    held: Held | None = None
    row: Tree | None = None  # what is held, read after the claim
    timestamp: str = ""
    active: bool = True
    outcome: Outcome | None = None
    created: bool = False

    @property
    def stand(self) -> tuple[int, int]:
        return self.body["version"], self.body["generation"]


@dataclass(slots=True)
class Known:
    """Ids of what the chunk refers to, looked up together."""

    found: dict[Ref, dict[Any, int]] = field(default_factory=dict)
    root: dict[str, int] = field(default_factory=dict)  # of cost centers: {"root": id}

    def __call__(self, ref: Ref, value: Any) -> int | None:
        if value is None:
            return self.root.get("root") if ref.domain == "cost_center" else None
        if value not in self.found[ref]:
            raise Refused(f"Tryton holds no {ref.model} with {ref.key} {value}")
        return self.found[ref][value]


class Writer:
    def __init__(self, rpc: Rpc, marks: Marks, directory: Directory) -> None:
        self._rpc, self._marks, self._directory = rpc, marks, directory

    def write(self, chunk: Sequence[Rendered]) -> list[Outcome]:
        """One outcome each, in order. Raises PeerError when the connection fails on the way."""
        domain = chunk[0].message.domain
        jobs = [Job(orjson.loads(rendered.body)) for rendered in chunk]
        self._find(domain, jobs)
        try:
            self._claim(domain, [(job, job.held) for job in jobs if job.outcome is None and job.held])
        except Conflict as error:  # of one mark, and nothing was claimed: its neighbours go on without it
            if len(chunk) == 1:
                return [_later(error)]
            return [self.write([rendered])[0] for rendered in chunk]
        except Refused as error:
            return [job.outcome or _refused(error) for job in jobs]
        try:
            known = self._known(domain, [job for job in jobs if job.outcome is None])
            for job in jobs:
                if job.outcome is None:
                    self._write(domain, job, known)
            self._withdraw_twins(domain, [job for job in jobs if job.created])
            self._settle(domain, [job for job in jobs if job.outcome and job.outcome.receipt in ("created", "updated")])
        except (Conflict, Refused) as error:
            failed = _later(error) if isinstance(error, Conflict) else _refused(error)
            return [failed if _open(job) else job.outcome or failed for job in jobs]
        return [job.outcome or _later(Conflict()) for job in jobs]

    def _find(self, domain: str, jobs: Sequence[Job]) -> None:
        found = self._directory.held(domain, [job.body for job in jobs])
        for job in jobs:
            job.held = found.get(job.body["id"])
            mark = job.held.mark if job.held else None
            if job.held and mark and mark.applied >= job.stand:
                job.outcome = Outcome(State.ACKNOWLEDGED, receipt="held", target_code=job.held.code)
            elif mark and mark.claimed > job.stand:
                job.outcome = _later(Conflict("A newer version is being written."))

    def _claim(self, domain: str, jobs: Sequence[tuple[Job, Held]]) -> None:
        """Claim, then read what is there: whoever writes in between makes the write a conflict."""
        if not jobs:
            return
        model = mapping.MODELS[domain]
        self._marks.claim([_claimed(domain, *pair) for pair in jobs if not _claimed_already(*pair)])
        ids = [held.id for _, held in jobs]
        marks = self._marks.of(model.name, ids)
        rows = self._directory.rows(model.name, ids, ["code", "active", "_timestamp", *fields(model)])
        named = self._directory.names(model, rows)
        by_id = {held.id: job for job, held in jobs}
        for row in rows:
            job, mark = by_id[row["id"]], marks.get(row["id"])
            if mark is None or mark.claimed != job.stand:
                job.outcome = _later(Conflict("Another version is being written."))
            job.held = Held(row["id"], row["code"], mark)
            job.row, job.timestamp, job.active = tree(model, row, named), row["_timestamp"], bool(row["active"])

    def _known(self, domain: str, jobs: Sequence[Job]) -> Known:
        model, wanted = mapping.MODELS[domain], Known()
        for job in jobs:
            for ref, value in references(model, job.body["tree"]):
                wanted.found.setdefault(ref, {})[value] = 0
        replacing = [job.body["replaced_by"] for job in jobs if domain == "item" and job.body["replaced_by"]]
        known = Known({ref: self._directory.lookup(ref, values) for ref, values in wanted.found.items()})
        if replacing:
            known.found[mapping.VARIANT_OF] = self._variants(replacing)
        if domain == "cost_center" and jobs:
            known.root = self._directory.root()
        return known

    def _variants(self, records: Sequence[str]) -> dict[Any, int]:
        templates = self._directory.ids("item", records)
        rows = self._directory.rows("product.template", list(templates.values()), ["products"])
        variants = {row["id"]: row["products"][0] for row in rows if row["products"]}
        return {record: variants[number] for record, number in templates.items() if number in variants}

    def _write(self, domain: str, job: Job, known: Known) -> None:
        model = mapping.MODELS[domain]
        try:
            values = commands(model, job.body["tree"], job.row, known)
            if domain == "item":
                values = _replacing(values, job, known)
            if job.active != job.body["active"]:
                values["active"] = job.body["active"]
            if job.held is None:
                self._create(model.name, job, values | job.body["first"] | known.root)
            else:
                self._update(model.name, job, job.held, values)
        except Refused as error:
            appeared = job.held is None and self._directory.held(domain, [job.body])
            job.outcome = _later(Conflict()) if appeared else _refused(error)
        except Conflict as error:
            job.outcome = _later(error)
        except PeerError as error:
            if error.error_class != ErrorClass.SERVER or error.maybe_applied:
                raise
            job.outcome = Outcome(State.RETRY, error=str(error), error_class=error.error_class)

    def _create(self, model: str, job: Job, values: Mapping[str, Any]) -> None:
        (number,) = self._rpc(model, "create", [dict(values)])
        job.held, job.created = Held(number, values["code"]), True
        job.outcome = Outcome(State.ACKNOWLEDGED, receipt="created", target_code=values["code"])

    def _update(self, model: str, job: Job, held: Held, values: Mapping[str, Any]) -> None:
        if values:
            read = {f"{model},{held.id}": job.timestamp}
            self._rpc(model, "write", [held.id], dict(values), _timestamp=read)
        code = str(values.get("code") or held.code)
        job.outcome = Outcome(State.ACKNOWLEDGED, receipt="updated", target_code=code)

    def _withdraw_twins(self, domain: str, jobs: Sequence[Job]) -> None:
        """Two workers that made the same record at once: the later one takes its own away. Not all codes are unique."""
        if not jobs:
            return
        first = self._directory.held(domain, [job.body for job in jobs])
        for job in jobs:
            held = first.get(job.body["id"])
            if job.held and held and held.id != job.held.id:
                self._rpc(mapping.MODELS[domain].name, "delete", [job.held.id])
                job.outcome = _later(Conflict())

    def _settle(self, domain: str, jobs: Sequence[Job]) -> None:
        if done := [_claimed(domain, job, job.held) for job in jobs if job.held]:
            self._marks.settle(done)
            self._directory.appeared(claim.record for claim in done)


def _claimed(domain: str, job: Job, held: Held) -> Claim:
    resource = f"{mapping.MODELS[domain].name},{held.id}"
    return Claim(resource, job.body["id"], job.stand, job.body["replaced_by"], held.mark)


def _claimed_already(job: Job, held: Held) -> bool:
    """By an earlier attempt that didn't come to its end."""
    return held.mark is not None and held.mark.claimed == job.stand


def _open(job: Job) -> bool:
    return job.outcome is None or job.outcome.receipt in ("created", "updated")


def _replacing(values: Row, job: Job, known: Known) -> Row:
    """With the variant that replaces this one; Tryton keeps that on the variant, not on the product."""
    replacement = known(mapping.VARIANT_OF, job.body["replaced_by"])
    if job.row is None or not job.row["products"] or (replacement is None and job.active == job.body["active"]):
        return values
    variant = job.row["products"][0]["id"]
    steps = [step for step in values.get("products", ()) if step[0] == "create"]
    changed: Row = next((step[2] for step in values.get("products", ()) if step[0] == "write"), {})
    return {**values, "products": [*steps, ["write", [variant], {**changed, "replaced_by": replacement}]]}


def _refused(error: Refused) -> Outcome:
    return Outcome(State.REJECTED, error=str(error), error_class=ErrorClass.VALIDATION)


def _later(error: Conflict) -> Outcome:
    return Outcome(State.RETRY, error=str(error), error_class=ErrorClass.CONFLICT)
