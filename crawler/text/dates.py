"""Parse dates of feeds and pages strictly, without guessing missing parts. Pure; the clock is an argument.

The result is ISO 8601 in UTC with Z, or a date only if there was no time or no zone: never a false midnight. A
publication date before 1990 or after tomorrow is invalid.

A text is read in two parts: the date at its beginning, by one of a few forms, and the time with its zone behind it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone

from crawler.text.date_names import AFTERNOON, MONTHS, MORNING, ZONES

EARLIEST = date(1990, 1, 1)
_MAX = 200  # characters of a date
NEARER = timedelta(days=30)
# For normalized text (_normalized): single spaces, and full-width forms as their usual ones.
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[Tt ]?(\d{2}):?(\d{2})(?::?(\d{2})(?:[.,]\d{1,9})?)?)?(?!\d)")
_YEAR_FIRST = re.compile(
    r"(?:[^\W\d]{1,20}\.?,? )?(\d{4}) ?(?:[-/.年년]|(?= \d{1,2}[ 月])) ?(\d{1,2}) ?(?:[-/.月월]|(?<=\d) (?=\d\d)) ?(\d{1,2})(?!\d) ?(?:日|号|號|일|\.(?=$| ))?"
)
_DOTTED = re.compile(r"(?:[^\W\d]{1,20}\.?,? )?(\d{1,2})\. ?(\d{1,2})\. ?(\d{4})(?!\d)")  # the day is always first
_NUMBERS = re.compile(r"(?:[^\W\d]{1,20}\.?,? )?(\d{1,2})([/-])(\d{1,2})\2(\d{4})(?!\d)")  # see day_first
_DAY_MONTH = re.compile(
    r"(?:[^\W\d]{1,20}\.?,? ?)?(\d{1,2})(?:st|nd|rd|th|er|º|ª)?(?:\.? (?:de|of) |[. -]{1,3})([^\W\d]{3,20})"
    r"(?:\.? del? |[., -]{1,3})(\d{4}|\d{2})(?!\d)"
)
_MONTH_DAY = re.compile(r"(?:[^\W\d]{1,20}\.?,? )?([^\W\d]{3,20})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})(?!\d)")
_CTIME = re.compile(  # Unix: Fri Nov 20 15:21:41 EST 2026
    r"(?:[^\W\d]{1,20}\.?,? )?([^\W\d]{3,20}) (\d{1,2}) (\d{1,2}:\d{2}:\d{2})((?: [A-Za-z]{1,5})?(?: ?[+-]\d{4})?) "
    r"(\d{4})$"
)
_NAMED_YEAR_FIRST = re.compile(r"(\d{4})[ -]([^\W\d]{3,20})[ -](\d{1,2})(?!\d)")
_TIME_FIRST = re.compile(  # 10:00 GMT, 20 November 2026
    r"(?P<time>\d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp]\.?[Mm]\b\.?)?(?: \(?[A-Z]{2,5}\)?)?)(?: ?[,|·/-] ?| on | )(?P<date>.{6,60})$"
)
_HALF = r"[AaPp]\.? ?[Mm]\b\.?|上午|下午|午前|午後|午后|오전|오후|早上|晚上|凌晨|清晨|傍晚"
_TIME = re.compile(
    rf"(?:T|t|,|/|\||-|–|—|·|kl\.?|(?:at|um|om|às?|a las|alle|в|о)\b| ){{0,6}}(?:\(?(?:星期|周|週|礼拜)?"
    rf"[一二三四五六日天月火水木金土](?:曜日|요일)?\)?|\(?[월화수목금토일]요일\)?|\([월화수목금토일]\))? ?"
    rf"(?P<half>{_HALF})? ?(?P<hour>\d{{1,2}})(?: ?(?:[:.h]|時|时|点|點|시) ?(?P<minute>\d{{2}}|\d(?=[:分분])) ?[分분]? ?"
    rf"(?:[:.]? ?(?P<second>\d{{2}})(?![\d:])(?:[.,]\d{{1,9}})? ?[秒초]?)?)? ?(?P<after>{_HALF})?"
    rf"(?: ?(?P<unit>Uhr|hrs|h|ч|時|时|点|點|시)(?!\w))? ?"
)
_OFFSET = re.compile(r"(?:(?:UT|[A-Z]{3,4}) ?)?([+-])(\d{1,2})(?::?(\d{2}))?(?!\d)(?P<rest>.*)", re.DOTALL)
_ZONE_COMMENT = re.compile(r" ?(?:\([^()]{1,60}\)|\[[\w/+-]{1,60}\]|[A-Z]{1,5}| m=[+-][\d.]{1,20}){0,2} ?")
_ZONE_NAME = re.compile(r"\(?([A-Za-z]{1,5})\.?\)?(?: ?\([^()]{1,60}\)| ?\[[\w/+-]{1,60}\])? ?")
_NUMBER = re.compile(r"\d{9,10}(\.\d+)?|\d{12,13}")


def read_date(
    raw: str | None,
    *,
    now: datetime,
    zone: timezone | None = None,
    keep_zone: bool = False,
    day_first: bool | None = None,
) -> str | None:
    """Parse a date into the form in which it is stored.

    Args:
        raw: e.g. "Tue, 11 Feb 2020 13:54:00 +0300", "2020-02-11T10:54:00Z", "2020-02-11", "1581418440".
        now: the current time; dates more than a day later are invalid.
        zone: the zone of a date without one; if None, only the date is returned, as the time would be a guess.
        keep_zone: keep the original offset, "2020-02-11T13:54:00+03:00", which shows the local date of publication.
        day_first: whether 05/11/2026 is in November; if None, such a date is read only where one order is possible.

    Returns:
        "2020-02-11T10:54:00Z", or "2020-02-11" if the time or its zone is unknown; None if the text is not a valid
        date.
    """
    if not raw or len(raw) > _MAX:
        return None
    found = _read(_normalized(raw), day_first)
    if found is None:
        return None
    if not isinstance(found, datetime):
        return found.isoformat() if _plausible(found, now) else None
    if found.tzinfo is None:
        if zone is None:
            return found.date().isoformat() if _plausible(found.date(), now) else None
        found = found.replace(tzinfo=zone)
    try:
        utc = found.astimezone(UTC)
    except OverflowError:
        return None
    if not _plausible(utc.date(), now) or utc > now + timedelta(days=1):
        return None
    return (
        found.isoformat(timespec="seconds") if keep_zone and found.utcoffset() else utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    )


def day_first(raws: Iterable[str | None], *, now: datetime, language: str | None = None) -> bool | None:
    """Return whether the day comes first in a feed's dates like 05/11/2026; None if they do not show it.

    The evidence, strongest first: a number above 12; a date that would be in the future; days that change while the
    month stays the same; a feed in American English. The last two count only if the other order does not bring the
    newest date nearer: a monthly has the same day in each month, and many sites call their language en-US.
    """
    pairs = [
        (int(match[1]), int(match[3]), int(match[4]))
        for raw in raws
        if raw and len(raw) <= _MAX and (match := _NUMBERS.match(_normalized(raw)))
    ]
    dates = {first: [_day(*pair, day_first=first) for pair in pairs] for first in (True, False)}
    if not pairs:
        return None
    last = (now + timedelta(days=1)).date()
    possible = [first for first, days in dates.items() if all(day is not None for day in days)]
    possible = [first for first in possible if all(day <= last for day in dates[first] if day)] or possible
    if len(possible) != 2:
        return possible[0] if possible else None
    firsts, seconds = len({one for one, _, _ in pairs}), len({two for _, two, _ in pairs})
    found = False if (language or "").lower().replace("_", "-") == "en-us" else None
    if max(firsts, seconds) > 2 and min(firsts, seconds) == 1:
        found = firsts > seconds
    if found is None:
        return None
    newest = {first: max(day for day in days if day) for first, days in dates.items()}
    return None if newest[not found] - newest[found] > NEARER else found


def _day(one: int, two: int, year: int, *, day_first: bool) -> date | None:
    try:
        return date(year, two, one) if day_first else date(year, one, two)
    except ValueError:
        return None


def _normalized(raw: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", raw).replace("\u2212", "-").split())


def _plausible(day: date, now: datetime) -> bool:
    return EARLIEST <= day <= (now + timedelta(days=1)).date()


def _read(text: str, order: bool | None) -> datetime | date | None:
    """Parse a datetime (naive if there is no zone) or a date; None if the text is neither.

    An impossible date (29 February 2023) is not changed to another one.
    """
    try:
        if _NUMBER.fullmatch(text):
            value = float(text)  # seconds or milliseconds since 1970
            return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        if match := _CTIME.match(text):
            day = _named(int(match[5]), match[1], match[2])
            return day and _at(day, f"{match[3]}{match[4]}")
        if match := _TIME_FIRST.match(text):
            found = _read(match["date"], order)
            return None if found is None or isinstance(found, datetime) else _at(found, match["time"])
        for pattern, reader in _FORMS:
            if (match := pattern.match(text)) and (day := reader(match, order)) is not None:
                return _at(day, text[match.end() :])
        if (match := _COMPACT.match(text)) is not None:
            return _compact(match, text[match.end() :])
    except (ValueError, OverflowError):
        pass
    return None


def _numbers(match: re.Match[str], order: bool | None) -> date | None:
    """Read 05/11/2026: in the known order, else in the only possible one."""
    one, two, year = int(match[1]), int(match[3]), int(match[4])
    if one != two and one <= 12 and two <= 12 and order is None:
        return None
    if one == two or two > 12:  # also where the known order is impossible
        return date(year, one, two)
    return date(year, two, one) if one > 12 or order else date(year, one, two)


def _named(year: int, month: str, day: str) -> date | None:
    number = MONTHS.get(month.lower())
    return date(year, number, int(day)) if number else None


def _full_year(digits: str) -> int:
    year = int(digits)
    return year if len(digits) > 2 else year + (2000 if year < 70 else 1900)


_FORMS = (
    (_YEAR_FIRST, lambda m, _: date(int(m[1]), int(m[2]), int(m[3]))),
    (_DOTTED, lambda m, _: date(int(m[3]), int(m[2]), int(m[1]))),
    (_NUMBERS, _numbers),
    (_DAY_MONTH, lambda m, _: _named(_full_year(m[3]), m[2], m[1])),
    (_MONTH_DAY, lambda m, _: _named(int(m[3]), m[1], m[2])),
    (_NAMED_YEAR_FIRST, lambda m, _: _named(int(m[1]), m[2], m[3])),
)


def _compact(match: re.Match[str], rest: str) -> datetime | date | None:
    """Read 20201120, 20201120T100000Z and 20201120100000."""
    day = date(int(match[1]), int(match[2]), int(match[3]))
    if match[4] is None:
        return day if not rest else None
    return _moment(day, int(match[4]), int(match[5]), int(match[6] or 0), _zone(rest.strip()))


def _at(day: date, rest: str) -> datetime | date | None:
    """Return a day with the time behind it; the day alone if that has no time or no known zone.

    None if what follows is no time: then the text is not a date.
    """
    if not rest.strip(" ,."):
        return day
    match = _TIME.match(rest)
    if match is None:
        return day if re.fullmatch(r"[ ,]{0,2}\(?[^\W\d]{1,20}\)?\.?", rest) and not MONTHS.get(rest.lower()) else None
    if not (match["minute"] or match["half"] or match["after"] or match["unit"]):
        return None
    hours, half = int(match["hour"]), (match["half"] or match["after"] or "").lower().replace(".", "").replace(" ", "")
    if half in AFTERNOON or half in MORNING:
        if hours > 12:
            half = ""
        hours = hours if not half else hours % 12 + (12 if half in AFTERNOON else 0)
    return _moment(day, hours, int(match["minute"] or 0), int(match["second"] or 0), _zone(rest[match.end() :].strip()))


def _moment(day: date, hour: int, minute: int, second: int, zone: timezone | None) -> datetime:
    extra = timedelta(days=1) if hour == 24 and not minute else timedelta()
    return (
        datetime(day.year, day.month, day.day, 0 if hour == 24 else hour, minute, min(second, 59), tzinfo=zone) + extra
    )


def _zone(text: str) -> timezone | None:
    """Read +0300, GMT+3, UTC+03:00, EST, GMT-0500 (EST); None if there is none or it is unknown.

    A sign counts as in ISO 8601: GMT-5 is west of Greenwich, whatever POSIX says.
    """
    if (match := _OFFSET.match(text)) is not None:
        if not _ZONE_COMMENT.fullmatch(match["rest"]):
            return None
        digits, minutes = match[2], match[3]
        total = int(digits) * 60 + int(minutes or 0)
        if total > 14 * 60 or int(minutes or 0) > 59:  # no real zone has a larger offset from UTC
            raise ValueError("not a zone")
        return timezone(timedelta(minutes=-total if match[1] == "-" else total))
    named = _ZONE_NAME.fullmatch(text.removeprefix("Etc/"))
    offset = ZONES.get(named[1].lower()) if named else None
    return None if offset is None else timezone(timedelta(minutes=offset))
