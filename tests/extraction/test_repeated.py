"""What repeats on a source's pages is left out of a text by its words and its place."""

from __future__ import annotations

import random

import pytest

from crawler.extraction.extractor import extract
from crawler.text.paragraph_ids import block_id, block_ids
from tests.site import story

URL = "https://www.example.org/2026/11/20/the-mill-gets-a-new-wheel"
OWN = story(3, 6)
APPEAL = "The Post has no owner behind it and no wall before it, so join its readers today."
NOTE = "Our standards of work are open to all who want to read them on their way to the harbour."
LABEL = "Most read this week"
SHORT = "Harbour desk"


def p(line: str, more: str = "") -> str:
    return f"<p{more}>{line}</p>"


def page(*parts: str, before: str = "", after: str = "") -> bytes:
    body = f"<main>{before}<article><h1>The mill gets a new wheel</h1><div class='text'>{''.join(parts)}</div></article>{after}</main>"
    return f"<html lang=en><head><title>The mill gets a new wheel</title></head><body>{body}</body></html>".encode()


def read(body: bytes, *repeated: str) -> list[str]:
    found = extract(body, URL, repeated=frozenset(block_id(line) for line in repeated))
    assert found is not None
    said = found.provenance.get("left_out")
    plain = extract(body, URL)
    assert plain is not None
    assert found.blocks == plain.blocks == block_ids(plain.text)
    left = len(plain.text.split("\n\n")) - len(found.text.split("\n\n"))
    assert (said or {"raw": "0"})["raw"] == str(left)
    return found.text.split("\n\n")


OWN_P = [p(line) for line in OWN]
LEFT_OUT = {
    "below, in a container": page(*OWN_P, f"<div class=join>{p(APPEAL)}</div>"),
    "below, outside of the text": page(*OWN_P, after=f"<section class=join>{p(APPEAL)}</section>"),
    "below, of another kind": page(*OWN_P, p(APPEAL, " class=note")),
    "below, in italics": page(*OWN_P, f"<p><em>{APPEAL}</em></p>"),
    "below, a link": page(*OWN_P, f"<p><a href='/join'>{APPEAL}</a></p>"),
    "among, in a container": page(*OWN_P[:3], f"<div class=join>{p(APPEAL)}</div>", *OWN_P[3:]),
    "among, each paragraph in one": page(
        *(f"<div class=block>{line}</div>" for line in OWN_P[:3]),
        f"<aside-box class=join>{p(APPEAL)}</aside-box>",
        *(f"<div class=block>{line}</div>" for line in OWN_P[3:]),
    ),
}


@pytest.mark.parametrize("made", LEFT_OUT)
def test_what_is_in_a_box_beside_the_text_is_left_out(made: str) -> None:
    assert read(LEFT_OUT[made], APPEAL) == OWN


STAYS = {
    "a standing first paragraph": page(p(APPEAL), *OWN_P),
    "of a kind of its own": page(p(APPEAL, " class=intro"), *OWN_P),
    "in a container": page(f"<div class=intro>{p(APPEAL)}</div>", *OWN_P),
    "among the text": page(*OWN_P[:3], p(APPEAL), *OWN_P[3:]),
    "a paragraph of its own kind among it": page(*OWN_P[:3], p(APPEAL, " class=note"), *OWN_P[3:]),
    "below, as the article's own": page(*OWN_P, p(APPEAL)),
    "each paragraph in a container": page(
        *(f"<div class=block>{line}</div>" for line in [*OWN_P[:3], p(APPEAL), *OWN_P[3:], p(APPEAL)])
    ),
    "wrappers with a class of their own each": page(
        *(
            f"<div class='el el-{n * 7919}'>{p(line)}</div>"
            for n, line in enumerate([*OWN[:3], APPEAL, *OWN[3:], APPEAL])
        )
    ),
    "the last of its container": page(*OWN_P, p(APPEAL, " class=last")),
    "above a short list": page(*OWN_P, f"<h2>{APPEAL}</h2><ul><li>Opens at nine</li><li>Closes at ten</li></ul>"),
    "above a table": page(*OWN_P, f"<h2>{APPEAL}</h2><table><tr><td>Town</td><td>3</td></tr></table>"),
    "a question in bold": page(*OWN_P, f"<p><b>{APPEAL}</b></p><p>Nothing at all, he said.</p>"),
    "between line breaks": page("<br><br>".join([*OWN[:3], APPEAL, *OWN[3:]])),
}


