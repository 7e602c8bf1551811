"""Strategies on a known conditional space: how near to the optimum, after equally many trials.

    python tests/bench/strategies.py [--trials 40] [--epochs N] [--repeats 20] [NAME ...]

The function is made up, without noise, and cheap; it has the shape of a search for a network. Three
branches have optima of different height, and parameters of their own; a learning rate (logarithmic)
and a choice matter to all of them. A trial is trained for up to 27 epochs, and approaches its value
from below, slowly where the learning rate is low. Regret is what the winner's value lacks to the
optimum, which is 1. With `--epochs`, a search ends when it has trained so many, however many trials
that were: fair to strategies that train briefly.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from automedimg.contracts import Outline, Parameter, Strategy
from automedimg.registry import Catalog, load_catalog
from automedimg.search.proposing import Proposer
from automedimg.training.backend import prepare_backend

EPOCHS = 27
NEAR = 0.05
"""Regret of a winner in the region of the optimum; the best of the other branches has 0.08."""

SPACE = (
    Parameter("branch", CategoricalDistribution(("wide", "deep", "plain"))),
    Parameter("mode", CategoricalDistribution(("p", "q", "r"))),
    Parameter("rate", FloatDistribution(1e-5, 1e-1, log=True)),
    Parameter("wide.x", FloatDistribution(0.0, 1.0), ({"branch": ("wide",)},)),
    Parameter("wide.n", IntDistribution(1, 8), ({"branch": ("wide",)},)),
    Parameter("deep.kind", CategoricalDistribution(tuple("abcd")), ({"branch": ("deep",)},)),
    Parameter("deep.size", IntDistribution(8, 512, log=True), ({"branch": ("deep",)},)),
    Parameter("plain.depth", IntDistribution(1, 4), ({"branch": ("plain",)},)),
    Parameter(
        "plain.drop",
        FloatDistribution(0.0, 0.5),
        ({"branch": ("plain",), "plain.depth": (3, 4)},),
    ),
)
DEFAULTS = ({"branch": "plain", "mode": "p", "rate": 1e-2, "plain.depth": 1},)


def quality(values: dict[str, Any]) -> float:
    """The value after endless training; the optimum is 1, in the branch `deep`."""
    lost = 0.12 * (math.log10(values["rate"]) + 3.0) ** 2
    lost += {"p": 0.1, "q": 0.0, "r": 0.05}[values["mode"]]
    if values["branch"] == "wide":
        return 0.88 - lost - 0.5 * (values["wide.x"] - 0.2) ** 2 - 0.02 * abs(values["wide.n"] - 6)
    if values["branch"] == "plain":
        drop = 0.8 * (values.get("plain.drop", 0.5) - 0.15) ** 2
        return 0.92 - lost - 0.06 * abs(values["plain.depth"] - 3) - drop
    kind = {"a": 0.3, "b": 0.2, "c": 0.0, "d": 0.25}[values["deep.kind"]]
    return 1.0 - lost - kind - 0.05 * (math.log2(values["deep.size"]) - 6.5) ** 2


def value_at(values: dict[str, Any], epoch: int) -> float:
    """The value after some epochs."""
    slowness = 1.5 - math.log10(values["rate"])
    return quality(values) - 0.4 * math.exp(-epoch / slowness)


def search(strategy: Strategy, seed: int, trials: int, budget: float) -> tuple[float, int, int]:
    """Search once; return the regret, the epochs that were trained, and the trials."""
    strategy.prepare(Outline(SPACE, DEFAULTS, seed=seed, epochs=EPOCHS, maximize=True))
    study = optuna.create_study(study_name="bench", direction="maximize", pruner=strategy.pruner())
    study.sampler = Proposer(strategy.sampler, seed)
    chosen, spent = [], 0
    for number in range(trials):
        if spent >= budget or strategy.exhausted(study):
            break
        if number < len(DEFAULTS):
            study.enqueue_trial(DEFAULTS[number])
        trial = study.ask()
        chosen.append(choose(trial))
        epochs = strategy.epochs(study, trial.number) or EPOCHS
        spent += train(study, trial, chosen[-1], epochs)
    return 1.0 - quality(chosen[study.best_trial.number]), spent, len(chosen)


def choose(trial: optuna.Trial) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for parameter in SPACE:
        kind: Any = parameter.distribution
        if not parameter.active(values):
            continue
        if isinstance(kind, CategoricalDistribution):
            values[parameter.name] = trial.suggest_categorical(parameter.name, kind.choices)
        else:
            suggest = trial.suggest_int if isinstance(kind, IntDistribution) else None
            suggest = suggest or trial.suggest_float
            values[parameter.name] = suggest(parameter.name, kind.low, kind.high, log=kind.log)
    return values


def train(study: optuna.Study, trial: optuna.Trial, values: dict[str, Any], epochs: int) -> int:
    """Report each epoch and end the trial; return the epochs until then."""
    for epoch in range(1, epochs + 1):
        trial.report(value_at(values, epoch), epoch)
        if trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return epoch
    study.tell(trial, value_at(values, epochs))
    return epochs


def row(catalog: Catalog, name: str, trials: int, budget: float, repeats: int) -> str:
    """Search with several seeds; return a line of the table."""
    began = time.perf_counter()
    runs = [search(catalog.strategies.make(name), seed, trials, budget) for seed in range(repeats)]
    proposals = sum(run[2] for run in runs)
    milliseconds = 1000 * (time.perf_counter() - began) / proposals
    regrets = [run[0] for run in runs]
    low, median, high = statistics.quantiles(regrets, n=4)
    near = sum(regret <= NEAR for regret in regrets)
    epochs = statistics.mean(run[1] for run in runs)
    return (
        f"| `{name}` | {median:.3f} | {low:.3f} to {high:.3f} | {near} of {repeats} "
        f"| {proposals / repeats:.0f} | {epochs:.0f} | {milliseconds:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--epochs", type=float, default=math.inf)
    asked = parser.parse_args()
    prepare_backend()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    catalog = load_catalog()
    head = "| strategy | median regret | quartiles | near the optimum | trials | epochs | ms |"
    print(f"{head}\n|---|---|---|---|---|---|---|")
    for name in asked.names or catalog.strategies.names():
        print(row(catalog, name, asked.trials, asked.epochs, asked.repeats), flush=True)


if __name__ == "__main__":
    main()
