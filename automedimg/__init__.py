"""AutoML for medical image classification: leak-free splits, honest intervals, plugins.

    import automedimg

    run = automedimg.search(task="br35h", data="scans/", trials=30)
    run.best, run.test_scores, run.predict(["new.png"])

Importing the package imports neither Keras nor Optuna; using it does.
"""

from typing import TYPE_CHECKING, Any

from automedimg.version import __version__

if TYPE_CHECKING:
    from automedimg.api import audit, explain, open_run, predict, report, search
    from automedimg.errors import AutomedimgError
    from automedimg.run import Run

__all__ = [
    "AutomedimgError",
    "Run",
    "__version__",
    "audit",
    "explain",
    "open_run",
    "predict",
    "report",
    "search",
]

_HOMES = {"AutomedimgError": "automedimg.errors", "Run": "automedimg.run"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'automedimg' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "automedimg.api")), name)
