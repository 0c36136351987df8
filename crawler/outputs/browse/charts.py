"""Plots as inline SVG: no script, no network. Colours come from the style sheet, for light and dark mode. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 640.0, 150.0
_LEFT, _BOTTOM, _TOP = 44.0, 22.0, 8.0


def sparkline(values: Sequence[float], label: str) -> Markup:
    """A row of thin bars, one per value, as high as a line of text.

    Args:
        values: e.g. articles per day, oldest first.
        label: a description for screen readers.
    """
    most = max(values, default=0) or 1
    bars = "".join(
        (
            f'<rect x="{i * 4}" y="{20 - max(1.0, 20 * value / most) if value else 19.5:.1f}" width="3" '
            f'height="{max(1.0, 20 * value / most) if value else 0.5:.1f}"/>'
        )
        for i, value in enumerate(values)
    )
    return Markup(
        f'<svg class="spark" role="img" aria-label="{escape(label)}" viewBox="0 0 {max(len(values), 1) * 4} 20" '
        f'width="{max(len(values), 1) * 4}" height="20">{bars}</svg>'
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One day of a plot."""

    label: str
    value: float
    note: str = ""  # appended to the value
    unpolled: bool = False  # not polled: drawn as a shade over the full height


def bars(days: Sequence[Bar], *, label: str, unit: str) -> Markup:
    """One bar per day, with an axis and the first and last day as labels; a tooltip has each bar's day and value."""
    most = _round_up(max((day.value for day in days), default=0))
    step = (WIDTH - _LEFT) / max(len(days), 1)
    drawn = []
    for i, day in enumerate(days):
        x, height = _LEFT + i * step, (HEIGHT - _BOTTOM - _TOP) * day.value / most
        title = f"<title>{escape(day.label)}: {escape(_number(day.value))} {escape(unit)}{escape(day.note)}</title>"
        if day.unpolled:
            drawn.append(
                f'<rect class="unpolled" x="{x:.1f}" y="{_TOP}" width="{step:.1f}" '
                f'height="{HEIGHT - _BOTTOM - _TOP:.1f}">{title}</rect>'
            )
        drawn.append(
            f'<rect class="bar" x="{x + step * 0.1:.1f}" y="{HEIGHT - _BOTTOM - height:.1f}" '
            f'width="{max(step * 0.8, 0.8):.1f}" height="{height:.1f}">{title}</rect>'
        )
    return _framed("".join(drawn), most, days[0].label if days else "", days[-1].label if days else "", label)


def _framed(inside: str, most: float, first: str, last: str, label: str) -> Markup:
    base, middle = HEIGHT - _BOTTOM, (HEIGHT - _BOTTOM + _TOP) / 2
    axis = "".join(
        (
            f'<line class="axis" x1="{_LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(_number(value))}</text>'
        )
        for y, value in ((base, 0.0), (middle, most / 2), (_TOP, most))
    )
    names = (
        f'<text x="{_LEFT}" y="{HEIGHT - 5}">{escape(first)}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 5}" text-anchor="end">{escape(last)}</text>'
    )
    return Markup(
        f'<svg class="plot" role="img" aria-label="{escape(label)}" viewBox="0 0 {WIDTH:.0f} '
        f'{HEIGHT:.0f}">{axis}{inside}{names}</svg>'
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One outlet of a story: its time of publication, and when the article was first seen; seconds since the epoch."""

    name: str
    published: float | None
    seen: float
    note: str


def timeline(moments: Sequence[Moment], *, label: str, ends: tuple[str, str]) -> Markup:
    """One line per outlet: a full dot at its time of publication, a ring at the time of first sight."""
    times = [at for m in moments for at in (m.published, m.seen) if at is not None]
    start, end = min(times), max(times)
    span, left, row = max(end - start, 1.0), 200.0, 26.0
    height = row * len(moments) + 26

    def x(at: float) -> float:
        return left + 10 + (WIDTH - left - 24) * (at - start) / span

    drawn = []
    for i, m in enumerate(moments):
        y = row * i + 18
        span_ends = [x(at) for at in (m.published, m.seen) if at is not None]
        dot = f'<circle class="published" cx="{x(m.published):.1f}" cy="{y}" r="5"/>' if m.published is not None else ""
        drawn.append(
            f"<g><title>{escape(m.name)}: {escape(m.note)}</title>"
            f'<text x="{left}" y="{y + 4}" text-anchor="end">{escape(_short(m.name))}</text>'
            f'<line class="axis" x1="{left + 10}" x2="{WIDTH - 14}" y1="{y}" y2="{y}"/>'
            f'<line class="span" x1="{min(span_ends):.1f}" x2="{max(span_ends):.1f}" y1="{y}" y2="{y}"/>'
            f'<circle class="seen" cx="{x(m.seen):.1f}" cy="{y}" r="5"/>{dot}</g>'
        )
    names = (
        f'<text x="{left + 10}" y="{height - 6}">{escape(ends[0])}</text>'
        f'<text x="{WIDTH - 14}" y="{height - 6}" text-anchor="end">{escape(ends[1])}</text>'
    )
    return Markup(
        f'<svg class="plot" role="img" aria-label="{escape(label)}" viewBox="0 0 {WIDTH:.0f} '
        f'{height:.0f}">{"".join(drawn)}{names}</svg>'
    )


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:27]}…"


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 10, 20, 40… that is not smaller: half of it is a whole number, except for 1."""
    step = 1.0
    while True:
        for factor in (1, 2, 4):
            if step * factor >= value:
                return step * factor
        step *= 10


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
