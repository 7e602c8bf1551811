"""Identifiers of persons, replaced before they leave the reader."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from functools import cache
from pathlib import Path

import platformdirs


def pseudonym(identifier: str) -> str:
    """Replace an identifier of a person (a patient id) by a salted hash.

    The salt is `$AUTOMEDIMG_SALT`, else 32 random bytes that are kept, readable by this user
    alone, in the user's data folder: hashes agree on one machine and can't be looked up elsewhere.
    Where that folder can't be written, they agree within this process.

    Args:
        identifier: Any text; surrounding space does not count.
    Returns:
        12 hexadecimal digits.
    Source: keyed hashing as a pseudonymisation technique, ENISA (2019), section 5.1.
    """
    digest = hmac.new(_salt(), identifier.strip().encode("utf-8", "replace"), hashlib.sha256)
    return digest.hexdigest()[:12]


@cache
def _salt() -> bytes:
    if given := os.environ.get("AUTOMEDIMG_SALT"):
        return given.encode()
    path = Path(platformdirs.user_data_dir("automedimg")) / "salt"
    fresh = secrets.token_bytes(32)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whoever comes second reads what the first one wrote.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(fresh)
    except FileExistsError:
        pass
    except OSError:
        return fresh
    return _read(path) or fresh


def _read(path: Path) -> bytes:
    """The salt in a file; empty if there is none, or if nobody completes it within moments."""
    for _ in range(20):
        try:
            if found := path.read_bytes():
                return found
        except OSError:
            break
        time.sleep(0.01)
    return b""
