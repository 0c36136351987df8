"""Golden pairs: a page of our own writing and what is kept of it; and the pages of the given data, where they are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawler.config.loader import shipped_sources
from crawler.extraction.extractor import extract
from crawler.extraction.titles import without_site
from storage.utc import parse_utc
from tests.charsets import LABELS, TEXT
from tests.conftest import NOW
from tests.site import article_html, story

GOLDEN = Path(__file__).parent.parent / "golden"
URL = "https://www.example.org/2026/11/20/a-story-about-the-harbour"


@pytest.mark.parametrize("page", sorted(GOLDEN.glob("*.html")), ids=lambda p: p.stem)
def test_golden_pair(page: Path, request: pytest.FixtureRequest) -> None:
    """`pytest tests/extraction --update` writes what is extracted now."""
    file = page.with_suffix(".json")
    expected = json.loads(file.read_text(encoding="utf-8"))
    found = extract(page.read_bytes(), expected["url"], now=NOW)
    assert found is not None
    values = {name: getattr(found, name) for name in expected if name != "url"}
    now = {
        name: list(value) if isinstance(value, tuple) else value.split("\n\n") if name == "text" else value
        for name, value in values.items()
    }
    if request.config.getoption("--update"):
        file.write_text(
            json.dumps({"url": expected["url"], **now}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
    assert {"url": expected["url"], **now} == json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["a1_seed_article", "a2_two_authors", "a3_updated", "a4_opinion", "a5_amp"])
@pytest.mark.parametrize("ruled", [True, False], ids=["publisher rules", "no rules"])
def test_the_moscow_times(corpus: Path, name: str, ruled: bool) -> None:
    expected = json.loads((corpus / "moscow-times" / "expected" / f"{name}.json").read_text(encoding="utf-8"))
    rules = next(s.article for s in shipped_sources() if s.id == "themoscowtimes.com") if ruled else None
    found = extract((corpus / "moscow-times" / expected["file"]).read_bytes(), expected["url"], rules=rules, now=NOW)
    assert found is not None
    assert found.text.split("\n\n") == expected["body"]
    assert not [m for m in expected["must_not_contain"] if m in found.text]
    assert (found.title, list(found.authors)) == (expected["title"], expected["authors"])
    assert found.published_at is not None
    assert parse_utc(found.published_at) == parse_utc(expected["published_at"])
    if name != "a5_amp":  # the AMP template says less
        assert (found.subtitle, found.section, list(found.tags), found.language) == (
            expected["subtitle"],
            expected["section"],
            expected["tags"],
            expected["language"],
        )
        assert (found.image_url, found.image_caption, found.image_credit) == (
            expected["image_url"],
            expected["image_caption"],
            expected["image_credit"],
        )
        assert found.summary == (expected["intro"] or expected["description"]).removeprefix("Opinion | ")
        assert found.kind == ("opinion" if name == "a4_opinion" else "article")


def test_the_soft_404_and_section_pages_are_no_articles(corpus: Path) -> None:
    pages = corpus / "moscow-times" / "pages"
    missing = extract(
        (pages / "404.html").read_bytes(),
        "https://www.themoscowtimes.com/2020/02/11/no-such-article-a99999999",
        now=NOW,
    )
    assert missing is not None
    assert missing.problem == "soft 404"
    section = extract((pages / "index_news.html").read_bytes(), "https://www.themoscowtimes.com/news", now=NOW)
    assert section is not None
    assert section.problem == "section page"


def page(body: str, *, head: str = "", title: str = "A page") -> bytes:
    return (
        f"<!doctype html><html lang='en'><head><title>{title}</title>{head}</head><body>{body}</body></html>".encode()
    )


@pytest.mark.parametrize(
    ("body", "obstacle"),
    [
        (
            page(
                "<main><h1>We value your privacy</h1><p>We and our 120 partners store and/or access information on a device.</p><button>Accept all cookies</button></main>"
            ),
            "consent wall",
        ),
        (
            page(
                "<p>Bitte allen Cookies zustimmen, um mit Werbung weiterlesen zu können.</p>", title="Ihre Privatsphäre"
            ),
            "consent wall",
        ),
        (
            page(
                "<h1>Just a moment...</h1><p>Checking your browser before accessing example.org.</p><script src='/cdn-cgi/challenge-platform/h/b/x.js'></script>",
                title="Just a moment...",
            ),
            "bot challenge",
        ),
        (page("<h1>Oops!</h1><h2>We couldn't find your page.</h2>"), "soft 404"),
        (page("<h1>404</h1><p>Page not found</p>"), "soft 404"),
        (page("<p>Please log in to continue reading.</p><form><input type=password></form>"), "login wall"),
        (
            page("<div id=root></div><noscript>You need to enable JavaScript to run this app.</noscript>"),
            "needs JavaScript",
        ),
        (
            page(
                "<ul>"
                + "".join(
                    f"<li><h3><a href='/s/{n}'>Headline number {n} about something in the town</a></h3></li>"
                    for n in range(20)
                )
                + "</ul>"
            ),
            "section page",
        ),
        (page(""), "empty"),
    ],
    ids=["consent", "consent de", "challenge", "soft 404", "404 page", "login", "javascript", "section", "empty"],
)
def test_what_stands_in_the_place_of_an_article_is_told(body: bytes, obstacle: str) -> None:
    found = extract(body, URL, now=NOW)
    assert found is not None
    assert found.problem == obstacle
    assert found.text == ""


@pytest.mark.parametrize(
    "words",
    [
        "The council accepts all cookies as evidence.",
        "A page not found in the library.",
        "Checking your browser history is allowed, the court said.",
        "Please log in to your conscience, the bishop said.",
    ],
)
def test_an_article_about_such_things_is_an_article(words: str) -> None:
    found = extract(
        article_html(
            "https://www.example.org", "/x", "Court hears a case about web pages", [words, *story(3)]
        ).encode(),
        URL,
        now=NOW,
    )
    assert found is not None
    assert found.problem is None
    assert words in found.text


@pytest.mark.parametrize("levels", [300, 2000])
def test_row_11_a_tree_of_many_levels_loses_no_text(levels: int) -> None:
    deep = "<div>" * levels + "".join(f"<p>{p}</p>" for p in story(5)) + "</div>" * levels
    found = extract(page(f"<article><h1>Deep</h1>{deep}</article>"), URL, now=NOW)
    assert found is not None
    assert all(p in found.text for p in story(5))


@pytest.mark.integration  # takes long
@pytest.mark.parametrize("levels", [260, 1000, 2040, 3000, 20_000])
def test_row_11_what_is_deeper_than_2000_levels_is_marked(levels: int) -> None:
    text = "".join(f"<p>{p}</p>" for p in story(5, 12))
    page = f"<html><head><title>Deep</title></head><body>{'<div>' * (levels // 2)}{text}{'<div>' * (levels // 2)}{text.replace('Report', 'Below')}</body></html>"
    found = extract(page.encode(), "https://a.example/2026/11/20/deep")
    assert found is not None
    reason = found.provenance["text"]["raw"] or ""
    if levels <= 2040:
        assert "Below" in found.text
        assert "cut" not in reason
    else:
        assert "cut" in reason


@pytest.mark.parametrize("opened", ["<b>", "<font>", "<i>", "<span>", "<a>"])
def test_row_11_three_hundred_unclosed_tags_lose_no_text(opened: str) -> None:
    paragraphs = story(6, 12)
    page = f"<html><head><title>Open</title></head><body><article><h1>Open</h1>{opened * 300}{''.join(f'<p>{p}</p>' for p in paragraphs)}</article></body></html>"
    found = extract(page.encode(), "https://a.example/2026/11/20/open")
    assert found is not None
    assert all(paragraph[:60] in found.text for paragraph in paragraphs)


def test_row_11_a_page_that_is_cut_says_so() -> None:
    words = "".join(f"<p>{' '.join(story(n))}</p>" for n in range(4000))
    found = extract(
        f"<html><head><title>Long</title></head><body><article>{words}</article></body></html>".encode(),
        "https://a.example/2026/11/20/long",
    )
    assert found is not None
    assert found.provenance["text"]["raw"] == "cut at 3 MB"


def test_row_11_scripts_that_nobody_reads_take_no_texts_room() -> None:
    script = f"<script>var x = '{'a' * 4_000_000}';</script>"
    text = "".join(f"<p>{p}</p>" for p in story(7, 12))
    found = extract(
        f"<html><head><title>Heavy</title>{script}</head><body><article><h1>Heavy</h1>{text}</article></body></html>".encode(),
        "https://a.example/2026/11/20/heavy",
    )
    assert found is not None
    assert found.text.count("Report") == 12


@pytest.mark.parametrize(
    "around", ['<svg viewBox="0"/>%s<svg></svg>', '<script>if (x < "<!--") y()</script>%s<!-- c -->', "<!-- a %s", "<style>%s"], ids=["svg", "comment in a script", "open comment", "open style"]
)  # fmt: skip
def test_row_11_a_heavy_page_loses_scripts_and_nothing_else(around: str) -> None:
    from crawler.extraction.page_limits import enforce_limits

    text = "".join(f"<p>{p}</p>" for p in story(8, 12))
    page = (around % text) + "<script>" + "z" * 3_200_000 + "</script>"
    assert text in enforce_limits(page)[0]


@pytest.mark.integration  # takes long
@pytest.mark.parametrize("piece", ["<svg>", "<!--", "<script>", "<style ", "<br>", "<script", "-->", "<table>"])
@pytest.mark.timeout(60)
def test_row_11_no_flood_makes_taming_itself_dear(piece: str) -> None:
    """Quadratic, these took minutes."""
    from crawler.extraction.page_limits import enforce_limits

    enforce_limits(piece * (1_000_000 // len(piece)) + "x" * 3_000_000)


@pytest.mark.integration
def test_row_11_a_flood_of_inline_tags_is_flattened_and_marked() -> None:
    flood = "".join(f"<b>word{number}</b> " for number in range(14_000))
    found = extract(page(f"<article><h1>Flood</h1><p>{flood}</p></article>"), URL, now=NOW)
    assert found is not None
    assert found.text.split()[-1] == "word13999"
    assert found.provenance["text"]["raw"] == "a flood of inline tags was flattened"


@pytest.mark.parametrize(("language", "written", "labelled"), LABELS)
def test_row_08_the_charset_is_what_the_bytes_are_whatever_the_page_says(
    language: str, written: str, labelled: str | None
) -> None:
    text = TEXT["zh-Hant" if written == "big5" else language]
    label = f'<meta charset="{labelled}">' if labelled else ""
    body = "".join(f"<p>{text} {number}</p>" for number in range(8))
    found = extract(
        f"<html><head>{label}<title>{text[:20]}</title></head><body><h1>{text[:20]}</h1>{body}</body></html>".encode(
            written
        ),
        URL,
        now=NOW,
    )
    assert found is not None
    assert text in found.text


def test_invalid_json_ld_is_read() -> None:
    head = """<script type="application/ld+json">//<![CDATA[
    {"@type":"NewsArticle","headline":"From\n a broken block",  "author":[{"name":"Ada"},{"name":"Max"},],}
    //]]></script>"""
    found = extract(
        page(f"<article><h1>Other</h1>{''.join(f'<p>{p}</p>' for p in story(6))}</article>", head=head), URL, now=NOW
    )
    assert found is not None
    assert (found.title, found.authors) == ("From a broken block", ("Ada", "Max"))


