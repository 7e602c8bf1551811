"""The search strategies that ship with automedimg."""

from collections.abc import Iterator

from automedimg.contracts import Source, StrategySpec, hookimpl, lazy


@hookimpl
def automedimg_strategies() -> Iterator[StrategySpec]:
    """Offer TPE and random search."""
    yield StrategySpec(
        "tpe",
        "Bayesian: tree-structured Parzen estimator, multivariate, grouped by what is active",
        lazy("automedimg_strategies.samplers:Tpe"),
        Source(
            "Bergstra et al. (2011), Algorithms for Hyper-Parameter Optimization, NeurIPS 24;"
            " Watanabe (2023), arXiv:2304.11127",
            "https://arxiv.org/abs/2304.11127",
        ),
    )
    yield StrategySpec(
        "random",
        "Independent random draws",
        lazy("automedimg_strategies.samplers:Random"),
        Source("Bergstra & Bengio (2012), Random Search for Hyper-Parameter Optimization, JMLR 13"),
    )
