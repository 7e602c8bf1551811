"""Which task a folder belongs to, with the options that the user gave."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automedimg.contracts import Dataset, DatasetSpec
from automedimg.data import finding
from automedimg.data.listing import Listing, list_records, with_external
from automedimg.errors import ConfigurationError, DataError
from automedimg.registry import Catalog


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """What a user says of their data.

    Args:
        task: Name of a task; None finds out from the folder.
        data: The folder, or a file in it for tasks that take one.
        sample: Use synthetic images instead.
        options: Of the task, by name, as text.
        external: Another folder of the same layout, whose images are the test side.
    """

    task: str | None = None
    data: Path | None = None
    sample: bool = False
    options: Mapping[str, str] | None = None
    external: Path | None = None

    def check(self, catalog: Catalog) -> None:
        """Raise if nothing can come of it.

        Raises:
            ConfigurationError: nothing is named, or an option is unknown.
        """
        if self.task is None and (self.data is None or self.sample):
            raise ConfigurationError(
                "what is to be looked at? Neither a task nor a folder was given",
                "give --data DIR, --task NAME or both; `automedimg tasks` lists the tasks",
            )
        if self.sample and self.data is not None:
            raise ConfigurationError("--sample makes its own images: give either it or --data")
        if self.task is not None:
            check_options(catalog.datasets.get(self.task), self.options or {})


@dataclass(frozen=True, slots=True)
class Found:
    """A task with its images.

    Args:
        spec: The task, completed by what the images say.
        listing: Its images.
        recognised: What the folder was taken for, in a sentence; empty where the task was named.
    """

    spec: DatasetSpec
    listing: Listing
    recognised: str = ""


def resolve(request: TaskRequest, catalog: Catalog, cache: Path) -> Found:
    """Find a task's images, and the task itself where none was named.

    Args:
        request: Checked.
        catalog: The tasks to choose from.
        cache: The folder of the caches.
    Raises:
        DataError: there are none, or no task fits.
        ConfigurationError: an option is unknown to the task that fits.
    """
    options = dict(request.options or {})
    data = request.data
    name = request.task or recognise(data or Path(), options, catalog)
    spec = catalog.datasets.get(name)
    if data is not None and data.is_file() and _takes_files(spec):
        options.setdefault("file", data.name)
        data = data.absolute().parent
    check_options(spec, options)
    dataset: Dataset = catalog.datasets.make(name, **options)
    if request.sample:
        root = finding.make_sample(spec, dataset, cache)
    else:
        root = finding.find_data(spec, dataset, data, cache)
    spec = dataset.specialise(spec, root)
    if len(spec.classes) < 2:
        raise DataError(
            f"`{root}` holds {len(spec.classes)} class(es) for task `{name}`; expected two or more",
            spec.layout and f"the layout is: {spec.layout}",
        )
    listing = list_records(spec, dataset, root)
    if request.external is not None:
        other = finding.find_data(spec, dataset, request.external, cache)
        if other.resolve() == root.resolve():
            raise DataError(
                f"the external test folder is the data set's own: `{other}`",
                "name a folder with other images, or leave --external-test out",
            )
        listing = with_external(listing, list_records(spec, dataset, other))
    sentence = f"took `{request.data}` for {_in_words(spec)}" if request.task is None else ""
    return Found(spec, listing, sentence)


def recognise(data: Path, options: Mapping[str, str], catalog: Catalog) -> str:
    """Name the task whose layout a folder has: a data set first, then a generic layout.

    Raises:
        DataError: none fits, or several data sets do.
    """
    if not data.exists():
        raise DataError(
            f"no such folder: `{data}`", "check `--data`; relative paths start at this folder"
        )
    known = catalog.datasets.in_order()
    sets = [spec for spec in known if not spec.generic]
    fitting = [spec.name for spec in sets if _fits(spec, data, options, catalog)]
    if len(fitting) > 1:
        raise DataError(
            f"`{data}` could be any of {', '.join(f'`{name}`' for name in sorted(fitting))}",
            "say which with --task",
        )
    if fitting:
        return fitting[0]
    for spec in known:
        if spec.generic and _fits(spec, data, options, catalog):
            return spec.name
    raise DataError(
        f"`{data}` has no layout that is known here: expected DICOM files, an .npz file, a table "
        "(.csv) of image files and labels, or a folder of images for each of two or more classes",
        "name the task with --task and what it needs with --option; `automedimg tasks` lists them",
    )


def check_options(spec: DatasetSpec, options: Mapping[str, str]) -> None:
    """Raise if a task does not take these options.

    Raises:
        ConfigurationError: one is unknown or has a value that is no choice; all are named.
    """
    known = {option.name: option for option in spec.options}
    problems = []
    for name, value in options.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean `{close[0]}`?" if close else ""
            problems.append(f"task `{spec.name}` has no option `{name}`{meant}")
        elif known[name].choices and value not in known[name].choices:
            problems.append(
                f"option `{name}` is `{value}`, expected one of {', '.join(known[name].choices)}"
            )
    if problems:
        raise ConfigurationError(
            "; ".join(problems),
            f"its options are {', '.join(known)}" if known else "it takes no options",
        )


def _fits(spec: DatasetSpec, data: Path, options: Mapping[str, str], catalog: Catalog) -> bool:
    """Whether a folder has a task's layout. Nobody asked for this task: its failure is a no."""
    chosen = {name: value for name, value in options.items() if name in _option_names(spec)}
    if len(chosen) < len(options):
        return False
    if data.is_file():
        if not _takes_files(spec):
            return False
        chosen.setdefault("file", data.name)
        data = data.absolute().parent
    try:
        dataset: Dataset = catalog.datasets.make(spec.name, **chosen)
        root = dataset.locate(data)
        return root is not None and (spec.generic or _is_like(spec, dataset, root))
    # Whatever a plugin raises on a folder that is not its own.
    except Exception:  # noqa: BLE001
        return False


def _is_like(spec: DatasetSpec, dataset: Dataset, root: Path) -> bool:
    """Whether a folder in a data set's layout may be that data set, by the number of images.

    Many data sets have a folder `yes/` and a folder `no/`.
    """
    expected = sum(spec.expected_counts.values())
    if not expected or finding.is_synthetic(root):
        return True
    found = 0
    for _ in dataset.records(root):
        found += 1
        if found > 1.1 * expected:
            return False
    return found >= 0.25 * expected


def _takes_files(spec: DatasetSpec) -> bool:
    return spec.generic and "file" in _option_names(spec)


def _option_names(spec: DatasetSpec) -> set[str]:
    return {option.name for option in spec.options}


def _in_words(spec: DatasetSpec) -> str:
    what = spec.layout if spec.generic else spec.summary
    return f"`{spec.name}`: {what or spec.summary}"
