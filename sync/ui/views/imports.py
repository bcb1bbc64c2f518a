"""Imports: upload, map the columns, see what would happen, run, report, and mend what was put aside."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.text import slugify
from django_htmx.http import HTMX_STOP_POLLING

from mdm.exceptions import ConcordError
from mdm.permissions import IMPORT
from mdm.ui.pages import BOTH, POST, Request, is_fragment, not_found, page, render
from sync.inbound import blank, services
from sync.models import Feed, FeedRun
from sync.models.feed import DateOrder, FeedDomain, MissingRows
from sync.ui import mapping as columns
from sync.ui import uploads as reader

SHOWN = 50
LARGEST = 250 * 1024 * 1024  # bytes
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Upload(forms.Form):
    """A file, and either a saved feed or what it brings."""

    file = forms.FileField(widget=forms.FileInput(attrs={"class": "input input--file"}))
    feed = forms.ModelChoiceField(Feed.objects.all(), required=False, empty_label="None: map the columns")
    brings = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brings"].choices = [("", "Choose"), *reader.brings()]  # type: ignore[attr-defined]
        for name in ("feed", "brings"):
            self.fields[name].widget.attrs["class"] = "input"

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > LARGEST:
            raise forms.ValidationError("This file is larger than 250 MB. Split it, or use manage.py import_file.")
        return file

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("feed") and not data.get("brings"):
            raise forms.ValidationError("Choose a saved feed, or which system’s records the file brings.")
        return data

    def options(self) -> dict[str, Any]:
        if self.cleaned_data["feed"]:
            return {"feed": self.cleaned_data["feed"]}
        return reader.brought(self.cleaned_data["brings"])


class Options(forms.Form):
    sheet = forms.CharField(required=False, max_length=80, widget=forms.HiddenInput)
    missing = forms.ChoiceField(choices=MissingRows.choices)
    date_order = forms.ChoiceField(choices=DateOrder.choices, required=False)
    save_as = forms.CharField(required=False, max_length=80)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"


@page(IMPORT)
def listing(request: Request) -> HttpResponse:
    return render(request, "imports/list.html", {"section": "import", "runs": reader.recent(SHOWN)})


@page(IMPORT, BOTH)
def upload(request: Request) -> HttpResponse:
    form = Upload(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        run = services.upload(file=file, name=file.name or "upload", actor=request.user, **form.options())
        return redirect("sync:import", run.pk)
    context = {"section": "import", "form": form, "domains": FeedDomain.choices}
    return render(request, "imports/upload.html", context, status=422 if form.errors else 200)


@page(IMPORT)
def run(request: Request, pk: int) -> HttpResponse:
    """A draft's columns; of a started run its progress, then its report."""
    found = find(pk)
    if found.state == FeedRun.State.DRAFT:
        return _draft(request, found)
    context = {"section": "import", "run": found, "report": reader.Report(found)}
    status = HTMX_STOP_POLLING if is_fragment(request) and not found.is_active else 200
    return render(request, "imports/run.html", context, fragment="imports/progress.html", status=status)


@page(IMPORT, POST)
def check(request: Request, pk: int) -> HttpResponse:
    """What an import with these columns would do. Writes nothing."""
    found = find(pk)
    _apply(request, found)
    context = {"section": "import", "run": found, "dry": reader.dry_run(found, request.user)}
    context["mapping"] = columns.mapping_of(found, request.user)
    return render(request, "imports/check.html", context, fragment="imports/dryrun.html")


@page(IMPORT, POST)
def start(request: Request, pk: int) -> HttpResponse:
    found, options = find(pk), Options(request.POST)
    chosen = _apply(request, found)
    try:
        columns.check(found)
        _save_as(request, found, options, chosen)
        services.queue(run=found, actor=request.user, **chosen)
    except ConcordError as error:
        messages.error(request, columns.said(found.domain, error))
        return _draft(request, found, status=error.status)
    return redirect("sync:import", pk)


@page(IMPORT, POST)
def cancel(request: Request, pk: int) -> HttpResponse:
    services.cancel(run=find(pk), actor=request.user)
    messages.success(request, "The import stops after the batch at hand. What has landed stays.")
    return redirect("sync:import", pk)


