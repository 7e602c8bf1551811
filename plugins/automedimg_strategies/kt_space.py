"""The conditional space as KerasTuner's hyperparameters, and values there and back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from automedimg.contracts import Parameter
from automedimg_strategies.axes import nearest, num_steps
from automedimg_strategies.keras_tools import keras_tuner


class Translation:
    """A space as KerasTuner knows it, conditions included.

    Choices become their indices, because KerasTuner takes no `None` and no mixed types among them;
    so do the steps of stepped ranges. Of alternative conditions each makes an entry of the same
    name: KerasTuner tells them apart by their conditions.

    Args:
        space: Those that others depend on first.
        rename: Ledger name -> KerasTuner's.
    """

    def __init__(
        self, space: Sequence[Parameter], rename: Callable[[str], str] = lambda name: name
    ) -> None:
        self._space = {rename(parameter.name): parameter for parameter in space}
        self._renamed = {parameter.name: name for name, parameter in self._space.items()}
        self.hyperparameters = keras_tuner().HyperParameters()
        for parameter in space:
            for way in parameter.when or ({},):
                self.hyperparameters.merge([self._entry(parameter, way)])

    def encode(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Translate values by ledger name; what is not of this space is left out."""
        return {
            name: _encode(parameter.distribution, params[parameter.name])
            for name, parameter in self._space.items()
            if parameter.name in params
        }

    def decode(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Translate values back; inactive ones, and what is KerasTuner's own, are left out."""
        params: dict[str, Any] = {}
        for name, parameter in self._space.items():
            if name in values and parameter.active(params):
                params[parameter.name] = _decode(parameter.distribution, values[name])
        return params

    def holding(self, params: Mapping[str, Any]) -> Any:
        """Return the hyperparameters with these values, given by ledger name."""
        holding = copy.copy(self.hyperparameters)
        holding.values = self.encode(params)
        return holding

    def _entry(self, parameter: Parameter, way: Mapping[str, Sequence[Any]]) -> Any:
        kind: Any = parameter.distribution
        options: dict[str, Any] = {"name": self._renamed[parameter.name]}
        options["conditions"] = [self._condition(name, values) for name, values in way.items()]
        types = keras_tuner().engine.hyperparameters
        if isinstance(kind, CategoricalDistribution):
            return types.Choice(values=list(range(len(kind.choices))), ordered=False, **options)
        if _is_indexed(kind):
            return types.Int(min_value=0, max_value=num_steps(kind) - 1, **options)
        options["sampling"] = "log" if kind.log else "linear"
        make = types.Int if isinstance(kind, IntDistribution) else types.Float
        return make(min_value=kind.low, max_value=kind.high, **options)

    def _condition(self, name: str, values: Sequence[Any]) -> Any:
        parent = self._space[self._renamed[name]].distribution
        # `conditional_scope` finds no parent that is declared under other conditions than itself.
        conditions = keras_tuner().src.engine.conditions
        return conditions.Parent(self._renamed[name], [_encode(parent, value) for value in values])


def _is_indexed(distribution: BaseDistribution) -> bool:
    kind: Any = distribution
    return kind.step is not None and not kind.log


def _encode(distribution: BaseDistribution, value: Any) -> Any:
    kind: Any = distribution
    if isinstance(distribution, CategoricalDistribution):
        return int(distribution.to_internal_repr(value))
    return round((value - kind.low) / kind.step) if _is_indexed(kind) else value


def _decode(distribution: BaseDistribution, value: Any) -> Any:
    kind: Any = distribution
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[value]
    # KerasTuner's integers on a log scale run one past their end.
    return nearest(kind, kind.low + value * kind.step if _is_indexed(kind) else value)
