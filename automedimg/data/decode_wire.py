"""What a process that decodes is asked, and its answers, as bytes: plain data, no pickle.

A file that takes a decoder over must not get further than the process that it took.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from automedimg.data.formed import File, Formed, Wanted
from automedimg.data.forming import THUMBNAIL, Appearance
from automedimg.data.preprocessing import Preprocessing
from automedimg.data.reading import Facts

READY = "ready"
"""What a process says first."""


def say(stream: IO[bytes], told: Any) -> None:
    """Send a line of JSON."""
    stream.write(json.dumps(told).encode() + b"\n")
    stream.flush()


def hear(stream: IO[bytes]) -> Any:
    """Receive a line of JSON.

    Raises:
        EOFError: the other side has ended.
        ValueError: it is something else.
    """
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    return json.loads(line)


def of_wanted(wanted: Wanted) -> dict[str, Any]:
    """What is made of each image, JSON-ready."""
    return asdict(wanted)


def to_wanted(told: Mapping[str, Any]) -> Wanted:
    """The reverse of `of_wanted`."""
    ways = tuple(Preprocessing(**way) for way in told["ways"])
    return Wanted(told["size"], told["channels"], ways)


def of_files(files: Sequence[File]) -> list[list[Any]]:
    """Files and their parts, JSON-ready; names that are no text survive as escapes."""
    return [[str(path), list(parts)] for path, parts in files]


def to_files(told: Sequence[Sequence[Any]]) -> list[File]:
    """The reverse of `of_files`."""
    return [(Path(path), list(parts)) for path, parts in told]


def write_images(stream: IO[bytes], found: Sequence[Formed | str]) -> None:
    """Send images, or the reasons why they can't be read."""
    body: list[bytes] = []
    heads = [one if isinstance(one, str) else _head(one, body) for one in found]
    say(stream, {"images": heads, "num_bytes": sum(map(len, body))})
    stream.writelines(body)
    stream.flush()


def read_images(stream: IO[bytes]) -> list[Formed | str]:
    """Receive what `write_images` sent.

    Raises:
        EOFError: the other side has ended.
        ValueError, KeyError, TypeError: it is something else.
    """
    told = hear(stream)
    body = stream.read(told["num_bytes"])
    if len(body) != told["num_bytes"]:
        raise EOFError
    values = _Values(body)
    return [one if isinstance(one, str) else _formed(one, values) for one in told["images"]]


def _head(formed: Formed, body: list[bytes]) -> dict[str, Any]:
    """What JSON takes of an image; the values go into `body`."""
    squares = [_once(square) for square in formed.squares]
    body += [array.tobytes() for array in (*squares, formed.thumbnail)]
    return {
        "squares": [
            [square.dtype.str, sent.shape, square.shape[-1]]
            for square, sent in zip(formed.squares, squares, strict=True)
        ],
        "facts": asdict(formed.facts),
        "look": asdict(formed.look),
        "stored": formed.stored,
        "digest": formed.digest,
    }


def _once(square: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The only plane of a grey image that stands for three."""
    return square[..., :1] if square.strides[-1] == 0 else square


def _formed(head: Mapping[str, Any], values: _Values) -> Formed:
    squares = tuple(
        np.broadcast_to(values.take(dtype, shape), (*shape[:2], channels))
        for dtype, shape, channels in head["squares"]
    )
    facts, (low, high) = head["facts"], head["stored"]
    return Formed(
        squares=squares,
        thumbnail=values.take("|u1", (THUMBNAIL, THUMBNAIL)),
        facts=Facts(**{**facts, "flags": tuple(facts["flags"])}),
        look=Appearance(**head["look"]),
        stored=(low, high),
        digest=head["digest"],
    )


class _Values:
    """Arrays that lie one behind the other in some bytes."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def take(self, dtype: str, shape: Sequence[int]) -> npt.NDArray[Any]:
        """Return the next one, read-only."""
        num = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(self._body, dtype, num, self._at).reshape(shape)
        self._at += array.nbytes
        return array
