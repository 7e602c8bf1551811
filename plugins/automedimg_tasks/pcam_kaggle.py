"""PCam as in Kaggle's competition: `train_labels.csv` and one tif a patch in `train/`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from automedimg.contracts import Record, SetAside
from automedimg.errors import DataError
from automedimg_tasks.layout import files_in
from automedimg_tasks.tables import read_table

TABLE = "train_labels.csv"
FOLDER = "train"
LABELS = {"0": "normal", "1": "tumour"}
_SUFFIX = ".tif"
_HINT = "unpack the archive of the competition again; `test/` has no labels and is not used"


def is_here(folder: Path) -> bool:
    """Whether a folder has the layout. Others have a table of that name too, but no tif files."""
    if not (folder / TABLE).is_file():
        return False
    try:
        with os.scandir(folder / FOLDER) as entries:
            return any(entry.name.endswith(_SUFFIX) for entry in islice(entries, 100))
    except OSError:
        return False


def records(root: Path) -> Iterator[Record | SetAside]:
    """List the patches by id; what has a row or a file only is set aside.

    Kaggle does not say which slide a patch is from, so there are no groups.

    Raises:
        DataError: the table can't be read, or none of its ids has a file.
    """
    labels: dict[str, set[str]] = {}
    for row in read_table(root / TABLE, required=("id", "label")):
        labels.setdefault(row["id"].removesuffix(_SUFFIX), set()).add(row["label"])
    # One scan of the folder: asking for each of 220,000 files would take minutes on a network.
    files = {n.removesuffix(_SUFFIX) for n in files_in(root / FOLDER) if n.endswith(_SUFFIX)}
    if files.isdisjoint(labels):
        raise DataError(
            f"none of the {len(labels):,} ids in `{TABLE}` has a file in `{FOLDER}/`; expected "
            f"`{FOLDER}/<id>{_SUFFIX}` for each",
            _HINT,
        )
    for name in sorted(files | labels.keys()):
        path = f"{FOLDER}/{name}{_SUFFIX}"
        given = labels.get(name, set())
        if name not in files:
            yield SetAside(path, f"in `{TABLE}`, but there is no such file")
        elif not given:
            yield SetAside(path, f"no row in `{TABLE}`")
        elif len(given) > 1:
            yield SetAside(path, f"several labels in `{TABLE}`: {', '.join(sorted(given))}")
        elif (label := LABELS.get(next(iter(given)))) is None:
            yield SetAside(path, f"label `{next(iter(given))}` in `{TABLE}`; expected 0 or 1")
        else:
            yield Record(path, label)
