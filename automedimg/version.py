"""The version, once for code and packaging."""

__version__ = "0.1.0"
