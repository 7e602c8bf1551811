"""The Ray executor: trials on the nodes of a Ray cluster, or on a small Ray of their own."""

from collections.abc import Iterator

from automedimg.contracts import Executor, ExecutorOptions, ExecutorSpec, hookimpl
from automedimg.errors import PluginError


def _ray(options: ExecutorOptions) -> Executor:
    try:
        import ray  # noqa: F401 - whether it is there at all
    except ModuleNotFoundError as error:
        raise PluginError(
            f"executor `ray` needs a module that is not installed: {error.name}",
            '`pip install "automedimg[ray]"`',
        ) from error
    from automedimg_ray.cluster import connect
    from automedimg_ray.executor import RayExecutor

    return RayExecutor(connect(options))


@hookimpl
def automedimg_executors() -> Iterator[ExecutorSpec]:
    """Offer Ray."""
    yield ExecutorSpec("ray", "Worker processes on the nodes of a Ray cluster", _ray)
