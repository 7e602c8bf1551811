"""Leave out what can't finish on this machine within a trial's time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from automedimg.contracts import BackboneSpec, Notice, TrainMode
from automedimg.errors import ConfigurationError
from automedimg.executing import num_cores
from automedimg.registry import Catalog
from automedimg.search.space import SearchSpace

GMACS_PER_CORE = 10.0
"""Multiply-accumulates a CPU core does per second, in 10^9: MobileNets reach this, ResNets more."""

UNKNOWN_GMACS = 0.1
"""Of a network whose cost depends on its parameters: a small one of its own is cheap."""

MIN_EPOCHS = 3
"""Fewer epochs than this say nothing about a network that is trained."""


def estimate_seconds(
    spec: BackboneSpec, mode: TrainMode, size: int, num_images: int, cores: int
) -> float:
    """Guess the least time that a trial of a backbone makes sense in, on a CPU.

    A backward pass costs about three forward ones, one through the upper layers half of one:
    measured on MobileNetV2.
    """
    passes = {"frozen": 1.0, "finetune": 1.5 * MIN_EPOCHS, "scratch": 4.0 * MIN_EPOCHS}[mode]
    gmacs = spec.gmacs * (size / 224) ** 2
    return passes * gmacs * num_images / (GMACS_PER_CORE * cores)


def guess_costs(
    space: SearchSpace, catalog: Catalog, *, size: int, num_images: int
) -> dict[tuple[str, str], float]:
    """Guess the seconds of a trial of each backbone and mode, to compare them by."""
    guesses: dict[tuple[str, str], float] = {}
    for name, option in space.backbones.items():
        spec = catalog.backbones.get(name)
        known = replace(spec, gmacs=spec.gmacs or UNKNOWN_GMACS)
        for mode in option.modes:
            guesses[name, mode] = estimate_seconds(known, mode, size, num_images, num_cores())
    return guesses


def drop_too_dear(
    space: SearchSpace,
    catalog: Catalog,
    *,
    size: int,
    num_images: int,
    trial_time_s: float,
    notify: Callable[[Notice], None],
) -> SearchSpace:
    """Return the space without the ways to train that would eat a whole trial's time for nothing.

    Raises:
        ConfigurationError: nothing is left.
    """
    cores = num_cores()
    kept, dropped = {}, []
    for name, option in space.backbones.items():
        spec = catalog.backbones.get(name)
        cost = {m: estimate_seconds(spec, m, size, num_images, cores) for m in option.modes}
        modes = tuple(mode for mode in option.modes if cost[mode] <= trial_time_s)
        dropped += [f"{name} ({m}, {cost[m]:.0f} s)" for m in option.modes if m not in modes]
        if modes:
            kept[name] = replace(option, modes=modes)
    if not kept:
        raise ConfigurationError(
            f"no network can be trained within {trial_time_s:.0f} s a trial on this machine",
            "raise --time or --trial-time, or lower --image-size",
        )
    if dropped:
        notify(
            Notice(
                f"too dear for {trial_time_s:.0f} s a trial on this CPU, left out: "
                f"{', '.join(dropped)}; raise --time or --trial-time to include them"
            )
        )
    return replace(space, backbones=kept)
