"""The checks of a dataset, on the synthetic sample that it writes."""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import cached_property
from pathlib import Path, PurePosixPath

from automedimg.contracts import Dataset, DatasetSpec, Record, SetAside
from automedimg.data.decoding import Formed, Wanted, form_all
from automedimg.data.finding import MARKER, is_synthetic
from automedimg.testing.subject import ContractError, Subject, expect, expect_name_and_summary

READABLE_SHARE = 0.75
"""Of a sample's files; a few damaged ones belong into a lifelike sample."""


class DatasetSubject(Subject[DatasetSpec]):
    """A dataset under test; its sample is written once."""

    @cached_property
    def sample(self) -> Path:
        """The folder of a sample, as it was written."""
        return self.write("sample")

    @cached_property
    def root(self) -> Path:
        """What `locate` finds in the sample."""
        root = self.component.locate(self.sample)
        if root is None:
            raise ContractError("locate(sample): got None, expected the folder of the images")
        return Path(root)

    @cached_property
    def listed(self) -> list[Record | SetAside]:
        """What the sample's folder holds."""
        return list(self.component.records(self.root))

    @cached_property
    def records(self) -> list[Record]:
        """The sample's records."""
        return [entry for entry in self.listed if not isinstance(entry, SetAside)]

    @cached_property
    def special(self) -> DatasetSpec:
        """The spec, completed by what the sample says."""
        special: DatasetSpec = self.component.specialise(self.spec, self.root)
        return special

    def write(self, name: str) -> Path:
        """Write a sample into a folder inside one of that name."""
        folder = self.folder / name / "images"
        folder.mkdir(parents=True)
        self.component.write_sample(folder, seed=0)
        return folder


def check_spec(subject: DatasetSubject) -> None:
    """The name has lower case, digits and hyphens; layout and citation are given."""
    spec = subject.spec
    expect_name_and_summary(spec, "a-z0-9-", "lower case, digits, hyphens")
    expect(spec.layout.strip(), "layout", repr(spec.layout), "what a folder must look like")
    citation = spec.source.citation
    expect(citation.strip(), "source.citation", repr(citation), "what a paper cites")
    expect(spec.channels in (1, 3), "channels", spec.channels, "1 or 3")
    expect(spec.image_size > 0, "image_size", spec.image_size, "a number of pixels")


def check_classes(subject: DatasetSubject) -> None:
    """There are two classes or more, all different, and `expected_counts` counts them.

    A spec without classes gets them from `specialise`.
    """
    spec = subject.spec if subject.spec.classes else subject.special
    classes, counts = spec.classes, spec.expected_counts
    names = isinstance(classes, tuple) and all(isinstance(c, str) and c for c in classes)
    expect(names, "classes", repr(classes), "a tuple of names")
    expect(len(set(classes)) == len(classes) >= 2, "classes", classes, "two or more, all different")
    expect(set(counts) <= set(classes), "expected_counts", sorted(counts), f"some of {classes}")
    positive = all(count > 0 for count in counts.values())
    expect(positive, "expected_counts", dict(counts), "counts above 0")


def check_fractions(subject: DatasetSubject) -> None:
    """Test and validation split are shares of the images that leave some to train on."""
    spec = subject.spec
    for name in ("test_fraction", "validation_fraction"):
        share = getattr(spec, name)
        expect(0 < share < 1, name, share, "a share in (0, 1)")
    both = spec.test_fraction + spec.validation_fraction
    expect(both < 1, "test_fraction + validation_fraction", both, "less than 1")


def check_options(subject: DatasetSubject) -> None:
    """Options have different names that Python takes as keywords, and a summary each."""
    options = subject.spec.options
    for option in options:
        fine = option.name.isidentifier() and option.name.islower()
        expect(fine, "option", repr(option.name), "a lower-case Python identifier")
        expect(option.summary.strip(), f"option {option.name}", "no summary", "half a line")
    names = [option.name for option in options]
    expect(len(set(names)) == len(names), "options", names, "different names")


def check_is_a_dataset(subject: DatasetSubject) -> None:
    """The factory returns a `Dataset`."""
    component = subject.component
    expect(isinstance(component, Dataset), "factory", type(component).__name__, "a Dataset")


def check_misses_empty_folder(subject: DatasetSubject) -> None:
    """`locate` says None where there is nothing."""
    empty = subject.folder / "nothing here"
    empty.mkdir(exist_ok=True)
    found = subject.component.locate(empty)
    expect(found is None, "locate(empty folder)", repr(found), "None")


