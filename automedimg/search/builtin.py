"""The executor that ships with the core, offered like any plugin's."""

from collections.abc import Iterator

from automedimg.contracts import Executor, ExecutorOptions, ExecutorSpec, hookimpl


def _local(options: ExecutorOptions) -> Executor:
    from automedimg.search.local import LocalExecutor

    return LocalExecutor(options)


@hookimpl
def automedimg_executors() -> Iterator[ExecutorSpec]:
    """Offer the local executor."""
    yield ExecutorSpec("local", "Worker processes on this machine's GPUs or CPU", _local)
