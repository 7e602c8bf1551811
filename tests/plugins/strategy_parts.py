"""Drive a strategy over a space, as a search does, and keep what it proposed."""

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from automedimg.contracts import Outline, Parameter
from automedimg.registry import load_catalog
from automedimg.search.proposing import Proposer

SPACE = (
    Parameter("net", CategoricalDistribution(("a", "b"))),
    Parameter("a.width", IntDistribution(8, 64, log=True), ({"net": ("a",)},)),
    Parameter("a.kind", CategoricalDistribution((None, 1, "x")), ({"net": ("a",)},)),
    Parameter("b.depth", IntDistribution(1, 5), ({"net": ("b",)},)),
    Parameter("b.drop", FloatDistribution(0.0, 0.5, step=0.25), ({"b.depth": (4, 5)},)),
    Parameter("rate", FloatDistribution(1e-4, 1e-1, log=True)),
)


def outline(space=SPACE, defaults=(), seed=5, epochs=9, maximize=True):
    return Outline(space, defaults, seed=seed, epochs=epochs, maximize=maximize)


def made(name, **options):
    strategy = load_catalog().strategies.make(name)
    strategy.prepare(outline(**options))
    return strategy


def new_study(maximize=True):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    direction = "maximize" if maximize else "minimize"
    return optuna.create_study(study_name="tests", direction=direction)


def ask(strategy, study, space=SPACE, seed=5, default=None):
    """A trial that has chosen all its values."""
    if default is not None:
        study.enqueue_trial(default)
    study.sampler = Proposer(strategy.sampler, seed)
    trial = study.ask()
    values = {}
    for parameter in space:
        kind = parameter.distribution
        if not parameter.active(values):
            continue
        if isinstance(kind, CategoricalDistribution):
            values[parameter.name] = trial.suggest_categorical(parameter.name, kind.choices)
            continue
        suggest = trial.suggest_int if isinstance(kind, IntDistribution) else trial.suggest_float
        options = {
            "log": kind.log,
            **({} if kind.log or kind.step is None else {"step": kind.step}),
        }
        values[parameter.name] = suggest(parameter.name, kind.low, kind.high, **options)
    return trial


def search(strategy, num, score, space=SPACE, seed=5):
    """A study of trials; a score of None fails one."""
    study = new_study()
    for _ in range(num):
        trial = ask(strategy, study, space, seed)
        value = score(trial.params)
        if value is None:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, value)
    return study
