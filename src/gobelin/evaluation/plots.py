"""Plots as inline SVG: thread colours, intervals always drawn, axes from nought, direct labels, a finding as title.

Each function returns markup of one width (viewBox units are CSS pixels), so that letters keep their size: the page
holds a wide and a narrow drawing of each plot and shows the one that fits. Colours are CSS variables of the page
(`--ink`, `--text`, ...), which is how dark mode and print reach into them. A model is drawn as a bead cut into the
threads that it reads; a series as a line twined of them.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from gobelin.evaluation.words import Measure, figure, told, with_unit

WIDE, NARROW = 720, 344


@dataclass(frozen=True)
class Dot:
    """One row of a dot-and-whisker plot. note: said after the value. threads: of the bead; () is behaviour alone."""

    label: str
    value: Measure
    threads: tuple[str, ...] = ()
    note: str = ""
    strong: bool = False
    small: tuple[float, ...] = ()  # single runs behind the mean


@dataclass(frozen=True)
class Series:
    """A line through the categories of an axis: a value or None for each of them."""

    label: str
    values: tuple[Measure | None, ...]
    threads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Point:
    """A mark of a plane. x and y may have intervals."""

    label: str
    x: Measure
    y: Measure
    threads: tuple[str, ...] = ()
    strong: bool = False


@dataclass(frozen=True)
class Scale:
    """Values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        step = nice_step((self.high - self.low) / about)
        first = math.ceil(self.low / step - 1e-9)
        return [at * step for at in range(first, math.floor(self.high / step + 1e-9) + 1)]


