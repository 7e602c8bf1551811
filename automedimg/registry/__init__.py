"""Finds plugins and keeps what they offer."""

from automedimg.registry.catalog import ALL, Catalog, Entry, Shelf, load_catalog
from automedimg.registry.discovery import Plugin

__all__ = ["ALL", "Catalog", "Entry", "Plugin", "Shelf", "load_catalog"]
