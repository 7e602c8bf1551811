"""How a cluster is divided among slots."""

import pytest

from automedimg.contracts import ExecutorOptions
from automedimg.errors import BackendError, ConfigurationError
from automedimg_ray.shares import Share, share_out


def nodes(*sizes, gpus=0):
    return [{"CPU": float(size), **({"GPU": float(gpus)} if gpus else {})} for size in sizes]


@pytest.mark.parametrize(
    ("cores", "workers", "count", "cpus"),
    [
        ((8, 8), None, 2, 8.0),
        ((0, 4), None, 1, 4.0),  # a head that offers no cores
        ((64, 4), None, 2, 32.0),
        ((8, 8), 4, 4, 4.0),
        ((8, 8), 3, 3, 4.0),
        ((8, 8), 16, 16, 1.0),
        ((2,), 4, 4, 0.5),
        ((1, 1), 3, 3, 0.5),
        ((1,), 3, 3, 0.3333),
    ],
)
def test_cores_are_divided(cores, workers, count, cpus):
    share = share_out(nodes(*cores), ExecutorOptions(workers=workers))
    assert share == Share(count, cpus)
    assert sum(share.fits(node) for node in nodes(*cores)) >= count


@pytest.mark.parametrize(
    ("gpus", "options", "expected"),
    [
        (4, {}, Share(8, 4.0, 1.0)),
        (1, {}, Share(2, 16.0, 1.0)),
        (1, {"workers_per_device": 3}, Share(6, 5.0, 0.3333)),
        (4, {"workers": 2}, Share(2, 4.0, 1.0)),
        (1, {"workers": 4}, Share(4, 8.0, 0.5)),
        (4, {"workers": 2, "workers_per_device": 2}, Share(2, 4.0, 1.0)),
        (4, {"devices": ()}, Share(2, 16.0)),
    ],
)
def test_gpus_are_divided(gpus, options, expected):
    cluster = nodes(16, 16, gpus=gpus)
    share = share_out(cluster, ExecutorOptions(**options))
    assert share == expected
    assert sum(share.fits(node) for node in cluster) >= share.count


def test_gpus_on_nodes_without_cores_are_used():
    assert share_out(nodes(0, gpus=1), ExecutorOptions()) == Share(1, 0.0, 1.0)


def test_a_slot_of_part_of_a_core_has_a_thread():
    assert Share(4, 0.5).threads == 1
    assert Share(4, 6.0).threads == 6


def test_gpus_that_are_not_there():
    with pytest.raises(ConfigurationError, match="no GPU"):
        share_out(nodes(4), ExecutorOptions(devices=("0",)))


def test_a_cluster_without_anything():
    with pytest.raises(BackendError, match="neither cores nor GPUs"):
        share_out(nodes(0), ExecutorOptions())
