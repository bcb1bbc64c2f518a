"""What templates must not say: forms whose Enter decides, paragraphs that end early."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

TEMPLATES = Path(settings.BASE_DIR, "templates")
FORM = re.compile(r"<form\b.*?</form>", re.DOTALL)
DECISION = re.compile(r'<button\b[^>]*name="(?:decision|whole)"')


def forms() -> list[tuple[str, str]]:
    """(template, form) of each whose buttons decide differently."""
    found = []
    for path in sorted(TEMPLATES.rglob("*.html")):
        for form in FORM.findall(path.read_text()):
            if DECISION.search(form) and 'name="reason"' in form:
                found.append((str(path.relative_to(TEMPLATES)), form))
    return found


@pytest.mark.parametrize("form", [pytest.param(form, id=name) for name, form in forms()])
def test_enter_in_the_reason_takes_none_of_several_decisions(form):
    """Browsers press a form's first button then, be it what it may: here one that can't be pressed."""
    assert form.index("parts/no_default.html") < form.index("<button")


def test_every_form_with_several_decisions_is_held_to_it():
    names = {name for name, _ in forms()}
    assert names >= {"review/pair.html", "changes/change.html", "sync/parts/dead.html", "sync/messages.html"}


PARAGRAPH = re.compile(r"<p\b[^>]*>(.*?)</p>", re.DOTALL)
BLOCK = re.compile(r"<(?:form|div|ul|ol|table|section|dl|fieldset|h[1-6]|header|footer|nav|details|p)\b")


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_paragraph_holds_what_ends_it(path):
    """Browsers close a paragraph at a form or a list: what follows then stands outside of what it was written in."""
    assert [text for text in PARAGRAPH.findall(path.read_text()) if BLOCK.search(text)] == []
