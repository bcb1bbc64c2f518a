"""Tags and filters of the screens. The words are in ``mdm.ui.words``, the drawings in ``mdm.ui.charts``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import template
from django.template.context import RequestContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from mdm.canonical import DOMAINS, Domain, Field
from mdm.filters import Filter
from mdm.models import SourceRecord, User, WorkItem
from mdm.ui import charts, icons, preferences, words
from mdm.ui.pages import is_fragment
from mdm.ui.readers import work

register = template.Library()

register.filter("show_time", words.show_time)
register.filter("show_date", words.show_date)
register.filter("since", words.since)
register.filter("span", words.span)
register.filter("milliseconds", words.milliseconds)
register.filter("bits", words.bits)
register.filter("percent", words.percent)


@register.simple_tag(takes_context=True)
def icon(context: RequestContext, name: str, classes: str = "") -> SafeString:
    """``{% icon "truck" %}``, ``{% icon "truck" "icon--s" %}``. Remembered for ``{% sprite %}``."""
    request, classes = context.get("request"), f"icon {classes}".strip()
    if request is None or is_fragment(request):
        return icons.inline(name, classes)
    _used(request)[name] = None
    return icons.use(name, classes)


@register.simple_tag
def icon_inline(name: str, classes: str = "") -> SafeString:
    """An icon on a page without a sprite."""
    return icons.inline(name, f"icon {classes}".strip())


@register.simple_tag(takes_context=True)
def sprite(context: RequestContext) -> SafeString:
    """The drawings of all icons the page has used so far; at the end of ``<body>``."""
    symbols = format_html_join("", "{}", ((icons.symbol(name),) for name in _used(context["request"])))
    return format_html('<svg class="sprite" aria-hidden="true">{}</svg>', symbols)


def _used(request: Any) -> dict[str, None]:
    if not hasattr(request, "used_icons"):
        request.used_icons = {}
    return request.used_icons


@register.filter
def domain(name: str) -> Domain:
    """The domain's description: ``{{ record.domain|domain }}`` has label, plural and icon."""
    return DOMAINS[name]


@register.filter
def preference(user: User, name: str) -> str:
    """What the user has chosen, else what is usual."""
    return str(user.preferences.get(name, preferences.CHOICES[name][0]))


@register.filter
def query(pairs: Iterable[tuple[str, str]]) -> str:
    """Pairs as the query of an address."""
    return urlencode(list(pairs))


@register.simple_tag
def with_status(wanted: Filter, status: str) -> str:
    """A list's filter with another status, as the query of an address."""
    return urlencode(wanted.parameters | {"status": status})


@register.filter
def domain_label(name: str) -> str:
    return DOMAINS[name].label


@register.filter
def domain_icon(name: str) -> str:
    return DOMAINS[name].icon


@register.simple_tag
def value(field: Field, of: Any) -> SafeString:
    """A canonical value as text, quiet when it is not stated."""
    text = words.display(field, of)
    return format_html('<span class="muted">{}</span>' if text == words.EMPTY else "{}", text)


@register.filter
def system_class(kind: str) -> str:
    """The colour class of a source's provenance chip."""
    return f"k-{kind or 'steward'}"


@register.inclusion_tag("parts/charts/spark.html")
def spark(values: list[float], width: int = 84, height: int = 30, tone: str = "") -> dict[str, Any]:
    return {"line": charts.spark(values, width, height), "width": width, "height": height, "tone": tone}


@register.inclusion_tag("parts/charts/stacked.html")
def stacked_bars(chart: charts.Stacked) -> dict[str, Any]:
    return {"chart": chart}


@register.inclusion_tag("parts/charts/lines.html")
def share_lines(chart: charts.Lines) -> dict[str, Any]:
    return {"chart": chart}


@register.inclusion_tag("parts/charts/heat.html")
def heat_map(chart: charts.Heat) -> dict[str, Any]:
    return {"chart": chart}


