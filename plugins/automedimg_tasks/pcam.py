"""PatchCamelyon: patches of lymph nodes, from Kaggle's competition or as first published."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from automedimg.contracts import Dataset, DatasetSpec, Record, SetAside
from automedimg_tasks import pcam_hdf5, pcam_kaggle
from automedimg_tasks.layout import search


class PCam(Dataset):
    """Reads either layout; where a folder has both, the HDF5 files, which know more."""

    def locate(self, folder: Path) -> Path | None:
        """Find either layout in `folder` or up to three levels below it, the shallowest first."""
        return search(
            folder,
            lambda each: each if pcam_hdf5.is_here(each) or pcam_kaggle.is_here(each) else None,
        )

    def records(self, root: Path) -> Iterable[Record | SetAside]:
        """List the patches; no pixel is read."""
        if pcam_hdf5.is_here(root):
            return pcam_hdf5.records(root)
        return pcam_kaggle.records(root)

    def specialise(self, spec: DatasetSpec, root: Path) -> DatasetSpec:
        """Drop the counts, which are Kaggle's, where the HDF5 files are: they hold more patches."""
        if pcam_hdf5.is_here(root):
            return replace(spec, expected_counts={})
        return spec

    def write_sample(self, folder: Path, *, seed: int = 0) -> None:
        """Write 360 synthetic patches in Kaggle's layout, in a few seconds."""
        from automedimg_tasks.pcam_samples import write_kaggle

        write_kaggle(folder, num_patches=360, seed=seed)
