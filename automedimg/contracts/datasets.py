"""What a dataset plugin provides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from automedimg.contracts.source import Source


@dataclass(frozen=True, slots=True)
class Record:
    """One image of a data set.

    Args:
        path: Relative to the data set's folder, with forward slashes.
        label: One of the data set's classes.
        group: What may not be torn apart by a split (patient, examination); None where unknown.
            Never a name or an id that identifies a person: hash it.
    """

    path: str
    label: str
    group: str | None = None


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
    def records(self, root: Path) -> Iterable[Record]:
        """List the images, in an order that depends on nothing but the folder's content.

        Args:
            root: What `locate` returned.
        """

    @abstractmethod
    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        """Write a small synthetic stand-in, in this data set's own layout.

        Args:
            folder: An existing, empty folder.
            seed: The same seed writes the same images.
        """


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """A data set as it is listed by ``automedimg tasks``.

    Args:
        name: The task's name: lower case, digits, hyphens.
        summary: One line.
        factory: Returns the `Dataset`; called only when the task is used.
        classes: Labels in the order of the model's outputs. Of two, the second is the positive one.
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
    """

    name: str
    summary: str
    factory: Callable[[], Dataset]
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

    @property
    def positive(self) -> str | None:
        """The positive class of a two-class task."""
        return self.classes[1] if len(self.classes) == 2 else None
