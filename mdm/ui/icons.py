"""Icons from the lucide package, printed once per page as a sprite of symbols."""

from __future__ import annotations

from functools import cache
from xml.etree import ElementTree

from defusedxml.ElementTree import fromstring
from django.utils.html import format_html
from django.utils.safestring import SafeString
from lucide.templatetags.lucide import lucide

_MARK = (
    '<path d="M9 5.2a7 7 0 1 0 0 13.6"/><path d="M15 18.8a7 7 0 1 0 0-13.6"/>'
    '<path d="M12 6.2a7 7 0 0 1 0 11.6 7 7 0 0 1 0-11.6z" fill="currentColor"/>'
)


@cache
def drawing(name: str) -> SafeString:
    """The paths of an icon in a 24 × 24 view box. ``mark`` is Concord's own.

    Raises:
        lucide.IconDoesNotExist: lucide has no icon of this name.
    """
    if name == "mark":
        return SafeString(_MARK)
    svg = fromstring(lucide(name, size=None))
    parts = (ElementTree.tostring(part, encoding="unicode").strip() for part in svg)
    return SafeString("".join(part.replace(" />", "/>") for part in parts))


@cache
def symbol(name: str) -> SafeString:
    return format_html('<symbol id="i-{}" viewBox="0 0 24 24">{}</symbol>', name, drawing(name))


@cache
def use(name: str, classes: str) -> SafeString:
    """An icon that refers to the page's sprite."""
    return format_html('<svg class="{}" aria-hidden="true"><use href="#i-{}"/></svg>', classes, name)


@cache
def inline(name: str, classes: str) -> SafeString:
    """An icon that carries its own drawing: for fragments, whose host page may lack it in its sprite."""
    return format_html('<svg class="{}" viewBox="0 0 24 24" aria-hidden="true">{}</svg>', classes, drawing(name))
