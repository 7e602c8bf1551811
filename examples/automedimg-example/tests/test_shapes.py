import pytest

from automedimg_example.shapes import CLASSES, Shapes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("shapes")
    Shapes().write_sample(made, seed=1)
    return made


def test_sample_is_in_the_layout_that_is_read(folder):
    assert Shapes().locate(folder) == folder
    records = list(Shapes().records(folder))
    assert len(records) == 120
    assert {record.label for record in records} == set(CLASSES)
    assert all((folder / record.path).is_file() for record in records)


def test_a_sheet_is_a_group(folder):
    records = [r for r in Shapes().records(folder) if r.group == "s007"]
    assert [record.path for record in records] == ["square/s007_0.png", "square/s007_1.png"]


def test_other_folders_are_declined(tmp_path):
    assert Shapes().locate(tmp_path) is None
