"""The matching engine as configured here and now: recipe, policy and the frequencies that rarity comes from."""

from __future__ import annotations

import datetime as dt
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import orjson
from django.db import transaction

import matching
from matching import blocking, standardise
from matching.calibration import Calibration
from matching.standardise import dictionaries
from mdm import arrays, candidates
from mdm.arrays import Array
from mdm.known import Known
from mdm.locks import lock_name
from mdm.models import DictionaryEntry, Frequencies, Policy, SourceRecord

VERSIONS = 100_000  # of own words, between one version of the engine's reading and the next
GROWTH = 1.2  # frequencies are counted anew when the records have grown by this factor


# The rows it was built from. Not their versions: those come again in a database that was emptied or rolled back.
MadeOf = tuple[tuple[int, dt.datetime, bool] | None, ...]


@dataclass(frozen=True, slots=True)
class Engine:
    domain: str
    recipe: matching.Recipe
    policy: matching.Policy
    policy_version: int
    statistics: matching.Statistics
    made_of: MadeOf
    dictionaries: int = 0  # what it standardises with; rises with the engine's reading and the hospital's own words
    common: Mapping[int, int] = field(default_factory=dict)  # match keys that too many records share, and how many

    def standardise(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self.recipe.standardise(values))

    def keys(self, standardised: Mapping[str, Any]) -> list[int]:
        found: list[int] = self.keys_of([standardised])[0].tolist()
        return found

    def keys_of(self, records: Sequence[Mapping[str, Any]]) -> tuple[Array, Array]:
        """The numbers that ``MatchKey`` stores of many standardised records: (keys, each one's place in ``records``),
        by key, none twice of one record.
        """
        owned = [self.recipe.keys(record) for record in records]
        keys = blocking.numbered([*chain.from_iterable(owned)]) ^ _own_number(self.domain)
        places = np.repeat(np.arange(len(owned)), [len(own) for own in owned])
        order = np.lexsort((places, keys))
        keys, places = keys[order], places[order]
        first = np.ones(len(keys), dtype=np.bool_)
        first[1:] = (keys[1:] != keys[:-1]) | (places[1:] != places[:-1])
        return keys[first], places[first]


@cache
def _own_number(domain: str) -> int:
    """What makes the keys of a domain others than those of the same text in another one."""
    return int(blocking.numbered([domain])[0])


_cache: dict[str, Engine] = {}
_cache_lock = threading.Lock()


def engine_for(domain: str, known: Known | None = None) -> Engine:
    """The engine in force. Built once per process and what it is made of; asking costs two small queries."""
    known = known or Known()
    policy_row, words_row = known.policy(Policy.Kind.MATCH, domain), known.policy(Policy.Kind.DICTIONARY, "")
    frequencies = (
        Frequencies.objects.filter(domain=domain).order_by("-version").only("created_at", "calibration").first()
    )
    words = _made_of_row(words_row)
    made_of = (
        _made_of_row(policy_row),
        (frequencies.pk, frequencies.created_at, frequencies.calibration is not None) if frequencies else None,
        words,
    )
    with _cache_lock:
        _use_words(words_row)
        engine = _cache.get(domain)
        if engine is None or engine.made_of != made_of:
            version = standardise.VERSION * VERSIONS + (words_row.version if words_row else 0)
            engine = _cache[domain] = _build(domain, policy_row, frequencies, made_of, version)
        return engine


def read_with_own_words() -> None:
    """Let this process read with the hospital's own words in force, as ``engine_for`` does. It costs a small query."""
    row = Policy.objects.filter(kind=Policy.Kind.DICTIONARY, active=True).first()
    with _cache_lock:
        _use_words(row)


_words_in_use: tuple[int, dt.datetime, bool] | None = None


def _use_words(row: Policy | None) -> None:
    global _words_in_use
    made_of = _made_of_row(row)
    if _words_in_use != made_of:
        dictionaries.use(words_of(row))
        _words_in_use = made_of


def _made_of_row(row: Policy | None) -> tuple[int, dt.datetime, bool] | None:
    return (row.pk, row.created_at, True) if row else None


def words_of(row: Policy | None) -> dict[str, dict[str, str]]:
    """A version of the hospital's own words: dictionary → written form → meaning."""
    words: dict[str, dict[str, str]] = {}
    if row is not None:
        rows = DictionaryEntry.objects.filter(policy=row).order_by("pk")
        for name, written, meaning in rows.values_list("dictionary", "written", "meaning"):
            words.setdefault(name, {})[written] = meaning
    return words


def _build(
    domain: str, policy_row: Policy | None, frequencies: Frequencies | None, made_of: MadeOf, words: int
) -> Engine:
    recipe = matching.recipe_for(domain)
    policy = matching.Policy.from_json(policy_row.body) if policy_row else _learned(domain, frequencies)
    statistics, common = matching.Statistics.collect(recipe, []), candidates.NONE
    if frequencies is not None:
        statistics = matching.Statistics.from_json(orjson.loads(zlib.decompress(bytes(frequencies.body))))
        common = _common(frequencies)
    return Engine(
        domain=domain,
        recipe=recipe,
        policy=policy,
        policy_version=policy_row.version if policy_row else 0,
        statistics=statistics,
        made_of=made_of,
        dictionaries=words,
        common=common,
    )


def _common(frequencies: Frequencies) -> Mapping[int, int]:
    if not frequencies.common:
        return candidates.NONE
    kept = arrays.unpacked(bytes(frequencies.common))
    return dict(zip(kept["keys"].tolist(), kept["records"].tolist(), strict=True))


def _learned(domain: str, frequencies: Frequencies | None) -> matching.Policy:
    """The recipe's policy, calibrated on the data here. Rules that people approved say themselves what scores mean."""
    policy = matching.Policy.default(domain)
    if frequencies is None or frequencies.calibration is None:
        return policy
    return replace(policy, calibration=Calibration.from_json(frequencies.calibration))


def has_grown(domain: str, records: int) -> bool:
    """Whether a domain of this many records has grown so much that frequencies are to be counted anew."""
    last = Frequencies.objects.filter(domain=domain).order_by("-version").first()
    return last is None or records >= last.records * GROWTH


@transaction.atomic
def count_frequencies(domain: str, *, force: bool = False) -> bool:
    """Count words and values anew if the domain has grown enough since; True if so."""
    lock_name("statistics", domain)
    records = SourceRecord.objects.filter(domain=domain)
    total = records.count()
    if not total or (not force and not has_grown(domain, total)):
        return False
    recipe = matching.recipe_for(domain)
    statistics = matching.Statistics.collect(
        recipe, records.order_by().values_list("standardised", flat=True).iterator(chunk_size=2000)
    )
    store_frequencies(domain, statistics, candidates.common_keys(), same_calibration=force)
    return True


def store_frequencies(
    domain: str, statistics: matching.Statistics, common: tuple[arrays.Array, arrays.Array], *,
    same_calibration: bool = False,
) -> None:  # fmt: skip
    """Weigh by these from now on. What scores mean with them is still to be learned, unless it is as before.

    ``common``: match keys that more than ``candidates.KEY_CAP`` records share, and how many do.
    """
    last = Frequencies.objects.filter(domain=domain).order_by("-version").first()
    Frequencies.objects.create(
        domain=domain,
        version=last.version + 1 if last else 1,
        records=statistics.size,
        body=zlib.compress(orjson.dumps(statistics.to_json())),
        common=arrays.packed(keys=common[0], records=common[1]),
        calibration=last.calibration if same_calibration and last else None,
    )
