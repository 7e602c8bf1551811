"""What the tests of the Ray executor share: small trials, and clusters real and pretended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from automedimg.contracts import Executor, Message, RunContext, TrialSpec
from automedimg_ray.shares import Share

NUM = {"train": 40, "validation": 20, "test": 20}


def write_data(folder: Path) -> RunContext:
    """Bright and dark noise, as a run would see it."""
    num = sum(NUM.values())
    rng = np.random.default_rng(0)
    labels = (np.arange(num) % 2).astype(np.int64)
    images = rng.integers(0, 200, (num, 32, 32, 3)) + 20 * labels[:, None, None, None]
    folder.mkdir(exist_ok=True)
    np.save(folder / "images.npy", images.astype(np.uint8))
    split = np.repeat([0, 1, 2], list(NUM.values()))
    np.savez(folder / "rows.npz", row=np.arange(num), label=labels, split=split)
    return RunContext(
        pixels={"stretch": str(folder / "images.npy")},
        rows=str(folder / "rows.npz"),
        features=str(folder / "features"),
        data_fingerprint="x",
        classes=("dark", "bright"),
        metric="auc",
        seed=0,
        log=str(folder / "log.txt"),
    )


def trial(folder: Path, number: int, epochs: int = 3) -> TrialSpec:
    """A trial of the smallest network."""
    (folder / f"{number:04d}").mkdir(exist_ok=True)
    return TrialSpec(
        number=number,
        seed=number,
        backbone="custom_cnn",
        head="dense",
        train="scratch",
        backbone_values={
            "blocks": 3,
            "filters": 8,
            "kernel_size": 3,
            "activation": "relu",
            "dropout": 0.0,
            "normalisation": "batch",
            "pooling": "max",
        },
        head_values={"layers": 0, "dropout": 0.0},
        fit={
            "preprocessing": "stretch",
            "learning_rate": 1e-3,
            "batch_size": 16,
            "optimizer": "adam",
            "weight_decay": 1e-3,
            "loss": "crossentropy",
            "sampling": "none",
            "class_weight": "none",
            "augmentation": 0.0,
        },
        weights=None,
        epochs=epochs,
        patience=epochs,
        folder=str(folder / f"{number:04d}"),
        checkpoint_s=0.0,
    )


def answer_with(executor: Executor, message: Message, epoch: str = "continue") -> None:
    """Answer whatever waits for an answer."""
    if message.kind == "epoch":
        executor.answer(message.job, epoch)  # type: ignore[arg-type]
    elif message.kind == "scored":
        executor.answer(message.job, "drop")


def until(
    executor: Executor,
    done: Callable[[list[Message]], bool],
    hear: Callable[[Message], None] = lambda message: None,
    timeout_s: float = 240.0,
) -> list[Message]:
    """Messages until a condition holds; each of them is shown to `hear`."""
    messages: list[Message] = []
    end = time.monotonic() + timeout_s
    while not done(messages):
        assert time.monotonic() < end, messages
        for message in executor.messages(0.2):
            messages.append(message)
            hear(message)
    return messages


def ended(messages: list[Message], number: int) -> bool:
    """Whether so many jobs have ended for good."""
    return sum(m.kind in ("finished", "failed") for m in messages) >= number


@contextmanager
def two_nodes() -> Iterator[Any]:
    """A head without cores, and two nodes with a core each: the processes of three machines."""
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    try:
        cluster.nodes = [cluster.add_node(num_cpus=1, **small) for _ in range(2)]
        yield cluster
    finally:
        cluster.shutdown()


class FakeLink:
    """A line whose other end is a test."""

    def __init__(self, hear: Callable[[Any, dict[str, Any]], None]) -> None:
        self._hear = hear
        self.since, self.up, self.node = time.monotonic(), False, ""
        self.sent: list[dict[str, Any]] = []
        self.ended = False

    def send(self, command: Any) -> None:
        self.sent.append(dict(command))

    def end(self) -> None:
        self.ended = True

    def says(self, say: str, job: int = -1, **data: Any) -> None:
        self._hear(self, {"say": say, "job": job, "data": data})

    def comes_up(self, version: str, node: str = "there") -> None:
        self.up, self.node = True, node
        self.says("up", version=version, node=node)

    def jobs(self) -> list[int]:
        return [c["job"] for c in self.sent if c["do"] in ("train", "score")]


class FakeCluster(SimpleNamespace):
    """A cluster of a number of slots that opens lines to the test."""

    def __init__(self, count: int = 1, gpus: float = 0.0) -> None:
        super().__init__(share=Share(count, 1.0, gpus), links=[], closed=0)

    def open(self, hear: Any) -> FakeLink:
        self.links.append(FakeLink(hear))
        return self.links[-1]

    def close(self, links: list[FakeLink]) -> None:
        self.closed += 1
