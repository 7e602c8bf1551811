"""The task `csv`: a table of image files and their labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from automedimg.contracts import Dataset, DatasetSpec, Record, SetAside
from automedimg.errors import AutomedimgError, DataError
from automedimg_tasks.csv_files import FileIndex
from automedimg_tasks.csv_reading import Choice, Reading, find_path_column, open_table
from automedimg_tasks.csv_rows import table_records
from automedimg_tasks.folder_files import list_files
from automedimg_tasks.tables import find_column, quoted, read_table
from automedimg_tasks.tables_classes import choose_classes, parse_label, parse_names
from automedimg_tasks.tables_columns import LABEL_NAMES, known_columns
from automedimg_tasks.tables_finding import lone_folders, named_file, tables_in

_PEEKED_FILES = 300_000
_PEEKED_ROWS = 50
_TEXT_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".tab"})


class CsvTable(Dataset):
    """Reads a table of images.

    Args:
        file: Name of the table.
        path: Column of the image files.
        label: Column of the labels.
        group: Column that tells patients apart.
        split: Column of train, val and test.
        images: Folder that the paths start at, if not the table's.
        suffix: Of the files, if the table gives names without.
        classes: Labels to use, in order; images of others are left out.
        positive: Of two classes, the positive one.
    Raises:
        ConfigurationError: an option can't be read.
    """

    def __init__(
        self,
        *,
        file: str = "",
        path: str = "",
        label: str = "",
        group: str = "",
        split: str = "",
        images: str = "",
        suffix: str = "",
        classes: str = "",
        positive: str = "",
    ) -> None:
        dotted = f".{suffix.strip().lstrip('.')}" if suffix.strip() else ""
        self._choice = Choice(path, label, group, split, images.strip(), dotted)
        self._file = file.strip()
        self._classes = parse_names(classes)
        self._positive = positive.strip()
        self._readings: dict[Path, Reading] = {}

    def locate(self, folder: Path) -> Path | None:
        """Find the folder with the table: the given one, or the only folder in it, and so on.

        Without options, just one table there must have a column whose first entries are image
        files and a column that is called like labels.
        """
        for level in lone_folders(folder):
            if self._file:
                named = level / self._file
                if named.suffix.lower() in _TEXT_SUFFIXES and named.is_file():
                    return level
                continue
            tables = tables_in(level)
            if len(tables) == 1 and self._is_meant:
                return level
            fitting = [table for table in tables if self._fits(level, table)]
            if fitting:
                return level if len(fitting) == 1 else None
        return None

    def records(self, root: Path) -> Iterable[Record | SetAside]:
        """List the images in the order of the table, and the rows that can't be used."""
        return table_records(self._read(root), self._classes)

    def specialise(self, spec: DatasetSpec, root: Path) -> DatasetSpec:
        """Fill in the classes, and say which columns were taken for what."""
        reading = self._read(root)
        found = (parse_label(row[reading.label]) for row in reading.rows)
        classes = choose_classes(
            [label for label in found if label is not None],
            classes=self._classes,
            positive=self._positive,
            where=f"column `{reading.label}` of `{reading.table}`",
        )
        return replace(spec, classes=classes, layout=reading.in_words())

    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        """Write a table and 168 synthetic images of 56 made-up patients, in a few seconds."""
        from automedimg_tasks.csv_sample import write_table_sample

        write_table_sample(folder, seed)

    @property
    def _is_meant(self) -> bool:
        """Whether the user named something that only a table has; others have patients too."""
        return replace(self._choice, group="") != Choice()

    def _read(self, root: Path) -> Reading:
        if root not in self._readings:
            self._readings[root] = open_table(root, self._table(root), self._choice)
        return self._readings[root]

    def _table(self, root: Path) -> Path:
        if self._file:
            return named_file(root, self._file)
        tables = tables_in(root)
        fitting = [t for t in tables if self._fits(root, t)] if len(tables) > 1 else tables
        if len(fitting) != 1:
            names = [table.name for table in fitting or tables]
            raise DataError(
                f"`{root.name}` holds {len(names)} tables ({quoted(names) or 'none'}); "
                "expected one that names images and labels",
                "say which with the option file, e.g. file=labels.csv",
            )
        return fitting[0]

    def _fits(self, root: Path, table: Path) -> bool:
        """Whether a table names images that are there and has a column of labels."""
        try:
            rows = read_table(table, limit=_PEEKED_ROWS)
            if self._choice.label:
                labelled = find_column(list(rows[0]), self._choice.label) is not None
            else:
                labelled = bool(known_columns(list(rows[0]), LABEL_NAMES))
            if not labelled:
                return False
            files = list_files(self._choice.base(root), limit=_PEEKED_FILES, ordered=False)
            index = FileIndex(files, self._choice.base(root), self._choice.suffix)
            return find_path_column(table.name, rows, index, self._choice.path) is not None
        except (AutomedimgError, OSError, ValueError):
            return False
