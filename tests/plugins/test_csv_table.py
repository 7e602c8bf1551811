import pytest

from automedimg.contracts import Record, SetAside, pseudonym
from automedimg.errors import DataError
from automedimg_tasks import generic
from automedimg_tasks.csv_table import CsvTable

(SPEC,) = (spec for spec in generic.SPECS if spec.name == "csv")


@pytest.fixture
def folder(tmp_path):
    """Ten images and no table."""
    home = tmp_path / "study"
    (home / "images").mkdir(parents=True)
    for number in range(10):
        (home / "images" / f"i{number}.png").write_bytes(b"x")
    return home


def write(folder, header, row, count=10, name="labels.csv"):
    lines = [header, *(row(number) for number in range(count))]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def listed(root, **options):
    entries = list(CsvTable(**options).records(root))
    records = [entry for entry in entries if isinstance(entry, Record)]
    return records, [entry for entry in entries if isinstance(entry, SetAside)]


# Paths and columns


@pytest.mark.parametrize(
    ("header", "entry"),
    [
        ("path,label", "images/i{}.png"),
        ("Image Index,Class", "images\\i{}.png"),
        ("image_id,dx", "i{}"),
        ("ID,Diagnosis", "./images/i{}"),
        ("filename,target", "study/images/i{}.png"),
        ("file,category", "I{}.PNG"),
        ("whatever,y", "images/i{}.png"),
    ],
)
def test_columns_and_files_are_found(folder, header, entry):
    write(folder, header, lambda n: f"{entry.format(n)},{n % 2}")
    assert CsvTable().locate(folder) == folder
    assert CsvTable().locate(folder.parent) == folder
    records, aside = listed(folder)
    assert [(r.path, r.label) for r in records][:2] == [
        ("images/i0.png", "0"),
        ("images/i1.png", "1"),
    ]
    assert len(records) == 10
    assert aside == []


def test_tab_separated_with_patients_and_a_split(folder):
    sides = ["train"] * 6 + ["val"] * 2 + ["Test"] * 2
    write(
        folder,
        "image\tlabel\tpatient_id\tset",
        lambda n: f"i{n}.png\t{n % 2}\tJane Doe {n // 2}\t{sides[n]}",
        name="labels.tsv",
    )
    records, _ = listed(folder)
    assert [r.split for r in records] == ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
    assert records[0].group == records[1].group == pseudonym("Jane Doe 0")
    layout = CsvTable().specialise(SPEC, folder).layout
    assert "patients in `patient_id`" in layout
    assert "split in `set`" in layout
    assert "Jane" not in repr(records) + layout


def test_a_fold_number_is_no_split(folder):
    write(folder, "image,label,fold", lambda n: f"i{n},{n % 2},{n % 5}")
    assert {r.split for r in listed(folder)[0]} == {None}
    with pytest.raises(DataError, match=r"column `fold` of `labels\.csv` holds `0`.*train, val"):
        listed(folder, split="fold")


def test_options_name_the_columns(folder):
    write(folder, "a,b,c,d", lambda n: f"i{n},{'xy'[n % 2]},P{n // 2},{('train', 'test')[n > 5]}")
    assert CsvTable().locate(folder) is None
    options = {"path": "A", "label": "b", "group": "c", "split": "d"}
    task = CsvTable(**options, positive="x")
    assert task.locate(folder) == folder
    assert task.specialise(SPEC, folder).classes == ("y", "x")
    records, _ = listed(folder, **options)
    assert len({r.group for r in records}) == 5
    assert {r.split for r in records} == {"train", "test"}


@pytest.mark.parametrize("option", ["path", "label", "group", "split"])
def test_a_column_that_is_not_there_is_named_with_those_that_are(folder, option):
    write(folder, "image,label", lambda n: f"i{n},{n % 2}")
    assert CsvTable(**{option: "imagine"}).locate(folder) == folder
    with pytest.raises(DataError, match=f"`{option}` is `imagine`.*`image`, `label`") as caught:
        listed(folder, **{option: "imagine"})
    assert f"{option}=image?" in caught.value.hint


def test_several_columns_of_labels_are_an_error_that_lists_them(folder):
    write(folder, "image,label,diagnosis", lambda n: f"i{n},{n % 2},{n % 3}")
    assert CsvTable().locate(folder) == folder
    with pytest.raises(DataError, match="`label`, `diagnosis`") as caught:
        listed(folder)
    assert "label=label" in caught.value.hint
    assert {r.label for r in listed(folder, label="diagnosis")[0]} == {"0", "1", "2"}


def test_a_column_of_labels_that_is_called_otherwise_has_to_be_named(folder):
    write(folder, "image,scanner", lambda n: f"i{n},{n % 2}")
    assert CsvTable().locate(folder) is None
    with pytest.raises(DataError, match="`image`, `scanner`"):
        listed(folder)


def test_two_columns_of_files_are_an_error_unless_one_has_a_known_name(folder):
    write(folder, "left,right,label", lambda n: f"i{n},i{9 - n},{n % 2}")
    with pytest.raises(DataError, match="several columns of files: `left`, `right`"):
        listed(folder)
    write(folder, "right,image,label", lambda n: f"i{n},i{9 - n},{n % 2}")
    assert listed(folder)[0][0].path == "images/i9.png"


# Rows that can't be used


