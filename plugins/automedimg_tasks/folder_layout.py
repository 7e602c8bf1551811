"""Which folders of a tree are classes, and which are the publisher's split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from automedimg.contracts import SplitName
from automedimg_tasks.folder_files import holds_image
from automedimg_tasks.layout import SEARCH_DEPTH, searchable_folders
from automedimg_tasks.tables_classes import parse_split

# Annotations that accompany images: never a class, unless it is named as one.
_COMPANIONS = frozenset({"mask", "masks", "annotation", "annotations", "segmentation", "overlays"})
_SIDES: tuple[SplitName, ...] = ("train", "validation", "test")

Holds = Callable[[Path], bool]
"""Tells whether a folder holds images at any depth."""


@dataclass(frozen=True, slots=True)
class ClassFolder:
    """A folder of images of one class, and the side that the publisher put them on."""

    path: Path
    label: str
    split: SplitName | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """A tree of class folders.

    Args:
        home: The folder that has the classes in it, or the split.
        folders: The classes' folders, side by side.
        others: Folders of images that belong to no class.
    """

    home: Path
    folders: tuple[ClassFolder, ...]
    others: tuple[Path, ...] = ()

    @property
    def labels(self) -> set[str]:
        """The classes."""
        return {folder.label for folder in self.folders}

    @property
    def parents(self) -> list[Path]:
        """The folders that class folders lie in; images beside them have no class."""
        return sorted({self.home, *(folder.path.parent for folder in self.folders)})


def find_layout(
    folder: Path, classes: Sequence[str] = (), holds: Holds = holds_image
) -> Layout | None:
    """Find the first level that splits the images, at most three folders below the given one.

    Args:
        folder: The data set's, or one that wraps it.
        classes: Names that the user gave: a level that has any of them is the one.
        holds: Tells whether a folder holds images.
    Returns:
        None where no folder has two folders of images in it.
    """
    named = {name.casefold() for name in classes}
    level = folder
    for _ in range(SEARCH_DEPTH + 1):
        children = _children(level, holds, named)
        if named & {child.name.casefold() for child in children}:
            return Layout(level, _classes(children))
        split = _split_layout(level, children, holds, named)
        if split is not None:
            return split
        if len(children) != 1:
            return Layout(level, _classes(children)) if children else None
        level = children[0]
    return None


def last_wrapped(folder: Path) -> Path:
    """Follow a folder to its only folder of images, to that one's, and so on."""
    for _ in range(SEARCH_DEPTH):
        children = _children(folder, holds_image, set())
        if len(children) != 1:
            break
        folder = children[0]
    return folder


def _children(folder: Path, holds: Holds, named: set[str]) -> list[Path]:
    never = _COMPANIONS - named
    return [child for child in searchable_folders(folder, never) if holds(child)]


def _classes(folders: Sequence[Path], split: SplitName | None = None) -> tuple[ClassFolder, ...]:
    return tuple(ClassFolder(folder, folder.name, split) for folder in folders)


def _split_layout(
    home: Path, children: Sequence[Path], holds: Holds, named: set[str]
) -> Layout | None:
    """Read `train/A`, `test/A`, ...; None where there is no such split."""
    sides = {child: parse_split(child.name) for child in children}
    present = set(sides.values()) - {None}
    if "train" not in present or len(present) < 2:
        return None
    found: list[ClassFolder] = []
    for side in _SIDES:
        for child in (child for child in children if sides[child] == side):
            found += _classes(_unwrapped(child, holds, named), side)
    spelling: dict[str, str] = {}
    for each in found:
        spelling.setdefault(each.label.casefold(), each.label)
    if len(spelling) < 2:
        return None
    folders = [ClassFolder(f.path, spelling[f.label.casefold()], f.split) for f in found]
    if len({folder.split for folder in folders}) == 1:  # the other side has no labels
        folders = [ClassFolder(folder.path, folder.label) for folder in folders]
    return Layout(home, tuple(folders), tuple(c for c in children if sides[c] is None))


def _unwrapped(folder: Path, holds: Holds, named: set[str]) -> list[Path]:
    """Folders of the classes of one side, also inside one more folder, as in `train/images/A`."""
    children = _children(folder, holds, named)
    if len(children) == 1 and children[0].name.casefold() in ("images", "image", folder.name):
        return _children(children[0], holds, named)
    return children
