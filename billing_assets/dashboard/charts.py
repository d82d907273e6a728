"""Charts as SVG, made on the server: bars, a waterfall, lines and sparklines.

Belongs here: drawing. A chart is an image with a name and a description for those who do not see it; every mark has a
title that browsers show beside the pointer. Colours come from the style sheet's classes; sizes are in SVG units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise

from markupsafe import Markup, escape

_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 24, 40
_TICKS = 4


@dataclass(frozen=True)
class Mark:
    """One bar or point: its name, its value, and the words that are shown for it (amount with its currency)."""

    name: str
    value: Decimal | None
    words: str
    tone: str = "main"


@dataclass(frozen=True)
class Step:
    """One step of a waterfall: a level that is reached, or a change between two levels.

    `of` is the level that this one is part of: what is missing to it is drawn as an open box and said in the title.
    """

    name: str
    value: Decimal
    words: str
    is_change: bool = False
    of: Decimal | None = None
    missing: str = ""


def bars(marks: Sequence[Mark], name: str, *, width: int = 640, height: int = 240) -> Markup:
    """Columns side by side from a common zero line."""
    values = [mark.value or Decimal(0) for mark in marks]
    scale = _Scale.over([*values, Decimal(0)], height)
    slot = Decimal(width - _LEFT - _RIGHT) / max(1, len(marks))
    body = [scale.axis(width)]
    for i, (mark, value) in enumerate(zip(marks, values, strict=True)):
        x = _LEFT + slot * i + slot * Decimal("0.18")
        box = _box(x, scale.y(max(value, Decimal(0))), slot * Decimal("0.64"), scale.height(value), f"fill-{mark.tone}")
        body.append(_titled(box, f"{mark.name}: {mark.words}") if value else Markup(""))
        body.append(_label(_LEFT + slot * i + slot / 2, height - _BOTTOM + 16, mark.name))
        if value:
            body.append(_value(_LEFT + slot * i + slot / 2, scale.y(max(value, Decimal(0))) - 5, _brief(value)))
    return _svg(body, name, "; ".join(f"{m.name}: {m.words}" for m in marks), width, height)


def waterfall(steps: Sequence[Step], name: str, *, width: int = 1060, height: int = 300) -> Markup:
    """Levels as columns from zero, changes as floating boxes between the levels before and after them."""
    level = Decimal(0)
    placed = []
    for step in steps:
        low, high = (level, level + step.value) if step.is_change else (Decimal(0), step.value)
        placed.append((step, low, high))
        level = high
    ends = [end for _, low, high in placed for end in (low, high)]
    scale = _Scale.over([*ends, *(s.of for s in steps if s.of is not None), Decimal(0)], height)
    slot = Decimal(width - _LEFT - _RIGHT) / max(1, len(steps))
    body = [scale.axis(width)]
    for i, (step, low, high) in enumerate(placed):
        x, wide = _LEFT + slot * i + slot * Decimal("0.14"), slot * Decimal("0.72")
        if step.of is not None and step.of > high >= 0:
            gap = _box(x, scale.y(step.of), wide, scale.y(high) - scale.y(step.of), "gap")
            body.append(_titled(gap, f"{step.name}: {step.missing}"))
        tone = "fill-down" if step.is_change and step.value < 0 else "fill-up" if step.is_change else "fill-main"
        box = _box(x, scale.y(max(low, high)), wide, abs(scale.y(low) - scale.y(high)), tone)
        body.append(_titled(box, f"{step.name}: {step.words}"))
        if i + 1 < len(placed):
            y = scale.y(high)
            body.append(Markup('<line class="link" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
                _n(x + wide), _n(y), _n(x + slot), _n(y)))  # fmt: skip
        top = max(low, high, step.of or Decimal(0))
        body.append(_value(x + wide / 2, scale.y(top) - 5, step.words))
        body.append(_label(x + wide / 2, height - _BOTTOM + 16, step.name))
    said = "; ".join(f"{s.name}: {s.words}{f' ({s.missing})' if s.missing else ''}" for s in steps)
    return _svg(body, name, said, width, height)


def line(marks: Sequence[Mark], name: str, *, percent: bool = False, width: int = 980, height: int = 240) -> Markup:
    """Points over time, joined where both neighbours have a value; `percent` labels the axis in hundredths."""
    scale = _Scale.over([*(m.value for m in marks if m.value is not None), Decimal(0)], height)
    slot = Decimal(width - _LEFT - _RIGHT) / max(1, len(marks))
    places = [(_LEFT + slot * i + slot / 2, mark) for i, mark in enumerate(marks)]
    body = [scale.axis(width, percent=percent), *_joined(places, scale)]
    for x, mark in places:
        body.append(_label(x, height - _BOTTOM + 16, mark.name))
        if mark.value is not None:
            dot = Markup('<circle class="dot" cx="{}" cy="{}" r="4"/>').format(_n(x), _n(scale.y(mark.value)))
            body.append(_titled(dot, f"{mark.name}: {mark.words}"))
            body.append(_value(x, scale.y(mark.value) - 9, mark.words))
    return _svg(body, name, "; ".join(f"{m.name}: {m.words}" for m in marks), width, height)


def spark(marks: Sequence[Mark], name: str, *, width: int = 300, height: int = 64) -> Markup:
    """A small line without axes; the last point is marked and named, its words stand beside the chart."""
    known = [m.value for m in marks if m.value is not None]
    scale = _Scale.over([*known, Decimal(0)], height, top=8, bottom=18)
    slot = Decimal(width) / max(1, len(marks))
    places = [(slot * i + slot / 2, mark) for i, mark in enumerate(marks)]
    body = _joined(places, scale)
    for x, mark in places:
        body.append(_label(x, height - 4, mark.name))
        if mark.value is not None:
            dot = Markup('<circle class="dot" cx="{}" cy="{}" r="3.5"/>').format(_n(x), _n(scale.y(mark.value)))
            body.append(_titled(dot, f"{mark.name}: {mark.words}"))
    return _svg(body, name, "; ".join(f"{m.name}: {m.words}" for m in marks), width, height)


# -- parts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scale:
    """Values to heights: round steps that cover all values and zero."""

    low: Decimal
    high: Decimal
    step: Decimal
    top: int
    bottom: int

    @classmethod
    def over(cls, values: Sequence[Decimal], height: int, top: int = _TOP, bottom: int = _BOTTOM) -> _Scale:
        least, most = min(values), max(values)
        step = _round_step((most - least) / _TICKS)
        low = (least / step).to_integral_value(rounding="ROUND_FLOOR") * step
        high = (most / step).to_integral_value(rounding=ROUND_CEILING) * step
        return cls(low, high if high > low else low + step, step, top, height - bottom)

    def y(self, value: Decimal) -> Decimal:
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - self.top)

    def height(self, value: Decimal) -> Decimal:
        return abs(self.y(value) - self.y(Decimal(0)))

    def axis(self, width: int, *, percent: bool = False) -> Markup:
        parts = []
        for i in range(int((self.high - self.low) / self.step) + 1):
            value = self.low + self.step * i
            y = _n(self.y(value))
            kind = "zero" if value == 0 else "grid"
            parts.append(Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
                kind, _LEFT, y, width - _RIGHT, y))  # fmt: skip
            parts.append(Markup('<text class="tick" x="{}" y="{}">{}</text>').format(
                _LEFT - 8, _n(self.y(value) + 4), _tick(value * 100) + " %" if percent else _tick(value)))  # fmt: skip
        return Markup("").join(parts)


def _round_step(rough: Decimal) -> Decimal:
    """The next of 1, 2, 5 x a power of ten: people read round numbers."""
    if rough <= 0:
        return Decimal(1)
    power = Decimal(10) ** rough.adjusted()
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)


def _tick(value: Decimal) -> str:
    for size, unit in ((Decimal(1_000_000), " m"), (Decimal(1_000), " k")):
        if abs(value) >= size:
            return f"{(value / size).normalize():f}{unit}"
    return f"{value.normalize():f}"


def _brief(value: Decimal) -> str:
    """Three digits that count, for the space above a bar; the exact amount is in its title."""
    for size, unit in ((Decimal(1_000_000), " m"), (Decimal(1_000), " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}" if abs(value) < size * 1000 else f"{value / size:.0f}{unit}"
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.2f}"


def _joined(places: Sequence[tuple[Decimal, Mark]], scale: _Scale) -> list[Markup]:
    return [
        Markup('<line class="line" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
            _n(x), _n(scale.y(mark.value)), _n(next_x), _n(scale.y(after.value))
        )
        for (x, mark), (next_x, after) in _pairs(places)
        if mark.value is not None and after.value is not None
    ]


def _pairs(
    places: Sequence[tuple[Decimal, Mark]],
) -> Iterator[tuple[tuple[Decimal, Mark], tuple[Decimal, Mark]]]:
    return pairwise(places)


def _box(x: Decimal, y: Decimal, width: Decimal, height: Decimal, kind: str) -> Markup:
    # A value that is not nothing keeps a visible hairline.
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="1.5"/>').format(
        kind, _n(x), _n(y), _n(width), _n(max(height, Decimal(1)))
    )


def _titled(mark: Markup, words: str) -> Markup:
    return Markup("<g><title>{}</title>{}</g>").format(words, mark)


def _label(x: Decimal, y: Decimal | int, words: str) -> Markup:
    """A name under its mark, broken at a space where it is long."""
    first, second = words, ""
    if len(words) > 7 and " " in words:
        middle = min((i for i, c in enumerate(words) if c == " "), key=lambda i: abs(i - len(words) / 2))
        first, second = words[:middle], words[middle + 1 :]
    out = Markup('<text class="label" x="{}" y="{}">{}</text>').format(_n(x), _n(y), first)
    return out + (
        Markup('<text class="label" x="{}" y="{}">{}</text>').format(_n(x), _n(y + 14), second) if second else ""
    )


def _value(x: Decimal, y: Decimal, words: str) -> Markup:
    return Markup('<text class="value" x="{}" y="{}">{}</text>').format(_n(x), _n(y), words)


def _n(value: Decimal | int) -> str:
    return f"{Decimal(value):.1f}"


def _svg(body: Sequence[Markup], name: str, words: str, width: int, height: int) -> Markup:
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}"><desc>{}</desc>{}</svg>').format(
        width, height, f"{name}. {words}", escape(words), Markup("").join(body)
    )
