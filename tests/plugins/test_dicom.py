import logging
import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from automedimg.contracts import Record, SetAside, pseudonym
from automedimg.errors import ConfigurationError, DataError
from automedimg_tasks import generic
from automedimg_tasks.dicom import Dicom

(SPEC,) = (spec for spec in generic.SPECS if spec.name == "dicom")


def write(path, number, *, patient="P1", preamble=True, **fields):
    """Write a header; the pixels are not looked at."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = f"1.2.{number}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = CTImageStorage, f"1.2.{number}"
    file.StudyInstanceUID, file.SeriesInstanceUID = f"1.3.{number // 2}", f"1.4.{number}"
    file.PatientName, file.Modality, file.Rows, file.Columns = "Doe^Jane", "CT", 4, 4
    if patient is not None:
        file.PatientID = patient
    for keyword, value in fields.items():
        setattr(file, keyword, value)
    file.save_as(path, enforce_file_format=True)
    if not preamble:
        path.write_bytes(path.read_bytes()[132:])


@pytest.fixture
def study(tmp_path):
    """Eight images of four patients in a folder, without labels."""
    for number in range(8):
        write(tmp_path / "dicom" / f"i{number}.dcm", number, patient=f"Jane Doe {number // 2}")
    return tmp_path


def table(folder, header, row, count=8, name="labels.csv"):
    rows = [header, *(row(number) for number in range(count))]
    (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")


def listed(root, **options):
    entries = list(Dicom(**options).records(root))
    records = [entry for entry in entries if isinstance(entry, Record)]
    return records, [entry for entry in entries if isinstance(entry, SetAside)]


def special(root, **options):
    return Dicom(**options).specialise(SPEC, root)


# Labels from a table


@pytest.mark.parametrize(
    ("header", "row", "kind"),
    [
        ("file,label", "dicom/i{n}.dcm,{odd}", "file"),
        ("filename,contrast", "i{n},{odd}", "file"),
        ("SOPInstanceUID,label", "1.2.{n},{odd}", "SOPInstanceUID"),
        ("series,label", "1.4.{n},{odd}", "SeriesInstanceUID"),
        ("study,label", "1.3.{n},{odd}", "StudyInstanceUID"),
        ("PatientID,sick", "Jane Doe {n},{odd}", "PatientID"),
    ],
)
def test_a_table_names_files_uids_or_patients(study, header, row, kind):
    few = kind in ("StudyInstanceUID", "PatientID")
    table(study, header, lambda n: row.format(n=n, odd="ny"[n % 2]), count=4 if few else 8)
    assert Dicom().locate(study) == study
    records, aside = listed(study)
    expected = [str("ny"[(n // 2 if few else n) % 2]) for n in range(8)]
    assert [(r.path, r.label) for r in records] == [
        (f"dicom/i{n}.dcm", label) for n, label in enumerate(expected)
    ]
    assert aside == []
    assert f"matched by {kind}" in special(study).layout


def test_the_column_that_can_only_be_the_label_is_found(study):
    table(study, "file,contrast,age", lambda n: f"dicom/i{n}.dcm,{'ny'[n % 2]},{40 + n}")
    spec = special(study)
    assert spec.classes == ("n", "y")
    assert "`contrast`" in spec.layout


def test_columns_that_could_be_the_label_are_listed(study):
    table(study, "file,contrast,sex,age", lambda n: f"i{n},{'ny'[n % 2]},{'fm'[n % 2]},{40 + n}")
    with pytest.raises(DataError, match="`contrast`, `sex`") as caught:
        special(study)
    assert "label=contrast" in caught.value.hint
    assert special(study, label="sex").classes == ("f", "m")
    table(study, "file,weight,age", lambda n: f"i{n},{n / 8},{40 + n}")
    with pytest.raises(DataError, match=r"which column.*`weight`, `age`"):
        special(study)


def test_images_and_rows_without_each_other_are_set_aside(study):
    table(study, "file,label", lambda n: f"dicom/i{n}.dcm,{'ny'[n % 2] if n != 3 else ''}", count=6)
    with (study / "labels.csv").open("a") as file:
        file.write("dicom/gone.dcm,y\ndicom/i0.dcm,y\n")
    (study / "dicom" / "broken.dcm").write_bytes(b"x" * 200)
    (study / "dicom" / "notes.txt").write_text("x")
    write(study / "dicom" / "report.dcm", 9, Rows=None)
    records, aside = listed(study)
    assert [r.path for r in records] == [f"dicom/i{n}.dcm" for n in (1, 2, 4, 5)]
    assert {a.path.split("/")[1]: a.reason for a in aside} == {
        "gone.dcm": "no such DICOM file",
        "broken.dcm": "not a DICOM file",
        "report.dcm": "a DICOM file without an image",
        "i0.dcm": "several labels or sides in `labels.csv`",
        "i3.dcm": "no label in `labels.csv`",
        "i6.dcm": "no row in `labels.csv`",
        "i7.dcm": "no row in `labels.csv`",
    }


def test_one_of_several_tables(study):
    table(study, "file,label", lambda n: f"i{n},{n % 2}", name="a.csv")
    table(study, "file,label", lambda n: f"i{n},{n % 4}", name="b.csv")
    table(study, "scanner,site", lambda n: f"x{n},y", name="c.csv")
    with pytest.raises(DataError, match=r"several tables.*`a\.csv`, `b\.csv`"):
        special(study)
    assert len(special(study, file="b.csv").classes) == 4
    assert Dicom(file="b.csv").locate(study) == study
    assert Dicom(file="images.npz").locate(study) is None
    with pytest.raises(DataError, match=r"no column of `c\.csv` names"):
        special(study, file="c.csv")


def test_the_key_can_be_named(study):
    table(study, "a,b,label", lambda n: f"Jane Doe {n},1.3.{3 - n},{'ny'[n % 2]}", count=4)
    assert [r.label for r in listed(study, key="b")[0]] == list("yynnyynn")
    assert [r.label for r in listed(study, key="a")[0]] == list("nnyynnyy")
    with pytest.raises(DataError, match="no entry of column `label`"):
        listed(study, key="label")
    with pytest.raises(DataError, match=r"`key` is `c`; .*`a`, `b`, `label`"):
        listed(study, key="c")


def test_the_publishers_split_is_kept(study):
    sides = ("train", "train", "val", "test")
    table(study, "file,label,split", lambda n: f"i{n},{n % 2},{sides[n // 2]}")
    assert [r.split for r in listed(study)[0]][1::2] == ["train", "train", "validation", "test"]


# Labels from folders and tags


def test_folders_are_the_classes_without_a_table(tmp_path):
    for number in range(8):
        home = tmp_path / "wrap" / ("sick", "well")[number % 2] / f"p{number}"
        write(home / f"IM{number}", number, patient=f"P{number}")
    root = Dicom().locate(tmp_path)
    assert root == tmp_path / "wrap"
    assert Counter(r.label for r in listed(root)[0]) == {"sick": 4, "well": 4}
    assert "folders" in special(root).layout
    assert listed(root)[0][0].path == "sick/p0/IM0"


def test_folders_of_patients_are_no_classes(tmp_path):
    for number in range(8):
        write(tmp_path / f"case{number // 2}" / f"{number}.dcm", number, patient=f"P{number // 2}")
    assert Dicom().locate(tmp_path) == tmp_path
    with pytest.raises(DataError, match="8 DICOM images and no labels") as caught:
        special(tmp_path)
    assert "tag=" in caught.value.hint
    table(tmp_path, "PatientID,outcome", lambda n: f"P{n},{'ny'[n % 2]}", count=4)
    assert special(tmp_path).classes == ("n", "y")


def test_folders_with_the_publishers_split(tmp_path):
    for number in range(8):
        home = tmp_path / ("train", "test")[number // 4] / ("A", "B")[number % 2]
        write(home / f"{number}.dcm", number, patient=f"P{number}")
    records, _ = listed(tmp_path)
    assert Counter((r.split, r.label) for r in records) == {
        (split, label): 2 for split in ("train", "test") for label in "AB"
    }


def test_a_tag_is_the_label(study):
    for number in range(4):
        write(
            study / "more" / f"{number}.dcm",
            20 + number,
            BodyPartExamined=("KNEE", "HIP")[number % 2],
        )
    records, aside = listed(study, tag="BodyPartExamined")
    assert Counter(r.label for r in records) == {"KNEE": 2, "HIP": 2}
    assert {a.reason for a in aside} == {"no BodyPartExamined in its header"}
    assert special(study, tag="BodyPartExamined").classes == ("HIP", "KNEE")


@pytest.mark.parametrize(
    "tag",
    [
        *("PatientName", "PatientID", "PatientBirthDate", "OtherPatientIDs", "PatientAddress"),
        *("ReferringPhysicianName", "AccessionNumber", "StudyInstanceUID", "InstitutionName"),
        *("DeviceSerialNumber", "OperatorsName", "PatientComments", "StudyDate", "PixelData"),
    ],
)
def test_tags_that_identify_persons_are_refused(tag):
    with pytest.raises(ConfigurationError, match="may identify a person"):
        Dicom(tag=tag)


def test_options_that_make_no_sense():
    with pytest.raises(ConfigurationError, match="no keyword of the DICOM standard"):
        Dicom(tag="Diagnosis")
    with pytest.raises(ConfigurationError, match="`frames` is `last`"):
        Dicom(frames="last")


# Patients and frames


def test_patients_are_pseudonyms(study):
    table(study, "file,label", lambda n: f"i{n},{n % 2}")
    records, _ = listed(study)
    assert [r.group for r in records[:3]] == [pseudonym(f"Jane Doe {n}") for n in (0, 0, 1)]
    assert "Jane" not in repr(records) + special(study).layout


@pytest.mark.parametrize("patient", [None, "", "ANONYMISED"])
def test_examinations_stand_in_for_patients(tmp_path, patient):
    for number in range(8):
        write(tmp_path / f"i{number}.dcm", number, patient=patient)
    table(tmp_path, "file,label", lambda n: f"i{n},{n % 2}")
    records, _ = listed(tmp_path)
    assert [r.group for r in records[:3]] == [pseudonym(f"1.3.{n}") for n in (0, 0, 1)]


def test_neither_patient_nor_examination(tmp_path):
    for number in range(4):
        write(tmp_path / f"i{number}.dcm", number, patient=None, StudyInstanceUID="")
    table(tmp_path, "file,label", lambda n: f"i{n},{n % 2}", count=4)
    assert {r.group for r in listed(tmp_path)[0]} == {None}
    table(tmp_path, "file,label,patient", lambda n: f"i{n},{n % 2},Jane{n}", count=4)
    assert [r.group for r in listed(tmp_path)[0]] == [pseudonym(f"Jane{n}") for n in range(4)]


@pytest.mark.parametrize(
    ("frames", "parts"), [("middle", ["5"]), ("first", ["0"]), ("all", [str(n) for n in range(10)])]
)
def test_frames(study, frames, parts):
    write(study / "dicom" / "i0.dcm", 0, NumberOfFrames=10)
    table(study, "file,label", lambda n: f"i{n},{n % 2}")
    records, _ = listed(study, frames=frames)
    assert [r.part for r in records if r.path == "dicom/i0.dcm"] == parts
    assert {r.part for r in records if r.path != "dicom/i0.dcm"} == {""}
    assert "1 files with several" in special(study, frames=frames).layout


# Which files


def test_files_are_known_by_their_content(tmp_path):
    for number, name in enumerate(("IM_0001", "1.2.840.7", "a.IMA", "b.dicom", "x/c.dcm")):
        write(tmp_path / name, number, patient=f"P{number}")
    write(tmp_path / "bare.dcm", 6, preamble=False)
    (tmp_path / "DICOMDIR").write_bytes((tmp_path / "IM_0001").read_bytes())
    (tmp_path / "LICENSE").write_text("none")
    assert Dicom().locate(tmp_path) == tmp_path
    table(tmp_path, "StudyInstanceUID,label", lambda n: f"1.3.{n},{n % 2}", count=4)
    records, aside = listed(tmp_path)
    assert sorted(r.path for r in records) == sorted(
        ["IM_0001", "1.2.840.7", "a.IMA", "b.dicom", "x/c.dcm", "bare.dcm"]
    )
    assert aside == []


def test_odd_headers_are_neither_printed_nor_quoted(study, recwarn, caplog):
    caplog.set_level(logging.DEBUG)
    path = study / "dicom" / "i0.dcm"
    content = path.read_bytes()
    at = content.index(b"Doe^Jane")
    path.write_bytes(content[: at - 4] + b"\xff\xff" + content[at - 2 :])
    (study / "dicom" / "i1.dcm").write_bytes(content[:150])
    table(study, "file,label", lambda n: f"i{n},{n % 2}")
    records, aside = listed(study)
    assert len(records) >= 6
    assert "Jane" not in repr(aside) + caplog.text
    assert len(recwarn) == 0


def test_no_dicom_at_all(tmp_path):
    for name in ("a.png", "b.png", "c.dcm"):
        (tmp_path / name).write_bytes(b"x" * 200)
    assert Dicom().locate(tmp_path) is None
    with pytest.raises(DataError, match=r"no DICOM images .1 files, e.g. not a DICOM file"):
        listed(tmp_path)


# The synthetic stand-in, and real images


def test_sample_has_patients_with_both_labels(tmp_path):
    Dicom().write_sample(tmp_path, seed=1)
    assert Dicom().locate(tmp_path) == tmp_path
    records, aside = listed(tmp_path)
    labels = defaultdict(set)
    for record in records:
        labels[record.group].add(record.label)
    assert (len(records), len(labels), aside) == (168, 42, [])
    assert sum(len(each) == 2 for each in labels.values()) == 14
    assert special(tmp_path).classes == ("no", "yes")


@pytest.mark.realdata
def test_siim_ct_is_read_without_options():
    folder = Path(os.environ.get("AUTOMEDIMG_TEST_DATA", "")) / "siim_ct"
    if not folder.is_dir():
        pytest.skip("needs SIIM's CT slices in $AUTOMEDIMG_TEST_DATA/siim_ct")
    assert Dicom().locate(folder) == folder
    records, aside = listed(folder)
    assert (len(records), aside) == (44, [])
    spec = special(folder)
    assert (spec.classes, spec.modality) == (("no", "yes"), "CT")
    assert "label column `contrast` of `labels.csv`" in spec.layout
    labels = defaultdict(list)
    for record in records:
        labels[record.group].append(record.label)
    assert sum(len(set(each)) == 2 for each in labels.values()) == 9
    assert max(map(len, labels.values())) > 2