def nice_step(raw: float) -> float:
    """The next larger of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    return next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * (1 - 1e-9))


def axis(values: Iterable[Measure], start: float, end: float, room: float = 1.02) -> Scale:
    """From nought (or below it, where a value is) to a little more than the highest end of an interval."""
    ends = [end for value in values for end in value.ends]
    high, low = max([0.0, *ends]), min([0.0, *ends])
    span = (high - low) or 1.0
    return Scale(low - (span * (room - 1) if low < 0 else 0.0), high + span * (room - 1), start, end)


# --- marks -------------------------------------------------------------------------------------------------------


def tag(name: str, *inside: object, **attributes: object) -> Markup:
    """One element; attribute names with _ become -; numbers are written short; text is escaped."""
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _short(value))
        for key, value in attributes.items()
        if value is not None
    )
    body = Markup("").join(escape(part) for part in inside)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, body)


def _short(value: object) -> object:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def svg(width: float, height: float, title: str, description: str, *inside: object, kind: str = "plot") -> Markup:
    """The frame of every plot: `<title>` says the finding, aria-label the finding and the numbers."""
    label = f"{title}. {description}" if description else title
    return tag(
        "svg",
        tag("title", title),
        *inside,
        class_=kind,
        role="img",
        aria_label=label,
        viewBox=f"0 0 {_short(float(width))} {_short(float(height))}",
        width=width,
        height=height,
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: str | None = None) -> Markup:
    return tag("text", words, x=float(x), y=float(y), class_=kind or None, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return tag("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=kind)


def bead(x: float, y: float, threads: Sequence[str], r: float = 5.5, strong: bool = False) -> Markup:
    """A disc cut into as many sectors as there are threads; a ring around what was chosen."""
    ring = [tag("circle", cx=float(x), cy=float(y), r=r + 3.0, class_="ring")] if strong else []
    shade = tag("circle", cx=float(x), cy=float(y), r=r + 1.5, class_="halo")
    if len(threads) <= 1:
        disc = [tag("circle", cx=float(x), cy=float(y), r=float(r), class_=f"f-{_slug(threads)}")]
    else:
        disc = [
            _sector(x, y, r, at / len(threads), (at + 1) / len(threads), _slug([t])) for at, t in enumerate(threads)
        ]
    return tag("g", *ring, shade, *disc)


def _sector(x: float, y: float, r: float, start: float, end: float, name: str) -> Markup:
    a, b = (2 * math.pi * part - math.pi / 2 for part in (start, end))
    big = 1 if end - start > 0.5 else 0
    path = (
        f"M{x:.2f} {y:.2f}L{x + r * math.cos(a):.2f} {y + r * math.sin(a):.2f}"
        f"A{r} {r} 0 {big} 1 {x + r * math.cos(b):.2f} {y + r * math.sin(b):.2f}Z"
    )
    return tag("path", d=path, class_=f"f-{name}")


def _slug(threads: Sequence[str]) -> str:
    return (threads[0] if threads else "behaviour").replace(" ", "-")


def whisker(low: float, high: float, at: float, upright: bool = False, cap: float = 4) -> Markup:
    """An interval between two pixels, with end caps."""
    ends = [(low, at - cap, low, at + cap), (high, at - cap, high, at + cap), (low, at, high, at)]
    if upright:
        ends = [(y1, x1, y2, x2) for x1, y1, x2, y2 in ends]
    return tag("g", *(line(*four, "whisker") for four in ends), class_="interval")


def twine(points: Sequence[tuple[float, float]], threads: Sequence[str]) -> Markup:
    """A line twined of its threads: dashes of one colour after the other."""
    path = "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points)
    if len(threads) <= 1:
        return tag("path", d=path, class_=f"line s-{_slug(threads)}")
    dash, n = 7.0, len(threads)
    return tag(
        "g",
        *(
            tag("path", d=path, class_=f"line s-{_slug([t])}", stroke_dasharray=f"{dash:g} {dash * (n - 1):g}",
                stroke_dashoffset=-dash * at)
            for at, t in enumerate(threads)
        ),
    )  # fmt: skip


def letters(words: str, em: float = 13) -> float:
    """About how wide a text runs, in pixels: a Chinese character is as wide as it is high."""
    return sum(em if ord(c) > 0x2E80 else em * (0.3 if c in "ilj.,:;'|!()[] " else 0.56) for c in words)


def shorten(words: str, room: float, em: float = 13) -> str:
    """Cut with an ellipsis to fit a room in pixels."""
    if letters(words, em) <= room:
        return words
    while words and letters(words + "…", em) > room:
        words = words[:-1]
    return words.rstrip() + "…"


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places for labels near the wanted ones, `gap` apart, within low and high; order is kept."""
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    places = list(wanted)
    for before, at in zip([None, *order], order, strict=False):
        places[at] = max(places[at], low if before is None else places[before] + gap)
    over = places[order[-1]] - high if order else 0.0
    for after, at in zip([None, *order[::-1]], order[::-1], strict=False):
        if over > 0:
            places[at] = min(places[at], high if after is None else places[after] - gap)
    return places


def _values(rows: Iterable[tuple[str, Measure]], unit: str) -> str:
    return "; ".join(f"{name}: {told(value, unit)}" for name, value in rows)


def _tick(value: float, unit: str, step: float) -> str:
    """As many decimals as the step needs."""
    scaled = step * 100 if unit == "share" else step
    digits = max(0, -math.floor(math.log10(scaled) + 1e-9)) if scaled > 0 else 0
    if round(scaled * 10**digits, 6) != round(scaled * 10**digits):
        digits += 1
    return figure(value, unit, digits) + (" %" if unit == "share" else "")


def _grid_x(scale: Scale, top: float, bottom: float, unit: str, about: int) -> list[Markup]:
    ticks = scale.ticks(about)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    marks = []
    for at in ticks:
        x = scale(at)
        marks.append(line(x, top, x, bottom, "base" if abs(at) < 1e-12 else "grid"))
        marks.append(text(x, bottom + 16, _tick(at, unit, step), "tick", "middle"))
    return marks


def _grid_y(scale: Scale, left: float, right: float, unit: str, about: int) -> list[Markup]:
    ticks = scale.ticks(about)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    marks = []
    for at in ticks:
        y = scale(at)
        marks.append(line(left, y, right, y, "base" if abs(at) < 1e-12 else "grid"))
        marks.append(text(left - 8, y + 4, _tick(at, unit, step), "tick", "end"))
    return marks