def check_locates_sample(subject: DatasetSubject) -> None:
    """The sample is found from its own folder and from the one above."""
    expect(subject.root.is_dir(), "locate(sample)", subject.root, "an existing folder")
    inside = subject.root.resolve().is_relative_to(subject.sample.resolve())
    expect(inside, "locate(sample)", subject.root, f"{subject.sample} or a folder in it")
    found = subject.component.locate(subject.sample.parent)
    same = found is not None and Path(found).resolve() == subject.root.resolve()
    expect(same, "locate(folder above the sample)", repr(found), "the same as from the sample")


def check_sample_is_marked(subject: DatasetSubject) -> None:
    """The sample says of itself that it is synthetic."""
    missing = f"no {MARKER} in {subject.root.name}/"
    expect(is_synthetic(subject.root), "sample", missing, f"the file {MARKER} beside the images")


def check_records(subject: DatasetSubject) -> None:
    """Each record is a relative path with forward slashes to a file, and each image listed once."""
    expect(subject.records, "records", "none", "the sample's images")
    for record in subject.records:
        known = isinstance(record, Record)
        expect(known, "records", repr(record), "Record or SetAside objects")
        path = PurePosixPath(record.path)
        relative = not path.is_absolute() and ".." not in path.parts and "\\" not in record.path
        expect(relative, "path", repr(record.path), "a relative path with forward slashes")
        expect((subject.root / path).is_file(), "path", repr(record.path), "an existing file")
        group = record.group
        plain = group is None or (isinstance(group, str) and group != "")
        expect(plain, f"group of {record.path}", repr(group), "text, or None where unknown")
    counts = Counter(record.name for record in subject.records)
    twice = [name for name, count in counts.items() if count > 1]
    expect(not twice, "records", f"{len(twice)} images more than once: {twice[:3]}", "each once")


def check_splits(subject: DatasetSubject) -> None:
    """Either no record has a publisher's split or each has, and some of it is for training."""
    splits = Counter(record.split for record in subject.records)
    known = set(splits) <= {None, "train", "validation", "test"}
    expect(known, "splits", sorted(map(str, splits)), "train, validation, test or None")
    if set(splits) != {None}:
        expect(None not in splits, "splits", f"{splits[None]} records without", "all or none")
        expect(splits["train"] > 0, "splits", dict(splits), "images for training")


def check_labels(subject: DatasetSubject) -> None:
    """Labels are classes of the spec, and the sample has images of each."""
    labels, classes = {record.label for record in subject.records}, set(subject.special.classes)
    expect(labels <= classes, "labels", sorted(labels - classes), f"only {sorted(classes)}")
    missing = sorted(classes - labels)
    expect(not missing, "sample", f"no image of {missing}", "images of every class")


def check_order_is_stable(subject: DatasetSubject) -> None:
    """Listing the images again, with a fresh object, gives the same records in the same order."""
    again = list(subject.spec.factory().records(subject.root))
    same = again == subject.listed
    expect(same, "records, listed again", "others or another order", "the same in the same order")


def check_images_are_readable(subject: DatasetSubject) -> None:
    """Most of the sample's files are images that can be decoded."""
    items = [(subject.root / record.path, record.part) for record in subject.records]
    read = form_all(items, Wanted(min(subject.spec.image_size, 64), subject.spec.channels))
    reasons = [
        f"{record.name}: {formed}"
        for record, formed in zip(subject.records, read, strict=True)
        if not isinstance(formed, Formed)
    ]
    num = len(subject.records)
    received = f"{len(reasons)} of {num} can't be read ({'; '.join(reasons[:2])})"
    enough = num - len(reasons) >= READABLE_SHARE * num
    expect(enough, "images", received, f"at least {READABLE_SHARE:.0%} that can")


def check_sample_repeats(subject: DatasetSubject) -> None:
    """The same seed writes the same files, byte for byte."""
    first, again = _digests(subject.sample), _digests(subject.write("sample again"))
    differing = sorted(p for p in first | again if first.get(p) != again.get(p))
    received = f"{len(differing)} files that differ: {differing[:3]}"
    expect(not differing, "sample, written again with the same seed", received, "the same bytes")


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


CHECKS = (
    check_spec,
    check_classes,
    check_fractions,
    check_options,
    check_is_a_dataset,
    check_misses_empty_folder,
    check_locates_sample,
    check_sample_is_marked,
    check_records,
    check_splits,
    check_labels,
    check_order_is_stable,
    check_images_are_readable,
    check_sample_repeats,
)
