"""The words of DICOM that are known here; all others are somebody's own and stay inside."""

from __future__ import annotations

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"

NATIVE = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG)

SYNTAXES = {
    IMPLICIT_LITTLE: "",
    EXPLICIT_LITTLE: "",
    EXPLICIT_BIG: "",
    DEFLATED: "deflate",
    "1.2.840.10008.1.2.4.50": "JPEG baseline",
    JPEG_EXTENDED: "JPEG extended",
    "1.2.840.10008.1.2.4.57": "JPEG lossless",
    "1.2.840.10008.1.2.4.70": "JPEG lossless, first-order prediction",
    "1.2.840.10008.1.2.4.80": "JPEG-LS lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS near-lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.4.201": "HTJ2K lossless",
    "1.2.840.10008.1.2.4.202": "HTJ2K lossless, RPCL",
    "1.2.840.10008.1.2.4.203": "HTJ2K",
    "1.2.840.10008.1.2.5": "RLE",
}
"""Transfer syntaxes of still images. Source: DICOM PS3.6, annex A."""

_JPEG_2000 = ("pillow", "pylibjpeg")
_JPEG_LOSSLESS = ("pylibjpeg", "gdcm")

CODECS = {
    "1.2.840.10008.1.2.4.50": ("pillow",),
    JPEG_EXTENDED: ("pillow", "pylibjpeg"),
    "1.2.840.10008.1.2.4.57": _JPEG_LOSSLESS,
    "1.2.840.10008.1.2.4.70": _JPEG_LOSSLESS,
    "1.2.840.10008.1.2.4.80": ("pyjpegls",),
    "1.2.840.10008.1.2.4.81": ("pyjpegls",),
    "1.2.840.10008.1.2.4.90": _JPEG_2000,
    "1.2.840.10008.1.2.4.91": _JPEG_2000,
    "1.2.840.10008.1.2.4.201": ("pylibjpeg",),
    "1.2.840.10008.1.2.4.202": ("pylibjpeg",),
    "1.2.840.10008.1.2.4.203": ("pylibjpeg",),
    "1.2.840.10008.1.2.5": ("pydicom",),
}
"""pydicom's plugins that may decode a transfer syntax, the first that is there.

GDCM and pylibjpeg-libjpeg decode more of them, but GDCM crashes on many a damaged file (see
`isolated`), and pylibjpeg-libjpeg is under the GPL, so that it is used where a user installed it.
"""

PHOTOMETRIC = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
}
"""Photometric interpretations that are read, with their samples per pixel."""

NUMBERS = (
    "BitsStored",
    "EchoTime",
    "Exposure",
    "ExposureTime",
    "FlipAngle",
    "KVP",
    "LossyImageCompressionRatio",
    "MagneticFieldStrength",
    "PixelRepresentation",
    "RepetitionTime",
    "RescaleIntercept",
    "RescaleSlope",
    "SliceThickness",
    "SpacingBetweenSlices",
    "XRayTubeCurrent",
)
"""Numbers of the device that go into `Facts.tags` as they are."""

SPACINGS = ("PixelSpacing", "ImagerPixelSpacing")
"""Pairs of numbers, of which the first, between rows, goes into `Facts.tags`."""

TEXTS = ("ConvolutionKernel", "Manufacturer", "ManufacturerModelName", "SoftwareVersions")
"""Texts of the device that go into `Facts.tags` as pseudonyms."""

CODES = ("BodyPartExamined", "ImageType", "Modality", "ScanOptions", "ViewPosition")
"""Words of the device that go into `Facts.tags`: plain where listed below, else as pseudonyms."""

_VOCABULARY = (
    # Modality
    "AR ASMT AU BDUS BI BMD CD CF CR CT DF DG DS DX EC ECG EM ES FA FS GM HC HD IO IVOCT IVUS "
    "KER LEN LP LS MA MG MR MS NM OAM OCT OP OPM OPT OPV OSS OT PT PX REG RF RG RTDOSE RTIMAGE "
    "SC SEG SM SR ST TG US VA VF VL XA XC "
    # BodyPartExamined
    "ABDOMEN ANKLE ARM BRAIN BREAST CHEST CSPINE ELBOW EYE FOOT FOREARM HAND HEAD HEADNECK HEART "
    "HIP HUMERUS KIDNEY KNEE LEG LIVER LSPINE LUNG NECK PANCREAS PELVIS PROSTATE RIB SHOULDER "
    "SKULL SPINE TSPINE UTERUS WHOLEBODY WRIST "
    # ImageType
    "ADC ADDITION AVERAGE AXIAL DERIVED DIFFUSION FFE LOCALIZER M MAGNITUDE MASK MIP MPR NONE "
    "NORM ORIGINAL OTHER P PHASE PRIMARY PROJECTION REFORMATTED RESAMPLED SECONDARY SE SUBTRACT "
    "TOMO VOLUME "
    # ScanOptions
    "AXIAL HELICAL SCOUT FS PFP PFF SP "
    # ViewPosition
    "AP PA LL RL LLO RLO LLD RLD CC MLO ML LM LMO XCCL XCCM LAO RAO LPO RPO LATERAL"
)

WORDS = frozenset(_VOCABULARY.split())
"""Words of the standard's vocabularies that identify nobody."""

SCREENS = frozenset(["SCREEN SAVE", "SCREENSHOT", "SCREEN CAPTURE", "SECONDARY CAPTURE"])
"""Image types of screenshots."""

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""SOP class of secondary captures; those of its variants go on with a dot."""

FLAGGED = ("BurnedInAnnotation", "ConversionType", "SOPClassUID")

DECODING = (
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
    "PlanarConfiguration",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "VOILUTFunction",
    "WindowCenter",
    "WindowWidth",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)

PALETTE = tuple(
    f"{prefix}{colour}PaletteColorLookupTable{what}"
    for colour in ("Red", "Green", "Blue")
    for prefix, what in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
)

TAGS = list(dict.fromkeys((*DECODING, *PALETTE, *NUMBERS, *SPACINGS, *TEXTS, *CODES, *FLAGGED)))
"""All elements that are read. What identifies a person is not among them."""
