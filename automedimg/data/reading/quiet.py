"""Libraries that read files, kept strict about sizes and quiet about what the files say."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from PIL import Image

from automedimg.data.reading.types import MAX_PIXELS

_lock = threading.Lock()
_state = ExitStack()
_depth = 0


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Make Pillow refuse what is larger than `MAX_PIXELS`, and silence Pillow and pydicom.

    Their warnings and logs quote metadata, a patient's name among them. This is global to the
    process; threads may enter it at any time, the last one to leave restores what was before.
    Wrap whole jobs in it: entering it anew for each image costs more.
    """
    global _depth
    with _lock:
        if _depth == 0:
            _enter()
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                _state.close()


def _enter() -> None:
    _state.callback(setattr, Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    _state.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore", UserWarning)
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    # A level on the parent also holds for the loggers below it that have none of their own.
    for name in ("pydicom", "PIL"):
        logger = logging.getLogger(name)
        _state.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.CRITICAL + 1)
