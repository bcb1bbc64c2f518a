"""The command line of the engine: link, dedupe, explain and evaluate tables of records."""

from .main import main

__all__ = ["main"]
