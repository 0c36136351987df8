"""Short news about prices, passwords, cookies and what was not found is news, whatever its words."""

from __future__ import annotations

import json

import pytest

from crawler.extraction.extractor import extract

NEWS = {
    "Netflix raises subscription prices": [
        "Netflix is raising its subscription prices again. The Standard plan will cost $17.99 a month, up from $15.49, the company told subscribers on Tuesday.",
        "The Premium plan rises to $24.99 a month. Plans with advertising will cost $7.99 a month, one dollar more than last year.",
        "Subscribers in Canada and Portugal pay more from January. The company made no offer to those who cancel.",
    ],
    "Bahn erhöht Preise für das Deutschlandticket": [
        "Das Deutschlandticket kostet ab Januar 63 Euro im Monat. Darauf einigten sich die Verkehrsminister der Länder am Freitag in München.",
        "Bisher kostete das Abo 58 Euro im Monat. Wer das Abonnement kündigen will, kann das jederzeit zum Monatsende tun.",
        "Rund 14 Millionen Menschen haben das Ticket abonniert, teilte der Verband mit.",
    ],
    "Airline asks customers to change passwords": [
        "An airline asked two million members of its bonus programme on Monday to change their password after a breach.",
        "E-mail addresses and account numbers were stolen. Registered customers can log in without a fee and will be told by e-mail.",
        "Those who have forgotten their password can ask for another one.",
    ],
    "Google drops plan to end cookies": [
        "Google will not end third-party cookies in its browser after all, the company said on Monday.",
        "Users will be asked for consent instead. Advertisers and privacy groups had opposed the plan, and regulators in London had refused to accept it.",
        "Partners were told on Friday.",
    ],
    "Missing hiker still not found after week of searches": [
        "Rescue teams in the Alps searched the north face again on Sunday for a hiker who has been missing for a week.",
        "The search will go on, police said. A helicopter and eighty volunteers took part on Sunday.",
    ],
    "Minister deleted messages, inquiry finds": [
        "The former minister deleted thousands of messages before the inquiry could see them, a report said on Monday.",
        "He said he was sorry. The inquiry could not find the phone, and its search of the ministry's servers came to nothing.",
    ],
    "Lorry overturns on A14": [
        "Traffic was blocked in both directions on the A14 near Cambridge on Monday morning after a lorry overturned.",
        "The driver, 45, was unhurt. The road was reopened at noon, police said.",
    ],
}
SHORT = {
    "北京放宽外地车辆进城限制": ["北京市政府周一宣布，从明年一月起将进一步放宽外地车辆进城的限制。", "交通部门表示，新规定将分三个阶段实施，首批涉及五个城区。", "专家认为，此举有助于缓解周边城市居民的通勤压力。", "市民对此反应不一，有人担心道路会更加拥堵。"],
    "Mayor opens the new bridge": ["The mayor opened the bridge on Monday.", "It cost nine million pounds, twice the plan.", "The first bus crossed it at noon, an hour late.", "Shops nearby expect more visitors this summer."],
}  # fmt: skip


def page(title: str, paragraphs: list[str], *, described: bool, name: str = "content") -> bytes:
    data = {
        "@type": "NewsArticle",
        "headline": title,
        "datePublished": "2025-12-30T10:00:00Z",
        "author": {"name": "Anna Smith"},
    }
    head = f'<script type="application/ld+json">{json.dumps(data)}</script>' if described else ""
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    comments = '<form><div class="g-recaptcha"></div></form>'
    return f"<html><head><title>{title}</title>{head}</head><body><nav><a href=/>Home</a></nav><h1>{title}</h1><div class='{name}'>{body}</div>{comments}</body></html>".encode()


@pytest.mark.parametrize("described", [True, False], ids=["described", "bare"])
@pytest.mark.parametrize("title", NEWS)
def test_short_news_is_no_wall_and_keeps_every_word(title: str, described: bool) -> None:
    found = extract(
        page(title, NEWS[title], described=described), "https://example.com/2025/12/30/some-long-slug-of-it.html"
    )
    assert found is not None
    assert (found.problem, found.completeness, found.text.split("\n\n")) == (None, "full", NEWS[title])


@pytest.mark.parametrize(
    "name",
    [
        "content-with-sidebar",
        "article-share-content",
        "login-content",
        "media-info",
        "newsletter-article",
        "ad-free article",
        "subscription-content",
    ],
)
@pytest.mark.parametrize("title", SHORT)
def test_short_paragraphs_are_not_dropped_for_their_containers_name(title: str, name: str) -> None:
    found = extract(
        page(title, SHORT[title] * 1, described=True, name=name),
        "https://example.com/2025/12/30/some-long-slug-of-it.html",
    )
    assert found is not None
    assert found.text.split("\n\n") == SHORT[title]
