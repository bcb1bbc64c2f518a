"""What a feed can bring: the four domains of golden records, and the chart of accounts, which has rows of its own."""

from __future__ import annotations

from mdm.canonical import DOMAINS, Domain, Field, Kind
from mdm.models import GLAccount

GL_ACCOUNT = Domain(
    "gl_account",
    "GL account",
    "GL accounts",
    "GL",
    "book",
    0,
    (
        Field("name", "Name", max_length=200),
        Field("account_type", "Type", Kind.CHOICE, choices=tuple(GLAccount.Type.choices)),
        Field("parent", "Part of", Kind.REFERENCE, domain="gl_account"),
        Field("effective_from", "Effective from", Kind.DATE),
        Field("effective_to", "Effective to", Kind.DATE),
    ),
)


def domain_of(name: str) -> Domain:
    return GL_ACCOUNT if name == GL_ACCOUNT.name else DOMAINS[name]
