"""Pages as publishers' systems make them, each with a brief and with an article: the text, paragraph by paragraph."""

from __future__ import annotations

import pytest

from tests.extraction.pages import PROSE, TITLES, grid, news, p, read, same, whole
from tests.extraction.test_beside_the_text import BRIEF

MENU = "<header><nav>" + "".join(f'<a href="/{n}">{n}</a> ' for n in ("News", "Sport", "Opinion", "Culture")) + "</nav></header>"  # fmt: skip
FOOT = '<footer><p>© 2026 The Brook Post</p><a href="/imprint">Imprint</a> <a href="/privacy">Privacy</a></footer>'
RELATED = '<div class="related"><h3>Related</h3><ul>' + "".join(f'<li><a href="/r{n}">The bridge is closed, part {n}</a></li>' for n in range(4)) + "</ul></div>"  # fmt: skip
BYLINE = (
    '<div class="meta"><span class="author">By Ada Quill</span> <time datetime="2026-11-20">20 Nov 2026</time></div>'
)
SHARE = '<div class="share"><a href="https://facebook.example/">Facebook</a><a href="https://x.example/">X</a></div>'
TAGS = '<ul class="tags"><li><a href="/t/mill">mill</a></li><li><a href="/t/oak">oak</a></li></ul>'
LETTER = '<div class="newsletter-box"><h4>Our newsletter</h4><p>Get the best stories of the week in your inbox, free and every Friday.</p><button>OK</button></div>'
EMBED = '<div class="embed-consent"><p>Here you find external content that complements the article. You can view it with a click.</p><button>Show</button></div>'
OFFER = '<div class="subscribe-promo"><p>Subscribe now for $4 a month. Cancel any time.</p></div>'
COOKIES = '<div id="cookie-banner"><p>We use cookies. By clicking accept you consent to our use of cookies and to our partners.</p><button>Accept</button></div>'
BIO = '<div class="author-bio"><p>Ada Quill writes about mills and has lived at the brook for twenty years.</p></div>'
COMMENTS = '<section id="comments"><h2>3 comments</h2>' + "".join(f'<div class="comment"><b>gull{n}</b><p>I remember the old wheel very well, it creaked so that one could hear it in church. {n}</p></div>' for n in range(3)) + "</section>"  # fmt: skip
PAGES = {
    "one article": lambda h, t: f"<main><article>{h}{p(*t)}</article></main>",
    "wordpress": lambda h, t: f'<main><article class="post"><header class="entry-header">{h}</header><div class="entry-content">{p(*t)}{SHARE}</div><footer class="entry-footer">{TAGS}</footer></article>{RELATED}</main>',
    "nested articles": lambda h, t: f"<article><article>{h}{p(*t)}</article>{RELATED}</article>",
    "no container": lambda h, t: f"{h}{p(*t)}{RELATED}",
    "divs for paragraphs": lambda h, t: f'<div class="a">{h}<div class="b">{"".join(f"<div>{line}</div>" for line in t)}</div></div>{RELATED}',
    "spans and breaks": lambda h, t: f'<div class="a">{h}<div class="b">{"".join(f"<span>{line}</span><br><br>" for line in t)}</div></div>{RELATED}',
    "a section each": lambda h, t: f'<main>{h}{"".join(f"<section>{p(line)}</section>" for line in t)}</main>{RELATED}',
    "a component each": lambda h, t: f'<main>{h}{"".join(f"<div data-component=text-block><div><p>{line}</p></div></div>" for line in t)}</main>{RELATED}',
    "advertisements between": lambda h, t: f'<main><article>{h}{"<div class=ad>Advertisement</div>".join(map(p, t))}</article></main>{RELATED}',
    "a newsletter between": lambda h, t: f"<main><article>{h}{p(t[0])}{LETTER}{p(*t[1:])}</article></main>",
    "an embed between": lambda h, t: f"<main><article>{h}{p(t[0])}{EMBED}{p(*t[1:])}</article></main>",
    "a cookie banner": lambda h, t: f"{COOKIES}<main><article>{h}{p(*t)}</article></main>",
    "an offer below": lambda h, t: f"<main><article>{h}{p(*t)}{OFFER}</article></main>",
    "a biography below": lambda h, t: f"<main><article>{h}{p(*t)}{BIO}</article></main>",
    "comments below": lambda h, t: f"<main><article>{h}{p(*t)}</article>{COMMENTS}</main>",
    "the rest behind a click": lambda h, t: f"<main><article>{h}{p(*t[:2])}<details><summary>More</summary>{p(*t[2:])}</details></article></main>",
    "the rest collapsed": lambda h, t: f"<main><article>{h}{p(*t[:2])}<div class=collapsed style='max-height:0;overflow:hidden'>{p(*t[2:])}</div><button>More</button></article></main>{RELATED}",
    "custom elements": lambda h, t: f"<news-article>{h}<news-body>{''.join(f'<news-p>{line}</news-p>' for line in t)}</news-body></news-article>",
    "a table for the layout": lambda h, t: f"<table><tr><td width=100>{TAGS}</td><td>{h}{p(*t)}</td></tr></table>",
    "a form around the page": lambda h, t: f"<form id='aspnetForm'><div>{h}{p(*t)}</div></form>",
    "paragraphs left open": lambda h, t: f"<DIV>{h}{''.join(f'<P>{line}' for line in t)}</DIV>",
    "fonts and breaks": lambda h, t: f"{h}<font>{'<br><br>'.join(t)}</font>",
}  # fmt: skip


@pytest.mark.parametrize(
    ("of", "made", "language"), grid({"brief": BRIEF, "article": PROSE}, PAGES, same("en", "de", "ru"))
)
def test_the_text_is_the_text(of, made, language: str) -> None:  # type: ignore[no-untyped-def]
    title, text = TITLES[language], of[language]
    shown = made(f"<h1>{title}</h1>{BYLINE}", text)
    found = read(whole(f"{MENU}{shown}{FOOT}", title=title, lang=language, head=news(title)))
    assert (found.title, found.authors, found.problem, found.completeness) == (title, ("Ada Quill",), None, "full")
    assert [line for line in found.text.split("\n\n") if line != "More"] == list(text)
