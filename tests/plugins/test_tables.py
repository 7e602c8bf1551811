import pytest

from automedimg.errors import DataError
from automedimg_tasks.tables import find_column, quoted, read_table


@pytest.fixture
def table(tmp_path):
    def write(content):
        path = tmp_path / "labels.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


PLAIN = [{"file": "a.png", "label": "0"}, {"file": "b.png", "label": "1"}]


@pytest.mark.parametrize(
    "text",
    [
        "file,label\na.png,0\nb.png,1\n",
        "file;label\na.png;0\nb.png;1",
        "file\tlabel\na.png\t0\nb.png\t1\n",
        '\n\nfile , label\r\n a.png, 0 \r\n\r\n"b.png", 1\r\n,\r\n',
        "file,label\ra.png,0\rb.png,1\r",
        "file,label\na.png,0,\nb.png,1,,\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiters_line_ends_and_encodings(table, text, encoding):
    assert read_table(table(text.encode(encoding))) == PLAIN


def test_cp1252_and_what_only_latin_1_has(table):
    assert read_table(table("id;größe\n1;5\n".encode("cp1252"))) == [{"id": "1", "größe": "5"}]
    assert read_table(table(b"id,x\n1,\x81\n")) == [{"id": "1", "x": "\x81"}]


def test_decimal_commas_do_not_win_over_semicolons(table):
    assert read_table(table("a;b\n1,5;2,5\n3,5;4,5\n"))[0] == {"a": "1,5", "b": "2,5"}


def test_a_field_in_quotes_may_hold_anything(table):
    rows = read_table(table('file,note\na.png,"two\nlines, and ""this"""\n'))
    assert rows == [{"file": "a.png", "note": 'two\nlines, and "this"'}]


def test_a_single_column_and_unnamed_ones(table):
    assert read_table(table("file\na.png\n")) == [{"file": "a.png"}]
    assert read_table(table(",file\n0,a.png\n")) == [{"column 1": "0", "file": "a.png"}]


def test_required_columns_are_found_whatever_their_case_and_named_as_asked(table):
    rows = read_table(table(" FILE ,Label\na.png,0\n"), ["file", "label"])
    assert rows == [{"file": "a.png", "label": "0"}]


def test_limit_stops_before_what_follows(table):
    path = table("a,b\n1,2\n3,4\n5\n")
    assert len(read_table(path, limit=2)) == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("a,b\n", "no rows"),
        ("a,b,A\n1,2,3\n", "column `A` twice"),
        ("a,b\n1,2\n3\n", "line 3: 1 fields; the header has 2 columns"),
        ("a,b\n1,2\n3,4,5\n", "line 3: 3 fields"),
        (b"PK\x03\x04\x00\x00", "NUL bytes"),
        (b"\xff\xfea", "UTF-16"),
        ('a,b\n1,"' + "x" * 200_000, "line 2: field larger"),
    ],
)
def test_what_is_wrong_is_said_with_the_files_name(table, content, says):
    with pytest.raises(DataError, match=r"`labels\.csv`") as caught:
        read_table(table(content))
    assert says in caught.value.message
    assert caught.value.hint


def test_missing_columns_are_named_beside_those_that_are_there(table):
    with pytest.raises(DataError, match="no column `label`, `split`; it has `file`, `x`"):
        read_table(table("file,x\na,1\n"), ["file", "label", "split"])


def test_no_such_file(tmp_path):
    with pytest.raises(DataError, match=r"can't read `gone\.csv`"):
        read_table(tmp_path / "gone.csv")
    with pytest.raises(DataError, match="can't read"):
        read_table(tmp_path)


def test_helpers():
    assert find_column(["Image ID", "dx"], " image id") == "Image ID"
    assert find_column(["a"], "b") is None
    assert quoted(["a", "b", "c"], most=2) == "`a`, `b` and 1 more"
