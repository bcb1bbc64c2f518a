"""An open benchmark for matching hospital data: invented items, suppliers, locations and cost centers, with the truth.

``python -m matching.benchmark OUT_DIR`` writes it; ``docs/benchmark.md`` describes it. Everything follows from a seed.
"""

from .task import DOMAINS, write_task

__all__ = ["DOMAINS", "write_task"]
