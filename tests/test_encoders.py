"""Encoders: the contract over every part, and what each one promises beyond it."""

import json
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from gobelin import parts
from gobelin.encoders import _lite0
from gobelin.encoders._columns import recognise
from gobelin.encoders.attributes import Attributes
from gobelin.encoders.efficientnet import Efficientnet
from gobelin.encoders.sentence import Sentence
from gobelin.encoders.words import Words
from gobelin.errors import MissingExtra, StoreError
from gobelin.protocols import Content, Encoder, Learned
from gobelin.testing.encoders import check_encoder, check_learned, draw_contents

RNG = np.random.default_rng


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("cache")
    tiny.lend_weights(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOBELIN_CACHE", str(folder))
        yield


@pytest.mark.parametrize("name", [part.name for part in parts.named("encoders")])
def test_every_encoder_keeps_the_contract(name: str, tmp_path: Path) -> None:
    settings = tiny.settings_for(name, tmp_path / "settings")
    try:
        check_encoder(lambda: parts.bind("encoders", name, settings), tmp_path)
    except MissingExtra as wrong:
        tiny.skip_without_weights(wrong)


def test_the_contract_catches_an_encoder_that_forgets_presence(tmp_path: Path) -> None:
    class Forgetful(Words):
        def transform(self, contents):
            block = super().transform(contents)
            block.present[:] = True
            return block

    with pytest.raises(AssertionError, match="all zero"):
        check_learned(Forgetful, draw_contents(tmp_path, 30))


@pytest.mark.parametrize("name", [part.name for part in parts.named("encoders")])
def test_each_part_is_one_of_the_two_kinds(name: str, tmp_path: Path) -> None:
    made = parts.bind("encoders", name, tiny.settings_for(name, tmp_path))
    assert isinstance(made, Encoder) != isinstance(made, Learned)


def test_every_encoder_stands_in_the_docs_with_what_it_wants() -> None:
    page = (Path(__file__).parents[1] / "docs" / "encoders.md").read_text(encoding="utf-8")
    rows = {cells[1].strip(" `"): cells for line in page.splitlines() if len(cells := line.split("|")) == 9}
    for part in parts.named("encoders"):
        extra = rows[part.name][7]
        assert bool(part.needs) != (extra.strip() == "-"), part.name
        assert all(f"`{one}`" in extra for one in part.needs), part.name
        assert part.weights is None or f"`gobelin models get {part.weights}`" in extra, part.name


def titled(*texts: str) -> list[Content]:
    return [Content(str(i), {"title": (text,)}) for i, text in enumerate(texts)]


def test_words_can_be_runs_of_characters_that_stay_inside_a_run_and_come_back_from_the_state() -> None:
    read = Words(analyzer="char", grams=2, min_df=1).fit(titled("发烧，咳嗽", "Ab c"), RNG(0))
    assert set(read.names()) == {"发", "烧", "发烧", "咳", "嗽", "咳嗽", "a", "b", "ab", "c"}
    again = Words.from_state(json.loads(json.dumps({**read.state(), "idf": read.state()["idf"].tolist()})))
    fresh = titled("咳嗽三天")
    assert np.array_equal(again.transform(fresh).values.toarray(), read.transform(fresh).values.toarray())
    assert read.transform(fresh).values.nnz == 3


def test_a_sentence_lies_nearer_to_its_translation_than_to_another_subject() -> None:
    texts = ["a warm winter coat", "温暖的冬季大衣", "a science fiction film", "科幻电影"]
    v = Sentence().encode(texts).values
    assert np.allclose(np.linalg.norm(v, axis=1), 1, atol=1e-5)
    assert v[0] @ v[1] > 0.6 > v[0] @ v[2]
    assert v[2] @ v[3] > 0.6 > v[1] @ v[3]


def test_words_weigh_as_the_formula_says() -> None:
    encoder = Words(fields=("title",), min_df=1).fit(titled("red red coat", "red hat"), RNG(0))
    assert tuple(encoder.names()) == ("coat", "hat", "red")
    rare, common = 1 + np.log(3 / 2), 1 + np.log(3 / 3)
    first = np.array([rare, 0, (1 + np.log(2)) * common])
    assert np.allclose(encoder.transform(titled("red red coat")).values.toarray()[0], first / np.linalg.norm(first))


def test_words_learn_only_from_what_they_are_fitted_on() -> None:
    encoder = Words(fields=("title",), min_df=1).fit(titled("red coat"), RNG(0))
    block = encoder.transform([*titled("blue coat", "blue hat"), Content("bare", {})])
    assert block.present.tolist() == [True, False, False]
    assert block.reasons == (None, "unknown words", "not given")
    assert block.values.toarray()[0].tolist() == [1, 0]


def test_rare_words_and_too_many_words_are_left_out() -> None:
    texts = titled("a b c", "a b", "a")
    assert Words(fields=("title",), min_df=2).fit(texts, RNG(0)).names() == ["a", "b"]
    assert Words(fields=("title",), min_df=1, max_features=1).fit(texts, RNG(0)).names() == ["a"]
    assert Words(fields=("title",), min_df=5).fit(texts[:1], RNG(0)).names() == ["a", "b", "c"]


def test_chinese_titles_share_words() -> None:
    texts = [Content("1", {"title": ("红色羊毛大衣",)}), Content("2", {"title": ("蓝色羊毛帽子",)})]
    assert "羊毛" in Words(min_df=2).fit(texts, RNG(0)).names()


def column(cells: list[str], items: int | None = None, name: str = "x", **settings):
    return recognise(name, Counter(cells), items or len(cells), **settings)


def test_columns_are_recognised_without_being_told() -> None:
    assert column(["red", "blue"] * 10).kind == "category"
    genres = column(["Drama|War", "War", "Drama"] * 5)
    assert (genres.kind, genres.separator, genres.values) == ("list", "|", ("Drama", "War"))
    assert column([f"{i}.99" for i in range(40)]).kind == "number"
    assert column([f"2024-01-{i + 1:02d}" for i in range(28)]).kind == "date"
    assert column([f"2024年1月{i + 1}日" for i in range(28)]).kind == "date"
    written = column(["['a', 'b']", '["a", "c"]', "[]", "['b', 'c']"] * 3)
    assert (written.kind, set(written.values)) == ("list", {"a", "b", "c"})
    cast = column([f"Ann {i % 7}, Bob {i % 5}, Cy {i % 3}" for i in range(60)])
    assert (cast.separator, len(cast.values)) == (", ", 15)


def test_a_name_with_a_comma_that_items_share_is_no_list() -> None:
    shared = column(["Nightwear, Socks & Tights", "Bags, Belts"] * 20)
    assert (shared.kind, shared.width) == ("category", 2)


def test_identifiers_are_left_out_unless_named() -> None:
    unique = [f"tt{i:07d}" for i in range(50)]
    assert column(unique).left_out is not None
    assert column([f"00{i}" for i in range(100, 150)]).left_out is not None  # leading zeros: codes, not numbers
    assert column([str(i) for i in range(862, 912)], name="tmdb_id").left_out is not None
    assert column([str(i) for i in range(862, 912)], name="pages").left_out is None
    assert column([str(i) for i in range(10_000, 10_050)], name="pages").left_out is not None  # equally long
    assert column([*unique, unique[0]], categorical=True).values == (unique[0],)
    assert column(["same"] * 30).left_out == "every item has the same value"


def test_few_numbers_are_categories_and_a_named_one_always() -> None:
    assert column(["1", "2", "3"] * 9).values == ("1", "2", "3")
    assert column([str(y) for y in range(1990, 2020)] * 2, categorical=True).kind == "category"


def test_a_number_lies_between_its_two_neighbours_among_the_quantiles() -> None:
    price = column([str(v) for v in range(101)], name="price", bins=3)
    assert price.knots == (0, 50, 100)
    assert price.places("50") == [(1, 1.0)]
    half = 1 / np.sqrt(2)
    assert price.places("25") == [(0, pytest.approx(half)), (1, pytest.approx(half))]
    assert price.places("-7") == [(0, 1.0)] and price.places("1,000") == [(2, 1.0)]
    assert price.places("$ 50.00") == [(1, 1.0)]
    assert price.places("soon") == []


def test_quantiles_count_items_and_not_distinct_values() -> None:
    mostly_cheap = column(["1"] * 90 + [str(v) for v in range(2, 12)], name="price", bins=5)
    assert mostly_cheap.knots == (1, 11)


def test_each_column_of_an_item_is_a_unit_vector() -> None:
    contents = [
        Content(
            str(i), {"colour": (("red", "blue")[i % 2],), "tags": (("a|b", "b|c", "a")[i % 3],), "price": (f"{i}.5",)}
        )
        for i in range(30)
    ]
    encoder = Attributes().fit(contents, RNG(0))
    block = encoder.transform([*contents, Content("x", {"tags": ("a|b|new",)}), Content("y", {"tags": ("new",)})])
    squared = block.values.multiply(block.values).sum(axis=1)
    assert np.allclose(squared[:30], 3, atol=1e-5) and squared[30] == pytest.approx(1)
    assert block.reasons[30:] == (None, "unseen values") and not block.present[31]
    names = encoder.names()
    assert len(names) == encoder.dim and names[:2] == ["colour = blue", "colour = red"]


def test_attributes_read_no_title_text_or_media_and_tell_what_became_of_each_column() -> None:
    contents = [
        Content(
            str(i),
            {
                "title": ("x",),
                "text": ("y",),
                "image": (Path("a.png"),),
                "link": (f"http://{i}",),
                "size": ("SML"[i % 3],),
            },
        )
        for i in range(30)
    ]
    encoder = Attributes().fit(contents, RNG(0))
    assert encoder.describe() == [
        {
            "column": "link",
            "kind": "category",
            "values": 0,
            "coverage": 1.0,
            "left_out": "nearly every item has a value of its own",
        },
        {"column": "size", "kind": "category", "values": 3, "coverage": 1.0, "left_out": None},
    ]
    assert Attributes(ignore=("size",)).fit(contents, RNG(0)).dim == 0
    restored = Attributes.from_state(json.loads(json.dumps(encoder.state())))
    assert restored.describe() == encoder.describe() and restored.names() == encoder.names()


def test_the_weights_are_read_only_when_their_hash_is_the_pinned_one(tmp_path: Path) -> None:
    forged = tmp_path / "weights.pth"
    forged.write_bytes(_lite0._packaged().read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match="SHA-256"):
        _lite0.read_weights(forged)


def test_the_reader_of_weights_calls_nothing_that_a_file_names(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "called",))

    path = tmp_path / "evil"
    path.write_bytes(pickle.dumps(Evil()))
    with path.open("rb") as file, pytest.raises(pickle.UnpicklingError, match="no place among weights"):
        _lite0._Reader(file).load()
    assert not (tmp_path / "called").exists()