@pytest.mark.parametrize("made", STAYS)
def test_what_stands_in_the_articles_own_text_stays(made: str) -> None:
    assert APPEAL in read(STAYS[made], APPEAL)
    assert read(STAYS[made], APPEAL) == read(STAYS[made])


NOTICES = [
    "An earlier version of this article misstated the year of the agreement on the harbour.",
    "Correction: an earlier version of this article misstated the year of the agreement.",
    "Disclosure: the publisher of this paper owns a tenth of the ferry company.",
    "Editor’s note: this article was first published in the spring of last year.",
    "Korrektur: In einer früheren Fassung stand ein falsches Jahr der Vereinbarung.",
    "Исправление: в прежней версии этой статьи был неверно указан год соглашения.",
    "Fe de erratas: una versión anterior de este artículo daba otro año del acuerdo.",
]


@pytest.mark.parametrize("notice", NOTICES)
def test_corrections_and_notes_stay_wherever_they_are(notice: str) -> None:
    body = page(*OWN_P, f"<div class=note>{p(notice)}</div>")
    assert notice in read(body, notice)


def test_a_heading_of_every_article_stays_and_one_above_a_removed_list_goes() -> None:
    heading = f"<div class=head><h2>{LABEL}</h2></div>"
    links = "".join(
        f"<li><a href='/2026/{n}'>Ferry number {n} sails into the winter harbour at night</a></li>" for n in range(5)
    )
    stays = page(*OWN_P[:3], heading, *OWN_P[3:])
    goes = page(*OWN_P[:3], f"<div class=head><h2>{LABEL}</h2><ul>{links}</ul></div>", *OWN_P[3:])
    assert LABEL in read(stays, LABEL)
    assert read(goes, LABEL) == OWN


def test_several_repeated_lines_in_a_container_go_whatever_its_kind() -> None:
    items = f"<ul><li>{APPEAL}</li><li>{NOTE}</li></ul>"
    own = f"<ul><li>{OWN[4]}</li></ul>"
    assert read(page(*OWN_P[:3], items, own, OWN_P[5]), APPEAL, NOTE) == [*OWN[:3], OWN[4], OWN[5]]
    mixed = f"<ul><li>{APPEAL}</li><li>{OWN[4]}</li></ul>"
    assert APPEAL in read(page(*OWN_P[:3], mixed, OWN_P[5]), APPEAL, NOTE)


def test_a_label_above_the_text_goes_and_a_dateline_stays() -> None:
    label = f"<div class=facts><span>{SHORT}</span></div>"
    assert SHORT not in read(page(*OWN_P, before=label), SHORT)
    dateline = "LONDON, from our weekly correspondent"
    assert read(page(p(dateline), *OWN_P), dateline)[0] == dateline
    assert read(page(p(dateline), p(APPEAL), *OWN_P), dateline, APPEAL)[:2] == [dateline, APPEAL]


def test_never_the_whole_text() -> None:
    body = page(*OWN_P)
    assert read(body, *OWN) == OWN


def test_other_numbers_are_other_words() -> None:
    assert block_id("Oil closed at $71, up 1.3 percent.") != block_id("Oil closed at $72, up 1.3 percent.")
    assert block_id("Oil  closed\nat $71") == block_id("Oil closed at $71")
    assert block_ids("Yes\n\nOK\n\n***\n\n71\n\nNo way") == (block_id("Yes"), block_id("No way"))


@pytest.mark.parametrize("seed", range(30))
def test_only_whole_repeated_paragraphs_are_ever_left_out(seed: int) -> None:
    rng = random.Random(seed)
    lines = [*OWN, APPEAL, NOTE, LABEL, SHORT]
    rng.shuffle(lines)
    parts = [
        rng.choice([p(line), f"<div class=b{rng.randint(0, 2)}>{p(line)}</div>", f"<section>{p(line)}</section>"])
        for line in lines
    ]
    body = page(*parts)
    repeated = rng.sample(lines, rng.randint(0, len(lines)))
    before, after = read(body), read(body, *repeated)
    left = [line for line in before if line not in after]
    assert set(left) <= set(repeated)
    assert [line for line in before if line not in left] == after


def test_a_page_of_thousands_of_boxes_is_read_in_the_time_of_a_page() -> None:
    lines = [f"{line} Part {n}." for n, line in enumerate(OWN * 250)]
    body = page(*(f"{p(line)}<div class=join>{p(APPEAL)}</div>" for line in lines))
    found = extract(body, URL, repeated=frozenset({block_id(APPEAL)}), before=frozenset({block_id(NOTE)}))
    assert found is not None
    assert APPEAL not in found.text
    assert found.text.count("Part ") == len(lines)
