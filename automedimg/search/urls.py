"""URLs of storages, as they may be shown and written down."""

from __future__ import annotations

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError


def redacted(url: str) -> str:
    """A storage's URL without the password in it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return f"{url.partition('://')[0]}://..." if "://" in url else url
    secret = [name for name in parsed.query if "pass" in name.lower()]
    kept = parsed._replace(password=None)
    return kept.difference_update_query(secret).render_as_string(hide_password=False)
