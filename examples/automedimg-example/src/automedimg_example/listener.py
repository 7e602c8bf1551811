"""A listener: one line of JSON for each finished trial."""

import json
import os
from pathlib import Path

from automedimg.contracts import Event, TrialFinished

LOG = "AUTOMEDIMG_EXAMPLE_LOG"
"""Environment variable that names the file; where it is not set, nothing is written."""


def log_trial(event: Event) -> None:
    """Append a line if the event is a finished trial."""
    path = os.environ.get(LOG)
    if path and isinstance(event, TrialFinished):
        result = event.result
        line = {"trial": result.number, "state": result.state, "value": result.value}
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
