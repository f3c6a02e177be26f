"""All tables at once: those of ``schema`` and of every other module of this package whose name ends so."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import autoresearch.store
from autoresearch.store.columns import metadata

__all__ = ["metadata"]

for _found in pkgutil.iter_modules(autoresearch.store.__path__):
    if _found.name.endswith("schema"):
        import_module(f"autoresearch.store.{_found.name}")
