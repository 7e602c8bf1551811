"""A process that reads images for `decode_pool`: started as `python -m`, it imports little.

It takes what is wanted, says that it is ready, and then answers lists of files with images, until
its input ends.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import IO

from automedimg.data import decode_wire as wire
from automedimg.data import reading
from automedimg.data.formed import form_file


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are no more."""
    try:
        wanted = wire.to_wanted(wire.hear(requests))
        wire.say(answers, wire.READY)
        with reading.strict_pillow():
            while True:
                files = wire.to_files(wire.hear(requests))
                images = [image for file in files for image in form_file(file, wanted)]
                wire.write_images(answers, images)
    except (EOFError, BrokenPipeError):
        return


def main() -> None:
    """Serve on standard input and output; what libraries print goes nowhere."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the end of its input ends it
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
