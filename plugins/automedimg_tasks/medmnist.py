"""What MedMNIST's files hold: their classes, in the order of the labels, and their sizes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

CITATION = (
    "Yang, J. et al. (2023). MedMNIST v2: a large-scale lightweight benchmark for 2D and 3D "
    "biomedical image classification. Scientific Data 10, 41."
)
URL = "https://medmnist.com"


@dataclass(frozen=True, slots=True)
class Subset:
    """One subset of MedMNIST.

    Args:
        name: As it is written.
        modality: For example ``chest X-ray``.
        channels: 3 for RGB, 1 for grey.
        classes: Names in the order of the labels 0, 1, ...; empty where an image may have several.
        counts: Images in train, validation and test.
        licence: SPDX identifier.
    """

    name: str
    modality: str
    channels: int
    classes: tuple[str, ...]
    counts: tuple[int, int, int]
    licence: str = "CC-BY-4.0"


_ORGANS = (
    *("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver"),
    *("lung-left", "lung-right", "pancreas", "spleen"),
)

SUBSETS: Mapping[str, Subset] = MappingProxyType(
    {
        "pathmnist": Subset(
            name="PathMNIST",
            modality="colon pathology",
            channels=3,
            classes=(
                *("adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle"),
                *("normal colon mucosa", "cancer-associated stroma"),
                "colorectal adenocarcinoma epithelium",
            ),
            counts=(89_996, 10_004, 7_180),
        ),
        "chestmnist": Subset(
            name="ChestMNIST",
            modality="chest X-ray",
            channels=1,
            classes=(),
            counts=(78_468, 11_219, 22_433),
        ),
        "dermamnist": Subset(
            name="DermaMNIST",
            modality="dermatoscopy",
            channels=3,
            classes=(
                "actinic keratoses and intraepithelial carcinoma",
                *("basal cell carcinoma", "benign keratosis-like lesions", "dermatofibroma"),
                *("melanoma", "melanocytic nevi", "vascular lesions"),
            ),
            counts=(7_007, 1_003, 2_005),
            licence="CC-BY-NC-4.0",
        ),
        "octmnist": Subset(
            name="OCTMNIST",
            modality="retinal OCT",
            channels=1,
            classes=("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
            counts=(97_477, 10_832, 1_000),
        ),
        "pneumoniamnist": Subset(
            name="PneumoniaMNIST",
            modality="chest X-ray",
            channels=1,
            classes=("normal", "pneumonia"),
            counts=(4_708, 524, 624),
        ),
        "retinamnist": Subset(
            name="RetinaMNIST",
            modality="fundus camera",
            channels=3,
            classes=("0", "1", "2", "3", "4"),
            counts=(1_080, 120, 400),
        ),
        "breastmnist": Subset(
            name="BreastMNIST",
            modality="breast ultrasound",
            channels=1,
            classes=("malignant", "normal, benign"),
            counts=(546, 78, 156),
        ),
        "bloodmnist": Subset(
            name="BloodMNIST",
            modality="blood cell microscopy",
            channels=3,
            classes=(
                *("basophil", "eosinophil", "erythroblast"),
                "immature granulocytes(myelocytes, metamyelocytes and promyelocytes)",
                *("lymphocyte", "monocyte", "neutrophil", "platelet"),
            ),
            counts=(11_959, 1_712, 3_421),
        ),
        "tissuemnist": Subset(
            name="TissueMNIST",
            modality="kidney cortex microscopy",
            channels=1,
            classes=(
                *("Collecting Duct, Connecting Tubule", "Distal Convoluted Tubule"),
                *("Glomerular endothelial cells", "Interstitial endothelial cells", "Leukocytes"),
                *("Podocytes", "Proximal Tubule Segments", "Thick Ascending Limb"),
            ),
            counts=(165_466, 23_640, 47_280),
        ),
        "organamnist": Subset(
            "OrganAMNIST", "abdominal CT, axial", 1, _ORGANS, (34_561, 6_491, 17_778)
        ),
        "organcmnist": Subset(
            "OrganCMNIST", "abdominal CT, coronal", 1, _ORGANS, (12_975, 2_392, 8_216)
        ),
        "organsmnist": Subset(
            "OrganSMNIST", "abdominal CT, sagittal", 1, _ORGANS, (13_932, 2_452, 8_827)
        ),
    }
)
"""The subsets of 2D images, by the name of their file.

Source: the label table of MedMNIST's package; sizes of the organ subsets as of its release 3.0.
"""

_FILE = re.compile(r"([a-z]+mnist)(3d)?(?:_(?:28|64|128|224))?\.npz", re.IGNORECASE)


def subset_of(file: str) -> Subset | None:
    """Find the subset that a file is called like, e.g. ``pathmnist_64.npz``; None if there is none.

    Args:
        file: A file's name.
    """
    match = _FILE.fullmatch(file)
    return SUBSETS.get(match.group(1).lower()) if match and not match.group(2) else None