@register.inclusion_tag("parts/charts/waterfall.html")
def waterfall(evidence: list[dict[str, Any]]) -> dict[str, Any]:
    """Evidence in bits as a table whose middle column is drawn: it is its own text alternative."""
    return {"fall": charts.waterfall(evidence)}


@register.inclusion_tag("parts/charts/lanes.html")
def swim_lanes(chart: charts.Lanes) -> dict[str, Any]:
    """Steps across places. The numbers are those of the list of steps, which is its text alternative."""
    return {"chart": chart}


@register.inclusion_tag("parts/charts/score.html")
def score_track(probability: float, review: float, auto: float) -> dict[str, Any]:
    at, low, high = probability * 100, review * 100, auto * 100
    bands = {"review": low, "middle": high - low, "auto": high, "rest": 100 - high}
    return {"at": at, "probability": probability, **bands}


@register.inclusion_tag("parts/charts/gauge.html")
def gauge(label: str, drawn: charts.Gauge) -> dict[str, Any]:
    """A share with its interval; the table that it stands in is its text alternative."""
    return {"label": label, "gauge": drawn}


@register.simple_tag
def greeting() -> str:
    hour = timezone.localtime().hour
    return "Good morning" if hour < 12 else "Good afternoon" if hour < 18 else "Good evening"


@register.simple_tag(takes_context=True)
def review_link(context: RequestContext, pk: int, candidate: str = "") -> SafeString:
    """The attributes of a link to a review: it keeps what the queue is asked for, and swaps in place under htmx."""
    address = context["queue"].address(pk, candidate)
    return format_html('href="{}" hx-get="{}" hx-push-url="true"', address, address)


@register.simple_tag(takes_context=True)
def review_address(context: RequestContext, pk: int, candidate: str = "") -> str:
    return str(context["queue"].address(pk, candidate))


@register.simple_tag(takes_context=True)
def queue_url(context: RequestContext, **other: str) -> str:
    """The queue, asked for something else: ``{% queue_url view="mine" %}``."""
    return f"{reverse('review')}?{context['queue'].asked.query_with(**other)}"


@register.filter
def left(seconds: float) -> str:
    """Time until something is due, or since: 3 h."""
    return words.span(abs(seconds))


@register.filter
def iso_date(text: str) -> str:
    """The day of an ISO 8601 time."""
    return words.show_date(text[:10])


@register.filter
def hundred(share: float) -> int:
    """A probability as whole percent, never rounded up to 100."""
    return min(int(share * 100 + 0.5), 99 if share < 1 else 100)


@register.filter
def add_to(number: float, more: float) -> float:
    """``add`` for what isn't whole."""
    return round(number + more, 1)


@register.filter
def signed(number: int) -> str:
    """+3, −12 (a true minus), 0."""
    return f"{number:+d}".replace("-", "−") if number else "0"


@register.filter
def unlocalised(number: float) -> str:
    """A number as inputs want it, without a needless .0."""
    return f"{number:g}"


@register.filter
def weight(number: float) -> str:
    """A weight of the match rules: 1.10, −3.00 (a true minus)."""
    return f"{number:.2f}".replace("-", "−")


register.filter("kind_name", words.kind_name)
register.filter("rule_name", words.rule_name)
register.filter("action_words", words.action_words)
register.filter("consequence", words.consequence)
register.filter("resolution_words", words.resolution_words)


@register.filter
def work_url(item: WorkItem) -> str:
    """Where a work item is dealt with."""
    if item.kind in work.REVIEWS:
        return reverse("review-item", args=[item.pk])
    return reverse("work-item", args=[item.pk])


@register.filter
def stated(source: SourceRecord) -> list[tuple[str, str]]:
    """What a source record says, attribute by attribute."""
    fields = DOMAINS[source.domain].fields
    return [(f.label, words.display(f, source.values[f.name])) for f in fields if source.values.get(f.name) is not None]
