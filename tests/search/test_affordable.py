"""What can't finish on this machine is left out, with a word about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from space_parts import SMALL, Net, Plain, catalog_of

from automedimg.contracts import BackboneSpec, Notice
from automedimg.errors import ConfigurationError
from automedimg.search import affordable
from automedimg.search.affordable import drop_too_dear, estimate_seconds
from automedimg.search.narrowing import Wanted, build_space
from automedimg.search.space import SearchSpace
from automedimg.search.weights import WeightStore

CATALOG = catalog_of(net=Net, plain=Plain)
SPEC = BackboneSpec("net", "A network", Net, gmacs=3.0)


def cost(spec: BackboneSpec, mode: str, size: int, num_images: int, cores: int) -> float:
    assert (size, num_images) == (224, 1000)
    return 0.0 if spec.name == "plain" else {"frozen": 200.0}.get(mode, 1800.0)


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SearchSpace:
    """Its `net` costs 200 s frozen and 1800 s otherwise, `plain` nothing."""
    monkeypatch.setattr(affordable, "estimate_seconds", cost)
    (tmp_path / SMALL.files[0]).touch()
    store = WeightStore([tmp_path], download=False)
    return build_space(CATALOG, Wanted(), store, lambda notice: None)


def drop(space: SearchSpace, seconds: float) -> tuple[SearchSpace, list[Notice]]:
    heard: list[Notice] = []
    left = drop_too_dear(
        space,
        CATALOG,
        size=224,
        num_images=1000,
        trial_time_s=seconds,
        notify=heard.append,
    )
    return left, heard


def test_the_guess_grows_with_work_and_shrinks_with_cores() -> None:
    frozen = estimate_seconds(SPEC, "frozen", 224, 1000, 1)
    assert frozen > 0
    assert estimate_seconds(SPEC, "frozen", 112, 1000, 1) == pytest.approx(frozen / 4)
    assert estimate_seconds(SPEC, "frozen", 224, 500, 1) == pytest.approx(frozen / 2)
    assert estimate_seconds(SPEC, "frozen", 224, 1000, 4) == pytest.approx(frozen / 4)
    finetune = estimate_seconds(SPEC, "finetune", 224, 1000, 1)
    assert frozen < finetune <= estimate_seconds(SPEC, "scratch", 224, 1000, 1)
    # One image of 3 x 10^9 multiply-accumulates, on one core: neither a microsecond nor a minute.
    assert 0.01 < frozen / 1000 < 5


def test_everything_fits_into_enough_time(space: SearchSpace) -> None:
    left, heard = drop(space, 1800)
    assert left == space
    assert heard == []


def test_what_is_too_dear_is_left_out_mode_by_mode(space: SearchSpace) -> None:
    left, heard = drop(space, 300)
    assert left.backbones["net"].modes == ("frozen",)
    assert left.backbones["plain"].modes == ("scratch",)
    (notice,) = heard
    assert "net (finetune, 1800 s), net (scratch, 1800 s)" in notice.text
    assert "--trial-time" in notice.text


def test_a_network_without_an_affordable_mode_is_left_out(space: SearchSpace) -> None:
    left, heard = drop(space, 100)
    assert list(left.backbones) == ["plain"]
    assert "net (frozen, 200 s)" in heard[0].text


def test_nothing_left_is_an_error_that_says_what_to_raise(space: SearchSpace) -> None:
    only_net = SearchSpace({"net": space.backbones["net"]}, space.heads, space.fit, {})
    with pytest.raises(ConfigurationError, match=r"no network .* within 100 s") as caught:
        drop(only_net, 100)
    assert "--time" in (caught.value.hint or "")
