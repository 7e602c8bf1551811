"""Work spread over two threads, with results that don't depend on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TypeVar

import threadpoolctl  # type: ignore[import-untyped]

_T = TypeVar("_T")
_R = TypeVar("_R")

_THREADS = 2


def in_order(function: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
    """Apply a function to items in two threads; results come in the order of the items.

    Args:
        function: May not depend on what was done before.
        items: Taken only a few ahead of the results, so that memory stays small.
    """
    waiting: deque[Future[_R]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * _THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def one_product_a_thread() -> AbstractContextManager[object]:
    """Keep matrix products from starting threads of their own.

    OpenBLAS's threads wait by spinning: on two busy cores that doubled the processor time.
    """
    limits: AbstractContextManager[object] = threadpoolctl.threadpool_limits(1, user_api="blas")
    return limits