@page(IMPORT, POST)
def pause(request: Request, pk: int) -> HttpResponse:
    """Pause an import, or let a paused one go on."""
    found = find(pk)
    if found.paused:
        services.resume(run=found, actor=request.user)
        messages.success(request, "The import goes on.")
    else:
        services.pause(run=found, actor=request.user)
        messages.success(request, "The import pauses after the batch at hand.")
    return redirect("sync:import", pk)


@page(IMPORT, POST)
def discard(request: Request, pk: int) -> HttpResponse:
    """Give up the ticked rows that were put aside."""
    rows = [int(number) for number in request.POST.getlist("row") if number.isdecimal()]
    done = services.discard(run=find(pk), rows=rows, actor=request.user, reason=request.POST.get("reason", ""))
    messages.success(request, f"{done} row{'' if done == 1 else 's'} given up.")
    return redirect("sync:import", pk)


@page(IMPORT)
def template(request: Request, domain: str, kind: str) -> HttpResponse:
    """An empty file of a domain to fill in."""
    if domain not in FeedDomain.values:
        raise not_found(f"domain {domain[:20]}")
    content = blank.as_csv(domain) if kind == "csv" else blank.as_xlsx(domain)
    response = HttpResponse(content, content_type=TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="{domain}-to-fill-in.{kind}"'
    return response


@page(IMPORT)
def quarantine(request: Request, pk: int) -> HttpResponse:
    """The rows put aside, as CSV to mend and send again."""
    content = services.quarantine_csv(find(pk))
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="import-{pk}-to-mend.csv"'
    return response


@page(IMPORT, POST)
def resubmit(request: Request, pk: int) -> HttpResponse:
    """A mended file, or single cells mended on the page (``cell.<row>.<column>``)."""
    file, cells = request.FILES.get("file"), reader.mended_cells(request.POST)
    again = services.resubmit(run=find(pk), actor=request.user, file=file, rows=cells)
    messages.success(request, "Sent again. What is still wrong is put aside anew.")
    return redirect("sync:import", again.pk)


def find(pk: int) -> FeedRun:
    rows = FeedRun.objects.select_related("system", "feed", "actor", "ingest", "resubmits")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise not_found(f"import {pk}")
    return found


def _draft(request: Request, found: FeedRun, status: int = 200) -> HttpResponse:
    _read_like(request, found)
    initial = {"missing": found.missing, "date_order": found.date_order, "sheet": found.sheet}
    context: dict[str, Any] = {"section": "import", "run": found, "options": Options(initial=initial)}
    context["feeds"] = Feed.objects.filter(system=found.system, domain=found.domain)
    context["mapping"] = columns.mapping_of(found, request.user)
    return render(request, "imports/map.html", context, status=status)


def _read_like(request: Request, found: FeedRun) -> None:
    """The sheet and the saved mapping that the address asks for, put on the (unsaved) run."""
    if sheet := request.GET.get("sheet", ""):
        found.sheet = sheet[:80]
    like = Feed.objects.filter(code=request.GET.get("feed", ""), system=found.system, domain=found.domain).first()
    if like is not None:
        found.mapping, found.missing, found.date_order = like.mapping, like.missing, like.date_order


def _apply(request: Request, found: FeedRun) -> dict[str, Any]:
    """The columns and options of the form, put on the (unsaved) run and returned."""
    form = Options(request.POST)
    chosen: dict[str, Any] = {"mapping": columns.chosen(request.POST)}
    if form.is_valid():
        chosen |= {name: form.cleaned_data[name] for name in ("missing", "date_order", "sheet")}
    for name, value in chosen.items():
        setattr(found, name, value)
    return chosen


def _save_as(request: Request, found: FeedRun, options: Options, chosen: dict[str, Any]) -> None:
    name = options.cleaned_data.get("save_as") if options.is_valid() else ""
    if name:
        about = {"system": found.system, "domain": found.domain, "constants": found.constants}
        services.save_feed(code=slugify(name)[:80], name=name, actor=request.user, **about, **chosen)
