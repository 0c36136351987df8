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
