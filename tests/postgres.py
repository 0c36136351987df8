"""A throw-away PostgreSQL cluster on 127.0.0.1, for tests; where there is no server to start, they skip and say why."""

from __future__ import annotations

import atexit
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest

_COUNT = itertools.count(1)
# As fast as it gets: what a crash of the machine would lose does not matter to a test. A crash of the server does.
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
full_page_writes = off
max_connections = 60
shared_buffers = 32MB
log_min_messages = warning
log_line_prefix = '%m '
deadlock_timeout = 200ms
"""


def _programs() -> Path | None:
    """The folder of initdb and postgres: where Debian puts them, else on PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=lambda p: int(p.parent.name))
    found = shutil.which("initdb")
    return folders[-1] if folders else Path(found).parent if found else None


def _as_user() -> list[str]:
    """PostgreSQL refuses to run as root: as the user postgres then."""
    if os.geteuid():
        return []
    user = pwd.getpwnam("postgres")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """One server, with the superuser `news`, whose password is `secret`, over TCP on loopback."""

    def __init__(self, *, durable: bool = False, source: Cluster | None = None) -> None:
        """A new cluster; with `source`, a replica that streams from it."""
        programs = _programs()
        assert programs is not None
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="newsdesk-pg-", dir="/tmp"))
        self.data = self.folder / "data"
        self.port = free_port()
        if not os.geteuid():
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._process: subprocess.Popen[bytes] | None = None
        if source is None:
            secret = self.folder / "secret"
            secret.write_text("secret\n")
            secret.chmod(0o644)
            self._run(
                "initdb", "-D", str(self.data), "-U", "news", "-A", "scram-sha-256", f"--pwfile={secret}",
                "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions",
            )  # fmt: skip
            self._append("postgresql.conf", _SETTINGS.replace("fsync = off", f"fsync = {'on' if durable else 'off'}"))
            self._append("pg_hba.conf", "host replication news 127.0.0.1/32 scram-sha-256\n")
        else:
            self._run(
                "pg_basebackup", "-d", f"postgresql://news:secret@127.0.0.1:{source.port}", "-D", str(self.data),
                "-R", "-X", "stream", "-c", "fast",
            )  # fmt: skip
        self._append("postgresql.conf", f"port = {self.port}\n")
        self.start()
        atexit.register(self.remove)

    def _append(self, name: str, text: str) -> None:
        with (self.data / name).open("a") as file:
            file.write(text)

    def configure(self, text: str) -> None:
        """Add settings, and reload them."""
        self._append("postgresql.conf", text)
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*_as_user(), str(self.programs / program), *arguments],
            capture_output=True, text=True, check=False, cwd=self.folder,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout

    def start(self, *, wait: bool = True) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_as_user(), str(self.programs / "postgres"), "-D", str(self.data)],
                stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + 60
        while wait and not self.answers():
            assert time.monotonic() < until, (self.folder / "log").read_text()
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        """The process id of the server."""
        assert self._process is not None
        return self._process.pid

    def answers(self) -> bool:
        return self.sql("SELECT 1", check=False) == "1"

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGQUIT is an immediate stop, as in a crash; SIGINT closes connections and writes a checkpoint."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def promote(self) -> None:
        self._run("pg_ctl", "promote", "-D", str(self.data), "-w")

    def sql(self, sql: str, database: str = "postgres", *, check: bool = True) -> str:
        """Run one statement; the first value of its result as text."""
        import psycopg

        try:
            with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
                cursor = connection.execute(sql)
                row = cursor.fetchone() if cursor.description else None
        except psycopg.Error:
            if check:
                raise
            return ""
        return "" if row is None else str(row[0])

    def url(self, database: str, *, user: str = "news:secret") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of an empty database."""
        name = f"t{next(_COUNT)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def why_not() -> str | None:
    """Why no server can be started here; None if one can."""
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        return f"psycopg is not installed: {error}"
    if _programs() is None:
        return "there is no PostgreSQL server here; `apt-get install postgresql` brings one"
    if not os.geteuid():
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "PostgreSQL does not run as root, and there is no user postgres"
    return None


@cache
def cluster() -> Cluster:
    """The cluster of this process; the test skips where none can be started."""
    if reason := why_not():
        pytest.skip(reason)
    return Cluster()


def stored(database: str) -> int:
    """The number of articles; 0 while the schema is being created, or the server is being restarted."""
    from storage.errors import StorageError
    from storage.store import open_store

    try:
        with open_store(database) as store:
            return store.count()
    except StorageError:
        return 0


class Pooler:
    """pgbouncer in transaction mode before a cluster."""

    def __init__(self, before: Cluster) -> None:
        self.port = free_port()
        folder = before.folder / "pooler"
        folder.mkdir()
        (folder / "users").write_text('"news" "secret"\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={before.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {folder}/users\n"
            "pool_mode = transaction\ndefault_pool_size = 4\nserver_idle_timeout = 1\nmax_client_conn = 200\n"
            "ignore_startup_parameters = extra_float_digits\n"
        )
        if not os.geteuid():
            user = pwd.getpwnam("postgres")
            for path in (folder, *folder.iterdir()):
                os.chown(path, user.pw_uid, user.pw_gid)
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*_as_user(), "pgbouncer", "-q", str(folder / "pgbouncer.ini")],
                stdout=log, stderr=log, start_new_session=True, cwd=folder,
            )  # fmt: skip
        atexit.register(self._process.kill)
        until = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.05)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@cache
def pooler() -> Pooler:
    """The pooler before the cluster of this process; the test skips where there is none."""
    if shutil.which("pgbouncer") is None:
        pytest.skip("pgbouncer is not installed; `apt-get install pgbouncer` brings it")
    return Pooler(cluster())
