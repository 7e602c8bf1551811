"""What an arm trains is what its run will train."""

from __future__ import annotations

from pathlib import Path

import pytest

from automedimg.papers.asking import choose
from automedimg.papers.files import load_protocol
from automedimg.papers.plan import Arm, make_plan
from automedimg.papers.request import PaperRequest
from automedimg.registry import load_catalog


def stand_in() -> Arm:
    """Br35H's frozen network, with one in its place whose width nobody fixes."""
    request = PaperRequest("mine", Path("out"), instead={"resnet50v2": "mobilenetv2"})
    arms = make_plan(load_protocol("br35h-jardim"), request).arms
    return next(arm for arm in arms if arm.model.name == "resnet50v2")


@pytest.mark.parametrize("width", ["0.50", "1.00"])
def test_a_width_is_that_of_the_weights_that_are_there(tmp_path: Path, width: str) -> None:
    (tmp_path / f"mobilenetv2_{width}_224.weights.h5").touch()
    chosen = choose(stand_in(), load_catalog(), (tmp_path,)).choice
    assert chosen.backbone_values["alpha"] == float(width)
    assert chosen.train == "frozen"


def test_without_weights_there_is_a_choice_all_the_same(tmp_path: Path) -> None:
    chosen = choose(stand_in(), load_catalog(), (tmp_path,)).choice
    assert chosen.backbone == "mobilenetv2"