def test_no_date_before_1990_or_after_tomorrow_and_no_false_midnight() -> None:
    for said, kept in (
        ("1970-01-01T00:00:00Z", None),
        ("2031-01-01T00:00:00Z", None),
        ("2026-11-20", "2026-11-20"),
        ("2026-11-20T10:00:00", "2026-11-20"),
    ):
        found = extract(
            article_html("https://www.example.org", "/x-y-z", "A story of dates", story(7), published=said).encode(),
            "https://www.example.org/x-y-z",
            now=NOW,
        )
        assert found is not None
        assert found.published_at == kept, said


def test_a_canonical_link_elsewhere_is_evidence_only() -> None:
    found = extract(
        article_html(
            "https://www.example.org", "/x", "A wire story", story(8), canonical="https://wire.example.net/a"
        ).encode(),
        URL,
        now=NOW,
    )
    assert found is not None
    assert (found.canonical_url, found.canonical_elsewhere) == (None, "https://wire.example.net/a")


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400), st.integers(0, 800))
def test_row_11_no_bytes_break_it(junk: bytes, at: int) -> None:
    whole = article_html("https://www.example.org", "/x", "A story", story(9)).encode()
    found = extract(whole[:at] + junk + whole[at:], URL, now=NOW)
    if found is not None:
        found.text.encode("utf-8")


