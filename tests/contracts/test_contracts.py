"""What plugin authors rely on: plain data that survives JSON, and spaces that are data."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from optuna.distributions import FloatDistribution, IntDistribution

import automedimg.contracts as contracts
from automedimg.contracts import (
    Backbone,
    DatasetSpec,
    Executor,
    Head,
    Record,
    RunContext,
    ScoreSpec,
    SetAside,
    Source,
    Strategy,
    TrialSpec,
    When,
    distribution_of,
    is_active,
    lazy,
    lazy_attribute,
)
from automedimg.errors import AutomedimgError


def trial_spec() -> TrialSpec:
    return TrialSpec(
        number=7,
        seed=1,
        backbone="net",
        head="dense",
        train="frozen",
        backbone_values={"alpha": 0.35},
        head_values={"units": 32},
        fit={"optimizer": "adam", "preprocessing": "crop+pad", "augmentation": 0.3},
        weights=None,
        epochs=3,
        patience=2,
        folder="trials/0007",
        time_limit_s=1.5,
    )


def run_context() -> RunContext:
    pixels = {"stretch": "p.npy", "crop+pad": "q.npy"}
    return RunContext(pixels, "rows.npz", "features", "abc", ("no", "yés"), "auc", 3, "log.txt")


@pytest.mark.parametrize(
    "job",
    [trial_spec(), run_context(), ScoreSpec("model.keras", "crop", "test", "out.npz")],
    ids=["trial", "context", "score"],
)
def test_jobs_survive_json(job: TrialSpec | RunContext | ScoreSpec) -> None:
    assert type(job).from_json(json.loads(json.dumps(job.to_json()))) == job


def test_specs_can_not_be_changed() -> None:
    spec = trial_spec()
    with pytest.raises(FrozenInstanceError):
        spec.seed = 2  # type: ignore[misc]


@pytest.mark.parametrize("interface", [Backbone, Head, Strategy, Executor, contracts.Dataset])
def test_an_interface_that_lacks_its_methods_can_not_be_made(interface: type) -> None:
    with pytest.raises(TypeError, match="abstract"):
        interface()


def test_a_conditional_parameter_lives_with_its_parent() -> None:
    inner = IntDistribution(1, 3)
    entry = When("layers", (2, 3), inner)
    assert distribution_of(entry) is inner
    assert is_active(entry, {"layers": 2})
    assert not is_active(entry, {"layers": 1})
    assert not is_active(entry, {})


def test_an_unconditional_parameter_always_lives() -> None:
    plain = FloatDistribution(0, 1)
    assert distribution_of(plain) is plain
    assert is_active(plain, {})


def test_the_second_of_two_classes_is_the_positive_one() -> None:
    def spec(*classes: str) -> DatasetSpec:
        return DatasetSpec("t", "A task", object, classes, Source("Me"))  # type: ignore[arg-type]

    assert spec("no", "yes").positive == "yes"
    assert spec("a", "b", "c").positive is None


def test_an_image_is_called_by_its_file_and_its_part() -> None:
    assert Record("a/scan.dcm", "no").name == "a/scan.dcm"
    assert Record("a/scan.dcm", "no", part="3").name == "a/scan.dcm#3"
    assert Record("all.npz", "no", part="train_images/0").name == "all.npz#train_images/0"


def test_a_dataset_that_says_nothing_special_keeps_its_spec(tmp_path: Path) -> None:
    class Plain(contracts.Dataset):
        def locate(self, folder: Path) -> Path | None:
            return folder

        def records(self, root: Path) -> list[Record | SetAside]:
            return []

        def write_sample(self, folder: Path, *, seed: int = 0) -> None: ...

    spec = DatasetSpec("t", "A task", Plain, ("no", "yes"), Source("Me"))
    assert Plain().specialise(spec, tmp_path) is spec


def test_a_lazy_factory_imports_when_it_is_called_and_hands_on_what_it_is_given() -> None:
    factory = lazy("fractions:Fraction")
    assert factory(3, denominator=6) == factory("1/2")
    with pytest.raises(ModuleNotFoundError):
        lazy("no_such_module:Thing")()
    assert lazy_attribute("math:pi")() == pytest.approx(3.14159, abs=1e-4)


def test_all_that_is_offered_is_there() -> None:
    assert all(hasattr(contracts, name) for name in contracts.__all__)


def test_an_error_reads_as_message_and_hint() -> None:
    assert (
        str(AutomedimgError("no such task", "see the list")) == "no such task\nhint: see the list"
    )
    assert str(AutomedimgError("no such task")) == "no such task"
