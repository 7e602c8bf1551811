"""What scripts and the command line do with the caches; see `docs/caches.md`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from automedimg.errors import ConfigurationError

if TYPE_CHECKING:
    from automedimg.data.caches import Checked, Cleared, Entry

DAY_S = 86_400.0


def cache_entries(cache_dir: str | Path | None = None) -> list[Entry]:
    """List what stands in the caches, by kind, the last used first.

    Args:
        cache_dir: Folder of the caches; None takes ``$AUTOMEDIMG_CACHE`` or the user's cache.
    """
    from automedimg.data.caches import list_entries

    return list_entries(cache_path(cache_dir))


def cache_verify(
    cache_dir: str | Path | None = None,
    *,
    repair: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Checked]:
    """Read the caches from end to end, and compare them with their checksums.

    Args:
        cache_dir: As for `cache_entries`.
        repair: Whether to remove what is damaged, so that the next search makes it again. What a
            running search uses stays.
        progress: Called with the number of entries read, and of all.
    """
    from automedimg.data.caches import verify

    return verify(cache_path(cache_dir), repair=repair, progress=progress)


def cache_clear(
    cache_dir: str | Path | None = None,
    *,
    kinds: Iterable[str] = (),
    older_than_days: float | None = None,
    dry: bool = False,
) -> Cleared:
    """Remove what stands in the caches and is used by no search that runs.

    Args:
        cache_dir: As for `cache_entries`.
        kinds: Which; none takes all but ``datasets``, which are removed only if they are named.
        older_than_days: Only what was last used so long ago.
        dry: Whether only to say what would be removed.
    Raises:
        ConfigurationError: a kind is unknown, or no age is meant by the number.
    """
    from automedimg.data.caches import clear

    if older_than_days is not None and not older_than_days >= 0:
        raise ConfigurationError(f"{older_than_days} days is no age; expected 0 or more")
    age_s = None if older_than_days is None else older_than_days * DAY_S
    return clear(cache_path(cache_dir), tuple(kinds), older_than_s=age_s, dry=dry)


def cache_limit(
    limit: str | int | None = None, cache_dir: str | Path | None = None, *, dry: bool = False
) -> Cleared:
    """Remove what was not used for longest, until the rest fits; once, not from now on.

    Args:
        limit: Bytes, or a size such as ``20GB``; None takes ``$AUTOMEDIMG_CACHE_LIMIT``.
        cache_dir: As for `cache_entries`.
        dry: Whether only to say what would be removed.
    Raises:
        ConfigurationError: it is no size, or there is none.
    """
    from automedimg.data.caches import keep_within, parse_bytes, wanted_limit

    most = wanted_limit() if limit is None else parse_bytes(str(limit))
    if most is None:
        raise ConfigurationError(
            "no limit was named", "name one, e.g. 20GB, or set `$AUTOMEDIMG_CACHE_LIMIT`"
        )
    return keep_within(cache_path(cache_dir), most, dry=dry)


def cache_path(cache_dir: str | Path | None = None) -> Path:
    """The folder of the caches."""
    from automedimg.data.places import cache_folder

    return cache_folder(cache_dir)
