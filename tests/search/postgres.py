"""A real PostgreSQL server for tests, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    command = shutil.which("initdb") or (str(found[-1]) if found else None)
    if command is None:
        pytest.skip("PostgreSQL is not installed")
    return Path(command).parent


@contextmanager
def server() -> Iterator[str]:
    """Start a server; give the URL of an empty database that needs a password."""
    binaries = _binaries()
    # Not in pytest's folder, which only its owner may enter: the server refuses to run as root.
    with tempfile.TemporaryDirectory() as name:
        folder, data = Path(name), Path(name) / "postgres"
        data.mkdir()
        (folder / "password").write_text("s3cret\n")
        user = {"user": "postgres"} if os.geteuid() == 0 else {}
        if user:
            folder.chmod(0o755)
            shutil.chown(data, "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]

        def run(*command: str) -> None:
            subprocess.run(
                [str(binaries / command[0]), *command[1:]],
                check=True,
                stdout=subprocess.DEVNULL,
                cwd=data,
                **user,  # type: ignore[call-overload]
            )

        run("initdb", "-D", str(data), "-U", "team", "-A", "md5", f"--pwfile={folder}/password")
        options = f"-p {port} -k {data} -c listen_addresses=127.0.0.1 -c fsync=off"
        run("pg_ctl", "-D", str(data), "-w", "-l", str(data / "log"), "-o", options, "start")
        try:
            yield f"postgresql+psycopg://team:s3cret@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