def test_a_convolution_of_the_onnx_file_equals_the_unfolded_formula() -> None:
    """The stem, by hand: convolution with SAME padding, then batch normalisation, then ReLU6."""
    import onnx
    import onnxruntime

    weights = _lite0.read_weights(_lite0._packaged())
    model = _lite0.build(weights)
    first = model.graph.node[1].output[0]
    model.graph.output.append(onnx.helper.make_tensor_value_info(first, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = RNG(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    found = session.run([first], {"pictures": x})[0][0]
    padded = np.pad(x[0], ((0, 0), (0, 1), (0, 1)))  # stride 2 on an even side pads below and on the right only
    y, left = 17, 40
    patch = padded[:, 2 * y : 2 * y + 3, 2 * left : 2 * left + 3]
    raw = np.einsum("oihw,ihw->o", weights["_conv_stem.weight"].astype(float), patch)
    norm = {k: weights[f"_bn0.{k}"].astype(float) for k in ("weight", "bias", "running_mean", "running_var")}
    expected = (raw - norm["running_mean"]) / np.sqrt(norm["running_var"] + 1e-3) * norm["weight"] + norm["bias"]
    assert np.allclose(found[:, y, left], np.clip(expected, 0, 6), atol=1e-4)


def test_scores_are_the_softmax_of_the_logits_that_the_network_itself_gives(tmp_path: Path) -> None:
    import onnxruntime

    picture = Image.fromarray(RNG(0).integers(0, 256, (224, 224, 3), dtype=np.uint8))
    picture.save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    encoder = Efficientnet()
    block = encoder.scores([tmp_path / "a.png", tmp_path / "b.png"])
    session = onnxruntime.InferenceSession(str(_lite0.onnx_file()), providers=["CPUExecutionProvider"])
    inputs = (np.asarray(picture, dtype=np.float32).transpose(2, 0, 1)[None] - 127) / 128
    logits = session.run(["logits"], {"pictures": inputs})[0][0].astype(float)
    assert np.allclose(block.values[0], np.exp(logits) / np.exp(logits).sum(), atol=1e-5)
    assert block.values.shape == (2, len(encoder.classes())) and not block.values[1].any()
    assert block.present.tolist() == [True, False] and block.reasons == (None, "broken")
    assert encoder.scores([]).values.shape == (0, 1000)


def test_class_names_are_short_and_in_the_order_of_the_logits() -> None:
    names = Efficientnet().classes()
    assert (names[0], names[207], names[951], names[999]) == ("tench", "Golden Retriever", "lemon", "toilet paper")
    assert all(name and len(name) <= 33 and not set(name) & set("/(,") for name in names)


def test_a_damaged_onnx_file_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOBELIN_CACHE", str(tmp_path / "cache"))
    Image.new("RGB", (10, 10), "red").save(tmp_path / "a.png")
    path = _lite0.onnx_file()
    path.write_bytes(b"damaged")
    assert Efficientnet().encode([tmp_path / "a.png"]).present.all()
    assert path.stat().st_size > 10_000_000


def test_like_pictures_lie_nearer_than_unlike_ones(tmp_path: Path) -> None:
    from PIL import ImageDraw

    paths = []
    for name, shape, colour in [("a", "ellipse", "red"), ("b", "ellipse", "darkred"), ("c", "rectangle", "blue")]:
        picture = Image.new("RGB", (120, 160), "white")
        getattr(ImageDraw.Draw(picture), shape)((20, 30, 100, 110), fill=colour)
        picture.save(tmp_path / f"{name}.png")
        paths.append(tmp_path / f"{name}.png")
    v = Efficientnet().encode(paths).values
    v = v / np.linalg.norm(v, axis=1, keepdims=True)
    assert v[0] @ v[1] > v[0] @ v[2] + 0.1


def test_a_setting_that_changes_vectors_changes_the_fingerprint() -> None:
    assert Efficientnet(frame="pad").fingerprint() != Efficientnet().fingerprint()
    assert Efficientnet(max_megapixels=7).fingerprint() == Efficientnet().fingerprint()


@pytest.mark.real
def test_columns_of_real_shops_are_recognised(real: Path) -> None:
    import pandas as pd

    table = pd.read_csv(real / "movielens_small" / "items.csv", dtype=str, keep_default_na=False)
    contents = [
        Content(
            row["item_id"],
            {k: (v,) for k, v in row.items() if v and k in ("imdb_id", "year", "cast", "director", "categories")},
        )
        for row in table.to_dict("records")
    ]
    kinds = {d["column"]: (d["kind"], d["left_out"] is None) for d in Attributes().fit(contents, RNG(0)).describe()}
    assert kinds == {
        "imdb_id": ("category", False),
        "year": ("number", True),
        "cast": ("list", True),
        "director": ("category", True),
        "categories": ("list", True),
    }
