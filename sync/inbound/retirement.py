"""Records that a full file no longer has: retired, unless the file itself is in doubt; then somebody is asked."""

from __future__ import annotations

from mdm.models import Ingest, SourceRecord
from mdm.services import ingest as landing
from sync.inbound import gl_accounts
from sync.inbound.reading import Survey
from sync.models.feed import FeedRun


def missing(run: FeedRun, survey: Survey) -> list[str]:
    """Codes in force that the file lacks; none where the feed doesn't retire."""
    if survey.codes is None:
        return []
    code_system = run.code_system()
    if code_system is None:
        return gl_accounts.missing_codes(run.system, survey.codes)
    return landing.missing_codes(code_system, survey.codes)


def standing(run: FeedRun) -> int:
    """Records in force of the run's code system, before any is retired."""
    code_system = run.code_system()
    if code_system is None:
        return len(gl_accounts.missing_codes(run.system, set()))
    return SourceRecord.objects.filter(code_system=code_system).exclude(state=SourceRecord.State.RETIRED).count()


def why_held(run: FeedRun, survey: Survey, codes: list[str]) -> str:
    """Why the file is in doubt as a whole, so that it retires nothing; empty if it isn't."""
    if survey.damage:
        return (
            f"The file is incomplete: {survey.damage}. Its {survey.rows:,} readable rows were taken, nothing was "
            "retired. Send the whole file again."
        )
    if not codes:
        return ""
    if survey.without_code:
        return (
            f"{survey.without_code:,} rows have no readable code, so it is unknown which records are missing: nothing "
            "was retired. Mend those rows and send the file again."
        )
    if len(codes) > run.max_retire_share * (total := standing(run)):
        return (
            f"The file lacks {len(codes):,} of {total:,} records, more than the {run.max_retire_share:.0%} that may be "
            "retired at once: nothing was retired. If it is right, raise the feed's limit and send it again."
        )
    return ""


def end_landing(run: FeedRun, ingest: Ingest | None, survey: Survey, codes: list[str]) -> int:
    """Retire these codes and close the ingest. Returns how many were retired."""
    if ingest is None:
        return gl_accounts.retire(system=run.system, codes=codes, actor=run.actor)
    policy = "retire" if codes else "ignore"
    return landing.finish(ingest=ingest, missing=policy, seen=survey.codes or set()).retired
