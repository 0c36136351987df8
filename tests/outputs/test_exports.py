"""Every export format, read back by its own field's reader; and consumers that follow cursors."""

from __future__ import annotations

import csv
import functools
import io
import json
import random
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import feedparser
import jsonschema
import pytest
import yaml

from crawler.config.models import Source
from crawler.errors import CrawlerError, UsageError
from crawler.outputs import exports
from crawler.outputs.cursors import Cursor, read_cursor, write_cursor
from crawler.outputs.exports import export
from crawler.outputs.parquet import TIMESTAMPS
from crawler.outputs.rows import article_row
from storage.article import FIELDS, Article
from storage.maintenance import backup, check, restore
from storage.records import Address, Filter
from storage.store import open_store
from storage.verdicts import Verdict
from storage.writer import Writer, open_writer
from tests.conftest import NOW, ROOT, Desk, source
from tests.site import Answer, Site, story
from tests.verdicts import made

NASTY = (
    "=1+1",
    "'=HYPERLINK(1)",
    "+49 30 1234",
    "-5 degrees",
    "@handle",
    "\tleading tab",
    'quotes " and , commas; and\nlines',
    "bell \x07, escape \x1b[31m, vertical \x0b, delete \x7f, next line \x85",
    "emoji 👩‍👩‍👧‍👦 🏳️‍🌈 and 𝒜",
    "\u05e2\u05d1\u05e8\u05d9\u05ea\u200e and \u202ereversed\u202c \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "line\u2028separator \u2029 and \ufeff mark",
    "<script>alert(1)</script> & ]]> --> {{ x }}",
    "--- \n: yaml? - yes, no, null, 1e3, 0x1F",
    "NULL",
    "123",
    " spaces around ",
)


def article(n: int, title: str, text: str, **more: Any) -> Article:
    values = {
        "url": f"https://a.example/{n}", "source": "a", "title": title, "text": text, "authors": (title, "B; C"), "tags": ("x", title), "summary": title,
        "published_at": "2020-02-11" if n % 3 == 0 else f"2026-11-20T{n % 24:02d}:00:00Z", "content_hash": f"h{n}-{text[:20]}", "language": "en",
        "word_count": len(text.split()), "provenance": {"title": {"source": "json-ld", "raw": title}},
    }  # fmt: skip
    return Article(**{**values, **more})


def verdict(n: int, kept: Article, **more: Any) -> Verdict:
    values = {
        "outcome": "new", "at": NOW + timedelta(minutes=n), "article": kept, "source": kept.source,
        "addresses": (Address(url_key=f"a.example/{n}", url=kept.url, kind="final"),),
    }  # fmt: skip
    return made(**{**values, **more})


def put(store: Writer, found: Verdict) -> int:
    with store.transaction():
        made = store.apply_verdict(found)
    assert made is not None
    return made


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nasty") / "news.db"
    with open_writer(path) as store:
        for n, text in enumerate(NASTY):
            put(store, verdict(n, article(n, text, f"{text}\n\nSecond paragraph of {n}.")))
        put(store, verdict(900, article(900, "A megabyte", "words of length " * 66_000)))
        put(
            store,
            verdict(
                901,
                Article(url="https://a.example/bare"),
                addresses=(Address(url_key="bare", url="https://a.example/bare", kind="final"),),
            ),
        )
    return path


def rows_of(path: Path) -> dict[int, dict[str, Any]]:
    with open_store(path) as store:
        return {hit.article.id: article_row(hit.article) for hit in store.articles()}


def written(path: Path, form: str, target: Path, **how: Any) -> exports.ExportResult:
    with open_store(path) as store:
        return export(store, how.pop("which", Filter()), target, form, now=NOW, **how)