# --- plots -------------------------------------------------------------------------------------------------------


def dots(
    title: str, rows: Sequence[Dot], unit: str, axis_label: str, width: int = WIDE, reference: float | None = None
) -> Markup:
    """Dot and whisker, a row each. reference: a value through which a hairline runs (the log alone)."""
    narrow = width < 500
    note_room = max([0.0, *(letters(f"{with_unit(r.value.value, unit)}  {r.note}") for r in rows)])
    label_room = min(max(letters(r.label, 13.6) for r in rows) + 8, 250)
    left, right = (10.0, width - 14.0) if narrow else (label_room + 12, width - note_room - 24)
    height_of, top = (44.0, 4.0) if narrow else (28.0, 4.0)
    bottom = top + height_of * len(rows)
    scale = axis([r.value for r in rows], left, right)
    marks = _grid_x(scale, top, bottom, unit, 4 if narrow else 5)
    if reference is not None:
        marks.append(line(scale(reference), top, scale(reference), bottom, "reference"))
    for at, row in enumerate(rows):
        y = top + height_of * at + (30 if narrow else height_of / 2)
        value, kind = with_unit(row.value.value, unit), "label strong" if row.strong else "label"
        if narrow:
            marks.append(text(left, y - 14, shorten(row.label, width - note_room - 24), kind))
            marks.append(_value_text(right, y - 14, value, row.note, "end"))
        else:
            marks.append(text(left - 14, y + 4.5, shorten(row.label, label_room), kind, "end"))
            marks.append(_value_text(right + 14, y + 4.5, value, row.note, "start"))
        inside = [tag("circle", cx=scale(one), cy=y + 8, r=2.0, class_="run") for one in row.small]
        if row.value.known:
            inside.append(whisker(scale(row.value.ends[0]), scale(row.value.ends[1]), y))
        inside.append(bead(scale(row.value.value), y, row.threads, strong=row.strong))
        marks.append(tag("g", tag("title", _values([(row.label, row.value)], unit)), *inside))
    marks.append(text((left + right) / 2, bottom + 35, axis_label, "axis", "middle"))
    return svg(width, bottom + 42, title, _values([(r.label, r.value) for r in rows], unit), *marks)


def _value_text(x: float, y: float, value: str, note: str, anchor: str) -> Markup:
    inside = [tag("tspan", value, class_="value")]
    if note:
        inside.append(tag("tspan", f"  {note}", class_="note"))
    return tag("text", *inside, x=float(x), y=float(y), text_anchor=anchor)


