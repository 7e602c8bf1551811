import shutil
from collections import Counter

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset as Header
from pydicom.dataset import FileMetaDataset

import automedimg_tasks
from automedimg.contracts import Record, SetAside, pseudonym
from automedimg.errors import ConfigurationError, DataError
from automedimg_tasks.dbt import Dbt
from automedimg_tasks.dbt_files import COLLECTION
from automedimg_tasks.dbt_sample import write_volumes

LABELS = "PatientID,StudyUID,View,Normal,Actionable,Benign,Cancer\n"
PATHS = "PatientID,StudyUID,View,descriptive_path,classic_path\n"
BOXES = "PatientID,StudyUID,View,Subject,Slice,X,Y,Width,Height,Class,AD,VolumeSlices\n"
ONE_HOT = {"n": "1,0,0,0", "a": "0,1,0,0", "b": "0,0,1,0", "c": "0,0,0,1"}


def volume(path, frames=10):
    """A DICOM file of a header and no pixels: that is all the listing may look at."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = Header()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = "1.2.3"
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = "1.2.4"
    if frames is not None:
        header.NumberOfFrames = frames
    header.save_as(path, enforce_file_format=True)


def write(root, views, boxes="", split="train", version="-v2", home="", frames=10):
    """Write tables and files of views such as ``1 lcc n``: patient, view, finding."""
    labels, paths = LABELS, PATHS
    for text in views:
        patient, view, finding = text.split()
        key = f"DBT-P{patient},DBT-S{patient},{view}"
        path = f"{COLLECTION}/DBT-P{patient}/study/{view}.000000-NA-1/1-1.dcm"
        labels += f"{key},{ONE_HOT[finding]}\n"
        paths += f"{key},{path},{COLLECTION}/DBT-P{patient}/1.2/{view}/1-1.dcm\n"
        volume(root / home / path, frames)
    root.mkdir(parents=True, exist_ok=True)
    for kind, text in (("labels", labels), ("file-paths", paths), ("boxes", BOXES + boxes)):
        if kind != "boxes" or boxes:
            (root / f"BCS-DBT-{kind}-{split}{version}.csv").write_text(text)
    return root


def box(patient, view, index, num=10):
    return f"DBT-P{patient},DBT-S{patient},{view},0,{index},5,6,7,8,benign,0,{num}\n"


def taken(root, slices="one"):
    """What is taken: patient, view, label and part of each record."""
    found = []
    for record in Dbt(slices).records(root):
        if isinstance(record, Record):
            *_, patient, _, series, _ = record.path.split("/")
            view = series.partition(".")[0]
            found.append((patient.removeprefix("DBT-P"), view, record.label, record.part))
    return found


def aside(root, slices="one"):
    return [each for each in Dbt(slices).records(root) if isinstance(each, SetAside)]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    write_volumes(folder, num_patients=25, seed=1)
    return folder


@pytest.fixture
def spec():
    (found,) = (s for s in automedimg_tasks.automedimg_datasets() if s.name == "dbt")
    return found


def test_spec_describes_the_task(spec):
    assert spec.classes == ("normal", "tumour")
    assert spec.expected_counts == {"normal": 4581, "tumour": 201}
    (option,) = spec.options
    assert (option.name, option.default, option.choices) == ("slices", "one", ("one", "all"))
    assert isinstance(spec.factory(slices="all"), Dbt)


def test_counts_are_of_one_slice_a_patient(spec, tmp_path):
    assert Dbt().specialise(spec, tmp_path) == spec
    assert Dbt("all").specialise(spec, tmp_path).expected_counts == {}


def test_an_unknown_strategy_is_refused():
    with pytest.raises(ConfigurationError, match="slices=two`; expected one of one, all"):
        Dbt("two")


# Where it is found


@pytest.mark.parametrize("home", ["", "manifest-1617905855234", "images/manifest-1"])
@pytest.mark.parametrize("above", ["", "dbt", "a/b"])
def test_locate_finds_tables_and_images(tmp_path, home, above):
    write(tmp_path / above, ["1 lcc n"], "x,x,lcc,0,1,0,0,0,0,benign,0,9\n", home=home)
    assert Dbt().locate(tmp_path) == tmp_path / above
    assert len(taken(tmp_path / above)) == 1


def test_tables_and_images_may_lie_apart(tmp_path):
    write(tmp_path / "tables", ["1 lcc n"], box(1, "lcc", 2), home="../images/manifest-1")
    assert Dbt().locate(tmp_path) == tmp_path
    assert taken(tmp_path) == [("1", "lcc", "normal", "2")]


def test_locate_needs_a_table_of_labels(tmp_path):
    write(tmp_path, ["1 lcc n"])
    (tmp_path / "BCS-DBT-labels-train-v2.csv").unlink()
    assert Dbt().locate(tmp_path) is None


def test_a_sample_beside_real_data_is_left_alone(tmp_path, sample):
    shutil.copytree(sample, tmp_path / "a sample")
    assert Dbt().locate(tmp_path) == tmp_path / "a sample"
    write(tmp_path / "real", ["1 lcc n"], box(2, "lcc", 2))
    assert Dbt().locate(tmp_path) == tmp_path / "real"
    assert len(taken(tmp_path / "real")) == 1


# One slice a patient


def test_annotated_slice_else_the_middle_one(tmp_path):
    views = ["1 lcc n", "2 lcc b", "2 lmlo b", "3 rcc c", "10 rmlo c"]
    write(tmp_path, views, box(2, "lmlo", 3) + box(3, "rcc", 7) + box(3, "rcc", 1))
    assert taken(tmp_path) == [
        ("1", "lcc", "normal", "5"),
        ("2", "lmlo", "tumour", "3"),
        ("3", "rcc", "tumour", "7"),
        ("10", "rmlo", "tumour", "5"),
    ]


def test_a_tumour_patients_normal_views_and_actionable_patients_are_left_out(tmp_path):
    views = ["1 lcc n", "1 rcc c", "2 lcc n", "2 rcc a", "3 lcc a", "3 rcc b", "4 lcc n"]
    write(tmp_path, views, box(1, "rcc", 4))
    for slices in ("one", "all"):
        used = {row[:3] for row in taken(tmp_path, slices)}
        assert used == {("1", "rcc", "tumour"), ("3", "rcc", "tumour"), ("4", "lcc", "normal")}
        assert aside(tmp_path, slices) == []


def test_group_is_a_pseudonym_of_the_patient(tmp_path):
    write(tmp_path, ["1 lcc n", "1 rcc n", "2 lcc b"], box(2, "lcc", 4))
    groups = {r.group for r in Dbt("all").records(tmp_path)}
    assert groups == {pseudonym("DBT-P1"), pseudonym("DBT-P2")}


def test_a_normal_patients_view_is_drawn_by_lot(tmp_path):
    views = [f"{patient} {view} n" for patient in range(40) for view in ("lcc", "rcc")]
    write(tmp_path, views, box(99, "lcc", 1))
    first = taken(tmp_path)
    assert len(first) == 40
    sides = Counter(view for _, view, _, _ in first)
    assert min(sides["lcc"], sides["rcc"]) > 8
    # Others who come or go change nothing for a patient.
    for patient in range(20):
        shutil.rmtree(tmp_path / COLLECTION / f"DBT-P{patient}")
    assert taken(tmp_path) == first[20:]


def test_a_missing_or_damaged_file_makes_room_for_another_view(tmp_path):
    write(tmp_path, ["1 lcc c", "1 lmlo c", "2 lcc n", "2 lmlo n"], box(1, "lcc", 3))
    (tmp_path / COLLECTION / "DBT-P1/study/lcc.000000-NA-1/1-1.dcm").unlink()
    for view in ("lcc", "lmlo"):
        (tmp_path / COLLECTION / f"DBT-P2/study/{view}.000000-NA-1/1-1.dcm").write_bytes(b"no")
    assert taken(tmp_path) == [("1", "lmlo", "tumour", "5")]
    missing, *damaged = aside(tmp_path)
    assert missing.path.endswith("DBT-P1/study/lcc.000000-NA-1/1-1.dcm")
    assert missing.reason == "there is no such file"
    assert len(damaged) == 2
    assert "header can't be read" in damaged[0].reason


def test_a_slice_beyond_the_volume_is_set_aside(tmp_path):
    write(tmp_path, ["1 lcc c"], box(1, "lcc", 10))
    (found,) = aside(tmp_path)
    assert found.reason == "the annotated slice is 10, the last one 9"


@pytest.mark.parametrize("frames", [1, None])
def test_the_only_image_of_a_file_has_no_part(tmp_path, frames):
    write(tmp_path, ["1 lcc n"], box(2, "lcc", 1), frames=frames)
    assert taken(tmp_path) == [("1", "lcc", "normal", "")]


def test_without_boxes_the_annotated_slice_is_unknown(tmp_path):
    write(tmp_path, ["1 lcc n", "2 lcc b"])
    with pytest.raises(DataError, match=r"BCS-DBT-boxes-train\*.csv` is not") as error:
        taken(tmp_path)
    assert "slices=all" in error.value.hint
    assert len(taken(tmp_path, "all")) == 12


# All slices


def test_all_slices_of_tumours_and_some_of_normal_views(tmp_path):
    write(tmp_path, ["1 lcc n", "1 rcc n", "2 lcc b"], box(2, "lcc", 3), frames=20)
    found = taken(tmp_path, "all")
    assert Counter(row[:3] for row in found) == {
        ("1", "lcc", "normal"): 3,
        ("1", "rcc", "normal"): 3,
        # The table says that this volume has 10 slices: the file is not asked.
        ("2", "lcc", "tumour"): 10,
    }
    parts = [int(part) for patient, view, _, part in found if (patient, view) == ("1", "lcc")]
    assert parts == sorted(set(parts))
    assert taken(tmp_path, "all") == found


def test_a_short_normal_volume_gives_one_slice(tmp_path):
    write(tmp_path, ["1 lcc n"], frames=2)
    assert len(taken(tmp_path, "all")) == 1


# Tables and paths as they come


def test_later_versions_and_other_splits_count(tmp_path):
    write(tmp_path, ["1 lcc n"], box(9, "lcc", 1), version="")
    write(tmp_path, ["1 lcc b"], box(1, "lcc", 1), version="-v2")
    write(tmp_path, ["2 lcc n"], box(9, "lcc", 1), split="validation", version="-PHASE-2")
    write(tmp_path, ["3 lcc c"], box(3, "lcc", 2), split="test", version="-v2-PHASE-2-Jan-2024")
    assert [row[::2] for row in taken(tmp_path)] == [
        ("1", "tumour"),
        ("2", "normal"),
        ("3", "tumour"),
    ]


def test_splits_in_folders_of_their_own(tmp_path):
    write(tmp_path / "Training", ["1 lcc n"], box(9, "lcc", 1), home="manifest-1")
    write(tmp_path / "Test", ["2 lcc n"], box(9, "lcc", 1), split="test", home="manifest-2")
    assert Dbt().locate(tmp_path) == tmp_path
    assert [row[0] for row in taken(tmp_path)] == ["1", "2"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("-NA-", "-"), ("/study/", "\\study\\"), ("/study/lcc.000000-NA-1", "/gone")],
)
def test_paths_are_found_as_downloads_have_them(tmp_path, old, new):
    write(tmp_path, ["1 lcc n"], box(9, "lcc", 1))
    home = tmp_path / COLLECTION / "DBT-P1"
    shutil.copytree(home / "study/lcc.000000-NA-1", home / "1.2/lcc")
    if new != "/gone":
        shutil.rmtree(home / "1.2")
    table = tmp_path / "BCS-DBT-file-paths-train-v2.csv"
    table.write_text(table.read_text().replace(old, new))
    assert len(taken(tmp_path)) == 1


def test_a_path_out_of_the_folder_is_not_followed(tmp_path):
    root = write(tmp_path / "data", ["1 lcc n"], box(9, "lcc", 1))
    outside = tmp_path / "secret.dcm"
    volume(outside)
    table = root / "BCS-DBT-file-paths-train-v2.csv"
    for path in (f"{COLLECTION}/../../secret.dcm", str(outside)):
        table.write_text(f"{PATHS}DBT-P1,DBT-S1,lcc,{path},\n")
        assert taken(root) == []
        assert aside(root) == [SetAside("DBT-P1/DBT-S1", "there is no such file")]


def test_views_that_are_repeated_are_views(tmp_path):
    write(tmp_path, ["1 lcc2 n", "2 LCC n"], box(9, "lcc", 1))
    assert [row[0] for row in taken(tmp_path)] == ["1", "2"]


def test_rows_that_make_no_sense_are_set_aside(tmp_path):
    write(tmp_path, ["1 lcc n", "2 xyz n"], box(9, "lcc", 1))
    table = tmp_path / "BCS-DBT-labels-train-v2.csv"
    more = "DBT-P3,DBT-S3,lcc,1,0,0,1\nDBT-P4,DBT-S4,lcc,1,0,0,0\n"
    table.write_text(table.read_text() + more)
    assert len(taken(tmp_path)) == 1
    reasons = {each.path: each.reason for each in aside(tmp_path)}
    assert reasons["DBT-P2/DBT-S2/xyz"] == "view `xyz`; expected lcc, lmlo, rcc or rmlo"
    assert reasons["DBT-P3/DBT-S3/lcc"].startswith("2 labels are 1")
    assert reasons["DBT-P4/DBT-S4/lcc"].startswith("no row in `BCS-DBT-file-paths")


def test_a_partial_download_sets_patients_aside(tmp_path):
    write(tmp_path, ["1 lcc n", "2 lcc n", "2 rcc n"], box(9, "lcc", 1))
    shutil.rmtree(tmp_path / COLLECTION / "DBT-P2")
    assert len(taken(tmp_path)) == 1
    assert aside(tmp_path) == [SetAside(f"{COLLECTION}/DBT-P2", "there is no such folder")]


def test_tables_without_any_image_are_an_error(tmp_path):
    write(tmp_path, ["1 lcc n"], box(9, "lcc", 1))
    shutil.rmtree(tmp_path / COLLECTION)
    assert Dbt().locate(tmp_path) == tmp_path
    with pytest.raises(DataError, match="no images of the 1 patients") as error:
        taken(tmp_path)
    assert "NBIA" in error.value.hint


def test_labels_without_paths_are_an_error_paths_without_labels_are_set_aside(tmp_path):
    write(tmp_path, ["1 lcc n"], box(9, "lcc", 1))
    write(tmp_path, ["2 lcc n"], split="test")
    (tmp_path / "BCS-DBT-labels-test-v2.csv").unlink()
    (found,) = aside(tmp_path)
    assert found.path == "BCS-DBT-file-paths-test-v2.csv"
    (tmp_path / "BCS-DBT-file-paths-train-v2.csv").unlink()
    with pytest.raises(DataError, match="file-paths-train"):
        taken(tmp_path)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("labels", "", "empty"),
        ("labels", "PatientID,StudyUID,View,Normal\n1,2,3,1\n", "no column `Actionable`"),
        ("file-paths", "PatientID,StudyUID\n1,2\n", "no column `View`"),
        ("boxes", "PatientID,StudyUID,View\n1,2,lcc\n", "no column `Slice`"),
        ("boxes", BOXES + box(1, "lcc", "Jan 3"), "the slice `Jan 3` of `10` for DBT-P1"),
    ],
)
def test_damaged_tables_say_what_is_wrong(tmp_path, kind, text, words):
    write(tmp_path, ["1 lcc n"], box(9, "lcc", 1))
    (tmp_path / f"BCS-DBT-{kind}-train-v2.csv").write_text(text)
    with pytest.raises(DataError, match=words) as error:
        taken(tmp_path)
    assert error.value.hint


def test_tables_saved_by_a_spreadsheet_are_read(tmp_path):
    write(tmp_path, ["1 lcc n", "2 lcc c"], box(2, "lcc", 3))
    before = taken(tmp_path)
    for table in tmp_path.glob("*.csv"):
        table.write_text(table.read_text().replace(",", ";"), encoding="utf-8-sig")
    assert taken(tmp_path) == before


# The synthetic stand-in


def test_sample_has_one_slice_a_patient_in_volumes_that_can_be_read(sample):
    records = [r for r in Dbt().records(sample) if isinstance(r, Record)]
    assert {r.label for r in records} == {"normal", "tumour"}
    assert len({r.group for r in records}) == len(records)
    for record in records:
        if record.label == "tumour":
            file = dcmread(sample / record.path)
            assert file.PhotometricInterpretation == "MONOCHROME2"
            assert file.BitsStored in (10, 12, 14)
            pixels = file.pixel_array
            assert pixels.dtype == np.uint16
            assert pixels.shape[1:] == (96, 80)
            assert int(record.part) < len(pixels)
            assert pixels.max() < 2**file.BitsStored


def test_sample_has_a_file_cut_off_and_one_missing(sample):
    damaged = []
    for record in Dbt("all").records(sample):
        if isinstance(record, Record) and record.path not in damaged:
            try:
                assert dcmread(sample / record.path).pixel_array.ndim == 3
            except ValueError:
                damaged.append(record.path)
    assert len(damaged) == 1
    assert [each.reason for each in aside(sample, "all")] == ["there is no such file"]
    assert "SYNTHETIC" in (sample / "SYNTHETIC.txt").read_text(encoding="utf-8")


def test_sample_is_the_same_for_the_same_seed(sample, tmp_path):
    def contents(folder):
        files = (p for p in folder.rglob("*") if p.is_file())
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}

    write_volumes(tmp_path, num_patients=25, seed=1)
    assert contents(tmp_path) == contents(sample)