def test_jsonl_reads_back_as_it_is_and_fits_its_schema(nasty: Path, tmp_path: Path) -> None:
    done = written(nasty, "jsonl", tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_bytes().split(b"\n")
    rows = [json.loads(line) for line in lines if line]
    assert {row["id"]: row for row in rows} == rows_of(nasty)
    assert done.articles == len(rows) == len(NASTY) + 2
    schema = json.loads((ROOT / "crawler/outputs/article.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    for row in rows:
        validator.validate(row)
    assert set(schema["$defs"]["article"]["required"]) == set(FIELDS)


def test_csv_reads_back_once_the_apostrophe_before_formulas_is_taken_off(nasty: Path, tmp_path: Path) -> None:
    written(nasty, "csv", tmp_path / "out.csv")
    csv.field_size_limit(10**8)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kept = rows_of(nasty)
    assert len(rows) == len(kept)
    for row in rows:
        assert not any(re.match(r"[=+\-@\t\r]", cell) for cell in row.values())
        plain = {name: re.sub(r"^'('*[=+\-@\t\r])", r"\1", cell) for name, cell in row.items()}
        expected = kept[int(row["id"])]
        for name, value in expected.items():
            text = (
                json.dumps(value, ensure_ascii=False)
                if isinstance(value, list | dict)
                else ""
                if value is None
                else str(value)
            )
            assert plain[name] == text, name


def test_parquet_reads_back_with_pandas_and_duckdb(nasty: Path, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    pandas = pytest.importorskip("pandas")
    target = tmp_path / "out.parquet"
    written(nasty, "parquet", target)
    kept = rows_of(nasty)
    import pyarrow.parquet as pq

    rows = pq.read_table(target).to_pylist()
    for row in rows:
        row["provenance"] = json.loads(row["provenance"])
        for text, time in TIMESTAMPS.items():
            stamp = row.pop(time)
            assert (stamp is None) == (row[text] is None)
            assert stamp is None or stamp.isoformat().startswith(row[text][:10])
    assert {row["id"]: row for row in rows} == kept
    frame = pandas.read_parquet(target)
    assert list(frame.columns) == [*FIELDS, *TIMESTAMPS.values()]
    assert str(frame["published"].dtype).startswith("datetime64")
    assert frame["title"].dropna().tolist() == [kept[i]["title"] for i in frame["id"] if kept[i]["title"] is not None]
    found = duckdb.sql(f"SELECT count(*), max(length(text)) FROM '{target}'").fetchall()[0]
    assert found == (len(kept), max(len(row["text"] or "") for row in kept.values()))


def test_atom_reads_back_with_feedparser(nasty: Path, tmp_path: Path) -> None:
    written(nasty, "atom", tmp_path / "out.xml")
    feed = feedparser.parse((tmp_path / "out.xml").read_bytes(), sanitize_html=False)
    kept = {
        f"urn:uuid:{row['uid'][:8]}-{row['uid'][8:12]}-{row['uid'][12:16]}-{row['uid'][16:20]}-{row['uid'][20:]}": row
        for row in rows_of(nasty).values()
    }
    assert not feed.bozo
    assert {entry.id for entry in feed.entries} == set(kept)
    for entry in feed.entries:
        row = kept[entry.id]
        legal = re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", row["title"] or "(no title)")
        assert entry.title.split() == legal.split()
        assert entry.link == row["url"]
        assert entry.get("published") == (
            row["published_at"] if row["published_at"] and "T" in row["published_at"] else None
        )
        if row["text"]:
            assert "Second paragraph" in entry.content[0].value or row["title"] == "A megabyte"
            assert entry.content[0].value.count("<p>") == len(row["text"].split("\n\n"))
            assert "<script" not in entry.content[0].value


def test_markdown_front_matter_reads_back_as_yaml(nasty: Path, tmp_path: Path) -> None:
    done = written(nasty, "markdown", tmp_path / "vault")
    kept = rows_of(nasty)
    files = {int(file.stem): file.read_text(encoding="utf-8") for file in (tmp_path / "vault").iterdir()}
    assert set(files) == set(kept)
    for number, text in files.items():
        head, body = text.removeprefix("---\n").split("\n---\n", 1)
        said = {
            name: value
            for name, value in kept[number].items()
            if value not in (None, []) and name not in {"text", "provenance"}
        }
        assert yaml.safe_load(head) == said
        assert ("Second paragraph" in body) == ("Second paragraph" in (kept[number]["text"] or ""))
    assert re.fullmatch(r"[0-9a-f]{64}", done.sha256)


def test_fields_share_a_corpus_without_its_texts(nasty: Path, tmp_path: Path) -> None:
    chosen = ("id", "url", "published_at", "content_hash")
    for form in ("jsonl", "csv", "parquet"):
        written(nasty, form, tmp_path / form, fields=chosen)
    assert json.loads((tmp_path / "jsonl").read_text().splitlines()[0]).keys() == set(chosen)
    assert (tmp_path / "csv").read_text().splitlines()[0] == ",".join(chosen)
    with pytest.raises(UsageError, match="no field is called 'color'"):
        written(nasty, "jsonl", tmp_path / "x", fields=("color",))
    assert not (tmp_path / "x").exists()


class Consumer:
    """Somebody who follows a cursor, and believes nothing else."""

    def __init__(self, folder: Path, which: Filter) -> None:
        self.cursor, self.out, self.which = folder / f"{abs(hash(which))}.cursor", folder / "out.jsonl", which
        self.held: dict[str, dict[str, Any]] = {}
        self.refused = 0

    def follow(self, path: Path) -> None:
        with open_store(path) as store:
            try:
                done = export(
                    store, self.which, self.out, "jsonl", since=lambda here: read_cursor(self.cursor, here), now=NOW
                )
            except CrawlerError:
                self.refused += 1
                self.cursor.unlink()
                self.held.clear()
                done = export(
                    store, self.which, self.out, "jsonl", since=lambda here: read_cursor(self.cursor, here), now=NOW
                )
        for line in self.out.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            told = {name: row.pop(name) for name in ("op", "seq", "merged_into")}
            if "title" in row:
                self.held[row["uid"]] = row
            else:
                assert told["op"] in {"merged", "pruned", "left"}
                self.held.pop(row["uid"], None)
        if random.random() < 0.9:  # else it was killed before it wrote down how far it was, and does all of it again
            write_cursor(self.cursor, done.cursor)


def now_in(path: Path, which: Filter) -> dict[str, dict[str, Any]]:
    with open_store(path) as store:
        return {hit.article.uid: article_row(hit.article) for hit in store.articles(which)}


def _without(names: tuple[str, ...], rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {uid: {k: v for k, v in row.items() if k not in names} for uid, row in rows.items()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_consumer_that_follows_cursors_ends_with_exactly_what_is_kept(tmp_path: Path, seed: int) -> None:
    random.seed(seed)
    path, kept_back = tmp_path / "news.db", tmp_path / "back.db"
    consumers = [
        Consumer(tmp_path, Filter()),
        Consumer(tmp_path, Filter(sources=("a",))),
        Consumer(tmp_path, Filter(query="harbour")),
    ]
    store = open_writer(path)
    count = 0
    for step in range(200):
        ids = [row[0] for row in store.db.conn.execute("SELECT id FROM articles ORDER BY id")]
        now = NOW + timedelta(minutes=step)
        what = random.choice(
            [
                "new",
                "new",
                "new",
                "edit",
                "edit",
                "copy",
                "merge",
                "prune",
                "vanish",
                "same",
                "rename",
                "reread",
                "follow",
                "follow",
            ]
        )
        if what == "new" or len(ids) < 4:
            count += 1
            put(
                store,
                verdict(
                    count,
                    article(
                        count,
                        f"Title {count}",
                        random.choice(["harbour", "bridge"]) + f" {count}",
                        source=random.choice("ab"),
                        url=f"https://a.example/{step}-{count}",
                    ),
                    at=now,
                ),
            )
        elif what == "copy":
            count += 1
            original = random.choice(ids)
            held = store.article(original)
            assert held
            put(
                store,
                verdict(
                    count,
                    article(
                        count,
                        f"Copy {count}",
                        "harbour copy",
                        source="c",
                        url=f"https://c.example/{step}",
                        story_id=held.story_id,
                        duplicate_of=original,
                    ),
                    at=now,
                ),
            )
        elif what == "edit":
            one = random.choice(ids)
            held = store.article(one)
            assert held
            put(
                store,
                verdict(
                    0,
                    article(
                        one,
                        f"Edited {step}",
                        random.choice(["harbour", "tunnel"]) + f" {step}",
                        url=held.url,
                        source=held.source,
                    ),
                    outcome="revised",
                    article_id=one,
                    addresses=(),
                    at=now,
                ),
            )
        elif what == "merge":
            stays, leaves = sorted(random.sample(ids, 2))
            held = store.article(leaves)
            assert held
            if held.revision == 1:
                put(
                    store,
                    verdict(
                        0,
                        article(0, "x", "y"),
                        outcome="same",
                        article=None,
                        article_id=stays,
                        absorbs=leaves,
                        addresses=(),
                        source="a",
                        at=now,
                    ),
                )
        elif what == "prune":
            store.prune_articles(store.article(ids[random.randrange(3)]).first_seen_at, (), now)  # type: ignore[union-attr, arg-type]
        elif what == "vanish":
            put(store, made("gone", at=now, article_id=random.choice(ids), reason="HTTP 410", vanished=True))
        elif what == "same":
            put(store, made("same", at=now, article_id=random.choice(ids)))
        elif what == "rename":
            old, new = random.sample("ab", 2)
            store.rename_source(old, new, now)
        elif what == "reread":
            store.set_extractor(random.choice(ids), f"extractor {step}", now)
        else:
            random.choice(consumers).follow(path)
        if step == 60:
            store.close()
            backup(path, kept_back)
            store = open_writer(path)
        if step == 140:
            store.close()
            restore(kept_back, path, now)
            store = open_writer(path)
    store.close()
    bookkeeping = ("last_same_at",)
    for consumer in consumers:
        consumer.follow(path)
        kept = now_in(path, consumer.which)
        assert _without(bookkeeping, consumer.held) == _without(bookkeeping, kept)
        assert consumer.refused <= 1
    assert check(path) == []


def test_a_cursor_says_why_it_is_refused_and_what_to_do(nasty: Path, tmp_path: Path) -> None:
    cursor = tmp_path / "c.json"
    with open_store(nasty) as store:
        done = export(store, Filter(), tmp_path / "a", "jsonl", since=lambda here: read_cursor(cursor, here), now=NOW)
    write_cursor(cursor, done.cursor)
    said = json.loads(cursor.read_text())
    for change, words in (
        ({"generation": "9"}, "backup was restored"),
        ({"seq": 10_000}, "was replaced by an older copy"),
        ({"database_id": "other"}, "another database"),
        ({"query": {"sources": ["b"]}}, "another query"),
    ):
        cursor.write_text(json.dumps({**said, **change}))
        with pytest.raises(CrawlerError, match=words):
            read_cursor(cursor, done.cursor)
    cursor.write_text("[1]")
    with pytest.raises(CrawlerError, match="not a cursor"):
        read_cursor(cursor, done.cursor)
    for which in (Filter(limit=3), Filter(fold_copies=True)):
        with pytest.raises(UsageError, match="exclude one another"):
            written(nasty, "jsonl", tmp_path / "b", which=which, since=lambda here: 1)
    with pytest.raises(UsageError, match="needs id or uid"):
        written(nasty, "jsonl", tmp_path / "b", fields=("title",), since=lambda here: 1)


def test_what_a_disk_cannot_take_leaves_no_half_and_no_cursor(nasty: Path, tmp_path: Path, desk: Desk) -> None:
    (tmp_path / "folder").mkdir()
    for form, target in (("jsonl", "no/such/file"), ("csv", "folder"), ("markdown", "folder/plain.md/x")):
        (tmp_path / "folder/plain.md").write_text("")
        done = desk.run("--db", str(nasty), "export", "--format", form, target, "--since-cursor", "c.json")
        assert done.code == 1, done.err
        assert len(done.err.splitlines()) == 1
        assert not (tmp_path / "c.json").exists()


def test_the_command_follows_a_cursor_and_writes_a_manifest(nasty: Path, desk: Desk) -> None:
    command = (
        "--db",
        str(nasty),
        "export",
        "--format",
        "jsonl",
        "out.jsonl",
        "--since-cursor",
        "c.json",
        "--manifest",
        "m.json",
    )
    assert "18 articles in out.jsonl; seq 18 is the newest" in desk.run(*command).err
    said = json.loads((desk.folder / "m.json").read_text())
    import hashlib

    assert said["sha256"] == hashlib.sha256((desk.folder / "out.jsonl").read_bytes()).hexdigest()
    assert said["sources"] == {"": 1, "a": 17}
    assert (said["articles"], said["seq"], said["since_seq"], said["query"]) == (18, 18, 0, {})
    assert {"newsdesk", "trafilatura", "sqlite"} <= said["versions"].keys()
    assert re.fullmatch("[0-9a-f]{64}", said["configuration_sha256"])
    assert "0 articles in out.jsonl" in desk.run(*command).err
    out = desk.run("--db", str(nasty), "export", "--format", "atom", "-", "--query", "emoji")
    assert len(feedparser.parse(io.BytesIO(out.out.encode())).entries) == 1
    assert "newsdesk: query emoji" in out.out
    folder = desk.run("--db", str(nasty), "export", "--format", "markdown", "-")
    assert (folder.code, "name one" in folder.err) == (2, True)


def test_pruned_articles_are_not_fetched_anew(desk: Desk, site: Site) -> None:
    site.news(3)
    desk.configure(source(site))
    assert desk.run("crawl").code == 0
    kept = desk.rows("SELECT id FROM articles")
    done = desk.run("db", "prune", "--articles-before", "2100-01-01")
    assert f"{len(kept)} articles" in done.out
    before = len([r for r in site.requests if "/2026/" in r.path])
    assert desk.run("crawl").code == 0
    assert desk.rows("SELECT id FROM articles") == []
    assert len([r for r in site.requests if "/2026/" in r.path]) == before
    assert {row["op"] for row in desk.rows("SELECT op FROM changes")} == {"new", "pruned"}
    assert desk.run("db", "prune", "--source", "post").code == 2
    assert desk.run("db", "check").code == 0


def test_two_held_articles_that_turn_out_to_be_one_become_the_older_one(desk: Desk, site: Site) -> None:
    first, second = (f"/2026/11/20/{name}" for name in ("the-first-slug", "the-second-slug"))
    site.page(first, "A headline of the morning", story(1))
    site.page(second, "Another headline in the evening", story(1))
    desk.configure(source(site, feeds=()))
    for path in (first, second):  # one after the other: which is the older one is told by it
        assert desk.run("fetch", site.base + path).code == 0
    assert [row["op"] for row in desk.rows("SELECT op FROM changes")] == ["new", "new"]
    site.answers[first] = Answer(status=301, headers={"Location": second})
    assert desk.run("fetch", site.base + first).code == 0
    kept = desk.rows("SELECT id, url, title, revision FROM articles")
    assert [(row["id"], row["revision"]) for row in kept] == [(1, 2)]
    assert kept[0]["url"].endswith("the-second-slug")
    assert {row["article_id"] for row in desk.rows("SELECT article_id FROM article_urls")} == {1}
    told = desk.rows("SELECT article_id, op, merged_into, uid IS NOT NULL AS named FROM changes WHERE op = 'merged'")
    assert told == [{"article_id": 2, "op": "merged", "merged_into": 1, "named": 1}]
    assert desk.run("db", "check").code == 0


def _always(seq: int, _: Cursor) -> int:
    return seq


def test_a_source_that_gets_a_tag_comes_into_the_selections_that_ask_for_it(tmp_path: Path) -> None:
    with open_writer(tmp_path / "news.db") as store:
        put(store, verdict(1, article(1, "Kept", "The harbour.")))
        store.sync_sources([Source(id="a", name="A")], {}, NOW)
        which, seq = Filter(tags=("harbour",)), store.last_seq()
        for tags, told in ((("harbour",), ["regrouped"]), ((), ["left"])):
            store.sync_sources([Source(id="a", name="A", tags=tags)], {}, NOW)
            path = tmp_path / "out.jsonl"
            done = export(store, which, path, "jsonl", since=functools.partial(_always, seq), now=NOW)
            assert [json.loads(line)["op"] for line in path.read_text().splitlines()] == told
            seq = done.cursor.seq
