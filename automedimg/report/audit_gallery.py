"""Pictures side by side: copies, conflicts, blank images; each as a data URI."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

SIDE = 144
"""Longest side of a picture on the page, in pixels."""
MOST_SETS = 40
MOST_PICTURES = 8
MOST_EXACT = 10
"""Of the sets shown, where there are enough near-copies: identical files teach the eye nothing."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture with its name; `source` is empty where there is no picture, for `reason`."""

    name: str
    label: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class PictureSet:
    """Pictures that belong together; `num_more` further ones are not shown."""

    tiles: tuple[Tile, ...]
    total: int
    num_more: int
    kind: str = ""


@dataclass(slots=True)
class Pictures:
    """Gets pictures by name, each once.

    Args:
        picture: Gives an image by its name; None where it can't be read.
        withheld: Names of images that are not to be shown.
    """

    picture: Callable[[str], Image.Image | None]
    withheld: frozenset[str] = frozenset()
    _sources: dict[str, str] = field(default_factory=dict)

    def tile(self, name: object, label: object = "") -> Tile:
        """A picture, small; if there is none, the reason."""
        text = str(name)
        if text in self.withheld:
            return Tile(text, str(label), "", "withheld: may show a name")
        if text not in self._sources:
            self._sources[text] = self._source(text)
        source = self._sources[text]
        return Tile(text, str(label), source, "" if source else "no picture")

    def _source(self, name: str) -> str:
        # The file may have gone, and any of the readers may refuse it in its own way: the page
        # is worth having without that picture.
        try:
            image = self.picture(name)
            return "" if image is None else data_uri(image)
        except Exception:  # noqa: BLE001
            return ""


def data_uri(image: Image.Image) -> str:
    """An image as a small JPEG in a ``data:`` address.

    Args:
        image: Of any mode; deeper greys are stretched from their darkest to their brightest.
    """
    if image.mode not in ("L", "RGB"):
        deep = image.mode.startswith(("I", "F"))
        image = _stretched(image) if deep else image.convert("RGB")
    image = image.copy()
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _stretched(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) * (255.0 / (high - low) if high > low else 0.0)
    return Image.fromarray(scaled.astype(np.uint8))


def copy_sets(audit: Mapping[str, Any], pictures: Pictures) -> list[PictureSet]:
    """Sets of copies to look at: near-copies first, the largest of each kind first.

    Where there are too many, half of those shown are the largest, where a wrong match would do
    most harm, and half are spread evenly over the others.
    """
    exact, near = (_largest_first(audit.get(key)) for key in ("duplicates", "near_duplicates"))
    room_exact = max(MOST_SETS - len(near), MOST_EXACT)
    shown_exact = _spread(exact, room_exact)
    shown_near = _spread(near, MOST_SETS - len(shown_exact))
    return [_set(names, pictures, {}, "near-copies") for names in shown_near] + [
        _set(names, pictures, {}, "identical") for names in shown_exact
    ]


def conflict_sets(audit: Mapping[str, Any], pictures: Pictures) -> list[PictureSet]:
    """Copies that carry different labels, each with its label."""
    labels = audit.get("labels_of") or {}
    sets = _largest_first(audit.get("label_conflicts"))[:MOST_SETS]
    return [_set(_one_of_each(names, labels), pictures, labels) for names in sets]


def blank_set(audit: Mapping[str, Any], pictures: Pictures) -> PictureSet | None:
    """Images without content; None if there are none."""
    names = audit.get("blank") or ()
    return _set(names, pictures, {}) if names else None


def _largest_first(sets: object) -> list[Sequence[object]]:
    known = sets if isinstance(sets, Sequence) else ()
    return sorted((names for names in known if names), key=lambda names: -len(names))


def _spread(sets: list[Sequence[object]], most: int) -> list[Sequence[object]]:
    if len(sets) <= most:
        return sets
    head, rest = sets[: most // 2], sets[most // 2 :]
    places = np.linspace(0, len(rest) - 1, most - len(head)).round().astype(int)
    return head + [rest[place] for place in places.tolist()]


def _one_of_each(names: Sequence[object], labels: Mapping[str, Any]) -> list[object]:
    """Bring one image of each label to the front, so that the contradiction is in sight."""
    first: dict[object, object] = {}
    for name in names:
        first.setdefault(labels.get(str(name)), name)
    front = list(first.values())
    return front + [name for name in names if name not in front]


def _set(
    names: Sequence[object], pictures: Pictures, labels: Mapping[str, Any], kind: str = ""
) -> PictureSet:
    tiles = tuple(pictures.tile(name, labels.get(str(name), "")) for name in names[:MOST_PICTURES])
    return PictureSet(tiles, len(names), len(names) - len(tiles), kind)
