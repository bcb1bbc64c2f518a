"""Source systems and the code systems they keep."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import models

from mdm.models.base import DomainName

PRIMARY = "primary"
GTIN_LENGTHS = (8, 12, 13, 14)


def _in_capitals(code: str) -> str:
    return " ".join(code.split()).upper()


def _alnum(code: str) -> str:
    return "".join(c for c in code if c.isalnum()).upper()


def _digits(code: str) -> str:
    return "".join(c for c in code if c.isdigit())


def _gtin(code: str) -> str:
    digits = _digits(code)
    return digits.zfill(14) if len(digits) in GTIN_LENGTHS else digits


READINGS: dict[str, Callable[[str], str]] = {
    "trim": str.strip, "upper": _in_capitals, "alnum": _alnum, "digits": _digits, "gtin": _gtin,
}  # fmt: skip


class SourceSystem(models.Model):
    """A system that tells Concord about masters: EHR, ERP, supply chain, public register, or Concord itself."""

    class Kind(models.TextChoices):
        EHR = "ehr", "EHR"
        ERP = "erp", "ERP"
        SUPPLY = "supply", "Supply chain"
        REFERENCE = "reference", "Public register"
        STEWARD = "steward", "Entered in Concord"

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    trust = models.PositiveSmallIntegerField(default=50, help_text="0 (never believed first) to 100.")
    domain_trust = models.JSONField(default=dict, blank=True, help_text='Trust per domain, e.g. {"supplier": 90}.')
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=models.Q(trust__lte=100), name="source_system_trust_is_a_percentage")
        ]

    def __str__(self) -> str:
        return self.name

    def trust_in(self, domain: str) -> int:
        return int(self.domain_trust.get(domain, self.trust))


class CodeSystems(models.Manager["CodeSystem"]):
    def own(self, system: SourceSystem, domain: str) -> CodeSystem:
        """A system's own record codes in a domain, made when it first uses one."""
        slug = f"{system.code}-{domain.replace('_', '-')}"
        return self.get_or_create(system=system, domain=domain, kind=PRIMARY, defaults={"slug": slug})[0]


class CodeSystem(models.Model):
    """A set of codes for one domain: a system's own record codes, or a public identifier such as GTIN or NPI."""

    system = models.ForeignKey(SourceSystem, on_delete=models.PROTECT, related_name="code_systems")
    domain = models.CharField(max_length=12, choices=DomainName.choices)
    kind = models.CharField(
        max_length=20, default=PRIMARY, help_text="primary, or gtin, udi_di, gln, npi, ein, lei, duns."
    )
    slug = models.SlugField(max_length=80, unique=True, help_text="How the API names it, e.g. erp-item or gtin.")
    uri = models.CharField(max_length=200, blank=True)
    normaliser = models.CharField(
        max_length=20,
        default="trim",
        choices=[
            ("trim", "Trim"),
            ("upper", "Trim, in any case"),
            ("alnum", "Letters and digits"),
            ("digits", "Digits"),
            ("gtin", "GTIN, padded to 14 digits"),
        ],
    )
    unique = models.BooleanField(
        default=True,
        help_text="One code means one record. Shared identifiers answer only when a single record has them.",
    )
    units = models.JSONField(
        default=dict,
        blank=True,
        help_text='Its words for units: {word in capitals: any spelling that Concord knows}, e.g. {"KAR": "CA"}.',
    )
    units_after = models.BigIntegerField(
        null=True, blank=True, help_text="New words for units are still to be read into its records after this one."
    )
    deduplicated = models.BooleanField(
        default=False, help_text="Declared free of duplicates: two of its codes never mean the same record."
    )

    objects = CodeSystems()

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(
                fields=["system", "domain", "kind"], name="code_system_one_per_system_domain_and_kind"
            )
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def is_literal(self) -> bool:
        """Whether two codes are the same only if they are written the same."""
        return self.normaliser == "trim"

    def normalise(self, code: str) -> str:
        return self.reading(code)

    @property
    def reading(self) -> Callable[[str], str]:
        """How it reads its codes: for whoever has thousands of them."""
        return READINGS[self.normaliser]
