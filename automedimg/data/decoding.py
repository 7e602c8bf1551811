"""Read and form many images at once, in order, with bounded memory: in processes, or in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import groupby, islice
from pathlib import Path
from typing import TypeAlias

from automedimg.data import reading
from automedimg.data.decode_pool import DecodePool
from automedimg.data.formed import File, Formed, Wanted, form_file, hint_side
from automedimg.executing import num_cores

__all__ = ["Formed", "Item", "Wanted", "form_all", "hint_side", "num_threads"]

Item: TypeAlias = tuple[Path, str]
"""A file and the part of it that is meant; see `Record.part`."""

ENOUGH = 256
"""Files from which processes pay: they take 0.2 s to start. More than half of what decoding does
holds Python's lock, so that two threads are hardly faster than one."""

MOST = 16
"""Processes at once: of a hundred cores, most would wait for the disk."""

_FEW_PARTS = 32  # a file with more is read here, image by image
_FILES = 16  # that a process reads at once

_Read: TypeAlias = Callable[[Sequence[File]], list[Formed | str]]


def form_all(items: Sequence[Item], wanted: Wanted) -> Iterator[Formed | str]:
    """Yield each image, formed, or the reason why it can't be read, in the order of the items.

    Args:
        items: The images of one file stand together.
        wanted: What is made of each.
    """
    files = [(path, [part for _, part in run]) for path, run in groupby(items, lambda i: i[0])]
    cores = num_cores()
    with ExitStack() as stack:
        stack.enter_context(reading.strict_pillow())
        read: _Read = lambda few: [image for file in few for image in form_file(file, wanted)]  # noqa: E731
        at_once, num = 1, num_threads()
        if cores > 1 and sum(len(parts) <= _FEW_PARTS for _, parts in files) >= ENOUGH:
            at_once, num = _FILES, min(cores, MOST)
            read = stack.enter_context(DecodePool(wanted, read)).read
        for many, run in groupby(files, lambda file: len(file[1]) > _FEW_PARTS):
            if many:
                yield from (image for file in run for image in form_file(file, wanted))
            else:
                yield from _in_order(read, _lots(run, at_once), num)


def num_threads() -> int:
    """Threads that read: one for each core, and two at least."""
    return max(2, num_cores())


def _lots(files: Iterable[File], size: int) -> Iterator[list[File]]:
    rest = iter(files)
    while lot := list(islice(rest, size)):
        yield lot


def _in_order(read: _Read, lots: Iterable[list[File]], num: int) -> Iterator[Formed | str]:
    """Read in threads, a few lots ahead of whoever listens."""
    waiting: deque[Future[list[Formed | str]]] = deque()
    with ThreadPoolExecutor(max_workers=num) as threads:
        try:
            for lot in lots:
                waiting.append(threads.submit(read, lot))
                if len(waiting) > 2 * num:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
