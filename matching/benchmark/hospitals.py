"""Names of invented hospitals, shared by locations and cost centers."""

from __future__ import annotations

from functools import lru_cache

from .geography import initials, town_name
from .vocabulary import coined, column, seeded

NETWORK = 4  # hospitals of one health system


@lru_cache(maxsize=4096)
def hospital_name(seed: int, kind: str, number: int) -> str:
    """The name of a hospital; those of one system differ in their initials too."""
    taken = {initials(hospital_name(seed, kind, other)) for other in range(number - number % NETWORK, number)}
    rng = seeded(seed, kind, "hospital", number)
    while True:
        name = f"{town_name(number)} {rng.choice(column('hospital_kinds'))}"
        if initials(name) not in taken:
            return name


def system_name(number: int) -> str:
    """The health system that a hospital is of."""
    return f"{coined(number // NETWORK + 300)} Health System"


def former_name(seed: int, kind: str, number: int) -> str:
    """What a hospital was called before it joined its system."""
    rng = seeded(seed, kind, "former", number)
    return f"{rng.choice(column('saints'))} {rng.choice(('Hospital', 'Medical Center', 'Infirmary'))}"
