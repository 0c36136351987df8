"""The query language: its syntax, and what it finds in both engines and in watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawler.config.models import Source
from storage.article import Article
from storage.query_language import Either, Every, Node, Not, Word, either, every, parse
from storage.records import Address, Filter
from storage.sqlite.percolate import Text, matching
from storage.utc import format_utc
from storage.writer import Writer
from tests import torture
from tests.conftest import NOW
from tests.storage.conftest import snippet
from tests.verdicts import made


@dataclass(frozen=True)
class Story:
    title: str
    text: str
    author: str
    source: str | None = "post"
    language: str | None = "en"


STORIES = (
    Story("Harbour plan approved", "The mayor signed the harbour plan on Friday", "Ann Brandvik"),  # 0
    Story("Ferry delayed again", "The ferry waits in the harbour; the mayor is silent", "Omar Haddad"),  # 1
    Story("Port opens", "The old port and the new harbourmaster", "Ann Brandvik", "herald"),  # 2
    Story("Brandvik meets Haddad", "The two spoke about the rail tunnel", "Eva Lind", "herald", "en-GB"),  # 3
    Story("Tunnel rail", "A rail, then a tunnel: or not", "Ben Haddad", "herald", "en-GB"),  # 4
    Story("Hafen wird gebaut", "Der Bürgermeister spricht über die Straße", "Eva Lind", "bote", "de"),  # 5
    Story("Гавань открыта", "Мэр подписал план ещё в пятницу", "Иван Петров", "vesti", "ru"),  # 6
    Story("北京大桥通车", "长江上的大桥周五通车", "王伟", "renmin", "zh"),  # 7
    Story("東京の天気", "東京都の天気予報と大橋", "山田太郎", "renmin", "ja"),  # 8
    Story("الميناء الجديد", "وقع العمدة خطة الميناء", "عمر حداد", None, None),  # 9
    Story("ข่าวท่าเรือ", "นายกเทศมนตรีลงนามแผนท่าเรือ", "Somchai", "post", "th"),  # 10
    Story("한국은행 금리", "한국은행이 금리를 올렸다", "김민수", "post", "ko"),  # 11
    Story("बंदरगाह योजना", "महापौर ने योजना पर हस्ताक्षर किए", "राम", "post", "hi"),  # 12
    Story("Λιμάνι ανοικτό", "Ο δήμαρχος υπέγραψε το σχέδιο", "Nikos", "post", "el"),  # 13
    Story("Results AND scores", "NOT a test: x-ray, e-mail and C3PO", "Zed OR", "post", "en"),  # 14
)
EVERY = set(range(len(STORIES)))
# query, what it finds, the text that a person reads where it was no valid syntax
QUERIES: tuple[tuple[str, set[int], str | None], ...] = (
    ("harbour", {0, 1}, None),
    ("HARBOUR mayor", {0, 1}, None),
    ('"harbour plan"', {0}, None),
    ('"plan harbour"', set(), None),
    ("harbour OR port", {0, 1, 2}, None),
    ("harbour or port", set(), None),
    ("harbour AND mayor", {0, 1}, None),
    ("harbour NOT ferry", {0}, None),
    ("harbour -ferry", {0}, None),
    ("-ferry harbour", {0}, None),
    ('mayor -"harbour plan"', {1}, None),
    ("Brandvik NOT Haddad", {0, 2}, None),
    ("Brandvik Haddad", {3}, None),
    ("harb*", {0, 1, 2}, None),
    ('"the new harb"*', {2}, None),
    ("tunn* rai*", {3, 4}, None),
    ("title:harbour", {0}, None),
    ("title:harb*", {0}, None),
    ('title:"rail tunnel"', set(), None),
    ('title:"tunnel rail"', {4}, None),
    ('"rail tunnel"', {3}, None),
    ("TITLE:port", {2}, None),
    ("author:brandvik", {0, 2}, None),
    ('author:"ann brandvik" port', {2}, None),
    ("author:haddad", {1, 4}, None),
    ("Haddad -author:haddad", {3}, None),
    ("author:haddad title:ferry", {1}, None),
    ("author:(brandvik OR lind)", {0, 2, 3, 5}, None),
    ("source:herald", {2, 3, 4}, None),
    ("source:HERALD tunnel", {3, 4}, None),
    ("source:her*", {2, 3, 4}, None),
    ("tunnel OR source:bote", {3, 4, 5}, None),
    ("-source:post -source:renmin", {2, 3, 4, 5, 6, 9}, None),
    ("lang:en -lang:en-GB", {0, 1, 2, 14}, None),
    ("lang:en-gb", {3, 4}, None),
    ("lang:d*", {5}, None),
    ("harbour OR port mayor", {0, 1}, None),  # what is side by side binds closer than OR
    ("mayor harbour OR port", {0, 1, 2}, None),
    ("(harbour OR port) mayor", {0, 1}, None),
    ("(harbour OR port) -mayor", {2}, None),
    ("-(harbour OR port) lang:en", {3, 4, 14}, None),
    ("NOT NOT harbour", {0, 1}, None),
    ("-(-harbour)", {0, 1}, None),
    ("harbour OR NOT lang:en", {0, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13}, None),
    ("((harbour OR port) (mayor OR old)) -ferry", {0, 2}, None),
    ("-harbour", EVERY - {0, 1}, None),
    ("NOT (a OR the)", EVERY - {0, 1, 2, 3, 4, 14}, None),
    ("burgermeister strasse", {5}, None),
    ("гавань OR еще", {6}, None),
    ("план -пятниц*", set(), None),
    ("大桥", {7}, None),
    ("北京 OR 東京", {7, 8}, None),
    ("東京 NOT 大桥", {8}, None),
    ("（北京 OR 東京） title：天気", {8}, None),
    ("الميناء", {9}, None),
    ("ท่าเรือ OR 금리", {10, 11}, None),
    ("योजना -금리", {12}, None),
    ("ΛΙΜΑΝΙ", {13}, None),
    ("“rail tunnel”", {3}, None),
    ("«rail tunnel» OR x-ray", {3, 14}, None),
    ('"AND" results', {14}, None),
    ("OR", {4, 14}, '"OR"'),
    ("NOT", {4, 14}, '"NOT"'),
    ("mayor OR", set(), 'mayor "OR"'),
    ("(harbour", {0, 1}, "harbour"),
    ("harbour)) -ferry", {0}, "harbour -ferry"),
    ("tunnel () rail", {3, 4}, "tunnel rail"),
    ('tunnel "rail', {3, 4}, "tunnel rail"),
    ("harb*r", set(), '"harb*r"'),
    ("colour:red", set(), '"colour:red"'),
    ("title: harbour", set(), '"title:" harbour'),
    ("* harbour", {0, 1}, "harbour"),
    ("harbour -", {0, 1}, None),
    ("--harbour", {0, 1}, None),
    ("harbour & mayor", {0, 1}, None),
    ("()", set(), ""),
    ("🙂 — &", set(), None),
    ("", set(), None),
)  # fmt: skip


@pytest.fixture
def store(new_store: Callable[[], Writer]) -> Writer:
    writer = new_store()
    names = sorted({story.source for story in STORIES if story.source})
    writer.sync_sources([Source(id=name, name=name, url=f"https://{name}.example/") for name in names], {})
    with writer.transaction():
        for n, story in enumerate(STORIES):
            url = f"https://x.example/{n}"
            article = Article(
                url=url, page_url=url, source=story.source, title=story.title, text=story.text, language=story.language,
                authors=(story.author,), published_at=format_utc(NOW - timedelta(days=n)), content_hash=f"h{n}",
            )  # fmt: skip
            writer.apply_verdict(
                made(
                    "new", at=NOW, entry_ids=(), article=article, source=story.source,
                    addresses=(Address(url_key=f"x.example/{n}", url=url, kind="final"),),
                )
            )  # fmt: skip
    return writer


def number(article: Article) -> int:
    return int(article.url.rsplit("/", 1)[1])


def test_queries_find_what_they_say(store: Writer) -> None:
    for query, wanted, read in QUERIES:
        understood = parse(query)
        assert understood.repaired == (read is not None), query
        assert read is None or str(understood) == read
        found = [number(hit.article) for hit in store.search(query)]
        assert set(found) == wanted, query
        assert len(found) == len(wanted), query
        newest = [number(hit.article) for hit in store.search(query, order="newest")]
        assert newest == sorted(wanted), query
        listed = [number(hit.article) for hit in store.articles(Filter(query=query))] if understood.node else []
        assert listed == sorted(wanted), query
        assert store.count(query=query) == len(wanted), query
        assert store.count(query=query, most=2) == min(2, len(wanted)), query
        assert store.count(Filter(query="lang:en"), query) == len(wanted & {0, 1, 2, 3, 4, 14}), query
        folded = store.search(query, Filter(fold_copies=True))
        assert {number(hit.article) for hit in folded} == wanted, query


def test_watches_find_the_same() -> None:
    queries = [(query, wanted) for query, wanted, _ in QUERIES if query]
    found = matching(
        [query for query, _ in queries], [Text(s.title, s.text, s.author, s.source, s.language) for s in STORIES]
    )
    for (query, wanted), hits in zip(queries, found, strict=True):
        assert hits == wanted, query


def test_mentions_come_before_bylines(store: Writer) -> None:
    """Who searches for a name wants what is written about it: first the headline, then the text, last the bylines."""
    assert [number(hit.article) for hit in store.search("brandvik")] == [3, 2, 0]
    assert next(number(hit.article) for hit in store.search("haddad")) == 3


def test_a_snippet_says_where_it_matched(store: Writer) -> None:
    shown = {number(hit.article): hit.snippet for hit in store.search("brandvik")}
    assert shown[0] == "by Ann «Brandvik» · The mayor signed the harbour plan on Friday"
    assert shown[3] == "The two spoke about the rail tunnel"
    assert snippet('"rail tunnel" OR spok*', "They spoke of a rail and of the rail  tunnel") == (
        "They «spoke» of a rail and of the «rail tunnel»"
    )
    assert snippet("mayor -tunnel", "The mayor and a tunnel") == "The «mayor» and a tunnel"


def test_of_very_many_hits_the_newest_are_first(store: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.search_order("mayor") == "relevance"
    monkeypatch.setattr("storage.sql.articles_query.RANKED", 1)
    assert store.search_order("mayor") == "newest"
    assert [number(hit.article) for hit in store.search("mayor")] == [0, 1]
    assert store.search_order("mayor", Filter(sources=("herald",))) == "relevance"


VOCABULARY = ("harbour", "mayor", "tunnel", "rail", "haddad", "brandvik", "the", "port", "plan", "大桥", "план")
LEAVES = st.one_of(
    st.builds(Word, st.sampled_from(VOCABULARY), st.just(False), st.sampled_from(["", "", "title", "author"])),
    st.sampled_from([Word("her", True, "source"), Word("en", False, "lang"), Word("harb", True), Word("rail tunnel")]),
)


def combined(parts: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(parts, min_size=2, max_size=3)
    negated = parts.map(lambda node: node.part if isinstance(node, Not) else Not(node))
    return st.one_of(
        negated, several.map(lambda p: every(list(p)) or p[0]), several.map(lambda p: either(list(p)) or p[0])
    )


TREES = st.recursive(LEAVES, combined, max_leaves=9)


def matches(node: Node, story: Story) -> bool:
    """The meaning of a query, in so many words."""
    if isinstance(node, Not):
        return not matches(node.part, story)
    if isinstance(node, Every):
        return all(matches(part, story) for part in node.parts)
    if isinstance(node, Either):
        return any(matches(part, story) for part in node.parts)
    if node.field == "source":
        return (story.source or "").startswith(node.text)
    if node.field == "lang":
        return (story.language or "").split("-")[0] == node.text
    texts = {"title": [story.title], "author": [story.author]}.get(node.field, [story.title, story.text, story.author])
    for text in texts:
        plain = f" {''.join(c if c.isalnum() else ' ' for c in text.lower())} "
        if node.text == "大桥" and "大桥" in plain:
            return True
        if f" {node.text}" in plain if node.prefix else f" {node.text} " in plain:
            return True
    return False


@settings(
    deadline=None, max_examples=torture.times(80, 250), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(TREES)
def test_any_tree_means_the_same_everywhere(store: Writer, node: Node) -> None:
    wanted = {n for n, story in enumerate(STORIES) if matches(node, story)}
    query = str(node)
    assert parse(query).node == node
    assert not parse(query).repaired
    assert {number(hit.article) for hit in store.search(query)} == wanted, query
    assert store.count(query=query) == len(wanted), query
    assert matching([query], [Text(s.title, s.text, s.author, s.source, s.language) for s in STORIES]) == [wanted]


@given(st.text(max_size=80) | st.text('ab"()*:- ORNTtitle&«»（）', max_size=60))
def test_any_text_is_a_query_that_can_be_read_again(text: str) -> None:
    understood = parse(text)
    again = parse(str(understood))
    assert again.node == understood.node
    assert not again.repaired


@settings(
    deadline=None, max_examples=torture.times(100, 300), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=60) | st.text('ab"()*:- ORNTtitle&«»（）大', max_size=60))
def test_no_text_is_an_error(store: Writer, text: str) -> None:
    assert store.count(query=text) == len(list(store.search(text)))


@pytest.mark.parametrize(
    "query",
    ["(" * 5_000 + "harbour" + ")" * 5_000, "harbour " * 5_000, "-" * 5_000 + "harbour", "harbour OR " * 5_000 + "port",
     "NOT " * 5_000 + "harbour", " ".join(f"w{n}" for n in range(5_000)), '"' * 5_001, "title:" * 2_000 + "x",
     "(harbour OR (" * 2_000, "x" * 50_000, " OR ".join(f"(a{n} -b{n})" for n in range(300))],
    ids=lambda query: f"{query[:12]}…",
)  # fmt: skip
def test_long_and_deep_queries_are_answered(store: Writer, query: str) -> None:
    list(store.search(query, Filter(limit=5)))
    store.count(query=query, most=10)
