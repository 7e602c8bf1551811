"""DICOM files become intensities: rescaled, windowed, inverted, frame by frame."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from pydicom import uid
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.sequence import Sequence
from reading_files import dataset, items, read, reason, save, shown, write_dicom

from automedimg.contracts import pseudonym
from automedimg.data.reading import (
    RawImage,
    dicom_header,
    is_dicom,
    isolated,
    list_parts,
    opening,
    read_parts,
)
from automedimg.errors import DataError

STORED = np.arange(20, dtype=np.uint16).reshape(4, 5) * 100
DEPTHS: list[npt.NDArray[Any]] = [
    STORED,
    STORED.astype(np.int16) - 1000,
    (STORED // 10).astype(np.uint8),
    STORED.astype(np.uint32) * 8000,
    STORED.astype(np.int32) - 70000,
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "image.dcm"


PLAIN = [
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
]


@pytest.mark.parametrize(
    ("stored", "syntax"),
    [(stored, syntax) for stored in DEPTHS for syntax in PLAIN]
    # RLE holds no more than 16 bits.
    + [(stored, uid.RLELossless) for stored in DEPTHS[:3]],
)
def test_values_of_every_depth_and_syntax(
    path: Path, stored: npt.NDArray[Any], syntax: uid.UID
) -> None:
    made = dataset(stored)
    if syntax == uid.RLELossless:
        made.file_meta = pydicom.dataset.FileMetaDataset()
        made.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        made.compress(syntax, generate_instance_uid=False)
    elif syntax == uid.ExplicitVRBigEndian:
        made.PixelData = stored.astype(stored.dtype.newbyteorder(">")).tobytes()
    image = read(save(made, path, syntax))
    assert np.array_equal(image.values, stored)
    if stored.dtype == np.uint8:
        assert (image.values.dtype, image.low, image.high) == (np.uint8, 0, 255)
    else:
        assert image.values.dtype == np.float32
        assert (image.low, image.high) == (stored.min(), stored.max())
    assert image.facts.bits == 8 * stored.dtype.itemsize
    assert (image.facts.format, image.facts.mode) == ("DICOM", "MONOCHROME2")
    assert image.facts.num_bytes == path.stat().st_size


def test_slope_and_intercept(path: Path) -> None:
    write_dicom(path, STORED, RescaleSlope="0.5", RescaleIntercept="-1024")
    image = read(path)
    assert np.array_equal(image.values, STORED * 0.5 - 1024)
    assert image.facts.tags["RescaleIntercept"] == -1024


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [(None, 100, 499), ("LINEAR", 100, 499), ("LINEAR_EXACT", 100, 500)],
)
def test_the_first_window_gives_the_bounds(
    path: Path, function: str | None, low: float, high: float
) -> None:
    window: dict[str, Any] = {"WindowCenter": [300, 40], "WindowWidth": [400, 80]}
    if function:
        window["VOILUTFunction"] = function
    image = read(write_dicom(path, STORED, **window))
    assert (image.low, image.high) == (low, high)
    assert np.array_equal(image.values, STORED)


def test_a_sigmoid(path: Path) -> None:
    window = {"WindowCenter": 900, "WindowWidth": 400, "VOILUTFunction": "SIGMOID"}
    expected = 255 / (1 + np.exp(-4 * (STORED - 900.0) / 400))
    assert np.allclose(shown(read(write_dicom(path, STORED, **window))), expected, atol=0.01)


def test_a_window_of_one_is_a_step(path: Path) -> None:
    image = read(write_dicom(path, STORED, WindowCenter=500, WindowWidth=1))
    assert np.array_equal(shown(image), np.where(STORED >= 500, 255, 0))


@pytest.mark.parametrize("width", ["0", "-5", "1e300"])
def test_a_window_without_a_width_is_none(path: Path, width: str) -> None:
    image = read(write_dicom(path, STORED, WindowCenter=500, WindowWidth=width))
    assert (image.low, image.high) == (0, 1900)


def test_bytes_stay_bytes_where_the_window_is_their_range(path: Path) -> None:
    stored = DEPTHS[2]
    write_dicom(path, stored, WindowCenter=128, WindowWidth=256, RescaleSlope=1, RescaleIntercept=0)
    assert read(path).values.dtype == np.uint8
    write_dicom(path, stored, WindowCenter=50, WindowWidth=21)
    image = read(path)
    assert (image.low, image.high) == (39.5, 59.5)


def lut(entries: list[int], first: int, bits: int = 16) -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    item.add_new("LUTData", "US", entries)
    return Sequence([item])


def test_lookup_tables_for_modality_and_interest(path: Path) -> None:
    stored = np.array([[0, 1, 2, 3, 4, 9]], np.uint16)
    write_dicom(path, stored, ModalityLUTSequence=lut([5, 50, 500], 1))
    assert read(path).values.tolist() == [[5, 5, 50, 500, 500, 500]]
    write_dicom(
        path,
        stored,
        RescaleSlope=10,
        RescaleIntercept=0,
        VOILUTSequence=lut([0, 100, 300, 400], 19),
        WindowCenter=5,
        WindowWidth=5,
    )
    image = read(path)
    assert image.values.tolist() == [[0, 0, 100, 400, 400, 400]]
    assert (image.low, image.high) == (0, 400)


def test_monochrome1_is_inverted(path: Path) -> None:
    upright = write_dicom(path, STORED, WindowCenter=700, WindowWidth=900)
    expected = 255 - shown(read(upright))
    write_dicom(
        path, STORED, WindowCenter=700, WindowWidth=900, PhotometricInterpretation="MONOCHROME1"
    )
    assert np.allclose(shown(read(path)), expected, atol=1e-3)
    stored = DEPTHS[2]
    image = read(write_dicom(path, stored, PhotometricInterpretation="MONOCHROME1"))
    assert np.array_equal(image.values, 255 - stored)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("padding", [-2000, 63536])
def test_padding_is_black_and_does_not_stretch_the_range(
    path: Path, photometric: str, padding: int
) -> None:
    stored = STORED.astype(np.int16)
    stored[0, :2] = -2000
    made = dataset(stored, PhotometricInterpretation=photometric)
    made.add_new("PixelPaddingValue", "US" if padding > 0 else "SS", padding)
    image = read(save(made, path))
    assert (image.low, image.high) == (200, 1900)
    assert shown(image)[0, :2].tolist() == [0, 0]


def test_a_range_of_padding(path: Path) -> None:
    made = dataset(STORED)
    made.add_new("PixelPaddingValue", "US", 1900)
    made.add_new("PixelPaddingRangeLimit", "US", 1500)
    image = read(save(made, path))
    assert (image.low, image.high) == (0, 1400)
    assert not shown(image)[-1].any()


def test_frames_of_an_enhanced_object_have_their_own_windows(path: Path) -> None:
    frames = [
        items_of(
            FrameVOILUTSequence=items(WindowCenter=10 * number + 10, WindowWidth=20),
            **(
                {"PixelValueTransformationSequence": items(RescaleSlope=3, RescaleIntercept=1)}
                if number == 2
                else {}
            ),
        )
        for number in range(3)
    ]
    shared = items(
        PixelValueTransformationSequence=items(RescaleSlope=2, RescaleIntercept=-1),
        FrameVOILUTSequence=items(WindowCenter=5000, WindowWidth=20),
    )
    stack = np.stack([STORED, STORED + 1, STORED + 2])
    write_dicom(
        path,
        stack,
        NumberOfFrames=3,
        PerFrameFunctionalGroupsSequence=Sequence(frames),
        SharedFunctionalGroupsSequence=shared,
    )
    assert list_parts(path) == ["0", "1", "2"]
    images = [image for image in read_parts(path, ["0", "1", "2"]) if isinstance(image, RawImage)]
    assert [image.low for image in images] == [0, 10, 20]
    for number, (slope, intercept) in enumerate([(2, -1), (2, -1), (3, 1)]):
        assert np.array_equal(images[number].values, stack[number].astype(int) * slope + intercept)
    assert images[0].facts.num_bytes == 0


def items_of(**elements: Any) -> Dataset:
    return items(**elements)[0]


def test_a_missing_frame_costs_no_other(path: Path) -> None:
    stack = np.stack([STORED, STORED + 1])
    write_dicom(path, stack, NumberOfFrames=2)
    first, none, bad, second = read_parts(path, ["0", "2", "x", "1"])
    assert none == "there is no frame 2"
    assert isinstance(bad, str)
    assert isinstance(first, RawImage)
    assert isinstance(second, RawImage)
    assert np.array_equal(second.values, STORED + 1)


def test_colours_in_both_planar_configurations(path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    assert np.array_equal(read(write_dicom(path, colours)).values, colours)
    planes = dataset(colours, PlanarConfiguration=1)
    planes.PixelData = colours.transpose(2, 0, 1).tobytes()
    assert np.array_equal(read(save(planes, path)).values, colours)
    assert read(path).facts.mode == "RGB"
    deep = colours.astype(np.uint16) * 200
    image = read(write_dicom(path, deep))
    assert np.array_equal(image.values, deep)
    assert (image.low, image.high) == (deep.min(), deep.max())


def test_full_ybr_becomes_rgb(path: Path) -> None:
    grey = np.full((4, 4, 3), 128, np.uint8)
    grey[..., 0] = 77
    values = read(write_dicom(path, grey, PhotometricInterpretation="YBR_FULL")).values
    assert np.abs(values.astype(int) - 77).max() <= 1


def test_a_palette_becomes_rgb(path: Path) -> None:
    stored = np.array([[0, 1], [2, 1]], np.uint8)
    made = dataset(stored, PhotometricInterpretation="PALETTE COLOR")
    for shift, colour in enumerate(("Red", "Green", "Blue")):
        made.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [3, 0, 16])
        table = np.roll(np.array([255, 0, 100], "<u2") * 257, shift).tobytes()
        made.add_new(f"{colour}PaletteColorLookupTableData", "OW", table)
    values = read(save(made, path)).values
    assert values[0, 0].tolist() == [255, 100, 0]
    assert values[0, 1].tolist() == [0, 255, 100]


def test_one_bit_is_black_and_white(path: Path) -> None:
    mask = np.random.default_rng(0).random((3, 5, 5)) > 0.5
    made = dataset(mask.astype(np.uint8), NumberOfFrames=3)
    made.BitsAllocated = made.BitsStored = 1
    made.HighBit = 0
    packed = np.packbits(mask.ravel(), bitorder="little").tobytes()
    made.PixelData = packed + b"\0" * (len(packed) % 2)
    save(made, path)
    for frame in range(3):
        assert np.array_equal(read(path, str(frame)).values, mask[frame] * 255)


COMPRESSED = {
    "MR_small_RLE.dcm": "RLE",
    "MR_small_jp2klossless.dcm": "JPEG 2000 lossless",
    "MR_small_jpeg_ls_lossless.dcm": "JPEG-LS lossless",
}


@pytest.mark.parametrize("name", COMPRESSED)
def test_lossless_codecs_give_the_values_of_the_plain_file(name: str) -> None:
    image = read(Path(get_testdata_file(name)))
    plain = read(Path(get_testdata_file("MR_small.dcm")))
    assert np.array_equal(image.values, plain.values)
    assert image.facts.compression == COMPRESSED[name]


COLOURED = {
    "SC_rgb_jpeg_gdcm.dcm": "JPEG lossless, first-order prediction",
    "SC_rgb_dcmtk_+eb+cr.dcm": "JPEG baseline",
    "SC_rgb_dcmtk_+eb+cy+np.dcm": "JPEG baseline",
    "SC_rgb_gdcm_KY.dcm": "JPEG 2000",
    "SC_rgb_jls_lossy_line.dcm": "JPEG-LS near-lossless",
    "SC_rgb_rle.dcm": "RLE",
    "SC_ybr_full_422_uncompressed.dcm": "",
}


@pytest.mark.parametrize("name", COLOURED)
def test_codecs_give_the_same_colours(name: str) -> None:
    image = read(Path(get_testdata_file(name)))
    plain = read(Path(get_testdata_file("SC_rgb_rle.dcm")))
    # Bars of plain colours; at their borders lossy files differ.
    rows, columns = np.s_[5:100:10], np.s_[5:95]
    difference = image.values[rows, columns].astype(int) - plain.values[rows, columns]
    assert np.abs(difference).mean() < 3
    assert image.facts.compression == COLOURED[name]


def test_frames_of_a_compressed_file() -> None:
    path = Path(get_testdata_file("SC_rgb_rle_2frame.dcm"))
    assert list_parts(path) == ["0", "1"]
    first, second = (read(path, part).values for part in ("0", "1"))
    assert np.array_equal(second, 255 - first)


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "image_dfl.dcm", "SC_rgb_rle_2frame.dcm", "JPEG2000.dcm"]
)
def test_large_files_are_read_from_the_disk(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(get_testdata_file(name))
    parts = list_parts(path)
    small = [read(path, part).values for part in parts]
    monkeypatch.setattr(opening, "IN_MEMORY_BYTES", 0)
    large = [read(path, part).values for part in parts]
    assert all(np.array_equal(one, other) for one, other in zip(small, large, strict=True))


def test_float_pixel_data(path: Path) -> None:
    made = dataset(STORED.astype(np.uint32))
    del made.PixelData
    made.FloatPixelData = (STORED / 7).astype("<f4").tobytes()
    image = read(save(made, path))
    assert np.allclose(image.values, STORED / 7)
    assert image.low == 0


def test_a_cut_file_says_so(path: Path) -> None:
    content = write_dicom(path, np.stack([STORED, STORED]), NumberOfFrames=2).read_bytes()
    path.write_bytes(content[:-5])
    first, second = read_parts(path, ["0", "1"])
    assert isinstance(first, RawImage)
    assert second == "damaged: the pixel data are cut short"


def test_a_missing_codec_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(get_testdata_file("MR_small_jpeg_ls_lossless.dcm"))
    monkeypatch.setattr(get_decoder(uid.JPEGLSLossless), "_available", {})
    text = reason(path)
    assert "JPEG-LS lossless" in text
    assert "pip install 'automedimg[dicom]'" in text


def encapsulated(frame: bytes, syntax: uid.UID, path: Path) -> Path:
    made = dataset(np.zeros((64, 64), np.uint16))
    made.PixelData = encapsulate([frame])
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return save(made, path, syntax)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (b"\x00\x00", "can't be decoded"),
        (b"\xff\xd8\xff\xf7\x00\x02", "malformed header"),
        (b"\xff\xd8\xff\xc3\x00\x0b\x10\xff\xff\xff\xff\x01\x01\x11\x00", "malformed header"),
        (
            b"\xff\xd8\xff\xc3\x00\x0b\x10\xff\xff\xff\xff\x01\x01\x11\x00"
            b"\xff\xda\x00\x08\x01\x01\x00\x01\x00\x00",
            "another size",
        ),
    ],
)
def test_a_malformed_frame_reaches_no_decoder(path: Path, frame: bytes, expected: str) -> None:
    assert expected in reason(encapsulated(frame, uid.JPEGLosslessSV1, path))


@pytest.mark.parametrize("end", ["os.abort()", "[None for _ in iter(int, 1)]"])
def test_a_decoder_that_crashes_or_hangs_costs_its_frame_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    script = isolated._SCRIPT.read_text()
    script = script.replace("CPU_S = 2", "CPU_S = 0.5").replace(
        "values = decode(", f"import os; {end}; values = decode("
    )
    (tmp_path / "worker.py").write_text(script)
    path = Path(get_testdata_file("MR_small_jpeg_ls_lossless.dcm"))
    isolated.close_workers()
    with monkeypatch.context() as patch:
        patch.setattr(isolated, "_SCRIPT", tmp_path / "worker.py")
        assert "the decoder" in reason(path)
    assert read(path).values.shape == (64, 64)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Rows": 60_000, "Columns": 60_000}, "60000 x 60000 pixels, more than the"),
        ({"Rows": 9_000, "Columns": 9_000}, "cut short"),
        ({"Rows": 0}, "5 x 0 pixels"),
        ({"NumberOfFrames": 2_000_000_000}, "frames in"),
        ({"BitsAllocated": 12}, "bits allocated"),
        ({"BitsStored": 17}, "more bits stored"),
        ({"SamplesPerPixel": 4}, "4 samples per pixel, expected 1"),
        ({"PhotometricInterpretation": "CMYK"}, "photometric interpretation"),
    ],
)
def test_absurd_headers_are_refused_before_decoding(
    path: Path, changes: dict[str, Any], expected: str
) -> None:
    stored = STORED[None] if "NumberOfFrames" in changes else STORED
    write_dicom(path, stored, **changes)
    assert expected in reason(path)
    with pytest.raises(DataError, match=expected):
        list_parts(path)


def test_an_absurd_size_in_a_small_compressed_file_is_refused(path: Path) -> None:
    made = pydicom.dcmread(get_testdata_file("MR_small_jp2klossless.dcm"))
    made.Rows = made.Columns = 9_999
    made.save_as(path)
    assert "9999 x 9999 pixels in" in reason(path)


def test_a_deflated_bomb_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_header, "MAX_INFLATED", 1 << 24)
    save(dataset(STORED), path, uid.DeflatedExplicitVRLittleEndian)
    content = path.read_bytes()
    start = 144 + int.from_bytes(content[140:144], "little")
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    path.write_bytes(content[:start] + block * 20 + deflate.flush())
    assert "bytes when inflated" in reason(path)


def test_files_without_an_image_say_so(path: Path) -> None:
    made = dataset(STORED)
    del made.PixelData
    assert reason(save(made, path)) == "a DICOM file without an image"


def test_a_file_without_a_preamble_is_known_by_its_suffix(tmp_path: Path) -> None:
    write_dicom(tmp_path / "whole.dcm", STORED)
    bare = (tmp_path / "whole.dcm").read_bytes()[132:]
    for name in ("bare.dcm", "bare.ima", "bare.png"):
        (tmp_path / name).write_bytes(bare)
        assert is_dicom(tmp_path / name) == (not name.endswith("png"))
    assert np.array_equal(read(tmp_path / "bare.dcm").values, STORED)
    made = dataset(STORED)
    made.save_as(tmp_path / "no_meta.dcm", implicit_vr=True, little_endian=True)
    assert np.array_equal(read(tmp_path / "no_meta.dcm").values, STORED)
    (tmp_path / "note.dcm").write_text("this is a note")
    assert not is_dicom(tmp_path / "note.dcm")
    assert is_dicom(tmp_path / "whole.dcm")


def test_what_the_device_says_is_kept_as_numbers_codes_and_pseudonyms(path: Path) -> None:
    write_dicom(
        path,
        STORED,
        Manufacturer="ACME",
        KVP="120",
        PixelSpacing=[0.7, 0.9],
        Modality="CT",
        BodyPartExamined="JOHN DOE",
        ImageType=["ORIGINAL", "PRIMARY", "FOR JOHN"],
        StationName="ROOM 7",
    )
    tags = read(path).facts.tags
    assert tags["Manufacturer"] == pseudonym("ACME")
    assert (tags["KVP"], tags["PixelSpacing"]) == (120, 0.7)
    assert tags["Modality"] == "CT"
    assert tags["BodyPartExamined"] == pseudonym("JOHN DOE")
    assert tags["ImageType"] == f"ORIGINAL PRIMARY {pseudonym('FOR JOHN')}"
    assert "StationName" not in tags


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({}, ()),
        ({"BurnedInAnnotation": "YES"}, ("burned-in",)),
        ({"BurnedInAnnotation": "NO"}, ()),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, ("secondary-capture",)),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.4"}, ("secondary-capture",)),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77"}, ()),
        ({"ConversionType": "WSD"}, ("secondary-capture",)),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, ("secondary-capture",)),
        ({"ImageType": ["DERIVED", "SECONDARY", "MPR"]}, ()),
    ],
)
def test_flags(path: Path, changes: dict[str, Any], flags: tuple[str, ...]) -> None:
    assert read(write_dicom(path, STORED, **changes)).facts.flags == flags
