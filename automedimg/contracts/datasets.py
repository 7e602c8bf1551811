"""What a dataset plugin provides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from automedimg.contracts.source import Source

SplitName: TypeAlias = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True)
class Record:
    """One image of a data set.

    Args:
        path: Of its file, relative to the data set's folder, with forward slashes.
        label: One of the data set's classes.
        group: What may not be torn apart by a split (patient, examination); None where unknown.
            Never a name or an id that identifies a person: use `pseudonym`.
        split: The side that the publisher put it on; None where there is no such split.
        part: Which image of the file, where it holds several: ``3`` is the fourth frame of a
            DICOM file or page of a TIFF, ``train_images/3`` the fourth row of an array in an npz
            or HDF5 file. Empty for the only one.
    """

    path: str
    label: str
    group: str | None = None
    split: SplitName | None = None
    part: str = ""

    @property
    def name(self) -> str:
        """What the image is called in tables and reports: unique in its data set."""
        return f"{self.path}#{self.part}" if self.part else self.path


@dataclass(frozen=True, slots=True)
class SetAside:
    """A file or a row of a table that can't be used; it is listed with the unreadable files.

    Args:
        path: As a record's.
        reason: Half a sentence without the path, e.g. ``no label in labels.csv``.
    """

    path: str
    reason: str


class Dataset(ABC):
    """Reads one data set's layout. Decoding the images is the core's work, not the plugin's."""

    @abstractmethod
    def locate(self, folder: Path) -> Path | None:
        """Find the data set in a folder that the user gave.

        Args:
            folder: An existing folder: the data set's own, or a parent that holds it.
        Returns:
            The folder that record paths are relative to; None if the layout is not there.
        """

    @abstractmethod
    def records(self, root: Path) -> Iterable[Record | SetAside]:
        """List the images, in an order that depends on nothing but the folder's content.

        The images of one file stand together, in the order of their parts.

        Args:
            root: What `locate` returned.
        Raises:
            DataError: nothing can be made of the folder (a table without the named column, say).
        """

    def specialise(self, spec: DatasetSpec, root: Path) -> DatasetSpec:
        """Complete the spec by what the found data say: classes, size, channels.

        Needed where the spec names no classes.

        Args:
            spec: As it is listed.
            root: What `locate` returned.
        Raises:
            DataError: as for `records`.
        """
        del root
        return spec

    @abstractmethod
    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        """Write a small synthetic stand-in, in this data set's own layout.

        Args:
            folder: An existing, empty folder.
            seed: The same seed writes the same images.
        """


@dataclass(frozen=True, slots=True)
class TaskOption:
    """What a user may set with ``--option NAME=VALUE``.

    Args:
        name: A Python identifier; the factory gets the value under it, as text.
        summary: Half a line.
        default: What holds without it, in words or as a value.
        choices: The values that can be given; empty where any text can.
    """

    name: str
    summary: str
    default: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """A data set as it is listed by ``automedimg tasks``.

    Args:
        name: The task's name: lower case, digits, hyphens.
        summary: One line.
        factory: Returns the `Dataset`; called only when the task is used, with those `options`
            that the user gave, as keywords.
        classes: Labels in the order of the model's outputs. Of two, the second is the positive one.
            Empty where only the data say: see `Dataset.specialise`.
        source: Citation, page and licence note.
        modality: For example ``MRI``.
        expected_counts: Images per class in the complete data set, to tell a partial download.
        layout: What a folder must look like, in a few words, for error messages.
        download: How to get it by hand, in one line.
        kaggle: The handle that `kagglehub` downloads, e.g. ``owner/name``.
        image_size: Default side of the square that images are resized to, in pixels.
        channels: 3 for RGB, 1 for grey.
        test_fraction: Default share of the images in the test split, in (0, 1).
        validation_fraction: Default share of the images in the validation split, in (0, 1).
        options: What a user may set. One that is called ``file`` gets the name of the file where
            ``--data`` names a file.
        generic: Whether it reads a kind of layout, not one data set. Where no task is named, the
            data sets are tried first, then the generic tasks in the order of their listing.
    """

    name: str
    summary: str
    factory: Callable[..., Dataset]
    classes: tuple[str, ...]
    source: Source
    modality: str = ""
    expected_counts: Mapping[str, int] = field(default_factory=dict)
    layout: str = ""
    download: str = ""
    kaggle: str | None = None
    image_size: int = 128
    channels: int = 3
    test_fraction: float = 0.20
    validation_fraction: float = 0.16
    options: tuple[TaskOption, ...] = ()
    generic: bool = False

    @property
    def positive(self) -> str | None:
        """The positive class of a two-class task."""
        return self.classes[1] if len(self.classes) == 2 else None
