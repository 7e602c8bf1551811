"""No password of a storage is shown or written down."""

import pytest

from automedimg.search.urls import redacted


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@host/db",
        "postgresql+psycopg://me:secret@host:5432/db",
        "postgresql://host/db?user=me&password=secret",
        "postgresql://:secret@host/db",
        "mysql://me:secret@host/db?sslpassword=secret",
        "postgresql://me:se%40secret@host/db",
        "what ://is this:secret@x",
    ],
)
def test_the_password_is_left_out(url: str) -> None:
    assert "secret" not in redacted(url)


def test_the_rest_is_kept() -> None:
    assert redacted("postgresql://me:secret@host:1/db?x=y") == "postgresql://me@host:1/db?x=y"
    assert redacted("sqlite:///trials.db") == "sqlite:///trials.db"
