"""Finds plugins and keeps what they offer."""

from automedimg.registry.catalog import ALL, Catalog, Entry, Shelf, load_catalog
from automedimg.registry.discovery import Plugin
from automedimg.registry.side_by_side import SIGN, SideBySide

__all__ = ["ALL", "SIGN", "Catalog", "Entry", "Plugin", "Shelf", "SideBySide", "load_catalog"]
