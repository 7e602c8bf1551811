import itertools
from dataclasses import replace

import numpy as np
import pytest

from automedimg.contracts import Dataset, DatasetSpec, Record, SetAside, Source, TaskOption
from automedimg.data.finding import MARKER
from automedimg.testing.images import class_folders, write_image


class Sound(Dataset):
    marker, classes = MARKER, ("a", "b")

    def locate(self, folder):
        found = (path for path in (folder, folder / "images") if (path / "a").is_dir())
        return next(found, None)

    def records(self, root):
        for path in sorted(root.glob("*/*.png")):
            yield Record(path.relative_to(root).as_posix(), path.parent.name)

    def write_sample(self, folder, *, seed=0):
        class_folders(folder, dict.fromkeys(self.classes, 4), seed)
        (folder / self.marker).write_text("Drawn by a program.\n")


class FindsAnything(Sound):
    def locate(self, folder):
        return folder


class BlindAbove(Sound):
    def locate(self, folder):
        return folder if (folder / "a").is_dir() else None


class Unmarked(Sound):
    marker = "README.txt"


class OneClass(Sound):
    classes = ("a",)


class Relabels(Sound):
    def records(self, root):
        return [replace(record, label="c") for record in super().records(root)]


class Absolute(Sound):
    def records(self, root):
        return [replace(r, path=str(root / r.path)) for r in super().records(root)]


class Missing(Sound):
    def records(self, root):
        return [*super().records(root), Record("a/none.png", "a")]


class Twice(Sound):
    def records(self, root):
        return [*super().records(root), *super().records(root)]


class Nothing(Sound):
    def records(self, root):
        return []


class Reorders(Sound):
    calls = 0

    def records(self, root):
        Reorders.calls += 1
        return sorted(super().records(root), key=lambda r: r.path, reverse=Reorders.calls % 2)


class Damaged(Sound):
    def write_sample(self, folder, *, seed=0):
        super().write_sample(folder, seed=seed)
        for path in sorted(folder.glob("*/*.png"))[::2]:
            path.write_bytes(path.read_bytes()[:40])


class Forgetful(Sound):
    calls = 0

    def write_sample(self, folder, *, seed=0):
        super().write_sample(folder, seed=seed)
        Forgetful.calls += 1
        write_image(folder / "a" / "a_0000.png", seed=Forgetful.calls)


class Generic(Sound):
    """Its classes are those of the folder; one image can't be used."""

    def records(self, root):
        yield SetAside("a/unknown.png", "no label")
        yield from super().records(root)

    def specialise(self, spec, root):
        return replace(spec, classes=tuple(sorted(p.name for p in root.iterdir() if p.is_dir())))


class Stacked(Sound):
    """All images in one file; its parts are told apart."""

    def locate(self, folder):
        found = (path for path in (folder, folder / "images") if (path / "all.npz").is_file())
        return next(found, None)

    def records(self, root):
        return [Record("all.npz", "ab"[row % 2], part=f"x/{row}") for row in range(6)]

    def write_sample(self, folder, *, seed=0):
        rng = np.random.default_rng(seed)
        np.savez(folder / "all.npz", x=rng.integers(0, 255, (6, 40, 40), dtype=np.uint8))
        (folder / self.marker).write_text("Drawn by a program.\n")


class Partless(Stacked):
    def records(self, root):
        return [replace(record, part="") for record in super().records(root)]


class HalfPublished(Sound):
    def records(self, root):
        sides = itertools.cycle(("train", None))
        return [replace(record, split=next(sides)) for record in super().records(root)]


class OnlyTests(Sound):
    def records(self, root):
        return [replace(record, split="test") for record in super().records(root)]


class NumberedPatients(Sound):
    def records(self, root):
        return [replace(r, group=number) for number, r in enumerate(super().records(root))]


class NamelessPatients(Sound):
    def records(self, root):
        return [replace(record, group="") for record in super().records(root)]


class Rows(Sound):
    def records(self, root):
        return [record.path for record in super().records(root)]


def spec_of(dataset=Sound, **more):
    given = {"classes": ("a", "b"), "source": Source("Me (2026)"), "layout": "`a/`, `b/`", **more}
    return DatasetSpec("it", "It", dataset, **given)


def test_a_sound_dataset_passes(failing):
    assert failing(datasets=[spec_of()]) == {}


def test_a_dataset_that_reads_its_classes_from_the_folder_passes(failing):
    options = (TaskOption("side", "Which side", "left", ("left", "right")),)
    spec = spec_of(Generic, classes=(), generic=True, options=options)
    assert failing(datasets=[spec]) == {}


def test_images_of_one_file_pass(failing):
    assert failing(datasets=[spec_of(Stacked)]) == {}


def test_what_is_no_record_is_named(failing):
    assert "Record or SetAside" in failing(("records",), datasets=[spec_of(Rows)])["records"]


@pytest.mark.parametrize(
    ("dataset", "check"),
    [
        (FindsAnything, "misses_empty_folder"),
        (BlindAbove, "locates_sample"),
        (Unmarked, "sample_is_marked"),
        (OneClass, "labels"),
        (Relabels, "labels"),
        (Absolute, "records"),
        (Missing, "records"),
        (Twice, "records"),
        (Nothing, "records"),
        (Reorders, "order_is_stable"),
        (Damaged, "images_are_readable"),
        (Forgetful, "sample_repeats"),
        (Partless, "records"),
        (HalfPublished, "splits"),
        (OnlyTests, "splits"),
        (NumberedPatients, "records"),
        (NamelessPatients, "records"),
    ],
)
def test_broken_datasets_are_caught(failing, dataset, check):
    assert check in failing(datasets=[spec_of(dataset)])


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        ({"classes": ("a",)}, "classes"),
        ({"classes": ("a", "a")}, "classes"),
        ({"expected_counts": {"c": 3}}, "classes"),
        ({"expected_counts": {"a": 0}}, "classes"),
        ({"test_fraction": 1.2}, "fractions"),
        ({"test_fraction": 0.6, "validation_fraction": 0.5}, "fractions"),
        ({"layout": ""}, "spec"),
        ({"source": Source("")}, "spec"),
        ({"channels": 2}, "spec"),
        ({"classes": ()}, "classes"),
        ({"options": (TaskOption("two words", "Some"),)}, "options"),
        ({"options": (TaskOption("Side", "Some"),)}, "options"),
        ({"options": (TaskOption("side", " "),)}, "options"),
        ({"options": (TaskOption("side", "Some"), TaskOption("side", "Other"))}, "options"),
    ],
)
def test_a_senseless_spec_is_caught(failing, wrong, check):
    assert check in failing((check,), datasets=[spec_of(**wrong)])
