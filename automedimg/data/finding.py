"""Find a task's images: where the user says, where they usually are, or by download."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path

from automedimg.contracts import Dataset, DatasetSpec
from automedimg.data import files, places
from automedimg.errors import DataError
from automedimg.version import __version__

MARKER = "SYNTHETIC.txt"
"""A file of this name in a data set's folder says that its images were generated."""


def find_data(spec: DatasetSpec, dataset: Dataset, given: Path | None, cache: Path) -> Path:
    """Return the folder of a task's images.

    Args:
        spec: The task.
        dataset: What its factory returned.
        given: The folder that the user named, if any; nothing else is looked at then.
        cache: The folder of the caches.
    Raises:
        DataError: it is nowhere; the error says where it was looked for and how to get it.
    """
    if given is not None:
        return _in_given(spec, dataset, given)
    for folder in places.data_folders(spec.name, cache):
        root = dataset.locate(folder) if folder.is_dir() else None
        if root is not None:
            return root
    root = _download(spec, dataset)
    if root is None:
        raise _not_found(spec, cache)
    return root


def is_synthetic(root: Path) -> bool:
    """Whether the images in a folder say of themselves that they were generated."""
    return (root / MARKER).is_file()


def make_sample(spec: DatasetSpec, dataset: Dataset, cache: Path, seed: int = 0) -> Path:
    """Write a task's synthetic stand-in into the cache, once, and return its folder."""
    folder = cache / "samples" / f"{spec.name}-{__version__}-{seed}"
    root = dataset.locate(folder) if folder.is_dir() else None
    if root is not None:
        return root
    files.make_folder(folder.parent)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        dataset.write_sample(temporary, seed=seed)
        temporary.chmod(0o755)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster: its images are the same
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    root = dataset.locate(folder)
    if root is None:
        raise DataError(f"the sample of task `{spec.name}` is not in the layout that it reads")
    return root


def _in_given(spec: DatasetSpec, dataset: Dataset, given: Path) -> Path:
    if not given.exists():
        raise DataError(
            f"no such folder: `{given}`", "check `--data`; relative paths start at this folder"
        )
    if not given.is_dir():
        raise DataError(f"`{given}` is a file; expected a folder of images")
    root = dataset.locate(given)
    if root is None:
        raise DataError(
            f"`{given}` does not look like `{spec.name}`: expected {spec.layout or 'its layout'}",
            f"name another folder with `--data`, or see `automedimg tasks {spec.name}`",
        )
    return root


def _download(spec: DatasetSpec, dataset: Dataset) -> Path | None:
    """Let kagglehub fetch the data, where it is installed and there is a network."""
    if spec.kaggle is None or importlib.util.find_spec("kagglehub") is None:
        return None
    import kagglehub

    try:
        return dataset.locate(Path(kagglehub.dataset_download(spec.kaggle)))
    # No network, no account, terms not accepted: each has its own exception in kagglehub's
    # dependencies; the user reads the reason and gets the ways by hand.
    except Exception as error:
        raise DataError(
            f"could not download `{spec.name}` from Kaggle: {error}",
            spec.download or "download it by hand and name the folder with `--data`",
        ) from error


def _not_found(spec: DatasetSpec, cache: Path) -> DataError:
    looked = ", ".join(f"`{folder}`" for folder in places.data_folders(spec.name, cache))
    ways = [
        spec.download,
        "name its folder with `--data DIR` (or put it in `$AUTOMEDIMG_DATA/" + spec.name + "`)",
        "`pip install 'automedimg[kaggle]'` lets automedimg download it" if spec.kaggle else "",
        "`--sample` tries everything on synthetic images",
    ]
    return DataError(
        f"no images of task `{spec.name}` found in {looked}; expected {spec.layout}",
        "; or ".join(way for way in ways if way),
    )
