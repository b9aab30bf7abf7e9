"""The marks that plots are made of: scales, axes, beads, whiskers, twined lines, cloth; and where labels find room.

Everything returns escaped markup. Pixels are CSS pixels; `f-`, `s-` and `c-` classes give a thread's colour as fill,
stroke and current colour.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from gobelin.evaluation.words import Measure, Number, figure, told


@dataclass(frozen=True)
class Scale:
    """Values to pixels."""

    low: Number
    high: Number
    start: Number
    end: Number

    def __call__(self, value: Number) -> Number:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[Number]:
        step = nice_step((self.high - self.low) / about)
        first = math.ceil(self.low / step - 1e-9)
        return [at * step for at in range(first, math.floor(self.high / step + 1e-9) + 1)]


def nice_step(raw: Number) -> Number:
    """The next larger of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    return next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * (1 - 1e-9))


def axis(values: Iterable[Measure], start: Number, end: Number, room: Number = 1.02) -> Scale:
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
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, Number) else value


def svg(width: Number, height: Number, title: str, description: str, *inside: object, kind: str = "plot") -> Markup:
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


def text(x: Number, y: Number, words: str, kind: str = "", anchor: str | None = None) -> Markup:
    return tag("text", words, x=float(x), y=float(y), class_=kind or None, text_anchor=anchor)


def line(x1: Number, y1: Number, x2: Number, y2: Number, kind: str) -> Markup:
    return tag("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=kind)


def bead(
    x: Number,
    y: Number,
    threads: Sequence[str],
    r: Number = 5.5,
    strong: bool = False,
    intervals: Sequence[object] = (),
) -> Markup:
    """A disc cut into as many sectors as there are threads; a ring around what was chosen.

    intervals: whiskers, drawn between the disc and its halo, so that the shortest still shows.
    """
    ring = [tag("circle", cx=float(x), cy=float(y), r=r + 3.0, class_="ring")] if strong else []
    halo = tag("circle", cx=float(x), cy=float(y), r=r + 1.5, class_="halo")
    if len(threads) <= 1:
        disc = [tag("circle", cx=float(x), cy=float(y), r=float(r), class_=f"f-{slug(threads)}")]
    else:
        n = len(threads)
        disc = [_sector(x, y, r, at / n, (at + 1) / n, slug([thread])) for at, thread in enumerate(threads)]
    return tag("g", halo, *intervals, *ring, *disc)


def _sector(x: Number, y: Number, r: Number, start: Number, end: Number, name: str) -> Markup:
    a, b = (2 * math.pi * part - math.pi / 2 for part in (start, end))
    big = 1 if end - start > 0.5 else 0
    path = (
        f"M{x:.2f} {y:.2f}L{x + r * math.cos(a):.2f} {y + r * math.sin(a):.2f}"
        f"A{r} {r} 0 {big} 1 {x + r * math.cos(b):.2f} {y + r * math.sin(b):.2f}Z"
    )
    return tag("path", d=path, class_=f"f-{name}")


def slug(threads: Sequence[str]) -> str:
    return (threads[0] if threads else "behaviour").replace(" ", "-")


def whisker(low: Number, high: Number, at: Number, upright: bool = False, cap: Number = 8) -> Markup:
    """An interval between two pixels, with end caps."""
    ends = [(low, at - cap, low, at + cap), (high, at - cap, high, at + cap), (low, at, high, at)]
    if upright:
        ends = [(y1, x1, y2, x2) for x1, y1, x2, y2 in ends]
    return tag("g", *(line(*four, "whisker") for four in ends), class_="interval")


def twine(points: Sequence[tuple[Number, Number]], threads: Sequence[str]) -> Markup:
    """A line twined of its threads: dashes of one colour after the other."""
    path = "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points)
    if len(threads) <= 1:
        return tag("path", d=path, class_=f"line s-{slug(threads)}")
    dash, n = 8.0, len(threads)
    return tag(
        "g",
        *(
            tag("path", d=path, class_=f"line s-{slug([t])}", stroke_dasharray=f"{dash:g} {dash * (n - 1):g}",
                stroke_dashoffset=-dash * at)
            for at, t in enumerate(threads)
        ),
    )  # fmt: skip


def letters(words: str, em: Number = 13, strong: bool = False) -> Number:
    """About how wide a text runs, in pixels: a Chinese character is as wide as it is high."""
    em = em * 1.1 if strong else em
    return sum(em if ord(c) > 0x2E80 else em * (0.36 if c in "ilj.,:;'|!()[] " else 0.62) for c in words)


def shorten(words: str, room: Number, em: Number = 13, strong: bool = False) -> str:
    """Cut with an ellipsis to fit a room in pixels."""
    if letters(words, em, strong) <= room:
        return words
    while words and letters(words + "…", em, strong) > room:
        words = words[:-1]
    return words.rstrip() + "…"


def spread(wanted: Sequence[Number], gap: Number, low: Number, high: Number) -> list[Number]:
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


def in_words(rows: Iterable[tuple[str, Measure]], unit: str) -> str:
    return "; ".join(f"{name}: {told(value, unit)}" for name, value in rows)


def tick(value: Number, unit: str, step: Number) -> str:
    """As many decimals as the step needs."""
    scaled = step * 100 if unit == "share" else step
    digits = max(0, -math.floor(math.log10(scaled) + 1e-9)) if scaled > 0 else 0
    if round(scaled * 10**digits, 6) != round(scaled * 10**digits):
        digits += 1
    return figure(value, unit, digits) + (" %" if unit == "share" else "")


def grid_x(scale: Scale, top: Number, bottom: Number, unit: str, about: int) -> list[Markup]:
    ticks = scale.ticks(about)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    marks = []
    for at in ticks:
        x = scale(at)
        marks.append(line(x, top, x, bottom, "base" if abs(at) < 1e-12 else "grid"))
        marks.append(text(x, bottom + 16, tick(at, unit, step), "tick", "middle"))
    return marks


def grid_y(scale: Scale, left: Number, right: Number, unit: str, about: int) -> list[Markup]:
    ticks = scale.ticks(about)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    marks = []
    for at in ticks:
        y = scale(at)
        marks.append(line(left, y, right, y, "base" if abs(at) < 1e-12 else "grid"))
        marks.append(text(left - 8, y + 4, tick(at, unit, step), "tick", "end"))
    return marks


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
