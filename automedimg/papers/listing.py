"""What there is, and what a paper would do: for lists and dry runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automedimg.data import places
from automedimg.papers.asking import choose, why_void
from automedimg.papers.counting import Counts, count
from automedimg.papers.files import load_protocol, shipped_protocols
from automedimg.papers.plan import Arm, Plan
from automedimg.registry import Catalog
from automedimg.training.backend import load_keras


def list_papers() -> list[dict[str, str]]:
    """Name, title, task and summary of every protocol that ships with automedimg."""
    found = []
    for name in shipped_protocols():
        protocol = load_protocol(name)
        about = {"title": protocol.title, "task": protocol.task, "summary": protocol.summary}
        found.append({"name": name, **about, "citation": protocol.citation})
    return found


class Outliner:
    """Says what a plan would do, without any image. Imports Keras.

    Args:
        plan: Of the paper.
        catalog: Where components come from.
        weights_dir: Folder of weight files, if the user names one.
    """

    def __init__(self, plan: Plan, catalog: Catalog, weights_dir: Path | None) -> None:
        self._plan, self._catalog = plan, catalog
        self._task = catalog.datasets.get(plan.protocol.task)
        self._folders = places.weight_folders(weights_dir, Path())
        self._counted: dict[str, Counts] = {}

    def outline(self) -> dict[str, Any]:
        """The plan as JSON types.

        Raises:
            ConfigurationError: a name or a value in the protocol is unknown here.
        """
        protocol, plan = self._plan.protocol, self._plan
        return {
            "paper": protocol.name,
            "title": protocol.title,
            "task": protocol.task,
            "claim": protocol.claim,
            "reductions": list(plan.reductions),
            "splits": list(plan.protocols),
            "test": protocol.split.test,
            "validation": protocol.split.validation,
            "folds": plan.folds,
            "models": [self._describe(arm) for arm in plan.arms],
            "runs": [job.folder for job in plan.jobs()],
            "readings": [
                {"about": each.about, "taken": each.taken, "why": each.why}
                for each in protocol.readings
            ],
        }

    def _describe(self, arm: Arm) -> dict[str, Any]:
        chosen, settings = choose(arm, self._catalog, self._folders), arm.settings
        counts = None if settings.search else self._count(arm)
        search = settings.search
        return {
            "name": arm.name,
            "model": arm.model.name,
            "label": arm.label,
            "steps": arm.step_labels,
            "backbone": chosen.choice.backbone,
            "head": chosen.choice.head,
            "train": chosen.choice.train,
            "weights": settings.weights,
            "parameters": counts and counts.parameters,
            "trainable_parameters": counts and counts.trainable,
            "published_parameters": arm.model.parameters,
            "published_trainable_parameters": arm.model.trainable_parameters,
            "image_size": settings.image_size or self._task.image_size,
            "channels": settings.channels or self._task.channels,
            "epochs": settings.epochs,
            "epoch_patience": settings.epoch_patience,
            "metric": settings.metric or "auc",
            "preprocessing": settings.preprocessing or "stretch",
            "options": dict(settings.options),
            "settings": _plain(chosen.choice.params, chosen.searched),
            "searched": dict(chosen.searched),
            "search": None
            if search is None
            else {name: getattr(search, name) for name in search.__dataclass_fields__},
            "void": why_void(arm, self._catalog, self._folders, download=False),
        }

    def _count(self, arm: Arm) -> Counts:
        load_keras()
        settings, choice = arm.settings, choose(arm, self._catalog, self._folders).choice
        size = settings.image_size or self._task.image_size
        shape = (size, size, settings.channels or self._task.channels)
        key = repr((choice.backbone, choice.head, choice.train, choice.backbone_values))
        key += repr((choice.head_values, shape))
        if key not in self._counted:
            classes = len(self._task.classes) or 2
            self._counted[key] = count(choice, shape, classes, self._catalog)
        return self._counted[key]


def _plain(params: Mapping[str, Any], searched: Mapping[str, str]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name not in searched}
