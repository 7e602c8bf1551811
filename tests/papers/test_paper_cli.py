"""`automedimg paper`: the list, dry runs, errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.papers.test_running import TINY

Cli = Callable[..., Any]


def test_the_list(cli: Cli) -> None:
    outcome = cli("paper")
    assert outcome.status == 0
    for name in ("br35h-jardim", "leukemia-zhang", "pcam-cancervisionnet"):
        assert name in outcome.out
    listed = json.loads(cli("paper", "--json").out)
    assert len(listed) == 5
    assert all(each["citation"] and each["summary"] for each in listed)


def test_a_dry_run_counts_parameters(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    plan = json.loads(cli("paper", str(path), "--dry-run", "--json").out)
    assert plan["paper"] == "tiny"
    assert len(plan["runs"]) == 8
    cnn, mobile = plan["models"]
    assert mobile["parameters"] == mobile["trainable_parameters"] + 218_544  # MobileNet 0.25
    assert mobile["trainable_parameters"] == 2 * 256 + 2
    assert mobile["void"] == "no pretrained weights for mobilenet"
    assert cnn["published_parameters"] == 99
    assert cnn["settings"]["custom_cnn.kernel_size"] == 3
    assert cnn["settings"]["optimizer"] == "adam"  # not fixed: the default, which is said
    assert cnn["void"] == ""
    assert plan["readings"] == [{"about": "it", "taken": "that", "why": "so"}]
    said = cli("paper", str(path), "--dry-run", "--epochs", "1", "--only", "cnn").out
    assert "REDUCED: models: only cnn; 1 of 2 epochs" in said


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("paper", "br35h-jardin"), 2, "unknown paper `br35h-jardin`"),
        (("paper", "br35h-jardim", "--only", "cn"), 2, "did you mean `cnn`?"),
        (("paper", "br35h-jardim", "--protocol", "patients"), 2, "no split `patients`"),
        (("paper", "br35h-jardim", "--epochs", "0"), 2, "epochs is 0"),
        (("paper", "br35h-jardim", "--sample", "--data", "x"), 2, "--sample makes its own"),
    ],
)
def test_errors(cli: Cli, arguments: tuple[str, ...], status: int, message: str) -> None:
    outcome = cli(*arguments)
    assert outcome.status == status
    assert message in outcome.err
    assert outcome.out == ""
