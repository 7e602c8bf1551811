"""The version, once for code and packaging."""

__version__ = "0.1.0"

RUN_FORMAT = 3
"""Raised whenever older run directories can't be read or continued any more."""
