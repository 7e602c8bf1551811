"""The ALL image data set: blood smears in four folders, `Benign`, `Early`, `Pre` and `Pro`."""

from __future__ import annotations

from pathlib import Path

from automedimg_tasks.labelled_folders import LabelledFolders

CLASSES = ("Benign", "Early", "Pre", "Pro")
_NUM_EACH = {"Benign": 40, "Early": 76, "Pre": 74, "Pro": 62}
_DEFECTS = "exact and re-encoded copies (WBC-*_copy*.jpg) and one damaged file"


class Leukemia(LabelledFolders):
    """Reads Kaggle's archive, or one that has the four folders directly.

    The archive's `Segmented` holds the same images again, masked: it is never entered. No patient
    is named, so a patient's smears can't be kept together: only copies are.
    """

    classes = CLASSES
    never = frozenset({"segmented"})

    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        """Write about 260 synthetic smears in the shares of the real set, in a few seconds."""
        write_smears(folder, _NUM_EACH, seed=seed)


def write_smears(folder: Path, num_each: dict[str, int], *, seed: int = 0) -> None:
    """Write synthetic smears into `Original/` and a few of them, masked, into `Segmented/`.

    Args:
        folder: An existing folder.
        num_each: How many originals of each class, 3 or more each.
        seed: The same seed writes the same bytes.
    """
    # Drawing needs scipy; who only reads images shouldn't wait for its import.
    import numpy as np

    from automedimg_tasks.smears import draw_smear, mask_background
    from automedimg_tasks.synthetic import encode, mark

    home = folder / "Original"
    for number, label in enumerate(CLASSES):
        rng = np.random.default_rng([seed, number, 2])
        stem = "WBC-Benign" if label == "Benign" else f"WBC-Malignant-{label}"
        originals, masked = home / label, folder / "Segmented" / label
        originals.mkdir(parents=True)
        masked.mkdir(parents=True)
        for index in range(1, num_each[label] + 1):
            smear = draw_smear(rng, label)
            content = encode(smear, ".jpg")
            name = f"{stem}-{index:03d}"
            (originals / f"{name}.jpg").write_bytes(content)
            if index == 1:
                (originals / f"{name}_copy.jpg").write_bytes(content)
                (masked / f"{name}.jpg").write_bytes(encode(mask_background(smear), ".jpg"))
            if index == 2:
                brighter = smear.point(lambda value: min(255, round(1.06 * value)))
                (originals / f"{name}_copy.jpg").write_bytes(encode(brighter, ".jpg"))
            if index == 3 and label == "Pro":
                (originals / f"{name}_damaged.jpg").write_bytes(content[: len(content) // 3])
    mark(home, "the ALL image data set", _DEFECTS)
