"""First-party tasks: public medical data sets, each with a synthetic stand-in."""

from collections.abc import Iterable

from automedimg.contracts import DatasetSpec, Source, hookimpl, lazy
from automedimg_tasks import generic, papers

_BR35H_PAGE = "https://www.kaggle.com/datasets/ahmedhamada0/brain-tumor-detection"


@hookimpl
def automedimg_datasets() -> Iterable[DatasetSpec]:
    """Offer the tasks of this package."""
    yield DatasetSpec(
        name="br35h",
        summary="Brain tumour or not, in axial head MRI (3000 images)",
        factory=lazy("automedimg_tasks.br35h:Br35H"),
        classes=("no", "yes"),
        source=Source(
            citation="Hamada, A. (2020). Br35H :: Brain Tumor Detection 2020. Kaggle.",
            url=_BR35H_PAGE,
            licence="see the Kaggle page; do not redistribute",
        ),
        modality="MRI",
        expected_counts={"no": 1500, "yes": 1500},
        layout="a folder `yes/` and a folder `no/` of images",
        download=f"download and unpack the archive from {_BR35H_PAGE} (a free account is needed)",
        kaggle="ahmedhamada0/brain-tumor-detection",
        image_size=128,
        channels=3,
    )
    yield from papers.SPECS
    yield from generic.SPECS
