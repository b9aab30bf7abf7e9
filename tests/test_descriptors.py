"""Classical picture descriptors against figures that can be worked out by hand, and what must not change them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from gobelin.encoders import _descriptors as classical
from gobelin.encoders.descriptors import Descriptors

SIDE = classical.SIDE


def flat(colour: object) -> np.ndarray:
    return np.asarray(Image.new("RGB", (SIDE, SIDE), colour))


def drawn(draw, background: str = "white", size: int = SIDE) -> Image.Image:
    picture = Image.new("RGB", (size, size), background)
    draw(ImageDraw.Draw(picture))
    return picture


def shape_of(picture: Image.Image) -> np.ndarray:
    return classical.shape(classical.foreground(classical.lab(np.asarray(picture))))


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),  # the textbook values of sRGB's corners under D65
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
    ],
)
def test_colours_in_cielab_are_those_of_the_standard(colour: tuple, expected: tuple) -> None:
    assert classical.lab(flat(colour))[0, 0] == pytest.approx(expected, abs=0.02)


def test_one_colour_fills_the_bins_around_it() -> None:
    white = classical.colour(classical.lab(flat("white")), np.zeros((SIDE, SIDE), dtype=bool))
    assert np.flatnonzero(white > 1e-3).tolist() == [3 * 25 + 12, 100 + 3 * 25 + 12]  # lightest, a* = b* = 0
    assert white[87] == pytest.approx(np.sqrt(0.5), abs=1e-3)
    grey = np.zeros((1, 1, 3)) + [50.5, 12.5, 0.0]  # halfway between two bins of L* and two of a*
    halves = classical.colour(grey, np.zeros((1, 1), dtype=bool))[:100] ** 2 * 2
    assert sorted(halves[halves > 1e-6].tolist()) == pytest.approx([0.25] * 4)


def test_the_second_half_of_the_colours_is_the_foregrounds_alone() -> None:
    picture = drawn(lambda d: d.rectangle((32, 32, 63, 95), fill=(255, 0, 0)))  # 32 x 64 of 128 x 128: an eighth
    colours = classical.lab(np.asarray(picture))
    vector = classical.colour(colours, classical.foreground(colours)) ** 2 * 2
    lightest_grey = 3 * 25 + 12
    assert vector[lightest_grey] == pytest.approx(7 / 8, abs=1e-3)
    assert vector[100 + lightest_grey] == pytest.approx(0, abs=1e-6)
    assert vector.sum() == pytest.approx(2, abs=1e-4)


def test_an_upright_edge_speaks_in_the_first_orientation_of_its_cells() -> None:
    picture = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    picture[:, 48:] = 255  # inside the second column of cells
    blocks = classical.edges(picture).reshape(3, 3, 2, 2, 9) * 3
    assert (blocks[..., 1:] == 0).all(), "no gradient but across"
    assert np.flatnonzero(blocks[0, 0, 0, :, 0]).tolist() == [1] and np.flatnonzero(blocks[0, 1, 0, :, 0]).tolist() == [
        0
    ]
    assert blocks[1, 0, :, 1, 0] == pytest.approx([np.sqrt(0.5)] * 2, abs=1e-3)  # two equal cells make a unit vector
    assert not blocks[:, 2].any(), "the third block begins past the edge"
    turned = classical.edges(picture.transpose(1, 0, 2).copy()).reshape(3, 3, 2, 2, 9)
    assert turned[..., 4].sum() == pytest.approx(turned[..., 5].sum(), abs=1e-5) and turned[..., :4].sum() == 0


def test_edges_do_not_care_how_light_it_is_and_a_flat_picture_has_none() -> None:
    bright = drawn(lambda d: d.polygon([(20, 20), (110, 40), (60, 110)], fill="black"))
    dim = Image.fromarray((np.asarray(bright) // 4).astype(np.uint8))
    one, other = classical.edges(np.asarray(bright)), classical.edges(np.asarray(dim))
    assert one @ other / np.linalg.norm(one) / np.linalg.norm(other) > 0.99
    assert not classical.edges(flat("red")).any()


def test_a_flat_surface_is_the_pattern_of_eight_ones_and_stripes_are_others() -> None:
    surface = classical.texture(flat((119, 83, 201)))
    assert np.flatnonzero(surface).tolist() == [57] and surface[57] == 1
    stripes = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    stripes[::2] = 200
    shares = classical.texture(stripes) ** 2
    # on a dark row all eight neighbours are as bright or brighter; on a bright row only the two beside are
    assert shares[57] == pytest.approx(0.5) and shares[58] == pytest.approx(0.5)
    left_lit = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    left_lit[:, :, :] = np.arange(SIDE, 0, -1)[None, :, None]
    # brighter to the left: bits 3, 4, 5 and the two above and below, which are as bright: five ones that begin at 2
    assert np.flatnonzero(classical.texture(left_lit)).tolist() == [1 + 4 * 8 + 2]


def test_uniform_patterns_are_fifty_eight_and_each_has_a_bin() -> None:
    changes = [sum((code >> i & 1) != (code >> (i + 1) % 8 & 1) for i in range(8)) for code in range(256)]
    uniform = [code for code in range(256) if changes[code] <= 2]
    assert len(uniform) == 58
    assert sorted(classical._PATTERN[code] for code in uniform) == list(range(58))
    assert {classical._PATTERN[code] for code in range(256) if changes[code] > 2} == {58}


def test_moments_of_a_square_a_disc_and_a_bar_are_those_of_the_formulas() -> None:
    square = shape_of(drawn(lambda d: d.rectangle((32, 32, 95, 95), fill="navy")))
    assert square[0] == pytest.approx(1 / 6, abs=1e-4)  # eta20 + eta02 = 1/12 + 1/12
    assert square[1:7] == pytest.approx([0] * 6, abs=1e-4)
    assert square[7:] == pytest.approx([0.25, 0.5, 0.5, 0.5, 0.5])
    disc = shape_of(drawn(lambda d: d.ellipse((14, 14, 113, 113), fill="navy")))
    assert disc[0] == pytest.approx(1 / (2 * np.pi), abs=1e-3)
    bar = shape_of(drawn(lambda d: d.rectangle((0 + 4, 56, 123, 71), fill="navy")))  # 120 x 16
    a = 120 / 16
    assert bar[0] == pytest.approx((a + 1 / a) / 12, abs=2e-3)
    assert bar[1] == pytest.approx((a - 1 / a) / 12, abs=2e-3)  # the root of (eta20 - eta02)^2


def test_moments_stay_when_a_shape_is_moved_turned_or_enlarged_and_tell_shapes_apart() -> None:
    corners = np.array([(0, 0), (30, 0), (30, 10), (10, 10), (10, 40), (0, 40)], dtype=float)  # an L

    def drawn_at(shift: tuple, angle: float = 0, scale: float = 1) -> np.ndarray:
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = [tuple(p) for p in corners @ turn.T * scale + shift]
        return shape_of(drawn(lambda d: d.polygon(points, fill="black")))

    plain = drawn_at((20, 20))
    assert drawn_at((70, 60))[:7] == pytest.approx(plain[:7], abs=1e-6)
    assert drawn_at((100, 30), angle=np.pi / 2)[:7] == pytest.approx(plain[:7], abs=0.02)
    assert drawn_at((10, 10), scale=2.5)[:7] == pytest.approx(plain[:7], abs=0.03)
    disc = shape_of(drawn(lambda d: d.ellipse((30, 30, 80, 80), fill="black")))
    assert np.abs(disc[:7] - plain[:7]).max() > 0.1


def test_the_foreground_is_what_differs_from_the_border_on_any_background() -> None:
    for background, thing in (("white", "black"), ("black", "white"), ("navy", "yellow")):
        picture = drawn(lambda d, c=thing: d.rectangle((40, 40, 79, 99), fill=c), background)
        found = classical.foreground(classical.lab(np.asarray(picture)))
        assert found.sum() == 40 * 60 and found[40:100, 40:80].all()
    assert not classical.foreground(classical.lab(flat("teal"))).any()


def test_groups_stand_where_columns_says_and_are_those_of_all_groups(tmp_path: Path) -> None:
    picture = drawn(lambda d: d.ellipse((20, 30, 100, 90), fill="green"), size=160)
    everything = Descriptors()
    vector = everything.encode_pictures([picture]).values[0]
    assert everything.dim == len(vector) == 595
    for group, place in everything.columns().items():
        alone = Descriptors(groups=(group,))
        assert alone.dim == place.stop - place.start
        assert np.array_equal(alone.encode_pictures([picture]).values[0], vector[place])
        assert 0.5 < np.linalg.norm(vector[place]) < 2, "the groups count about alike"
    assert Descriptors(groups=("shape", "colour")).columns()["shape"].start == 200
    assert Descriptors(groups=("shape",)).fingerprint() != everything.fingerprint()


def test_a_file_gives_the_vector_of_its_picture_and_a_picture_that_shows_nothing_is_absent(tmp_path: Path) -> None:
    picture = drawn(lambda d: d.ellipse((20, 30, 100, 90), fill="green"), size=160)
    picture.save(tmp_path / "a.png")
    Image.new("RGB", (40, 40), "red").save(tmp_path / "b.png")
    part = Descriptors()
    assert np.array_equal(part.encode([tmp_path / "a.png"]).values, part.encode_pictures([picture]).values)
    assert part.encode([tmp_path / "b.png"]).present.all(), "it has a colour"
    shapes = Descriptors(groups=("shape",)).encode([tmp_path / "a.png", tmp_path / "b.png"])
    assert shapes.present.tolist() == [True, False] and shapes.reasons == (None, "plain")


def test_frame_changes_the_vector_and_the_fingerprint(tmp_path: Path) -> None:
    wide = Image.new("RGB", (200, 50), "white")
    ImageDraw.Draw(wide).ellipse((80, 5, 120, 45), fill="red")
    shapes = {frame: Descriptors(groups=("shape",), frame=frame).encode_pictures([wide]).values[0] for frame in
              ("squeeze", "pad", "crop")}  # fmt: skip
    assert shapes["crop"][0] == pytest.approx(1 / (2 * np.pi), abs=2e-3), "a disc stays a disc"
    assert shapes["pad"][0] == pytest.approx(1 / (2 * np.pi), abs=2e-3)
    assert shapes["squeeze"][0] > 0.3, "squeezed to an upright ellipse of 1 : 4"
    assert len({Descriptors(frame=frame).fingerprint() for frame in shapes}) == 3