def test_a_gallerys_captions_are_its_text() -> None:
    figures = "".join(
        f"<figure><img src='/{n}.jpg'><figcaption>The basin at low tide, as seen on day {n} of the work.</figcaption></figure>"
        for n in range(4)
    )
    body = page(f"<article><h1>The harbour in pictures</h1><p>{story(5)[0]}</p>{figures}</article>")
    found = extract(body, "https://www.example.org/gallery/2026/the-harbour-in-pictures", now=NOW)
    assert found is not None
    assert found.kind == "gallery"
    assert [line for line in found.text.split("\n\n") if "low tide" in line] == [
        f"The basin at low tide, as seen on day {n} of the work." for n in range(4)
    ]


@pytest.mark.integration
@pytest.mark.parametrize(
    "body",
    [
        "<p>hi</p>" + "<div " * 20_000,
        '<script type="application/ld+json">{"a":1,' + " " * 100_000 + "x}</script><p>x</p>",
        '<script type="application/ld+json">[' + "," * 100_000 + "]</script><p>x</p>",
        "<div class='" + "a-" * 50_000 + "'>x</div>",
        "<p>" + "enable " + "a " * 20_000 + "</p>",
        "<title>" + "| - " * 5_000 + "</title>",
        "".join(f"<a href='/{n}'>one two three four {n}</a> " for n in range(5_000)),
        f"<p>{'1234567890' * 5_000}</p>",
        "<div><span class='author'>admin</span><p>x</p></div>" * 2_000,
        "<div class='byline'><span class='author'>admin</span></div>" * 1_000,
        f"""<script type="application/ld+json">{{"@type": "BreadcrumbList", "itemListElement": [{{"position": "{"9" * 5_000}", "name": "x"}}]}}</script><p>x</p>""",
    ],
    ids=[
        "open tags",
        "spaces in json",
        "commas in json",
        "class",
        "words",
        "title",
        "links",
        "digits",
        "authors",
        "bylines",
        "positions",
    ],
)
def test_no_pattern_runs_away(body: str) -> None:
    """Each of these took between ten seconds and a minute with a pattern that reads the same text again from each place; a test that hangs here is that."""
    assert extract(f"<html><body>{body}</body></html>".encode(), URL, now=NOW) is not None


