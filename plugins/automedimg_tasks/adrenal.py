"""Adrenal MRI, with and without adrenocortical carcinoma: a folder `normal` and a folder `ACC`."""

from __future__ import annotations

from pathlib import Path

from automedimg_tasks.labelled_folders import LabelledFolders

CLASSES = ("normal", "ACC")
# A file's kind must not tell its class: both folders have all of them, in these shares.
_SUFFIXES = (".jpeg", ".jpg", ".bmp", ".png")
_SHARES = (0.30, 0.40, 0.10, 0.20)
_DEFECTS = "near-copies and one exact copy (copy*.jpg), and one damaged file (damaged.jpg)"


class Adrenal(LabelledFolders):
    """Reads a folder `normal` and a folder `ACC` of slices. Patients are unknown."""

    classes = CLASSES

    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        """Write about 260 synthetic slices of 96 made-up patients, in a few seconds."""
        write_slices(folder, num_patients=96, seed=seed)


def write_slices(folder: Path, *, num_patients: int, seed: int = 0) -> None:
    """Write synthetic slices into `normal/` and `ACC/`, every second patient with a tumour.

    Args:
        folder: An existing folder.
        num_patients: 4 or more.
        seed: The same seed writes the same bytes.
    """
    # Drawing needs scipy; who only reads images shouldn't wait for its import.
    import numpy as np
    from PIL import Image

    from automedimg_tasks.abdomen import draw_slice, random_abdomen
    from automedimg_tasks.synthetic import encode, mark, to_uint8

    for label in CLASSES:
        (folder / label).mkdir(exist_ok=True)
    for patient in range(num_patients):
        rng = np.random.default_rng([seed, patient, 3])
        label = CLASSES[patient % 2]
        abdomen = random_abdomen(rng, has_tumour=label == "ACC")
        for number in range(1, int(rng.integers(3, 5))):
            pixels = draw_slice(rng, abdomen)
            suffix = str(rng.choice(_SUFFIXES, p=_SHARES))
            if patient < 4 and number < 3:
                suffix = _SUFFIXES[patient // 2 * 2 + number - 1]
            image = Image.fromarray(to_uint8(pixels))
            if rng.random() < 0.5:
                image = image.convert("RGB")
            content = encode(image, suffix)
            (folder / label / f"p{patient:03d}_s{number}{suffix}").write_bytes(content)
        if patient % 12 < 2:
            copy = image.convert("L").point(lambda value: min(255, round(1.12 * value)))
            name = f"copy {patient:03d}.jpg"
            (folder / label / name).write_bytes(encode(copy, ".jpg"))
        if patient < 2:
            same = f"copy {patient:03d} (1){suffix}"
            (folder / label / same).write_bytes(content)
    damaged = encode(image.convert("L"), ".jpg")
    (folder / CLASSES[0] / "damaged.jpg").write_bytes(damaged[: len(damaged) // 3])
    mark(folder, "the adrenal data set", _DEFECTS)
