"""One page to look at what the counterparts hold, without any script."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; color: #1f2933 }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem } p { color: #52606d; margin: .25rem 0 1rem }
table { border-collapse: collapse; width: 100%; font-size: .875rem }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid #e4e7eb; vertical-align: top }
th { color: #52606d; font-weight: 600 } .n { font-variant-numeric: tabular-nums; text-align: right }
td.id { white-space: nowrap } table + table { margin-top: 1rem }
code { font-size: .85em; word-break: break-word } .off { color: #9aa5b1 } .bad { color: #b42318; font-weight: 600 }
a { color: #0b5fa5 }
"""
SHOWN = 100


def render(counterparts: Mapping[str, Any], about: Mapping[str, Any], query: Mapping[str, str]) -> str:
    """The overview, or one domain of one counterpart when the query names ``target`` and ``domain``."""
    target = counterparts.get(query.get("target", ""))
    if target and query.get("domain"):
        body = _records(query["target"], target, query["domain"], query.get("after", ""))
    else:
        body = "".join(_overview(name, c, about.get(name, {})) for name, c in counterparts.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Concord sandbox</title>'
        f"<style>{STYLE}</style><h1>Sandbox: the systems that Concord delivers to</h1>{body}</html>"
    )


def _overview(name: str, counterpart: Any, about: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><td><a href="?target={name}&amp;domain={domain}">{escape(domain)}</a></td>'
        f'<td class="n">{c.get("records", 0)}</td><td class="n">{c.get("active", 0)}</td>'
        f'<td class="n">{c.get("effects", 0)}</td>'
        f'<td class="n{" bad" if c.get("repeated") else ""}">{c.get("repeated", 0)}</td></tr>'
        for domain, c in sorted(counterpart.store.counts().items())
    )
    faults = ", ".join(f["kind"] for f in counterpart.faults.active()) or "none"
    log = "".join(
        f"<tr><td><code>{escape(e['at'][11:23])}</code></td><td>{escape(e['event'])}</td>"
        f"<td>{escape(e['subject'])}</td><td>{escape(e['detail'])}</td></tr>"
        for e in counterpart.store.logged(8)
    )
    return (
        f"<h2>{escape(about.get('title', name))}</h2>"
        f"<p>{escape(about.get('address', ''))} · faults: {escape(faults)}</p>"
        "<table><tr><th>Domain<th class=n>Records<th class=n>Active<th class=n>Effects<th class=n>Repeated effects</tr>"
        f"{rows or '<tr><td colspan=5>Nothing received yet.</td></tr>'}</table>"
        f"<table><tr><th>Time (UTC)<th>Event<th>Record<th>Detail</tr>{log}</table>"
    )


def _records(name: str, counterpart: Any, domain: str, after: str) -> str:
    rows = counterpart.store.page(domain, after, SHOWN)
    body = "".join(
        f'<tr class="{"" if r["active"] else "off"}"><td class="id">{escape(r["code"])}</td>'
        f'<td class="id">{escape(r["id"])}</td>'
        f"<td>{r['version']}.{r['generation']}</td><td><code>{escape(_short(r['fields']))}</code></td></tr>"
        for r in rows
    )
    more = f'<p><a href="?target={name}&amp;domain={escape(domain)}&amp;after={escape(rows[-1]["id"])}">More</a></p>'
    return (
        f'<p><a href="/">All counterparts</a></p><h2>{escape(name)}: {escape(domain)}</h2>'
        f"<table><tr><th>Own code<th>Record<th>Version<th>Fields</tr>{body}</table>{more if len(rows) == SHOWN else ''}"
    )


def _short(fields: Mapping[str, Any]) -> str:
    """``NAME: value · NAME: value``, lists of rows at the end."""
    given = {name: value for name, value in fields.items() if value not in (None, "", [])}
    rows = {n: v for n, v in given.items() if isinstance(v, list) and isinstance(v[0], Mapping)}
    plain = [f"{name}: {value}" for name, value in given.items() if name not in rows]
    nested = [f"{name} {n}: ({_short(row)})" for name, v in rows.items() for n, row in enumerate(v, start=1)]
    return " · ".join(plain + nested)
