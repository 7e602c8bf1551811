"""One update from several smaller steps, for a batch that doesn't fit into memory.

Keras's optimizers average the gradients of `gradient_accumulation_steps` steps. A batch is dealt
out to as many steps so that this average is the gradient of the whole batch: of every batch, the
last of an epoch included, which may be smaller. No gradient is carried into the next epoch.

What differs from the whole batch: batch normalisation takes its means and variances from each step;
dropout and augmentation draw other numbers; sums are rounded in another order; and the reported
training loss of a batch that can't be dealt out evenly weighs its images unequally.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automedimg.contracts import IntArray


def num_steps(accumulate: int, batch_size: int) -> int:
    """Number of steps an update: as many as are asked for, but each has an image."""
    return max(1, min(accumulate, batch_size))


def deal(size: int, steps: int, step: int) -> tuple[IntArray, npt.NDArray[np.float32]]:
    """Choose one step's images of a batch.

    Args:
        size: Images in the batch, at least 1; if they are fewer than the steps, some come twice.
        steps: How many share the batch.
        step: Which of them, counted from 0.
    Returns:
        Their places in the batch, int64 (M,), and the factor of each one's weight in the loss,
        float32 (M,): 1 where the batch is dealt out evenly.
    """
    places = np.resize(np.arange(size), max(size, steps))
    mine = np.array_split(places, steps)[step]
    times = np.bincount(places)[mine]
    # Keras divides the step's loss by M, and the sum of the gradients by the number of steps.
    factors = len(mine) * steps / (size * times)
    return mine, factors.astype(np.float32)
