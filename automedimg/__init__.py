"""AutoML for medical image classification: leak-free splits, honest intervals, plugins.

    import automedimg

    run = automedimg.search(task="br35h", data="scans/", trials=30)
    run.best, run.test_scores, run.predict(["new.png"])

Importing the package imports neither Keras nor Optuna; using it does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from automedimg.version import __version__

if TYPE_CHECKING:
    from automedimg.api import (
        audit,
        cache_clear,
        cache_entries,
        cache_limit,
        cache_verify,
        explain,
        open_run,
        paper,
        paper_plan,
        predict,
        report,
        resume,
        search,
        split,
    )
    from automedimg.errors import AutomedimgError
    from automedimg.run import Run

__all__ = [
    "AutomedimgError",
    "Run",
    "__version__",
    "audit",
    "cache_clear",
    "cache_entries",
    "cache_limit",
    "cache_verify",
    "explain",
    "open_run",
    "paper",
    "paper_plan",
    "predict",
    "report",
    "resume",
    "search",
    "split",
]

_HOMES = {"AutomedimgError": "automedimg.errors", "Run": "automedimg.run"}


# Three functions share their names with packages. Python binds a package's name here when it is
# first imported; that is done now, and undone, so that it can't replace a function later.
for _name in ("explain", "report", "search"):
    import_module(f"automedimg.{_name}")
    del globals()[_name]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'automedimg' has no attribute {name!r}")
    found = getattr(import_module(_HOMES.get(name, "automedimg.api")), name)
    globals()[name] = found
    return found
