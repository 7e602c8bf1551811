"""BCS-DBT: digital breast tomosynthesis of Duke University, one volume a view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from automedimg.contracts import Dataset, DatasetSpec, Record, SetAside, pseudonym
from automedimg.errors import ConfigurationError, DataError
from automedimg_tasks.dbt_files import (
    COLLECTION,
    Download,
    Files,
    candidates,
    find_download,
    num_frames,
)
from automedimg_tasks.dbt_tables import View, read_views
from automedimg_tasks.layout import natural_order

STRATEGIES = ("one", "all")
_NORMAL_SHARE = 0.15
"""Share of the slices of a normal volume that `all` takes."""
_PAGE = "https://www.cancerimagingarchive.net/collection/breast-cancer-screening-dbt/"


class Dbt(Dataset):
    """Slices of normal patients against slices of patients with a biopsied tumour.

    A patient with a benign or malignant tumour is a tumour patient, and only the views labelled so
    are used: a normal view of such a patient shows neither class cleanly. Patients who were called
    back without a biopsy (Actionable) are left out. The collection's own split is not used.

    Args:
        slices: ``one`` slice a patient: the annotated one, else the middle one of a view; or
            ``all`` of a tumour's views, and 15 % of those of normal ones.
    """

    def __init__(self, slices: str = "one") -> None:
        if slices not in STRATEGIES:
            raise ConfigurationError(
                f"`slices={slices}`; expected one of {', '.join(STRATEGIES)}",
                "for example `--option slices=all`",
            )
        self._slices = slices

    def locate(self, folder: Path) -> Path | None:
        """Find the folder that holds tables and images; the tables alone if there are no images."""
        download = find_download(folder)
        return download.root if download else None

    def specialise(self, spec: DatasetSpec, root: Path) -> DatasetSpec:
        """Drop the counts, which are of patients, where a patient has several slices."""
        del root
        return spec if self._slices == "one" else replace(spec, expected_counts={})

    def records(self, root: Path) -> Iterable[Record | SetAside]:
        """List slices, patient by patient."""
        download = find_download(root)
        if download is None:
            raise DataError(f"no table `BCS-DBT-labels-*.csv` in `{root.name}`", f"see {_PAGE}")
        if self._slices == "one":
            _expect_boxes(download)
        files = Files(download)
        patients: dict[str, list[View]] = {}
        for view in read_views(download.tables):
            if isinstance(view, SetAside):
                yield view
            else:
                patients.setdefault(view.patient, []).append(view)
        if not any(map(files.has_patient, patients)):
            raise DataError(
                f"no images of the {len(patients):,} patients in the tables; expected their "
                f"folders in `{COLLECTION}/` in `{root.name}` or up to three levels below it",
                f"download some or all of them with TCIA's NBIA Data Retriever: {_PAGE}",
            )
        for patient in sorted(patients, key=natural_order):
            label, views = _usable(patients[patient])
            if not views:
                continue
            if files.has_patient(patient):
                choose = self._one if self._slices == "one" else self._all
                yield from choose(root, files, label, views)
            else:
                yield SetAside(f"{COLLECTION}/{patient}", "there is no such folder")

    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        """Write synthetic volumes of 100 made-up patients, in a few seconds."""
        from automedimg_tasks.dbt_sample import write_volumes

        write_volumes(folder, num_patients=100, seed=seed)

    def _one(
        self, root: Path, files: Files, label: str, views: Sequence[View]
    ) -> Iterator[Record | SetAside]:
        """Yield one slice, of the first view that can be used, after the ones that can't."""
        for view in sorted(views, key=lambda each: (not each.boxes, _lot(each))):
            path = files.find(view)
            if path is None:
                yield _missing(view)
                continue
            try:
                num = _num_slices(root, path, view)
            except ValueError as error:
                yield SetAside(path, str(error))
                continue
            index = view.boxes[0].slice if view.boxes else num // 2
            if index < num:
                yield _record(path, label, view, index, num)
                return
            yield SetAside(path, f"the annotated slice is {index}, the last one {num - 1}")

    def _all(
        self, root: Path, files: Files, label: str, views: Sequence[View]
    ) -> Iterator[Record | SetAside]:
        for view in views:
            path = files.find(view)
            if path is None:
                yield _missing(view)
                continue
            try:
                num = _num_slices(root, path, view)
            except ValueError as error:
                yield SetAside(path, str(error))
                continue
            taken: Iterable[int] = range(num)
            if not view.has_tumour:
                by_lot = sorted(taken, key=lambda index: _lot(view, index))
                taken = sorted(by_lot[: max(1, round(_NORMAL_SHARE * num))])
            yield from (_record(path, label, view, index, num) for index in taken)


def _expect_boxes(download: Download) -> None:
    for split, kinds in download.tables.items():
        if "labels" in kinds and "boxes" not in kinds:
            raise DataError(
                f"`{kinds['labels'].name}` is there, `BCS-DBT-boxes-{split}*.csv` is not; "
                "`slices=one` needs it to know the annotated slices",
                "download it from the collection's page, or give `--option slices=all`",
            )


def _usable(views: Sequence[View]) -> tuple[str, list[View]]:
    """A patient's class, and the views that show it; none for a patient who is left out."""
    ordered = sorted(views, key=lambda view: (natural_order(view.study), view.name))
    if tumours := [view for view in ordered if view.has_tumour]:
        return "tumour", tumours
    if any(view.finding == "Actionable" for view in views):
        return "normal", []
    return "normal", ordered


def _num_slices(root: Path, path: str, view: View) -> int:
    known = next((box.num_slices for box in view.boxes if box.num_slices), None)
    return known or num_frames(root / path)


def _record(path: str, label: str, view: View, index: int, num: int) -> Record:
    part = str(index) if num > 1 else ""
    return Record(path, label, group=pseudonym(view.patient), part=part)


def _missing(view: View) -> SetAside:
    names = candidates(view)
    return SetAside(names[0] if names else f"{view.patient}/{view.study}", "there is no such file")


def _lot(view: View, index: int = -1) -> str:
    """Draw a lot that depends on the patient, not on who else is there or on a version's dice.

    Always the first view would make all normal images left breasts, and side tell the class.
    """
    return sha256(f"{view.patient} {view.study} {view.name} {index}".encode()).hexdigest()
