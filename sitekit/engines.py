"""The engines of a site: SQLite with the filesystem broker, or PostgreSQL with Redis, started for this site only."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import SkipTest

ENGINES = ("embedded", "production")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def program(name: str) -> str:
    """The path of a server's program, "" if it is not installed. Debian's programs of PostgreSQL are not in PATH."""
    found = (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True))
    return shutil.which(name) or next(found, "")


def need(on: str) -> None:
    """Raises: SkipTest if a program of the engine is not installed. pytest then skips the test."""
    missing = [name for name in ("initdb", "postgres", "redis-server") if on == "production" and not program(name)]
    if missing:
        raise SkipTest(f"{', '.join(missing)} not installed: apt-get install postgresql redis-server")


@contextmanager
def _running(command: list[str], port: int, **options: Any) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def postgresql() -> Iterator[str]:
    """A database cluster of its own. Yields its DATABASE_URL."""
    initdb, postgres, port = program("initdb"), program("postgres"), free_port()
    # PostgreSQL refuses to run as root.
    options: dict[str, Any] = {"user": "nobody", "cwd": "/"} if os.geteuid() == 0 else {}
    with TemporaryDirectory(prefix="postgresql-") as data:
        if options:
            shutil.chown(data, "nobody")
        made = [initdb, "-D", data, "-U", "qmc", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, **options)
        settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": 200}
        command = [postgres, "-D", data, *(argument for name, value in settings.items() for argument in ("-c", f"{name}={value}"))]
        with _running(command, port, **options):
            yield f"postgres://qmc@127.0.0.1:{port}/postgres"


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Start a Redis server. Yields its CELERY_BROKER_URL."""
    port = free_port()
    with _running([program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)], port):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def engine(name: str, folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a site on the engine `name`."""
    need(name)
    with ExitStack() as stack:
        if name == "embedded":
            yield {}
        else:
            folder.mkdir(exist_ok=True)
            yield {
                "DATABASE_URL": stack.enter_context(postgresql()),
                "CELERY_BROKER_URL": stack.enter_context(redis(folder)),
            }
