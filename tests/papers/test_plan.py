"""From a protocol to its runs, and how it is made smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from automedimg.errors import ConfigurationError
from automedimg.papers.files import load_protocol
from automedimg.papers.plan import Plan, make_plan
from automedimg.papers.request import PaperRequest
from tests.papers.test_parsing import SMALL, parse

LADDER = """
[[axes]]
name = "epochs"
models = ["cnn"]
values = [10, 20]

[[axes]]
name = "rung"
cumulative = true
models = ["cnn"]
[[axes.steps]]
name = "plain"
[[axes.steps]]
name = "adam"
label = "+ Adam"
fix = { optimizer = "rmsprop" }
[[axes.steps]]
name = "large"
image_size = 200

[sample]
image_size = 40
search = { trials = 1 }
"""


def plan(more: str = LADDER, paper: str = "", **asked: Any) -> Plan:
    protocol = load_protocol(paper) if paper else parse(SMALL + more)
    return make_plan(protocol, PaperRequest("mine", Path("out"), **asked))


def test_each_model_is_run_for_each_combination() -> None:
    arms = {arm.name: arm for arm in plan().arms}
    assert list(arms)[:3] == [
        "cnn--10--plain",
        "cnn--10--adam",
        "cnn--10--large",
    ]
    assert len(arms) == 7  # two by three, and the other model
    large = arms["cnn--20--large"]
    assert large.settings.epochs == 20
    assert large.settings.fix["optimizer"] == "rmsprop"  # a ladder keeps what came before
    assert large.settings.image_size == 200
    assert arms["cnn--10--plain"].settings.image_size is None
    assert large.steps == {"epochs": "epochs-20", "rung": "large"}
    assert large.label == "cnn, epochs 20, large"


def test_jobs_have_folders_of_their_own() -> None:
    jobs = list(plan().jobs())
    assert len({job.folder for job in jobs}) == len(jobs) == 14
    assert jobs[0].folder == "random/cnn--10--plain"
    assert jobs[0].split == "random"
    folds = list(plan(paper="br35h-jardim").jobs())
    assert len(folds) == 2 * 3 * 2
    assert folds[-1].folder == "grouped/fold-3/resnet50v2"
    assert folds[-1].split == "grouped-fold-3"


def test_options_of_the_task_tell_data_sets_apart() -> None:
    splits = {job.split for job in plan(paper="dbt-renukaradhya").jobs()}
    assert splits == {
        f"slices-{which}-{protocol}"
        for which in ("all", "one")
        for protocol in ("patients", "grouped")
    }


def test_epochs_are_scaled_and_said() -> None:
    reduced = plan(epochs=4)
    epochs = {arm.name: arm.settings.epochs for arm in reduced.arms}
    assert epochs["cnn--20--plain"] == 4
    assert epochs["cnn--10--plain"] == 2
    assert epochs["net"] == 1
    assert reduced.reductions == ("4 of 20 epochs",)
    assert plan(epochs=20).reductions == ()


def test_image_sizes_are_scaled_and_said() -> None:
    reduced = plan(paper="dbt-renukaradhya", image_size=250)
    sizes = {arm.steps["rung"]: arm.settings.image_size for arm in reduced.arms}
    assert sizes["large"] == 250
    assert sizes["plain"] == 112
    assert reduced.reductions == ("250 of 500 pixels",)


def test_all_reductions_are_said() -> None:
    reduced = plan(
        only=("net",),
        protocols=("grouped",),
        trials=2,
        weights="none",
        instead={"mobilenet": "mobilenetv2"},
    )
    (arm,) = reduced.arms
    assert (arm.settings.backbone, arm.settings.weights) == ("mobilenetv2", "none")
    assert arm.label == "mobilenetv2 in place of net"
    assert arm.settings.search is not None
    assert arm.settings.search.trials == 2
    assert reduced.reductions == (
        "models: only net",
        "splits: only grouped",
        "mobilenet replaced by mobilenetv2",
        "2 of 5 trials",
        "weights: none",
    )


def test_single_settings_can_be_run() -> None:
    reduced = plan(only=("cnn--10--adam", "net"))
    assert [arm.name for arm in reduced.arms] == ["cnn--10--adam", "net"]


def test_a_sample_is_small() -> None:
    arms = {arm.name: arm for arm in plan(sample=True).arms}
    assert arms["cnn--20--large"].settings.image_size == 40
    assert arms["cnn--20--large"].settings.search is None
    assert arms["net"].settings.search.trials == 1  # type: ignore[union-attr]
    assert plan(paper="br35h-jardim", sample=True).folds == 2


def test_unknown_names_are_refused_together() -> None:
    with pytest.raises(ConfigurationError) as error:
        plan(only=("cn",), protocols=("patients",), instead={"vgg": "vgg16"})
    for part in ("no model `cn`; did you mean `cnn`?", "no split `patients`", "no backbone `vgg`"):
        assert part in error.value.message


def test_numbers_are_checked_together() -> None:
    with pytest.raises(ConfigurationError) as error:
        plan(epochs=0, image_size=8, protocols=("some",), sample=True, data=Path("x"))
    for part in ("epochs is 0", "image size is 8", "unknown protocol `some`", "--sample makes"):
        assert part in error.value.message
