"""Whether activations at a cut may be kept: how much room there is for them.

They are larger than features by far: 3000 images at 128 pixels take 100 MB in the middle of a
MobileNetV2, 200,000 at 224 pixels 60 GB.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from automedimg.data import caches

VARIABLE = "AUTOMEDIMG_ACTIVATIONS"
"""Environment variable: the most that one file may take, e.g. ``2GB``; 0 keeps none."""

DEFAULT_BYTES = 4_000_000_000

SHARE = 0.25
"""Of the free disk, what one file may take."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def has_room(num_bytes: int, folder: Path) -> bool:
    """Whether a file of activations may be written.

    Args:
        num_bytes: Its size.
        folder: Where; it exists, or its parent does.
    Raises:
        ConfigurationError: ``$AUTOMEDIMG_ACTIVATIONS`` or ``$AUTOMEDIMG_CACHE_LIMIT`` is no size.
    """
    given = os.environ.get(VARIABLE)
    most = caches.parse_bytes(given, f"${VARIABLE}") if given else DEFAULT_BYTES
    limits = [most, caches.wanted_limit()]
    if any(limit is not None and num_bytes > limit for limit in limits):
        return False
    try:
        free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    except OSError:
        return False
    return num_bytes <= SHARE * free
