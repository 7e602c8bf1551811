"""What the audit says of four public data sets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import automedimg

DATA = os.environ.get("AUTOMEDIMG_TEST_DATA", "")

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA, reason="$AUTOMEDIMG_TEST_DATA names no folder of real data"),
]


def audit(name: str, cache: Path, **settings: Any) -> dict[str, Any]:
    folder = Path(DATA) / name
    if not folder.is_dir():
        pytest.skip(f"no folder {name} in $AUTOMEDIMG_TEST_DATA")
    return automedimg.audit(data=folder, cache_dir=cache, **settings)


def test_br35h_is_full_of_copies_and_its_sizes_tell(tmp_path: Path) -> None:
    found = audit("br35h", tmp_path)
    assert found["task"] == "br35h"
    assert found["classes"] == {"no": 1500, "yes": 1500}
    assert found["images_with_copies"] > 2800
    assert found["label_conflicts"] == []
    assert found["leakage"]["percent"] == 0
    shortcut = found["shortcut"]
    assert shortcut["auc"]["value"] > 0.75
    assert shortcut["auc_random_split"] > 0.97
    assert {"width", "height"} & {column["name"] for column in shortcut["columns"][:2]}
    assert found["headline"].startswith("SHORTCUT")
    random = audit("br35h", tmp_path, protocol="random")
    assert random["leakage"]["percent"] > 90


def test_leukemia_has_few_copies(tmp_path: Path) -> None:
    found = audit("leukemia", tmp_path)
    assert found["task"] == "leukemia"
    assert found["classes"] == {"Benign": 217, "Early": 423, "Pre": 414, "Pro": 346}
    assert len(found["duplicates"]) == 5
    assert found["images_with_copies"] < 0.05 * found["images"]
    assert found["label_conflicts"] == []


def test_siim_ct_keeps_patients_together(tmp_path: Path) -> None:
    found = audit("siim_ct", tmp_path)
    assert found["task"] == "dicom"
    assert found["classes"] == {"no": 15, "yes": 29}
    assert found["patients_with_several_labels"] == 9
    assert found["leakage"]["torn_patients"] == 0
    assert found["modes"] == {"MONOCHROME2": 44}
    assert {"12", "16"} == set(found["bits"])


def test_pneumoniamnist_has_its_publishers_split(tmp_path: Path) -> None:
    found = audit("pneumoniamnist", tmp_path)
    assert found["task"] == "npz"
    assert found["leakage"]["protocol"] == "published"
    sides = {name: side["images"] for name, side in found["splits"].items()}
    assert sides == {"train": 4708, "validation": 524, "test": 624}
    assert found["images_with_copies"] < 0.02 * found["images"]
