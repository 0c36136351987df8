"""Parse dates of feeds and pages strictly, without guessing missing parts. Pure; the clock is an argument.

The result is ISO 8601 in UTC with Z, or a date only if there was no time: never a false midnight. A publication date
before 1990 or after tomorrow is invalid.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

EARLIEST = date(1990, 1, 1)
# For text with collapsed spaces (read_date).
_DAY_ONLY = re.compile(r"^ ?(\d{4})[-/.](\d{1,2})[-/.](\d{1,2}) ?$")
_DOTTED = re.compile(
    r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,? (\d{1,2})[:.](\d{2})(?::(\d{2}))? ?(?:Uhr ?)?(\w{1,5}|[+-]\d{2}:?\d{2})?)?$"
)  # 11.02.2020: with dots, the day is always first
_ISO = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})[Tt ](\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,](\d+))?)? ?(Z|z|UTC|GMT|[+-]\d{2}:?\d{2}|"
    r"[+-]\d{2})? ?(?:\[[\w/+-]+\])?$"
)
_RFC822 = re.compile(
    r"(?:[^\W\d]+\.?,? )?(\d{1,2})\.?[ -]{1,3}([^\W\d]+)\.?[ ,-]{1,3}(\d{2,4})"
    r"(?:,? (\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)? ?([AaPp]\.?[Mm]\.?)? ?(?:\(?([A-Za-z]{1,5}|"
    r"[+-]\d{1,2}:?\d{2})\)?)?.*)?$"
)
_US = re.compile(
    r"(?:[^\W\d]+\.?,? )?([^\W\d]+)\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})"
    r"(?:,? (?:at )?(\d{1,2}):(\d{2})(?::(\d{2}))? ?([AaPp]\.?[Mm]\.?)? ?([A-Za-z]{1,5}|[+-]\d{2}:?\d{2})?)?$"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            (
                "jan january januar janvier enero gennaio janeiro января янв ene gen styczeń stycznia ocak "
                "leden ledna januari"
            ),
            (
                "feb february februar février fevrier febrero febbraio fevereiro февраля фев fév luty lutego şubat "
                "únor února februari"
            ),
            "mar march märz maerz mars marzo março marco марта мар mär mrz marzec marca mart březen března maart",
            "apr april avril abril aprile апреля апр abr avr kwiecień kwietnia nisan duben dubna",
            "may mai mayo maggio maio мая май mag maj maja mayıs květen května mei",
            "jun june juni juin junio giugno junho июня июн giu czerwiec czerwca haziran červen června",
            "jul july juli juillet julio luglio julho июля июл lug lipiec lipca temmuz červenec července",
            "aug august août aout agosto августа авг ago sierpień sierpnia ağustos srpen srpna augustus",
            "sep sept september septembre septiembre settembre setembro сентября сен set wrzesień września eylül září",
            (
                "oct october oktober octobre octubre ottobre outubro октября окт okt ott out październik "
                "października ekim říjen října"
            ),
            "nov november novembre noviembre novembro ноября ноя listopad listopada kasım listopadu",
            (
                "dec december dezember décembre decembre diciembre dicembre dezembro декабря дек dez dic grudzień "
                "grudnia aralık prosinec prosince"
            ),
        ),
        1,
    )
    for name in names.split()
}
_ZONES = {
    "": None,
    "z": 0,
    "ut": 0,
    "utc": 0,
    "gmt": 0,
    "wet": 0,
    "bst": 60,
    "west": 60,
    "cet": 60,
    "mez": 60,
    "cest": 120,
    "mesz": 120,
    "eet": 120,
    "sast": 120,
    "eest": 180,
    "msk": 180,
    "ist": 330,
    "sgt": 480,
    "hkt": 480,
    "jst": 540,
    "kst": 540,
    "aest": 600,
    "aedt": 660,
    "nzst": 720,
    "nzdt": 780,
    "est": -300,
    "edt": -240,
    "cst": -360,
    "cdt": -300,
    "mst": -420,
    "mdt": -360,
    "pst": -480,
    "pdt": -420,
    "akst": -540,
    "akdt": -480,
    "hst": -600,
    "a": -60,
    "m": -720,
    "n": 60,
    "y": 720,
    "et": -300,
    "ct": -360,
    "mt": -420,
    "pt": -480,
}


def read_date(raw: str | None, *, now: datetime, zone: timezone | None = None, keep_zone: bool = False) -> str | None:
    """Parse a date into the form in which it is stored.

    Args:
        raw: e.g. "Tue, 11 Feb 2020 13:54:00 +0300", "2020-02-11T10:54:00Z", "2020-02-11", "1581418440".
        now: the current time; dates more than a day later are invalid.
        zone: the zone of a date without one; if None, only the date is returned, as the time would be a guess.
        keep_zone: keep the original offset, "2020-02-11T13:54:00+03:00", which shows the local date of publication.

    Returns:
        "2020-02-11T10:54:00Z", or "2020-02-11" if the time or its zone is unknown; None if the text is not a valid
        date.
    """
    if not raw or len(raw) > 200:
        return None
    text = " ".join(raw.split())
    found = _read(text)
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


def _plausible(day: date, now: datetime) -> bool:
    return EARLIEST <= day <= (now + timedelta(days=1)).date()


def _read(text: str) -> datetime | date | None:
    """Parse a datetime (naive if there is no zone) or a date; None if the text is neither.

    An impossible date (29 February 2023) is not changed to another one.
    """
    for reader in (_read_iso, _read_day, _read_822, _read_us, _read_number):
        try:
            found = reader(text)
        except (ValueError, OverflowError):
            return None
        if found is not None:
            return found
    return _read_loosely(text)


def _read_iso(text: str) -> datetime | None:
    match = _ISO.match(text)
    if not match:
        return None
    year, month, day, hour, minute, second, _, zone = match.groups()
    return _moment(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), zone)


def _read_day(text: str) -> datetime | date | None:
    if match := _DAY_ONLY.match(text):
        return date(int(match[1]), int(match[2]), int(match[3]))
    if match := _DOTTED.match(text):
        return _with_time(int(match[3]), int(match[2]), int(match[1]), (match[4], match[5], match[6], None, match[7]))
    return None


def _read_822(text: str) -> datetime | date | None:
    match = _RFC822.match(text)
    if not match or match[2].lower() not in _MONTHS:
        return None
    year = int(match[3])
    if len(match[3]) <= 2:
        year += 2000 if year < 70 else 1900
    return _with_time(year, _MONTHS[match[2].lower()], int(match[1]), match.groups()[3:])


def _read_us(text: str) -> datetime | date | None:
    match = _US.match(text)
    if not match or match[1].lower() not in _MONTHS:
        return None
    return _with_time(int(match[3]), _MONTHS[match[1].lower()], int(match[2]), match.groups()[3:])


def _with_time(year: int, month: int, day: int, time: tuple[str | None, ...]) -> datetime | date:
    hour, minute, second, half, zone = time
    if hour is None or minute is None:
        return date(year, month, day)
    hours = int(hour)
    if half:
        hours = hours % 12 + (12 if half[0].lower() == "p" else 0)
    return _moment(year, month, day, hours, int(minute), int(second or 0), zone)


def _moment(year: int, month: int, day: int, hour: int, minute: int, second: int, zone: str | None) -> datetime:
    extra = timedelta(days=1) if hour == 24 and not minute else timedelta()
    return datetime(year, month, day, 0 if hour == 24 else hour, minute, min(second, 59), tzinfo=_zone(zone)) + extra


def _zone(text: str | None) -> timezone | None:
    name = (text or "").lower()
    if name[:1] in {"+", "-"}:
        digits = name[1:].replace(":", "").rjust(4, "0") if len(name) > 3 else name[1:] + "00"
        minutes = int(digits[:-2]) * 60 + int(digits[-2:])
        if minutes > 14 * 60:  # no real zone has a larger offset from UTC
            raise ValueError("not a zone")
        return timezone(timedelta(minutes=-minutes if name[0] == "-" else minutes))
    offset = _ZONES.get(name)
    return None if offset is None else timezone(timedelta(minutes=offset))


def _read_number(text: str) -> datetime | None:
    """Parse seconds or milliseconds since 1970."""
    if not re.fullmatch(r"\d{9,10}(\.\d+)?|\d{12,13}", text):
        return None
    value = float(text)
    return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)


_LOOSE = re.compile(r"\d{4}")


def _known_zone(name: str | None, offset: int | None) -> timezone | None:
    return timezone(timedelta(seconds=offset)) if offset is not None else _zone(name)


def _read_loosely(text: str) -> datetime | date | None:
    """Parse any other date with dateutil, if it has a year, a month and a day (nothing is filled in from today)."""
    if not _LOOSE.search(text):
        return None
    from dateutil import parser

    try:
        # Two defaults show what was filled in.
        one: datetime = parser.parse(text, default=datetime(2001, 1, 1), tzinfos=_known_zone)  # noqa: DTZ001
        two: datetime = parser.parse(text, default=datetime(2003, 2, 2, 1, 1), tzinfos=_known_zone)  # noqa: DTZ001
    except (ValueError, ArithmeticError, TypeError, RecursionError):  # includes decimal's own error, at thirty digits
        return None
    if one.date() != two.date():
        return None
    if one.time() != two.time():
        return one.date()
    return one
