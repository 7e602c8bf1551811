"""The search strategies that ship with automedimg."""

from collections.abc import Iterator

from automedimg.contracts import StrategySpec, hookimpl, lazy
from automedimg_strategies import sources

OFFERED = (
    (
        "tpe",
        "Bayesian: tree-structured Parzen estimator, multivariate, grouped by what is active",
        "samplers:Tpe",
        sources.TPE,
    ),
    ("random", "Independent random draws", "samplers:Random", sources.RANDOM),
    ("grid", "Every configuration of a grid, branches in turn", "grid:Grid", None),
    ("qmc", "A scrambled Sobol sequence: random, but more even", "qmc:Qmc", sources.SOBOL),
    ("gp", "Bayesian: Gaussian processes (needs PyTorch)", "gp:Gp", sources.GP),
    ("cmaes", "Evolution strategy with covariances", "cmaes:Cmaes", sources.CMAES),
    ("hyperband", "TPE, pruned by Hyperband", "samplers:Hyperband", sources.HYPERBAND),
    (
        "asha",
        "Random draws, pruned by asynchronous successive halving",
        "samplers:Asha",
        sources.ASHA,
    ),
    (
        "kt-bayesian",
        "KerasTuner's Bayesian optimization",
        "kt_bayesian:KtBayesian",
        sources.KERAS_TUNER,
    ),
    (
        "kt-hyperband",
        "KerasTuner's Hyperband: few epochs first, the best trained anew for more",
        "kt_hyperband:KtHyperband",
        sources.KERAS_TUNER,
    ),
    (
        "ak-greedy",
        "AutoKeras's greedy search: the best so far, a part of it drawn anew",
        "ak_greedy:AkGreedy",
        sources.AUTOKERAS,
    ),
)
"""Name, summary, where its class is, source."""


@hookimpl
def automedimg_strategies() -> Iterator[StrategySpec]:
    """Offer Optuna's, KerasTuner's and AutoKeras's ways to search."""
    for name, summary, target, source in OFFERED:
        yield StrategySpec(name, summary, lazy(f"automedimg_strategies.{target}"), source)