def lines(
    title: str,
    categories: Sequence[tuple[str, str]],
    series: Sequence[Series],
    unit: str,
    axis_label: str,
    width: int = WIDE,
    positions: Sequence[float] | None = None,
) -> Markup:
    """Series over categories (name, note below it), with whiskers; a name stands at the end of its line.

    positions: where the categories lie along the axis (0 to 1); evenly spread where None.
    """
    narrow = width < 500
    names_room = 0.0 if narrow else min(max(letters(s.label) for s in series) + 24, 190)
    head = 22.0 * len(series) + 6 if narrow else 14.0
    left, right, bottom = 52.0, width - names_room - 26, head + (200.0 if narrow else 232.0)
    n = len(categories)
    even = [0.5] if n == 1 else [at / (n - 1) for at in range(n)]
    inset = min(44.0, (right - left) / (2 * n))
    xs = [left + inset + (right - left - 2 * inset) * part for part in positions or even]
    scale = axis([v for s in series for v in s.values if v], bottom, head)
    marks = _grid_y(scale, left, right, unit, 4)
    room = (right - left) / n - 4
    for x, (name, note) in zip(xs, categories, strict=True):
        marks.append(text(x, bottom + 18, shorten(name, room, 12), "tick strong", "middle"))
        marks.append(text(x, bottom + 33, shorten(note, room, 11), "tick", "middle"))
    ends: list[float] = []
    for at, one in enumerate(series):
        shift = (at - (len(series) - 1) / 2) * 7
        places = [(x + shift, v) for x, v in zip(xs, one.values, strict=True) if v is not None]
        marks.append(twine([(x, scale(v.value)) for x, v in places], one.threads))
        named = [(c[0], v) for c, v in zip(categories, one.values, strict=True) if v is not None]
        for (x, v), pair in zip(places, named, strict=True):
            inside = [whisker(scale(v.ends[0]), scale(v.ends[1]), x, upright=True)] if v.known else []
            label = f"{one.label}, {_values([pair], unit)}"
            marks.append(tag("g", tag("title", label), *inside, bead(x, scale(v.value), one.threads, 4.5)))
        ends.append(scale(places[-1][1].value) if places else bottom)
    if narrow:
        for at, one in enumerate(series):
            marks.append(bead(left + 6, 12 + 22 * at, one.threads, 4.5))
            marks.append(text(left + 18, 16.5 + 22 * at, shorten(one.label, width - left - 24), "label"))
    else:
        for one, y in zip(series, spread(ends, 17, head + 4, bottom), strict=True):
            marks.append(text(xs[-1] + 22, y + 4.5, shorten(one.label, width - xs[-1] - 24), "label"))
    marks.append(text((left + right) / 2, bottom + 52, axis_label, "axis", "middle"))
    told_all = "; ".join(
        f"{s.label}: " + _values([(c[0], v) for c, v in zip(categories, s.values, strict=True) if v], unit)
        for s in series
    )
    return svg(width, bottom + 60, title, told_all, *marks)


def plane(
    title: str,
    points: Sequence[Point],
    axis_labels: tuple[str, str],
    width: int = WIDE,
    path: bool = False,
    units: tuple[str, str] = ("share", "share"),
) -> Markup:
    """Marks in a plane, both axes from nought. path: joined in their order (a trade-off curve)."""
    narrow = width < 500
    left, right, top, bottom = 56.0, width - 24.0, 26.0, 26.0 + (230 if narrow else 270)
    x_axis, y_axis = axis([p.x for p in points], left, right, 1.06), axis([p.y for p in points], bottom, top, 1.06)
    marks = [*_grid_x(x_axis, top, bottom, units[0], 4 if narrow else 6), *_grid_y(y_axis, left, right, units[1], 5)]
    if path and len(points) > 1:
        marks.append(twine([(x_axis(p.x.value), y_axis(p.y.value)) for p in points], points[0].threads[:1]))
    for p in points:
        x, y, inside = x_axis(p.x.value), y_axis(p.y.value), []
        if p.x.known and p.x.ends[1] > p.x.ends[0]:
            inside.append(whisker(x_axis(p.x.ends[0]), x_axis(p.x.ends[1]), y, cap=3))
        if p.y.known and p.y.ends[1] > p.y.ends[0]:
            inside.append(whisker(y_axis(p.y.ends[0]), y_axis(p.y.ends[1]), x, upright=True, cap=3))
        told = f"{p.label}: {axis_labels[0]} {with_unit(p.x.value, units[0])}, {axis_labels[1]} {with_unit(p.y.value, units[1])}"
        marks.append(tag("g", tag("title", hint), *inside, bead(x, y, p.threads, 5, p.strong)))
    marks += _plane_labels(points, x_axis, y_axis, left, right, top, bottom)
    marks.append(text(0, 12, axis_labels[1], "axis"))
    marks.append(text(right, bottom + 35, axis_labels[0], "axis", "end"))
    said = "; ".join(
        f"{p.label}: {axis_labels[0]} {with_unit(p.x.value, units[0])}, {axis_labels[1]} {told(p.y, units[1])}"
        for p in points
    )
    return svg(width, bottom + 42, title, said, *marks)


