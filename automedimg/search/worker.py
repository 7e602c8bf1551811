"""The worker process: trains what it is told, one job at a time.

It talks in JSON lines: commands on its standard input, messages on what was its standard output.
Everything else that is printed in it, by libraries or by a plugin's C code, goes to the run's log.
When its standard input ends, because the parent closed it or died, it ends at once.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from automedimg.contracts import Decision, RunContext, ScoreSpec, TrialSpec
from automedimg.data import files
from automedimg.search.worker_log import Log

if TYPE_CHECKING:
    from automedimg.registry import Catalog
    from automedimg.training.assembly import Shelf

OUT_OF_MEMORY = ("out of memory", "resource_exhausted", "resourceexhausted", "oom when")
NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}

BEAT_S = 1.0
"""Seconds between two signs of life."""

BUSY = 0.1
"""Share of a core from which a process that says nothing is at work: it compiles, perhaps."""

BUSY_S = 1800.0
"""Seconds for which that is believed."""


class Pulse:
    """Gives signs of life while there is progress, or at least work."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._moved = say, time.monotonic()
        self.waiting = False
        """Whether it is the parent's turn."""
        threading.Thread(target=self._beat, daemon=True).start()

    def moved(self) -> None:
        """Something was done: a batch, an epoch."""
        self._moved = time.monotonic()

    def _beat(self) -> None:
        before = time.process_time()
        while True:
            time.sleep(BEAT_S)
            now, still = time.process_time(), time.monotonic() - self._moved
            busy = now - before > BUSY * BEAT_S and still < BUSY_S
            before = now
            if busy or self.waiting or still < 2 * BEAT_S:
                self._say("alive")


class Line:
    """One worker's line to its parent."""

    def __init__(self, incoming: IO[str], outgoing: IO[str]) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._answers: queue.Queue[Decision] = queue.Queue()
        self._cancelled: set[int] = set()
        self._speaking = threading.Lock()
        self.jobs: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.pulse = Pulse(self.say)

    def say(self, kind: str, job: int = -1, data: Mapping[str, Any] | None = None) -> None:
        """Send a message."""
        text = json.dumps({"say": kind, "job": job, "data": dict(data or {})})
        with self._speaking:
            print(text, file=self._outgoing, flush=True)

    def ask(self, kind: str, job: int, data: Mapping[str, Any]) -> Decision:
        """Send a message and wait for its answer."""
        self.say(kind, job, data)
        self.pulse.waiting = True
        answer = self._answers.get()
        self.pulse.waiting = False
        self.pulse.moved()
        return answer

    def is_cancelled(self, job: int) -> bool:
        """Whether the parent wants a job to stop at the epoch it has."""
        return job in self._cancelled

    def _listen(self) -> None:
        for text in self._incoming:
            command = json.loads(text)
            if command["do"] == "answer":
                self._answers.put(command["decision"])
            elif command["do"] == "cancel":
                self._cancelled.add(command["job"])
            elif command["do"] == "exit":
                break
            else:
                self.jobs.put(command)
        os._exit(0)  # a running trial must not outlive its parent


class JobTalk:
    """A trial's line, as `automedimg.training.trial` wants it."""

    def __init__(self, line: Line, job: int) -> None:
        self._line, self._job = line, job

    def epoch(self, row: Mapping[str, Any]) -> Decision:
        """Report an epoch and wait for the answer."""
        return self._line.ask("epoch", self._job, row)

    def scored(self, value: float, log_loss: float) -> Decision:
        """Report the score and wait for whether to keep the model."""
        return self._line.ask("scored", self._job, {"value": value, "log_loss": log_loss})

    def cancelled(self) -> bool:
        """Whether to stop."""
        return self._line.is_cancelled(self._job)

    def alive(self) -> None:
        """Give a sign of life."""
        self._line.pulse.moved()


class Ahead:
    """Features that are computed before the first job comes.

    Args:
        line: Jobs that wait in it go first.
    """

    def __init__(self, line: Line) -> None:
        self._line, self._computed = line, 0

    def prepare(self, command: Mapping[str, Any], catalog: Catalog, shelf: Shelf) -> None:
        """Compute features, unless another job waits; whatever goes wrong costs nothing."""
        from automedimg.training import trial
        from automedimg.training.preparing import Preparing, prepare_features, same_features

        def is_wanted() -> bool:
            waiting = [
                job for job in list(self._line.jobs.queue) if job["do"] in ("train", "score")
            ]
            return not waiting or (
                waiting[0]["do"] == "train" and same_features(command["spec"], waiting[0]["spec"])
            )

        talk = Preparing(self._line.pulse.moved, is_wanted)
        context, spec = command["context"], command["spec"]
        try:
            self._computed += prepare_features(
                RunContext.from_json(context), TrialSpec.from_json(spec), catalog, shelf, talk
            )
        # The trial that wants them will say what is wrong.
        except Exception as error:  # noqa: BLE001
            sys.stderr.write(f"features ahead: {reason_of(error)}\n")
        trial.forget()

    def counted(self, result: dict[str, Any]) -> dict[str, Any]:
        """Count the images of features computed ahead among those of the first trial after it."""
        computed, self._computed = self._computed, 0
        return {**result, "extracted": result["extracted"] + computed}


