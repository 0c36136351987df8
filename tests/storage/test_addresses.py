"""Addresses of databases, parameter marks, values, and parts of hosts: pure functions."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.address import ServerAddress, parse_address, password_of, redacted
from storage.errors import StorageError
from storage.parts import PARTS, part_of
from storage.postgres.conninfo import parameters
from storage.postgres.marks import translate_marks
from storage.postgres.values import clean_value
from storage.writer import open_writer
from tests.postgres import cluster

SECRET = "s3cr:et@/?#%"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://news:s3cr%3Aet@db.example/news",
        "postgres://news:s3cr@[::1]:5433/news?sslmode=require",
        "postgresql://db.example/news?user=news&password=s3cr",
        "postgresql://news:s3cr@a.example,b.example:5433/news?target_session_attrs=read-write",
        "postgresql:///news?host=/run/postgresql&sslpassword=s3cr",
    ],
)
def test_a_password_is_shown_nowhere(url: str) -> None:
    address = parse_address(url)
    assert isinstance(address, ServerAddress)
    for text in (str(address), repr(address), redacted(url), f"{address}", str([address])):
        assert "s3cr" not in text
        assert "news" in text
    assert "s3cr" in (password_of(url) or "")
    assert password_of(redacted(url)) in {"***", None}


def test_a_path_is_a_path() -> None:
    assert parse_address("news.db") == Path("news.db")
    assert parse_address(Path("postgresql.db")) == Path("postgresql.db")
    assert password_of("postgresql://news@db.example/news") is None
    assert redacted("news.db") == "news.db"


@pytest.mark.parametrize(
    ("url", "verified"),
    [
        ("postgresql://news@db.example/news", True),
        ("postgresql://news@10.0.0.5/news", True),
        ("postgresql://news@127.0.0.1,db.example/news", True),
        ("postgresql://news@db.example/news?sslmode=disable", False),
        ("postgresql://news@127.0.0.1/news", False),
        ("postgresql://news@[::1]/news", False),
        ("postgresql://news@localhost/news", False),
        ("postgresql:///news", False),
        ("postgresql:///news?host=/run/postgresql", False),
    ],
)
def test_tls_is_verified_beyond_this_machine(url: str, verified: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGSSLMODE", "PGSSLROOTCERT"):
        monkeypatch.delenv(name, raising=False)
    found = parameters(ServerAddress(url))
    assert (found.get("sslmode") == "verify-full") is verified
    monkeypatch.setenv("PGSSLMODE", "require")
    assert parameters(ServerAddress(url)).get("sslmode") != "verify-full"


def test_an_address_that_libpq_cannot_read_is_explained() -> None:
    for url in (
        "postgresql://news:s3cret@host:port:port/x?foo=1",
        "postgresql://news:s3cret%off@db.example/x",
        "postgresql://news:s3cret@[::1]x/db",
    ):
        with pytest.raises(StorageError, match=r"postgresql://USER@HOST") as caught:
            parameters(ServerAddress(url))
        assert "s3cret" not in str(caught.value)


@given(st.text(st.characters(exclude_characters="@", exclude_categories=["Cs", "Cc", "Z"]), min_size=4))
def test_no_part_of_any_password_is_shown(password: str) -> None:
    url = f"postgresql://news:{password}@db.example/x?sslmode=require"
    assert redacted(url) == "postgresql://news:***@db.example/x?sslmode=require"
    assert str(ServerAddress(url)) == redacted(url)
    assert ServerAddress(url).name == "x"


@pytest.mark.parametrize(
    ("sql", "translated"),
    [
        ("SELECT ?, ?", "SELECT %s, %s"),
        ("SELECT :a, :b_2 WHERE x = :a", "SELECT %(a)s, %(b_2)s WHERE x = %(a)s"),
        ("SELECT '?', ':a', 'it''s :b?', x::text, \"c:d\", ?", "SELECT '?', ':a', 'it''s :b?', x::text, \"c:d\", %s"),
        ("SELECT 'a%' LIKE ?", "SELECT 'a%%' LIKE %s"),
        ("SELECT a % b, ?", "SELECT a %% b, %s"),
    ],
)
def test_only_parameter_marks_are_translated(sql: str, translated: str) -> None:
    assert translate_marks(sql) == translated


@given(st.text())
def test_any_text_can_be_stored_and_most_come_back(text: str) -> None:
    cleaned = clean_value(text)
    cleaned.encode()
    assert "\0" not in cleaned
    assert clean_value(cleaned) == cleaned
    if "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text) and "\\u" not in text:
        assert cleaned == text


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ('["a\\u0000b"]', '["a\\ufffdb"]'),
        ('["\\ud83d\\ude00"]', '["\\ud83d\\ude00"]'),
        ('{"x": ["\\ud800"]}', '{"x": ["\\ufffd"]}'),
        ("C:\\u0000", "C:\\u0000"),
        (b"\0", b"\0"),
        (None, None),
    ],
)
def test_characters_that_postgresql_refuses(value: object, cleaned: object) -> None:
    assert clean_value(value) == cleaned


@pytest.mark.parametrize(
    ("host", "other", "same"),
    [
        ("www.example.org", "example.org", True),
        ("amp.bbc.co.uk", "www.bbc.co.uk", True),
        ("bbc.co.uk", "guardian.co.uk", False),
        ("news.com.au", "abc.net.au", False),
        ("127.0.1.1", "127.0.2.1", False),
        ("localhost", "localhost", True),
    ],
)
def test_hosts_of_one_site_belong_to_one_part(host: str, other: str, same: bool) -> None:
    assert (part_of(host) == part_of(other)) is same


def test_the_server_computes_the_same_parts() -> None:
    hosts = [
        "a.example", "www.bbc.co.uk", "127.0.0.1", "::1", "localhost", "xn--80ak6aa92e.com", "x.y.z.gov.uk", "co.uk", "",
        *(f"h{n}.example{n % 7}.org" for n in range(300)), *(f"127.0.{n}.{n}" for n in range(200)),
    ]  # fmt: skip
    with open_writer(cluster().new_database()) as writer:
        rows = [writer.db.conn.execute("SELECT part(?)", (host,)).fetchone()[0] for host in hosts]
    assert rows == [part_of(host) for host in hosts]
    assert len({part_of(f"site{n}.example") for n in range(5000)}) <= PARTS
    assert len({part_of(f"site{n}.org") for n in range(5000)}) == PARTS
