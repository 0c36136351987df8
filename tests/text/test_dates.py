from __future__ import annotations

from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.text.dates import read_date
from storage.utc import parse_utc
from tests.conftest import NOW


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("Tue, 11 Feb 2020 13:54:00 +0300", "2020-02-11T10:54:00Z"),
        ("Tue, 11 Feb 2020 13:54 GMT", "2020-02-11T13:54:00Z"),
        ("11 Feb 20 13:54:00 EST", "2020-02-11T18:54:00Z"),
        ("2020-02-11T13:54:00+03:00", "2020-02-11T10:54:00Z"),
        ("2020-02-11T10:54:00.123Z", "2020-02-11T10:54:00Z"),
        ("2020-02-11 10:54:00 UTC", "2020-02-11T10:54:00Z"),
        ("20200211T105400Z", "2020-02-11T10:54:00Z"),
        ("2020-02-11T24:00:00Z", "2020-02-12T00:00:00Z"),
        ("1581418440", "2020-02-11T10:54:00Z"),
        ("1581418440000", "2020-02-11T10:54:00Z"),
        ("2020-02-11", "2020-02-11"),
        ("11.02.2020", "2020-02-11"),
        ("11. Februar 2020", "2020-02-11"),
        ("Feb. 11, 2020", "2020-02-11"),
        ("February 11, 2020 at 1:54 PM EST", "2020-02-11T18:54:00Z"),
        ("11 февраля 2020", "2020-02-11"),
        ("2020-02-11T13:54:00", "2020-02-11"),  # no zone said: the time would be a guess
        ("", None),
        (None, None),
        ("0000-00-00", None),
        ("2023-02-29", None),
        ("2026-13-45", None),
        ("9999-12-31", None),
        ("99999-01-01", None),
        ("1970-01-01T00:00:00Z", None),
        ("1989-12-31", None),
        ("2026-11-24T12:00:01Z", None),
        ("2026-11-23T11:00:00Z", "2026-11-23T11:00:00Z"),
        ("2020-02-11T00:00:00+99:99", None),
        ("tomorrow", None),
        ("x" * 500, None),
    ],
)
def test_row_06_read_date(raw: str | None, kept: str | None) -> None:
    assert read_date(raw, now=NOW) == kept


def test_a_date_without_zone_takes_the_one_that_is_known() -> None:
    assert read_date("2020-02-11T13:54:00", now=NOW, zone=timezone(timedelta(hours=3))) == "2020-02-11T10:54:00Z"


@given(
    st.datetimes(min_value=NOW.replace(year=1991, tzinfo=None), max_value=NOW.replace(tzinfo=None)),
    st.integers(-12 * 4, 14 * 4),
)
def test_every_iso_date_with_a_zone_keeps_its_moment(naive: object, quarters: int) -> None:
    aware = naive.replace(tzinfo=timezone(timedelta(minutes=15 * quarters)), microsecond=0)  # type: ignore[attr-defined]
    kept = read_date(aware.isoformat(), now=NOW + timedelta(days=1))
    assert kept is not None
    assert parse_utc(kept) == aware


@given(st.text(max_size=60))
def test_row_06_no_text_breaks_it(text: str) -> None:
    kept = read_date(text, now=NOW)
    assert kept is None or "1990" <= kept[:4] <= "2026"
