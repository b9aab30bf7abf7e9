"""Plots as inline SVG: thread colours, intervals always drawn, axes from nought, direct labels, a finding as title.

Each function returns markup of one width (viewBox units are CSS pixels), so that letters keep their size: the page
holds a wide and a narrow drawing of each plot and shows the one that fits. Colours are CSS variables of the page
(`--ink`, `--text`, ...), which is how dark mode and print reach into them. A model is drawn as a bead cut into the
threads that it reads; a series as a line twined of them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gobelin.evaluation.marks import (
    Scale,
    axis,
    bead,
    grid_x,
    grid_y,
    in_words,
    letters,
    line,
    shorten,
    slug,
    spread,
    svg,
    tag,
    text,
    twine,
    whisker,
)
from gobelin.evaluation.words import Measure, Number, told, with_unit

WIDE, NARROW = 760, 344  # beside the headings; on a telephone
PAGE = 968  # across the page


@dataclass(frozen=True)
class Dot:
    """One row of a dot-and-whisker plot. note: said after the value. threads: of the bead; () is behaviour alone."""

    label: str
    value: Measure
    threads: tuple[str, ...] = ()
    note: str = ""
    strong: bool = False
    small: tuple[Number, ...] = ()  # single runs behind the mean


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


def dots(
    title: str, rows: Sequence[Dot], unit: str, axis_label: str, width: int = WIDE, reference: Number | None = None
) -> Markup:
    """Dot and whisker, a row each. reference: a value through which a hairline runs (the log alone)."""
    narrow = width < 500
    note_room = max([0.0, *(letters(f"{with_unit(r.value.value, unit)}  {r.note}") for r in rows)])
    label_room = min(max(letters(r.label, 13, r.strong) for r in rows) + 8, 260)
    left, right = (10.0, width - 14.0) if narrow else (label_room + 12, width - note_room - 24)
    height_of, top = (44.0, 4.0) if narrow else (28.0, 4.0)
    bottom = top + height_of * len(rows)
    scale = axis([r.value for r in rows], left, right)
    marks = grid_x(scale, top, bottom, unit, 4 if narrow else 5)
    if reference is not None:
        marks.append(line(scale(reference), top, scale(reference), bottom, "reference"))
    for at, row in enumerate(rows):
        y = top + height_of * at + (30 if narrow else height_of / 2)
        value, kind = with_unit(row.value.value, unit), "label strong" if row.strong else "label"
        if narrow:
            marks.append(text(left, y - 14, shorten(row.label, right - note_room - left, 13, row.strong), kind))
            marks.append(_value_text(right, y - 14, value, row.note, "end"))
        else:
            marks.append(text(left - 14, y + 4.5, shorten(row.label, label_room, 13, row.strong), kind, "end"))
            marks.append(_value_text(right + 14, y + 4.5, value, row.note, "start"))
        runs = [tag("circle", cx=scale(one), cy=y + 11, r=2.0, class_="run") for one in row.small]
        span = [whisker(scale(row.value.ends[0]), scale(row.value.ends[1]), y)] if row.value.known else []
        dot = bead(scale(row.value.value), y, row.threads, strong=row.strong, intervals=span)
        marks.append(tag("g", tag("title", in_words([(row.label, row.value)], unit)), *runs, dot))
    marks.append(text((left + right) / 2, bottom + 35, axis_label, "axis", "middle"))
    return svg(width, bottom + 42, title, in_words([(r.label, r.value) for r in rows], unit), *marks)


def _value_text(x: Number, y: Number, value: str, note: str, anchor: str) -> Markup:
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
    positions: Sequence[Number] | None = None,
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
    marks = grid_y(scale, left, right, unit, 4)
    room = (right - left) / n - 4
    for x, (name, note) in zip(xs, categories, strict=True):
        marks.append(text(x, bottom + 18, shorten(name, room, 12), "tick strong", "middle"))
        note = note if letters(note, 12) <= room else note.split(" ")[0]
        marks.append(text(x, bottom + 33, note, "tick", "middle"))
    ends: list[Number] = []
    for at, one in enumerate(series):
        shift = (at - (len(series) - 1) / 2) * 8
        places = [(x + shift, v) for x, v in zip(xs, one.values, strict=True) if v is not None]
        marks.append(twine([(x, scale(v.value)) for x, v in places], one.threads))
        named = [(c[0], v) for c, v in zip(categories, one.values, strict=True) if v is not None]
        for (x, v), pair in zip(places, named, strict=True):
            span = [whisker(scale(v.ends[0]), scale(v.ends[1]), x, upright=True, cap=6.5)] if v.known else []
            hint = tag("title", f"{one.label}, {in_words([pair], unit)}")
            marks.append(tag("g", hint, bead(x, scale(v.value), one.threads, 4.5, intervals=span)))
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
        f"{s.label}: " + in_words([(c[0], v) for c, v in zip(categories, s.values, strict=True) if v], unit)
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
    marks = [*grid_x(x_axis, top, bottom, units[0], 4 if narrow else 6), *grid_y(y_axis, left, right, units[1], 5)]
    if path and len(points) > 1:
        marks.append(twine([(x_axis(p.x.value), y_axis(p.y.value)) for p in points], points[0].threads))
    for p in points:
        x, y, inside = x_axis(p.x.value), y_axis(p.y.value), []
        if p.x.known and p.x.ends[1] > p.x.ends[0]:
            inside.append(whisker(x_axis(p.x.ends[0]), x_axis(p.x.ends[1]), y, cap=7))
        if p.y.known and p.y.ends[1] > p.y.ends[0]:
            inside.append(whisker(y_axis(p.y.ends[0]), y_axis(p.y.ends[1]), x, upright=True, cap=7))
        at = with_unit(p.x.value, units[0]), with_unit(p.y.value, units[1])
        hint = f"{p.label}: {axis_labels[0]} {at[0]}, {axis_labels[1]} {at[1]}"
        marks.append(tag("g", tag("title", hint), bead(x, y, p.threads, 5, p.strong, inside)))
    marks += _plane_labels(points, x_axis, y_axis, left, right, top, bottom)
    marks.append(text(0, 12, axis_labels[1], "axis"))
    marks.append(text(right, bottom + 35, axis_labels[0], "axis", "end"))
    said = "; ".join(
        f"{p.label}: {axis_labels[0]} {with_unit(p.x.value, units[0])}, {axis_labels[1]} {told(p.y, units[1])}"
        for p in points
    )
    return svg(width, bottom + 42, title, said, *marks)


def _plane_labels(
    points: Sequence[Point], x_axis: Scale, y_axis: Scale, left: Number, right: Number, top: Number, bottom: Number
) -> list[Markup]:
    """A name beside each mark, where it covers neither a mark nor another name; a hairline leads back if it moved."""
    marks: list[Markup] = []
    taken: list[tuple[Number, Number, Number, Number]] = []
    for p in points:
        x, y, (x0, x1), (y1, y0) = x_axis(p.x.value), y_axis(p.y.value), map(x_axis, p.x.ends), map(y_axis, p.y.ends)
        taken += [(x - 7, y - 7, x + 7, y + 7), (x0 - 2, y - 6, x1 + 2, y + 6), (x - 6, y0 - 2, x + 6, y1 + 2)]
    for p in sorted(points, key=lambda p: (not p.strong, y_axis(p.y.value))):
        x, y, wide = x_axis(p.x.value), y_axis(p.y.value), letters(p.label, 13)
        best: tuple[Number, Number, Number, str] | None = None
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


def _overlap(a: tuple[Number, ...], b: tuple[Number, ...]) -> Number:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def bars(
    title: str, rows: Sequence[tuple[str, Number, str]], say: Callable[[Number], str], width: int = WIDE
) -> Markup:
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
    left, right, top, row = 1.0, width - 1.0, 46.0, (16.0 if len(rows) < 4 else 13.0) * (0.75 if width < 500 else 1.0)
    pitch = (right - left) / 100
    bottom = top + row * len(rows)
    x = Scale(0.0, 1.0, left, right)
    posts = "".join(f"M{left + pitch * (at + 0.5):.2f} {top:g}V{bottom:g}" for at in range(100))
    marks = [tag("path", d=posts, class_="warp")]
    woven = value.value * 100
    for at, thread in enumerate(rows):
        y = top + row * at
        over: list[str] = []
        under: list[str] = []
        for column in range(math.ceil(woven - 1e-9)):
            wide = pitch * min(1.0, woven - column)
            target = over if (column + at) % 2 == 0 else under
            target.append(f"M{left + pitch * column:.2f} {y + 1:.2f}h{wide:.2f}v{row - 2:.2f}h{-wide:.2f}z")
        for path, kind in ((over, "over"), (under, "under")):
            if path:
                marks.append(tag("path", d="".join(path), class_=f"f-{slug([thread])} {kind}"))
    edge = x(value.value)
    if value.known:
        marks.append(whisker(x(value.ends[0]), x(value.ends[1]), top - 9))
    marks.append(tag("circle", cx=edge, cy=top - 9, r=3.5, class_="ink"))
    words = f"{name} {with_unit(value.value, 'share')}"
    marks.append(_edge_text(edge, top - 20, words, width, "label strong"))
    if rival is not None:
        mark, words = x(rival[1].value), f"{rival[0]} {with_unit(rival[1].value, 'share')}"
        marks.append(line(mark, top - 4, mark, bottom + 4, "rival-gap"))
        marks.append(line(mark, top - 4, mark, bottom + 12, "rival"))
        if rival[1].known:
            marks.append(whisker(x(rival[1].ends[0]), x(rival[1].ends[1]), bottom + 12))
        marks.append(tag("circle", cx=mark, cy=bottom + 12, r=3.0, class_="ink hollow"))
        marks.append(_edge_text(mark, bottom + 32, f"best baseline: {words}", width, "label"))
    all_of_it = "100 %" if width < 500 else "everything they chose, 100 %"
    low = rival is None or x(rival[1].value) < width * 0.55
    marks.append(text(width, bottom + 32 if low else top - 20, all_of_it, "tick", "end"))
    said = in_words([(name, value), *([rival] if rival else [])], "share")
    return svg(width, bottom + 40, title, said, *marks, kind="plot tapestry")


def _edge_text(x: Number, y: Number, words: str, width: Number, kind: str) -> Markup:
    """Centred on x where there is room, else against the edge."""
    half = letters(words, 13.6) / 2
    if x - half < 0:
        return text(0, y, words, kind)
    return text(width, y, words, kind, "end") if x + half > width else text(x, y, words, kind, "middle")


def mini(name: str, value: Measure, scale: tuple[Number, Number], unit: str) -> Markup:
    """A cell of a table: the interval as a band, the value as a stroke; every row of the table to the same scale."""
    x = Scale(scale[0], scale[1] if scale[1] > scale[0] else scale[0] + 1, 4.0, 116.0)
    inside = [line(4, 10, 116, 10, "grid")]
    if scale[0] <= 0 <= scale[1]:
        inside.append(line(x(0.0), 2, x(0.0), 18, "base"))
    if value.known:
        low, high = (x(end) for end in value.ends)
        inside.append(tag("rect", x=low, y=6.0, width=max(high - low, 0.5), height=8.0, class_="band interval"))
    inside.append(line(x(value.value), 4, x(value.value), 16, "stroke"))
    return svg(120, 20, in_words([(name, value)], unit), "", *inside, kind="mini")