def test_rows_are_set_aside_with_their_reasons(folder):
    (folder / "more").mkdir()
    (folder / "more" / "i5.png").write_bytes(b"x")
    rows = [f"images/i{n}.png,{n % 2}" for n in range(8)]
    rows += ["i9.png,", "gone.png,1", "../secret.png,1", "i5,1", "images/i0.png,0"]
    rows += ["images/i1.png,0", "/no/such.png,1"]
    (folder / "labels.csv").write_text("\n".join(["image,label", *rows]))
    records, aside = listed(folder)
    assert [r.path for r in records] == [f"images/i{n}.png" for n in (0, *range(2, 8))]
    assert {a.path: a.reason for a in aside} == {
        "images/i9.png": "no label in `labels.csv`",
        "gone.png": "no such file",
        "../secret.png": "its path leaves the folder; the option images names another",
        "i5": "2 files of that name",
        "images/i0.png": "once more in `labels.csv`",
        "images/i1.png": "several labels in `labels.csv`: 0, 1",
        "/no/such.png": "no such file",
    }


def test_a_file_on_two_sides_of_the_split_or_on_none_is_set_aside(folder):
    rows = ["i0,a,train", "i0,a,test", "i1,a,test", "i2,b,train", "i3,b,"]
    (folder / "labels.csv").write_text("\n".join(["image,label,split", *rows]))
    records, aside = listed(folder)
    assert [(r.path, r.split) for r in records] == [
        ("images/i1.png", "test"),
        ("images/i2.png", "train"),
    ]
    assert [a.reason.split(" in ")[0] for a in aside] == [
        "on several sides of the split",
        "on no side of the split",
    ]


def test_images_that_the_table_does_not_name_are_counted(folder):
    write(folder, "image,label", lambda n: f"i{n},{n % 2}", count=6)
    assert "4 images not in the table" in CsvTable().specialise(SPEC, folder).layout
    assert listed(folder)[1] == []


def test_no_file_is_there(folder):
    write(folder, "image,label", lambda n: f"x{n}.png,{n % 2}")
    assert CsvTable().locate(folder) is None
    with pytest.raises(DataError, match=r"names images that are there.*`x0\.png`.*no such file"):
        listed(folder)
    with pytest.raises(DataError, match="none of the 10 files that column `image`"):
        listed(folder, path="image")


def test_names_of_persons_are_in_no_message(folder):
    write(folder, "patient name,label", lambda n: f"Jane Doe,{n % 2}")
    with pytest.raises(DataError) as caught:
        listed(folder)
    assert "Jane" not in str(caught.value)


# Where the images are


def test_images_may_lie_elsewhere_if_the_user_says_so(folder):
    (folder / "tables").mkdir()
    write(folder / "tables", "image,label", lambda n: f"i{n}.png,{n % 2}")
    task = CsvTable(images="../images")
    root = task.locate(folder / "tables")
    assert root == folder / "tables"
    path = next(iter(task.records(root))).path
    assert (root / path).samefile(folder / "images" / "i0.png")
    with pytest.raises(DataError, match="`images` is `nowhere`; there is no such folder"):
        listed(root, images="nowhere")


def test_a_table_in_a_subfolder_and_one_of_several(folder):
    (folder / "meta").mkdir()
    write(folder / "meta", "image,label", lambda n: f"i{n},{n % 2}")
    task = CsvTable(file="meta/labels.csv")
    assert task.locate(folder) == folder
    assert len(list(task.records(folder))) == 10
    write(folder, "image,label", lambda n: f"i{n},{n % 2}", name="a.csv")
    write(folder, "image,class", lambda n: f"i{n},{n % 3}", name="b.csv")
    write(folder, "x,y", lambda n: f"{n},{n}", name="c.csv")
    assert CsvTable().locate(folder) is None
    with pytest.raises(DataError, match=r"2 tables .`a\.csv`, `b\.csv`"):
        listed(folder)
    assert {r.label for r in listed(folder, file="b.csv")[0]} == {"0", "1", "2"}
    with pytest.raises(DataError, match="no such file"):
        listed(folder, file="d.csv")


def test_absolute_paths_and_a_suffix(folder, tmp_path):
    outside = tmp_path / "outside.v1.png"
    outside.write_bytes(b"x")
    rows = [str(outside.with_suffix("")), str(folder / "images" / "i1")]
    (folder / "labels.csv").write_text(f"image,label\n{rows[0]},a\n{rows[1]},b\n")
    records, aside = listed(folder, suffix="png")
    assert [r.path for r in records] == [outside.as_posix(), "images/i1.png"]
    assert aside == []


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b'a,"b\n' * 50_000, b"image,label\n1\n"])
def test_locate_never_raises(folder, content):
    (folder / "labels.csv").write_bytes(content)
    assert CsvTable().locate(folder) is None
    with pytest.raises(DataError, match=r"labels\.csv"):
        listed(folder)


def test_too_many_labels_and_too_few(folder):
    write(folder, "image,label", lambda n: f"i{n},same")
    with pytest.raises(DataError, match="only one class, `same`, in column `label`"):
        CsvTable().specialise(SPEC, folder)


# The synthetic stand-in


def test_sample_has_patients_and_flaws(tmp_path):
    CsvTable().write_sample(tmp_path, seed=1)
    records, aside = listed(tmp_path)
    assert CsvTable().specialise(SPEC, tmp_path).classes == ("benign", "malignant")
    for label in ("benign", "malignant"):
        assert len({r.group for r in records if r.label == label}) >= 12
    assert sorted(a.reason for a in aside) == ["no label in `labels.csv`", "no such file"]
    assert {r.split for r in records} == {None}