def _plane_labels(
    points: Sequence[Point], x_axis: Scale, y_axis: Scale, left: float, right: float, top: float, bottom: float
) -> list[Markup]:
    """A name beside each mark, where it covers neither a mark nor another name; a hairline leads back if it moved."""
    marks: list[Markup] = []
    taken = [
        (x_axis(p.x.value) - 7, y_axis(p.y.value) - 7, x_axis(p.x.value) + 7, y_axis(p.y.value) + 7) for p in points
    ]
    for p in sorted(points, key=lambda p: (not p.strong, y_axis(p.y.value))):
        x, y, wide = x_axis(p.x.value), y_axis(p.y.value), letters(p.label, 13)
        best: tuple[float, float, float, str] | None = None
        for away in (0.0, 15.0, -15.0, 30.0, -30.0, 45.0, -45.0, 60.0, -60.0, 80.0, -80.0):
            for side, start in (("start", x + 12), ("end", x - 12 - wide)):
                box = (start, y + away - 7, start + wide, y + away + 7)
                if box[0] < left + 2 or box[2] > right + 22 or box[1] < top - 8 or box[3] > bottom:
                    continue
                clash = sum(_overlap(box, other) for other in taken)
                if best is None or clash < best[0] - 1e-9:
                    best = (clash, away, start, side)
            if best is not None and best[0] == 0:
                break
        if best is None:
            continue
        _, away, start, side = best
        taken.append((start, y + away - 7, start + wide, y + away + 7))
        if abs(away) > 15:
            marks.append(line(x + (8 if side == "start" else -8), y + away * 0.25,
                              start - 2 if side == "start" else start + wide + 2, y + away, "leader"))  # fmt: skip
        marks.append(text(start, y + away + 4.5, p.label, "label strong" if p.strong else "label"))
    return marks


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def bars(title: str, rows: Sequence[tuple[str, float, str]], say: Callable[[float], str], width: int = WIDE) -> Markup:
    """(label, length, note) as bars from nought; what was measured once has no interval, and the page says so."""
    narrow = width < 500
    label_room = min(max(letters(name, 13.6) for name, _, _ in rows) + 8, 200)
    note_room = max(letters(f"{say(value)}  {note}") for _, value, note in rows) + 20
    left = 2.0 if narrow else label_room + 12
    right, each = width - note_room, 40.0 if narrow else 24.0
    longest = max(value for _, value, _ in rows) or 1.0
    marks = []
    for at, (name, value, note) in enumerate(rows):
        y = 4 + each * at + (16 if narrow else 0)
        long = max(1.5, (right - left) * value / longest)
        marks.append(text(left if narrow else left - 12, y + (-3 if narrow else 14), shorten(name, label_room), "label",
                          None if narrow else "end"))  # fmt: skip
        bar = tag("rect", x=left, y=y + 4.0, width=long, height=12.0, class_="bar")
        marks.append(tag("g", tag("title", f"{name}: {say(value)} {note}".rstrip()), bar))
        marks.append(_value_text(left + long + 10, y + 14, say(value), note, "start"))
    said = "; ".join(f"{name}: {say(value)} {note}".rstrip() for name, value, note in rows)
    return svg(width, 8 + each * len(rows), title, said, *marks)


