"""Kills the process that imports it at a chosen moment: at or just after a file operation.

Python imports a module of this name when it starts. The environment says what to do: KILL_ROLE
(parent, worker or all), KILL_EVENT (the how-manieth operation on a file below KILL_BELOW), KILL_MS
(milliseconds after it), KILL_MARK (a file that is made by whoever kills, so that it happens once).
With KILL_ERRNO the operation fails with that error instead, from then on.
"""

import os
import sys

if "KILL_EVENT" in os.environ:
    import signal
    import threading

    ROLE = "worker" if "automedimg.search.worker" in sys.orig_argv else "parent"
    WANTED, BELOW = os.environ["KILL_ROLE"], os.environ["KILL_BELOW"]
    AT, MS = int(os.environ["KILL_EVENT"]), float(os.environ.get("KILL_MS", "0"))
    ERRNO = int(os.environ.get("KILL_ERRNO", "0"))
    EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.truncate"}
    seen = 0

    def kill(where: str) -> None:
        try:
            mark = os.open(os.environ["KILL_MARK"], os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except OSError:
            return
        os.write(mark, where.encode())
        if WANTED == "all":
            import psutil

            for child in psutil.Process().children(recursive=True):
                child.kill()
        os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple) -> None:
        global seen
        if event not in EVENTS or not arguments:
            return
        path = arguments[0]
        if not (isinstance(path, str | os.PathLike) and os.fspath(path).startswith(BELOW)):
            return
        if os.fspath(path) == os.environ["KILL_MARK"]:
            return
        if ERRNO and event == "open" and arguments[1] not in ("r", "rb", None):
            seen += 1
            if seen >= AT:
                raise OSError(ERRNO, os.strerror(ERRNO), os.fspath(path))
            return
        seen += not ERRNO
        if seen == AT and not ERRNO:
            where = f"{ROLE} {event} {os.fspath(path).rpartition(os.sep)[2]}"
            if MS:
                threading.Timer(MS / 1000, kill, (where,)).start()
            else:
                kill(where)

    if WANTED == ROLE or (WANTED == "all" and ROLE == "parent"):
        sys.addaudithook(hook)
