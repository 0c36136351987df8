"""What a server, a network or a person did is one line with the exit code of the contract; nothing is lost."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import databases
from storage.address import parse_address
from storage.article import Article
from storage.errors import (
    DiskError,
    MissingDatabase,
    NewerDatabase,
    NotNewsdeskDatabase,
    OlderDatabase,
    QueryTimeout,
    ServerUnavailable,
    StorageError,
)
from storage.postgres import client
from storage.postgres.migrations import SCHEMA
from storage.records import Filter
from storage.store import open_store
from storage.writer import open_writer
from tests.conftest import Desk
from tests.postgres import Cluster, cluster, free_port
from tests.running import together
from tests.storage.test_store import verdict


@pytest.fixture
def url() -> str:
    return cluster().new_database()


def apply(url: str, n: int) -> None:
    with open_writer(url) as writer, writer.transaction():
        writer.apply_verdict(verdict(n))


def test_nothing_is_there_yet(url: str) -> None:
    with pytest.raises(MissingDatabase, match="nothing is stored there yet"):
        open_store(url)
    assert not databases.exists(parse_address(url))
    assert cluster().sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'newsdesk'", url.rpartition("/")[2]) == "0"


def test_a_wrong_password(url: str, desk: Desk) -> None:
    wrong = url.replace("secret", "wr0ng")
    with pytest.raises(StorageError, match="password authentication failed") as caught:
        open_store(wrong)
    assert "wr0ng" not in str(caught.value)
    desk.env["NEWSDESK_DB"] = wrong
    desk.configure()
    for command in (["list"], ["status"], ["crawl"], ["run"], ["doctor"]):
        done = desk.run(*command)
        assert done.code in {1, 3}, (command, done.err)
        assert "wr0ng" not in done.out + done.err
        assert "PGPASSWORD" in done.out + done.err


def test_no_password(url: str) -> None:
    with pytest.raises(StorageError, match="pgpass"):
        open_store(url.replace(":secret", ""))


def test_no_such_database() -> None:
    with pytest.raises(MissingDatabase, match="createdb"):
        open_store(cluster().url("nowhere"))


def test_no_server(desk: Desk) -> None:
    address = f"postgresql://news@127.0.0.1:{free_port()}/news"
    with pytest.raises(ServerUnavailable, match="cannot be reached"):
        open_store(address)
    desk.env["NEWSDESK_DB"] = address
    desk.configure()
    done = desk.run("crawl")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "cannot be reached" in done.err


def test_a_database_of_another_program(url: str) -> None:
    name = url.rpartition("/")[2]
    cluster().sql("CREATE TABLE customers (id int)", name)
    apply(url, 1)  # another program's tables do not matter beside our schema
    other = cluster().new_database()
    cluster().sql("CREATE SCHEMA newsdesk", other.rpartition("/")[2])
    for open_it in (open_store, open_writer):
        with pytest.raises(NotNewsdeskDatabase, match="leaves it alone"):
            open_it(other)


def test_a_newer_and_an_older_schema(url: str) -> None:
    apply(url, 1)
    cluster().sql("UPDATE newsdesk.meta SET value = '99' WHERE key = 'schema'", url.rpartition("/")[2])
    for open_it in (open_store, open_writer):
        with pytest.raises(NewerDatabase, match="schema 99"):
            open_it(url)
    cluster().sql("UPDATE newsdesk.meta SET value = '1' WHERE key = 'schema'", url.rpartition("/")[2])
    cluster().sql("DROP TABLE newsdesk.pushes", url.rpartition("/")[2])
    cluster().sql("DROP TABLE newsdesk.posts", url.rpartition("/")[2])
    cluster().sql("DROP TABLE newsdesk.archives", url.rpartition("/")[2])
    cluster().sql("ALTER TABLE newsdesk.revisions DROP COLUMN imported", url.rpartition("/")[2])
    with pytest.raises(OlderDatabase, match="db migrate"):
        open_store(url)
    assert together(*[lambda: open_writer(url).close()] * 4) == []  # one migration at a time
    with open_store(url) as store:
        assert store.meta("schema") == str(SCHEMA)
        assert store.count() == 1


def test_a_server_that_stops_in_the_middle_rolls_back_and_comes_back(url: str) -> None:
    with open_writer(url) as writer:
        with writer.transaction():
            writer.apply_verdict(verdict(1))

        def interrupted() -> None:
            with writer.transaction():
                writer.apply_verdict(verdict(2))
                cluster().stop()
                try:
                    writer.apply_verdict(verdict(3))
                finally:
                    cluster().start()

        with pytest.raises(ServerUnavailable):
            interrupted()
        with writer.transaction():
            writer.apply_verdict(verdict(4))
        assert sorted(hit.article.url for hit in writer.articles()) == ["https://a.org/1", "https://a.org/4"]
        assert writer.last_seq() == 2  # without gaps, though two were rolled back


@pytest.fixture
def replica() -> Iterator[tuple[Cluster, Cluster]]:
    primary = Cluster(durable=True)
    copy = Cluster(source=primary)
    yield primary, copy
    copy.remove()
    primary.remove()


def test_a_read_only_replica_is_read_and_not_written(replica: tuple[Cluster, Cluster], desk: Desk) -> None:
    primary, copy = replica
    url = primary.new_database()
    apply(url, 1)
    name = url.rpartition("/")[2]
    deadline = time.monotonic() + 20
    while copy.sql("SELECT count(*) FROM newsdesk.articles", name, check=False) != "1":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with open_store(copy.url(name)) as store:
        assert store.count() == 1
        assert [hit.article.id for hit in store.search("number", Filter(limit=3))] == [1]
    with open_writer(copy.url(name)) as writer, pytest.raises(DiskError, match="replica"), writer.transaction():
        writer.set_meta("x", "1")
    desk.env["NEWSDESK_DB"] = copy.url(name)
    desk.configure()
    assert desk.run("crawl").code == 1
    both = f"postgresql://news:secret@127.0.0.1:{copy.port},127.0.0.1:{primary.port}/{name}"
    apply(both, 2)  # a writer looks for the primary
    with open_store(url) as store:
        assert store.count() == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_of_the_server() -> None:
    server = Cluster(durable=True)
    place = Path(f"/tmp/newsdesk-small-{os.getpid()}")  # noqa: S108 - where the user postgres may go
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], check=False).returncode:
        place.rmdir()
        server.remove()
        pytest.skip("no disk can be mounted here")
    try:
        user = pwd.getpwnam("postgres")
        space = place / "space"
        space.mkdir()
        os.chown(space, user.pw_uid, user.pw_gid)
        server.sql(f"CREATE TABLESPACE small LOCATION '{space}'")
        server.sql("CREATE DATABASE full_one TEMPLATE template0 TABLESPACE small")
        url = server.url("full_one")
        stored = [0]

        def fill() -> None:
            for n in range(2000):
                with writer.transaction():
                    writer.apply_verdict(verdict(n, article=_long(n)))
                stored[0] += 1

        with open_writer(url) as writer:
            with pytest.raises(DiskError, match="disk is full"):
                fill()
            assert writer.count() == stored[0] > 5  # nothing acknowledged is lost
    finally:
        server.remove()
        subprocess.run(["umount", "-l", str(place)], check=False)
        shutil.rmtree(place, ignore_errors=True)


def _long(n: int) -> Article:
    text = " ".join(f"word{n}x{i}" for i in range(3000))
    return Article(url=f"https://a.org/{n}", source="a", title=f"T{n}", text=text, content_hash=f"h{n}")


def test_a_query_that_takes_too_long(url: str) -> None:
    apply(url, 1)
    with open_store(url) as store:
        with pytest.raises(QueryTimeout), store.time_limit(0.3), store.db.translate_errors():
            store.db.conn.execute("SELECT pg_sleep(5)")
        assert store.count() == 1


def test_a_process_that_sleeps_in_a_transaction_does_not_stop_the_others(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = client._WRITER_SETTINGS.replace(f"'{client.IDLE_SECONDS}s'", "'1s'")
    monkeypatch.setattr(client, "_WRITER_SETTINGS", short)
    with open_writer(url) as sleeper, open_writer(url) as other:

        def sleep() -> None:
            with sleeper.transaction():
                sleeper.apply_verdict(verdict(1))
                other.set_meta("x", "1")  # waits for the lock until the server ends the sleeper's transaction
                sleeper.apply_verdict(verdict(2))

        with pytest.raises(ServerUnavailable):
            sleep()
        assert other.count() == 0