class Worker:
    """Runs jobs until its line ends."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._context: RunContext
        self._log: Log | None = None
        self._ahead = Ahead(line)

    def serve(self) -> None:
        """Import what is heavy, say so, and work."""
        from automedimg.training.backend import load_keras

        keras = load_keras()  # paid for once, before the first job
        from automedimg.registry import load_catalog
        from automedimg.training.loading import LastLoaded
        from automedimg.training.shelf import Shelf

        self._shelf, self._loaded = Shelf(), LastLoaded()
        self._catalog = load_catalog()
        gc.freeze()  # what is imported by now stays: no collection need look at it again
        self._line.say("ready", data={"backend": keras.backend.backend()})
        while True:
            self._do(self._line.jobs.get())

    def _do(self, command: dict[str, Any]) -> None:
        from automedimg.training import trial

        if command["do"] != "score":
            self._loaded.drop()
        if command["do"] == "context":
            context = RunContext.from_json(command["context"])
            if self._log is None:
                self._log = Log(Path(context.log))
            else:  # workers that are lent to one search after another
                self._log.follow(Path(context.log))
            self._context = context
            return
        if command["do"] == "prepare":
            self._ahead.prepare(command, self._catalog, self._shelf)
            return
        job = command["job"]
        self._line.pulse.moved()
        self._line.say("started", job)
        failure: Exception | None = None
        result: dict[str, Any] = {}
        try:
            if command["do"] == "train":
                spec = TrialSpec.from_json(command["spec"])
                result = self._train(spec, job)
            else:
                result = self._score(ScoreSpec.from_json(command["spec"]))
        # Whatever a plugin or the backend raises costs this trial only.
        except Exception as error:  # noqa: BLE001
            failure = error
            traceback.clear_frames(error.__traceback__)  # they hold the network
        # First of all: the parent looks at what memory is left when it hears of the end.
        trial.forget()
        if failure is None:
            self._line.say("finished", job, result)
        else:
            self._fail(job, command, failure)

    def _train(self, spec: TrialSpec, job: int) -> dict[str, Any]:
        from automedimg.training.trial import Trial
        from automedimg.training.trial_data import TrialData

        data = TrialData(self._context, spec.fit["preprocessing"])
        result = Trial(spec, data, self._catalog, self._shelf).run(JobTalk(self._line, job))
        return self._ahead.counted(result)

    def _score(self, spec: ScoreSpec) -> dict[str, Any]:
        from automedimg.training.trial import score_model
        from automedimg.training.trial_data import TrialData

        data = TrialData(self._context, spec.preprocessing)
        side = data.side(spec.split)
        alive = self._line.pulse.moved
        score_model(self._loaded.get(Path(spec.model)), side, data, Path(spec.out), alive)
        return {"images": len(side.rows)}

    def _fail(self, job: int, command: Mapping[str, Any], error: Exception) -> None:
        text = "".join(traceback.format_exception(error))
        folder = command["spec"].get("folder")
        try:
            if folder:
                files.write_text(Path(folder) / "error.txt", text)
        except OSError:
            folder = None  # the disk may be full; the log may still take it
        if not folder:
            sys.stderr.write(text)
        self._line.say("failed", job, {"reason": reason_of(error), "cause": cause_of(error)})


def cause_of(error: BaseException) -> str:
    """What kind of failure an error is: ``memory``, ``disk``, or empty."""
    text = str(error).lower()
    if isinstance(error, MemoryError) or any(sign in text for sign in OUT_OF_MEMORY):
        return "memory"
    return "disk" if isinstance(error, OSError) and error.errno in NO_SPACE else ""


def reason_of(error: BaseException) -> str:
    """Why a trial failed, in a few words."""
    from automedimg.training.fit import TrialFailureError

    text = str(error).strip()
    if isinstance(error, TrialFailureError):
        return text
    if cause_of(error) == "memory":
        return "out of memory"
    first = text.splitlines()[0] if text else ""
    return f"{type(error).__name__}: {first}"[:300].rstrip(": ")


def main() -> None:
    """Serve on standard input and output."""
    # Signals that end a search are its parent's to handle; the end of its input ends a worker.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    outgoing = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    Worker(Line(sys.stdin, outgoing)).serve()


if __name__ == "__main__":
    main()
