"""Domains in addresses: ``/cost-centers/`` for ``cost_center``."""

from __future__ import annotations

from mdm.canonical import DOMAINS

SLUGS = {d.name: d.plural.lower().replace(" ", "-") for d in DOMAINS.values()}


class DomainConverter:
    regex = "|".join(SLUGS.values())

    def to_python(self, slug: str) -> str:
        return next(name for name, known in SLUGS.items() if known == slug)

    def to_url(self, name: str) -> str:
        return SLUGS[name]
