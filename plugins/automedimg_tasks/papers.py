"""The data sets of the papers whose results the examples reproduce."""

from __future__ import annotations

from automedimg.contracts import DatasetSpec, Source, TaskOption, lazy

_LEUKEMIA_PAGE = "https://www.kaggle.com/datasets/mehradaria/leukemia"
_PCAM_PAGE = "https://github.com/basveeling/pcam"
_PCAM_KAGGLE_PAGE = "https://www.kaggle.com/competitions/histopathologic-cancer-detection/data"
_DBT_PAGE = "https://www.cancerimagingarchive.net/collection/breast-cancer-screening-dbt/"

LEUKEMIA = DatasetSpec(
    name="leukemia",
    summary="Benign cells or a subtype of B-ALL, in blood smears (4 classes, 3256 images)",
    factory=lazy("automedimg_tasks.leukemia:Leukemia"),
    classes=("Benign", "Early", "Pre", "Pro"),
    source=Source(
        citation="Ghaderzadeh, M., Aria, M., Hosseini, A., Asadi, F., Bashash, D., Abolghasemi, "
        "H. (2022). A fast and efficient CNN model for B-ALL diagnosis and its subtypes "
        "classification using peripheral blood smear images. International Journal of "
        "Intelligent Systems 37(8), 5113-5133. doi:10.1002/int.22753",
        url=_LEUKEMIA_PAGE,
        licence="see the Kaggle page; do not redistribute",
    ),
    modality="microscopy, blood smear",
    expected_counts={"Benign": 504, "Early": 985, "Pre": 963, "Pro": 804},
    layout="folders `Benign/`, `Early/`, `Pre/` and `Pro/` of images, in `Original/` or directly",
    download=f"download and unpack the archive from {_LEUKEMIA_PAGE} (a free account is needed)",
    kaggle="mehradaria/leukemia",
    image_size=224,
    channels=3,
    test_fraction=0.15,
    validation_fraction=0.15,
)

ADRENAL = DatasetSpec(
    name="adrenal",
    summary="Adrenocortical carcinoma or not, in abdominal MRI (images of your own)",
    factory=lazy("automedimg_tasks.adrenal:Adrenal"),
    classes=("normal", "ACC"),
    source=Source(
        citation="Balamurugan, S., Datar, A. (2025). Evaluation of Lightweight CNN Architectures "
        "for Adrenal Cortical Carcinoma Classification from MRI: A Comparative Study of "
        "Pre-trained and Custom Models. IYRC Journal. doi:10.34614/JIYRC2025II23",
        url="https://doi.org/10.34614/JIYRC2025II23",
        licence="the paper's images are not public, as far as we know",
    ),
    modality="MRI",
    layout="a folder `normal/` and a folder `ACC/` of images (jpeg, jpg, bmp, png)",
    download="the paper's images are not public, as far as we know: put your own into a folder "
    "`normal/` and a folder `ACC/`",
    image_size=128,
    channels=3,
)

PCAM = DatasetSpec(
    name="pcam",
    summary="Metastasis or not, in patches of lymph node (PatchCamelyon, 220,025 or 327,680)",
    factory=lazy("automedimg_tasks.pcam:PCam"),
    classes=("normal", "tumour"),
    source=Source(
        citation="Veeling, B. S., Linmans, J., Winkens, J., Cohen, T., Welling, M. (2018). "
        "Rotation Equivariant CNNs for Digital Pathology. MICCAI 2018. "
        "doi:10.1007/978-3-030-00934-2_24",
        url=_PCAM_PAGE,
        licence="CC0-1.0 (PCam); Kaggle's selection: the competition's rules",
    ),
    modality="microscopy, histology",
    expected_counts={"normal": 130_908, "tumour": 89_117},
    layout="Kaggle's `train_labels.csv` and `train/*.tif`, or the unpacked "
    "`camelyonpatch_level_2_split_*.h5` with their `_meta.csv`",
    download=f"the HDF5 files, with slides and a fixed split: {_PCAM_PAGE}, then `gunzip *.h5.gz`; "
    f"or Kaggle's selection without copies: {_PCAM_KAGGLE_PAGE} (a free account is needed)",
    image_size=96,
    channels=3,
)

DBT = DatasetSpec(
    name="dbt",
    summary="Normal or tumour, in slices of breast tomosynthesis (5060 patients)",
    factory=lazy("automedimg_tasks.dbt:Dbt"),
    classes=("normal", "tumour"),
    source=Source(
        citation="Buda, M., Saha, A., Walsh, R., Ghate, S., Li, N., Swiecicki, A., Lo, J. Y., "
        "Mazurowski, M. A. (2021). A Data Set and Deep Learning Algorithm for the Detection of "
        "Masses and Architectural Distortions in Digital Breast Tomosynthesis Images. JAMA "
        "Network Open 4(8), e2119100. doi:10.1001/jamanetworkopen.2021.19100",
        url=_DBT_PAGE,
        licence="CC BY-NC 4.0; see the collection's page",
    ),
    modality="digital breast tomosynthesis",
    # Patients, of whom `slices=one` takes one slice each, in all three parts of the collection.
    expected_counts={"normal": 4581, "tumour": 201},
    layout="`BCS-DBT-labels-*.csv`, `BCS-DBT-file-paths-*.csv` and `BCS-DBT-boxes-*.csv`, and the "
    "DICOM files in `Breast-Cancer-Screening-DBT/`",
    download=f"tables and manifests from {_DBT_PAGE}; the NBIA Data Retriever downloads the images "
    "of a manifest (1.6 TB in all; a part of them will do)",
    image_size=192,
    channels=3,
    options=(
        TaskOption(
            "slices",
            "one slice a patient, or all slices of tumours and 15 % of normal ones",
            default="one",
            choices=("one", "all"),
        ),
    ),
)

SPECS = (LEUKEMIA, ADRENAL, PCAM, DBT)
