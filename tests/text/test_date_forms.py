"""The forms of dates in feeds and pages, and which of them only seem to be dates."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from crawler.text.dates import EARLIEST, day_first, read_date
from tests.conftest import NOW

DAY = "2026-11-19"


@pytest.mark.parametrize(
    ("zone", "utc"),
    [
        ("GMT+0200", "08"),
        ("GMT+2", "08"),
        ("GMT +2", "08"),
        ("UTC+02:00", "08"),
        ("UTC-4", "14"),
        ("GMT-0500", "15"),
        ("GMT-0500 (EST)", "15"),
        ("GMT+0300 (EAT)", "07"),
        ("GMT+0000 (Coordinated Universal Time)", "10"),
        ("+0300 (MSK)", "07"),
        ("+0300 MSK", "07"),
        ("\u22120500", "15"),
        ("-5", "15"),
        ("CST+0800", "02"),
        ("MEST", "08"),
        ("MESZ", "08"),
        ("WIB", "03"),
        ("WITA", "02"),
        ("WIT", "01"),
        ("BRT", "13"),
        ("BRST", "12"),
        ("PKT", "05"),
        ("ART", "13"),
        ("CLT", "14"),
        ("COT", "15"),
        ("PET", "15"),
        ("BDT", "04"),
        ("ICT", "03"),
        ("PHT", "02"),
        ("MYT", "02"),
        ("TRT", "07"),
        ("AST", "14"),
        ("ADT", "13"),
        ("EAT", "07"),
        ("CAT", "08"),
        ("WAT", "09"),
        ("GST", "06"),
        ("UZT", "05"),
        ("CST", "16"),
        ("BST", "09"),
        ("EST", "15"),
    ],
)
def test_the_zone_counts_with_its_sign(zone: str, utc: str) -> None:
    moment = f"{DAY}T{utc}:00:00Z"
    assert read_date(f"Thu, 19 Nov 2026 10:00:00 {zone}", now=NOW) == moment
    assert read_date(f"Thu Nov 19 2026 10:00:00 {zone}", now=NOW) == moment
    assert read_date(f"2026-11-19 10:00:00 {zone}", now=NOW) == moment


@pytest.mark.parametrize(("zone", "utc"), [("IRST", "06:30"), ("NPT", "04:15"), ("NST", "13:30"), ("IST", "04:30")])
def test_zones_of_half_and_quarter_hours(zone: str, utc: str) -> None:
    assert read_date(f"19 Nov 2026 10:00 {zone}", now=NOW) == f"{DAY}T{utc}:00Z"


@pytest.mark.parametrize("zone", ["XYZ", "AMT", "Europe/Nowhere", "EST5EDT", "GMT+02:00:00", "local time", "- 12:00"])
def test_of_an_unknown_zone_only_the_day_is_known(zone: str) -> None:
    assert read_date(f"19 Nov 2026 10:00 {zone}", now=NOW) == DAY


@pytest.mark.parametrize(
    "raw",
    [
        "2026年11月19日 10:00",
        "2026年11月19日",
        "2026 11月19日",
        "2026 年 11 月 19 日",
        "２０２６年１１月１９日　１０：００",
        "2026年11月19日(木) 15時05分",
        "2026年11月19日（星期四）下午3点05分",
        "2026/11/19 下午 3:05",
        "2026年11月19號 晚上 9:30",
        "2026년 11월 19일 오후 3:05",
        "2026. 11. 19. 오전 10:00",
        "2026-11-19 오후 11:23:17",
        "20261119",
        "20261119100000",
        "19.11.2026, 15:05 Uhr",
        "Donnerstag, 19. November 2026 um 15.05 Uhr",
        "19 de noviembre de 2026, 10:00",
        "19 nov. 2026 à 10h30",
        "19. november 2026 kl. 15.05",
        "November 19th, 2026 | 3:05 pm",
        "2026-Nov-19",
        "19.Nov.2026",
        "15:05 19.11.2026",
        "19/11/2026 10:00:00 AM",
        "11/19/2026",
        "Thu Nov 19 15:21:41 2026",
        "2026-11-19 Thursday",
    ],
)
def test_a_day_without_a_zone_is_a_day(raw: str) -> None:
    assert read_date(raw, now=NOW) == DAY


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        ("2026/11/19 下午 3:05 GMT+8", "2026-11-19T07:05:00Z"),
        ("2026年11月19日 15時05分 JST", "2026-11-19T06:05:00Z"),
        ("Thu Nov 19 15:21:41 EST 2026", "2026-11-19T20:21:41Z"),
        ("Thu Nov 19 2026 15:21:41 GMT-0500 (EST)", "2026-11-19T20:21:41Z"),
        ("Thu Nov 19 15:21:41 +0300 2026", "2026-11-19T12:21:41Z"),
        ("2026-11-19 10:00:00.123456 +0300 MSK m=+0.1", "2026-11-19T07:00:00Z"),
        ("2026-11-19T10:00:00+03:00[Europe/Moscow]", "2026-11-19T07:00:00Z"),
        ("Thu, 2026/11/19 10:00:00 EST", "2026-11-19T15:00:00Z"),
        ("19 Nov 2026 10:00:00 Etc/UTC", "2026-11-19T10:00:00Z"),
        ("November 19, 2026 9 AM EST", "2026-11-19T14:00:00Z"),
        ("10:00 GMT, 19 November 2026", "2026-11-19T10:00:00Z"),
        ("Thu, 19 Nov 2026 12:05 am UTC", "2026-11-19T00:05:00Z"),
    ],
)
def test_a_time_with_its_zone_is_a_moment(raw: str, moment: str) -> None:
    assert read_date(raw, now=NOW) == moment


@pytest.mark.parametrize(
    "raw",
    [
        "2 hours ago",
        "2026 hours ago",
        "yesterday",
        "vor 2 Stunden",
        "3小时前",
        "today 10:00",
        "November 2026",
        "2026",
        "2026-11",
        "2026年11月",
        "11月19日",
        "2026年13月19日",
        "2026年11月31日",
        "民國115年11月19日",
        "2569-11-19",
        "10:00",
        "Thursday",
        "19 Nov 2026 10",
        "2026-11-19 5 items",
        "2026-W47-4",
        "2026-11-19T25:00",
        "2026-11-19T10:00:00+25:00",
        "05/11/2026 10:00:00 +0000",
        "05-11-2026",
        "11/05/2026 3:05 PM EST",
    ],
)
def test_what_is_no_complete_date_is_none(raw: str) -> None:
    assert read_date(raw, now=NOW) is None


@pytest.mark.parametrize(
    ("raws", "language", "first"),
    [
        (["05/11/2026", "25/10/2026"], None, True),
        (["05/11/2026", "25/10/2026"], "en-US", True),
        (["11/05/2026", "10/25/2026"], "en-GB", False),
        (["05/12/2026"], None, False),  # the fifth of December has not come
        (["12/05/2026 10:00"], None, True),
        (["11/02/2026", "11/03/2026", "11/05/2026"], None, False),  # days change, the month stays
        (["02/11/2026", "03/11/2026", "05/11/2026"], "en-US", True),
        (["11/05/2026"], "en-US", False),
        (["05/11/2026", "04/11/2026"], "en-US", None),  # in November, or in May and April: more likely the former
        (["01/09/2026", "01/10/2026", "01/11/2026"], None, None),  # a monthly, or three days of January
        (["11/05/2026"], "en", None),
        (["11/05/2026"], None, None),
        (["25/10/2026", "10/25/2026"], None, None),
        (["2026-11-05"], "en-US", None),
        ([], "en-US", None),
    ],
)
def test_the_other_dates_of_a_feed_show_the_order(raws: list[str], language: str | None, first: bool | None) -> None:
    assert day_first(raws, now=NOW, language=language) is first


def test_the_order_decides_an_ambiguous_date() -> None:
    assert read_date("05/11/2026 10:00:00 +0000", now=NOW, day_first=True) == "2026-11-05T10:00:00Z"
    assert read_date("05/11/2026 10:00:00 +0000", now=NOW, day_first=False) == "2026-05-11T10:00:00Z"
    assert read_date("20/11/2026", now=NOW, day_first=False) == "2026-11-20"
    assert read_date("05/05/2026", now=NOW) == "2026-05-05"


@pytest.mark.parametrize("part", ["1", " ", "a", "1/", "-", " ,-|", "(", "A ", "(a) ", "年", "10:", "下午 "])
def test_reading_is_linear(part: str) -> None:
    begin = time.process_time()
    for before in ("", "19 Nov 2026 ", "19 Nov 2026 10:00:00 ", "2026年11月19日 "):
        read_date((before + part * 200)[:200], now=NOW)
    assert time.process_time() - begin < 0.2


def test_feedparsers_own_dates_are_read_alike_or_less_of_them(corpus: Path) -> None:
    cases = [json.loads(line) for line in (corpus / "corpus/dates/feedparser_dates.jsonl").read_text().splitlines()]
    read = 0
    for case in (c for c in cases if c["expected"] and c["expected"][0] >= EARLIEST.year):
        year, month, day, hour, minute, second = case["expected"][:6]
        found = read_date(case["input"], now=NOW)
        moment = f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}Z"
        local = "년" in case["input"]  # read as in Korea there, as a day without a zone here
        assert found in {None, moment, moment[:10]} or (local and found == "2004-05-28"), case
        read += found is not None
    assert read >= 35
