"""Workers that stay up between the runs of a paper: Keras is imported once."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from automedimg.contracts import Executor, ExecutorOptions
from automedimg.registry import Catalog


class Workers:
    """The local executor, made when it is first wanted, and anew after a failure.

    Args:
        options: How it is to be set up.
        catalog: Where it comes from.
    """

    def __init__(self, options: ExecutorOptions, catalog: Catalog) -> None:
        self._options, self._catalog = options, catalog
        self._executor: Executor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End them."""
        self.drop()

    def get(self) -> Executor:
        """The executor, ready for a session."""
        if self._executor is None:
            self._executor = self._catalog.executors.make("local", self._options)
        return self._executor

    def drop(self) -> None:
        """End the workers: a session that was torn may have left them anything to do."""
        if self._executor is not None:
            self._executor.close()
            self._executor = None
