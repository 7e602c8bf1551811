"""Search, look at the result, use the model: automedimg from Python, in about half a minute.

It runs on synthetic images, so its scores mean nothing medical. It needs no network, no data and
no pretrained weights. The run directory is `runs/quickstart`, or what the first argument names;
started again with the same one, it continues that run.
"""

import sys
from pathlib import Path

import automedimg
from automedimg.contracts import Event, TrialFinished


def show(event: Event) -> None:
    """Print a line for each finished trial."""
    if isinstance(event, TrialFinished):
        result = event.result
        print(f"trial {result.number}: {result.state}, AUC {result.value}")


def main(out: str) -> None:
    """Search, print the verdict and classify three images."""
    run = automedimg.search(
        task="br35h",
        sample=True,  # your own: data="folder/with/yes-and-no"
        out=out,
        trials=3,
        backbones=("custom_cnn",),
        image_size=64,
        epochs=4,
        download=False,
        listener=show,
    )
    score = run.test_scores["auc"]
    print(f"test AUC {score['value']}, 95 % interval {score['low']} to {score['high']}")
    print(f"groups in the data: {run.audit['groups']}; report: {run.folder / 'report.html'}")

    images = sorted(Path(run.config["data"]).glob("yes/p*.jpg"))[:3]
    for prediction in run.predict(images):
        print(Path(prediction.path).name, prediction.label, prediction.probabilities)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "runs/quickstart")
