"""A process that decodes frames for `isolated`; run as a script, it imports pydicom alone.

It reads requests from stdin and writes answers to stdout. Each is a line of JSON, followed by as
many bytes as its ``num_bytes`` says.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import warnings
from typing import Any, BinaryIO

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import UID

CPU_S = 2
"""Processor time that a frame may take, beside `PIXELS_PER_S`; then the system ends the process."""

PIXELS_PER_S = 2_000_000


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more.

    Args:
        requests: Of `decode`'s arguments; the bytes are the frame.
        answers: ``dtype`` and ``shape``, and the values as bytes; neither where it failed.
    """
    while line := requests.readline():
        request = json.loads(line)
        frame = requests.read(request["num_bytes"])
        try:
            _limit(request["options"])
            values = decode(frame, request["syntax"], request["plugin"], request["options"])
            answer = {"dtype": values.dtype.str, "shape": values.shape}
            body = np.ascontiguousarray(values).tobytes()
        except Exception:  # noqa: BLE001 - what it is does not matter, and it may quote the file
            answer, body = {}, b""
        answers.write(json.dumps(answer | {"num_bytes": len(body)}).encode() + b"\n" + body)
        answers.flush()


def _limit(options: dict[str, Any]) -> None:
    """Let the next frame take no more than its share of processor time, however busy the rest."""
    if sys.platform == "win32":
        return
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    pixels = options["rows"] * options["columns"]
    end = usage.ru_utime + usage.ru_stime + CPU_S + pixels / PIXELS_PER_S
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(end), hard))


def decode(frame: bytes, syntax: str, plugin: str, options: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Decode one compressed frame.

    Args:
        frame: Its bytes, without DICOM's items around it.
        syntax: UID of the transfer syntax.
        plugin: pydicom's name of the decoder.
        options: Of pydicom's decoders, for a file of this frame alone.
    Returns:
        (H, W) or (H, W, 3).
    """
    values: np.ndarray[Any, Any] = get_decoder(UID(syntax)).as_array(
        encapsulate([frame], has_bot=False),
        index=0,
        decoding_plugin=plugin,
        transfer_syntax_uid=UID(syntax),
        **options,
    )[0]
    return values


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    serve(sys.stdin.buffer, sys.stdout.buffer)
