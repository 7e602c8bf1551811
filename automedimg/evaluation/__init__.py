"""Scores, intervals, confusion and curves of predictions. Metrics come in as callables."""

from automedimg.evaluation.bootstrap import Interval, grouped_bootstrap
from automedimg.evaluation.confusion import confusion_matrix
from automedimg.evaluation.curves import RocBand, roc_band, roc_curve
from automedimg.evaluation.scores import interval_scores, validation_scores

__all__ = [
    "Interval",
    "RocBand",
    "confusion_matrix",
    "grouped_bootstrap",
    "interval_scores",
    "roc_band",
    "roc_curve",
    "validation_scores",
]
