"""What scripts call, and all that the command line calls."""

from automedimg.api.images import audit, split
from automedimg.api.models import explain, open_run, predict, report
from automedimg.api.papers import paper, paper_plan
from automedimg.api.searching import resume, search
from automedimg.caching import cache_clear, cache_entries, cache_limit, cache_verify
from automedimg.errors import AutomedimgError
from automedimg.run import Run

__all__ = [
    "AutomedimgError",
    "Run",
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
