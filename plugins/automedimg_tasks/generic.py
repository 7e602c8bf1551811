"""Tasks that read a kind of layout: anybody's images, without a plugin of their own.

Where no task is named they are tried in this order, the most specific layout first.
"""

from __future__ import annotations

from automedimg.contracts import DatasetSpec, Source, TaskOption, lazy

_OWN = Source(citation="Your own data: cite where they are from.", licence="the terms of your data")
_CLASSES = TaskOption(
    "classes", "labels to use, in order, between commas; others are left out", "all, sorted"
)
_POSITIVE = TaskOption(
    "positive", "of two classes, the positive one", "the one that does not sound negative"
)
_LABEL = "column of the labels"

SPECS = (
    DatasetSpec(
        name="dicom",
        summary="DICOM files, labelled by a table, a header field or their folders",
        factory=lazy("automedimg_tasks.dicom:Dicom"),
        classes=(),
        source=_OWN,
        layout="DICOM files, and a table of labels or a folder a class",
        channels=1,
        options=(
            TaskOption("file", "table of labels", "the one beside the files"),
            TaskOption("label", _LABEL, "found by its name, or as the only one that can be it"),
            TaskOption("key", "column of files, UIDs or PatientIDs", "found by its entries"),
            TaskOption("tag", "take the label from this header field, e.g. BodyPartExamined"),
            TaskOption(
                "frames", "of a file with several", "middle", choices=("middle", "first", "all")
            ),
            _CLASSES,
            _POSITIVE,
        ),
        generic=True,
    ),
    DatasetSpec(
        name="npz",
        summary="NumPy arrays of images and labels in an .npz file, MedMNIST's among them",
        factory=lazy("automedimg_tasks.npz:Npz"),
        classes=(),
        source=_OWN,
        layout="an .npz file with `images` and `labels`, or `train_images`, `train_labels`, ...",
        options=(
            TaskOption("file", "name of the file", "the only one"),
            TaskOption("images", "key of the images", "images, x, data"),
            TaskOption("labels", "key of the labels", "labels, y, target"),
            _CLASSES,
            _POSITIVE,
        ),
        generic=True,
    ),
    DatasetSpec(
        name="csv",
        summary="A table (csv or tsv) of image files, labels and, if known, patients",
        factory=lazy("automedimg_tasks.csv_table:CsvTable"),
        classes=(),
        source=_OWN,
        layout="one table with a column of image files and one of labels; see its options",
        options=(
            TaskOption("file", "name of the table", "the only one that names images"),
            TaskOption("path", "column of the image files", "found by name and entries"),
            TaskOption("label", _LABEL, "found by name: label, class, diagnosis, ..."),
            TaskOption("group", "column of the patients", "found by name: patient, subject, ..."),
            TaskOption("split", "column of train, val, test", "found by name: split, set, ..."),
            TaskOption("images", "folder that the paths start at", "the table's"),
            TaskOption("suffix", "of files that are named without one", ".png, .jpg, ..."),
            _CLASSES,
            _POSITIVE,
        ),
        generic=True,
    ),
    DatasetSpec(
        name="folder",
        summary="One folder of images for each class, with or without train/ and test/ above",
        factory=lazy("automedimg_tasks.folder:Folder"),
        classes=(),
        source=_OWN,
        layout="two or more folders of images, one a class; or those in `train/` and `test/`",
        options=(
            _CLASSES,
            _POSITIVE,
            TaskOption("group", r"regular expression for the patient in a path, e.g. (p\d+)_"),
        ),
        generic=True,
    ),
)