@pytest.mark.parametrize(
    "wrapped",
    [
        '<!-- {"@type": "NewsArticle", "headline": "Basin"} -->',
        '//<![CDATA[\n{"@type": "NewsArticle", "headline": "Basin"}\n//]]>',
        '/* seo */ {"@type": "NewsArticle", "headline": "Basin",};',
    ],
)
def test_json_ld_as_sites_wrap_it(wrapped: str) -> None:
    found = extract(page("<p>x</p>", head=f'<script type="application/ld+json">{wrapped}</script>'), URL, now=NOW)
    assert found is not None
    assert found.title == "Basin"


@pytest.mark.parametrize(
    ("title", "site", "kept"),
    [
        ("Board votes to dredge - The Harbour Post", "The Harbour Post", "Board votes to dredge"),
        ("Board votes to dredge | Opinion - The Harbour Post", "The Harbour Post", "Board votes to dredge"),
        ("Harbour Post | Board votes to dredge", "Harbour Post", "Board votes to dredge"),
        ("Ein Presse-Event am Hafen | HAFENPOST.de", "Hafenpost", "Ein Presse-Event am Hafen"),
        ("Board on 'we're in it' anti-drift plan | TheHarbour", "TheHarbour", "Board on 'we're in it' anti-drift plan"),
        ("Board votes to dredge - Harbour - BLOG", "Harbour - BLOG", "Board votes to dredge"),
        ("Harbour Post", "Harbour Post", "Harbour Post"),
        ("x" + " | A" * 30 + " x", "A", "x" + " | A" * 30 + " x"),
    ],
)
def test_a_title_is_kept_without_the_outlets_name(title: str, site: str, kept: str) -> None:
    assert without_site(title, site) == kept