def tapestry(
    title: str, name: str, value: Measure, threads: Sequence[str], rival: tuple[str, Measure] | None, width: int = WIDE
) -> Markup:
    """A share as a cloth of a hundred warp threads, woven as far as the share goes in the threads of the model.

    The best baseline is a mark below; the interval a whisker above the woven edge.
    """
    rows = ["behaviour", *threads]
    left, right, top, row = 1.0, width - 1.0, 44.0, 9.0 if len(rows) > 3 else 11.0
    pitch = (right - left) / 100
    bottom = top + row * len(rows)
    x = Scale(0.0, 1.0, left, right)
    marks = [line(left + pitch * (at + 0.5), top, left + pitch * (at + 0.5), bottom, "warp") for at in range(100)]
    woven = value.value * 100
    for at, thread in enumerate(rows):
        y = top + row * at
        over: list[str] = []
        under: list[str] = []
        for column in range(math.ceil(woven - 1e-9)):
            wide = pitch * min(1.0, woven - column)
            target = over if (column + at) % 2 == 0 else under
            target.append(f"M{left + pitch * column:.2f} {y + 0.75:.2f}h{wide:.2f}v{row - 1.5:.2f}h{-wide:.2f}z")
        for path, kind in ((over, "over"), (under, "under")):
            if path:
                marks.append(tag("path", d="".join(path), class_=f"f-{_slug([thread])} {kind}"))
    edge = x(value.value)
    if value.known:
        marks.append(whisker(x(value.ends[0]), x(value.ends[1]), top - 9))
    marks.append(tag("circle", cx=edge, cy=top - 9, r=3.5, class_="ink"))
    words = f"{name} {with_unit(value.value, 'share')}"
    marks.append(_edge_text(edge, top - 20, words, width, "label strong"))
    if rival is not None:
        mark, words = x(rival[1].value), f"{rival[0]} {with_unit(rival[1].value, 'share')}"
        marks.append(line(mark, top - 3, mark, bottom + 12, "rival"))
        if rival[1].known:
            marks.append(whisker(x(rival[1].ends[0]), x(rival[1].ends[1]), bottom + 12))
        marks.append(tag("circle", cx=mark, cy=bottom + 12, r=3.0, class_="ink hollow"))
        marks.append(_edge_text(mark, bottom + 32, f"best baseline: {words}", width, "label"))
    marks.append(text(width, bottom + 32 if rival is None or x(rival[1].value) < width * 0.55 else top - 20,
                      "all 100 %", "tick", "end"))  # fmt: skip
    said = _values([(name, value), *([rival] if rival else [])], "share")
    return svg(width, bottom + 40, title, said, *marks, kind="plot tapestry")


def _edge_text(x: float, y: float, words: str, width: float, kind: str) -> Markup:
    """Centred on x where there is room, else against the edge."""
    half = letters(words, 13.6) / 2
    if x - half < 0:
        return text(0, y, words, kind)
    return text(width, y, words, kind, "end") if x + half > width else text(x, y, words, kind, "middle")


def mini(name: str, value: Measure, scale: tuple[float, float], unit: str, threads: Sequence[str] = ()) -> Markup:
    """A dot and whisker for a cell of a table; every row of the table is drawn to the same scale."""
    x = Scale(scale[0], scale[1] if scale[1] > scale[0] else scale[0] + 1, 7.0, 133.0)
    inside = [line(x(0.0), 1, x(0.0), 19, "base")] if scale[0] <= 0 <= scale[1] else []
    inside.append(line(7, 10, 133, 10, "grid"))
    if value.known:
        inside.append(whisker(x(value.ends[0]), x(value.ends[1]), 10))
    inside.append(bead(x(value.value), 10, threads, 4))
    return svg(140, 20, _values([(name, value)], unit), "", *inside, kind="mini")


def weave(kind: int) -> Markup:
    """Cloth for an item without a picture: twelve by twelve stitches of one of four weaves, in the current colour."""
    n, side = 12, 8
    rules: list[Callable[[int, int], bool]] = [
        lambda x, y: (x + y) % 2 == 0,  # plain
        lambda x, y: (x + y) % 4 < 2,  # twill
        lambda x, y: (x + y if x // 6 % 2 else y - x) % 4 < 2,  # herringbone
        lambda x, y: (x // 2 + y // 2) % 2 == 0,  # basket
    ]
    over = rules[kind % len(rules)]
    warp = "".join(f"M{x * side + 1.5:g} {y * side:g}h5v8h-5z" for y in range(n) for x in range(n) if over(x, y))
    weft = "".join(f"M{x * side:g} {y * side + 1.5:g}h8v5h-8z" for y in range(n) for x in range(n) if not over(x, y))
    return Markup("").join([tag("path", d=weft, class_="weft"), tag("path", d=warp, class_="warp-over")])


WEAVES = 4
