"""The crosswalk explorer, and the codes that nobody has mapped yet."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from mdm.exceptions import InvalidValue, NotFound
from mdm.lookup import code_systems
from mdm.models import CodeSystem, GoldenRecord
from mdm.permissions import DECIDE, LOOKUP, VIEW
from mdm.services import mapping
from mdm.spreadsheet import csv_lines
from mdm.ui import snippets
from mdm.ui.forms import ResolveForm
from mdm.ui.pages import BOTH, POST, Request, not_found, page, render
from mdm.ui.readers import crosswalk as reader
from mdm.ui.readers import unmapped

FEW = 6  # unmapped codes beside the explorer


@page(LOOKUP, BOTH)
def explorer(request: Request) -> HttpResponse:
    """Paste codes, see what each means. The same address answers the form."""
    form, context = _asked(request)
    context |= {"unmapped": unmapped.most(FEW), "unmapped_total": unmapped.total()} if not request.htmx else {}
    status = 422 if form.errors else 200
    return render(request, "crosswalk/explorer.html", context, fragment="crosswalk/answer.html", status=status)


@page(LOOKUP, POST)
def download(request: Request) -> HttpResponse | StreamingHttpResponse:
    """The whole answer as CSV."""
    _form, context = _asked(request)
    if "answer" not in context:
        return render(request, "crosswalk/explorer.html", context, status=422)
    response = StreamingHttpResponse(csv_lines(reader.table(context["answer"])), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="crosswalk.csv"'
    return response


def _asked(request: Request) -> tuple[ResolveForm, dict[str, Any]]:
    """The form, and its answer if it can be answered."""
    form = ResolveForm(request.POST or None, initial={"system": request.GET.get("system", "")})
    context: dict[str, Any] = {"section": "crosswalk", "form": form, "most": reader.MOST}
    if form.is_valid():
        try:
            answer = reader.resolve(form.cleaned_data["codes"], form.query())
        except InvalidValue as error:
            form.add_error("codes", error.message)
        else:
            problems = bool(request.POST.get("problems"))
            context |= {"answer": answer, "lines": answer.shown(problems=problems), "problems": problems}
            context |= _snippets(request, answer)
    return form, context


def _snippets(request: Request, answer: reader.Answer) -> dict[str, str]:
    address = request.build_absolute_uri(reverse("api:v1:crosswalk-batch"))
    body = snippets.body(answer.query, [line.asked.code for line in answer.lines])
    return {"curl": snippets.curl(address, body), "python": snippets.python(address, body)}


@page(VIEW)
def queue(request: Request) -> HttpResponse:
    """Every unmapped code."""
    chosen = request.GET.get("system", "")
    found = unmapped.page_of(chosen, request.GET.get("after", ""))
    context = {"section": "crosswalk", "page": found, "total": unmapped.total(), "chosen": chosen}
    context["systems"] = unmapped.systems()
    return render(request, "crosswalk/unmapped.html", context)


@page(VIEW)
def code(request: Request, system: str) -> HttpResponse:
    """One unmapped code: what waits for it, and what it may mean."""
    found, text = _system(system), request.GET.get("code", "")[: reader.LONGEST]
    query = request.GET.get("q", text)[: reader.LONGEST]
    context = {"section": "crosswalk", "system": found, "code": text, "find": query}
    context |= {"hits": unmapped.meanings(found, query), "waiting": unmapped.waiting(found, text)}
    return render(request, "crosswalk/code.html", context, fragment="crosswalk/meanings.html")


@page(DECIDE, POST)
def map_code(request: Request, system: str) -> HttpResponse:
    text, public_id = request.POST.get("code", ""), request.POST.get("golden", "")
    golden = GoldenRecord.objects.filter(public_id=public_id).first()
    if golden is None:
        raise NotFound("Choose the record that the code means.")
    mapping.map_code(
        code_system=_system(system), code=text, golden=golden, actor=request.user, reason=request.POST.get("reason", "")
    )
    messages.success(request, f"{text} means {golden.name or golden.public_id} from now on.")
    return redirect("unmapped")


def _system(slug: str) -> CodeSystem:
    try:
        return code_systems.get(slug)
    except NotFound as error:
        raise not_found(f"code system {slug}") from error
