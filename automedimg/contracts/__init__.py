"""All that a plugin author needs: the interfaces, the specs, and the `hookimpl` marker."""

import pluggy

from automedimg.contracts.backbones import (
    PRETRAINED_MODES,
    Backbone,
    BackboneSpec,
    BuiltBackbone,
    TrainMode,
    Weights,
)
from automedimg.contracts.datasets import (
    Dataset,
    DatasetSpec,
    Record,
    SetAside,
    SplitName,
    TaskOption,
)
from automedimg.contracts.events import (
    EpochFinished,
    Event,
    Notice,
    PartStarted,
    SearchFinished,
    SearchStarted,
    StageAdvanced,
    StageStarted,
    TrialFinished,
    TrialStarted,
)
from automedimg.contracts.executors import (
    Decision,
    Executor,
    ExecutorOptions,
    ExecutorSpec,
    Message,
    MessageKind,
)
from automedimg.contracts.heads import AnyHead, FittedHead, Head, HeadSpec
from automedimg.contracts.lazy import lazy, lazy_attribute
from automedimg.contracts.metrics import FloatArray, IntArray, Metric, MetricSpec
from automedimg.contracts.privacy import pseudonym
from automedimg.contracts.source import Source
from automedimg.contracts.space import (
    Component,
    Parameter,
    Space,
    When,
    distribution_of,
    is_active,
)
from automedimg.contracts.strategies import Outline, Strategy, StrategySpec
from automedimg.contracts.trials import RunContext, ScoreSpec, TrialResult, TrialSpec, TrialState

hookimpl = pluggy.HookimplMarker("automedimg")
"""Marks a function as an implementation of the hook of the same name."""

__all__ = [
    "PRETRAINED_MODES",
    "AnyHead",
    "Backbone",
    "BackboneSpec",
    "BuiltBackbone",
    "Component",
    "Dataset",
    "DatasetSpec",
    "Decision",
    "EpochFinished",
    "Event",
    "Executor",
    "ExecutorOptions",
    "ExecutorSpec",
    "FittedHead",
    "FloatArray",
    "Head",
    "HeadSpec",
    "IntArray",
    "Message",
    "MessageKind",
    "Metric",
    "MetricSpec",
    "Notice",
    "Outline",
    "Parameter",
    "PartStarted",
    "Record",
    "RunContext",
    "ScoreSpec",
    "SearchFinished",
    "SearchStarted",
    "SetAside",
    "Source",
    "Space",
    "SplitName",
    "StageAdvanced",
    "StageStarted",
    "Strategy",
    "StrategySpec",
    "TaskOption",
    "TrainMode",
    "TrialFinished",
    "TrialResult",
    "TrialSpec",
    "TrialStarted",
    "TrialState",
    "Weights",
    "When",
    "distribution_of",
    "hookimpl",
    "is_active",
    "lazy",
    "lazy_attribute",
    "pseudonym",
]
