"""Word vectors, learned or loaded, against the formulas written out in full; stop words and parts of speech."""

import gzip
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from gobelin import parts, store
from gobelin.encoders._corpus import Corpus
from gobelin.encoders._pooling import Pooling
from gobelin.encoders._vector_file import read_vectors
from gobelin.encoders.loaded_vectors import LoadedVectors
from gobelin.encoders.word_vectors import WordVectors, _bounded, _pairs, _shifted_pmi, _vectors
from gobelin.encoders.words import Words
from gobelin.errors import MissingExtra, RecipeError, UserError
from gobelin.media.grammar import part_of_speech, tagged, words_that_are
from gobelin.media.stop_words import stop_words
from gobelin.protocols import Content

RNG = np.random.default_rng


def titled(*texts: str) -> list[Content]:
    return [Content(str(i), {"title": (text,)}) for i, text in enumerate(texts)]


# --- learned


def pairs_of(texts: list[Content], window: int) -> tuple[list[str], np.ndarray]:
    with Corpus().read(texts, ("title",), 1000) as corpus:
        every = np.arange(len(corpus.names), dtype=np.int64)
        return corpus.names, _pairs(corpus, every, window).toarray()


def test_pairs_within_the_window_count_by_their_distance_and_stay_inside_a_text() -> None:
    names, counts = pairs_of(titled("a b c d", "d a"), window=2)
    assert names == ["a", "b", "c", "d"]
    expected = np.array([[0, 1, 0.5, 1], [1, 0, 1, 0.5], [0.5, 1, 0, 1], [1, 0.5, 1, 0]])
    assert np.array_equal(counts, expected)
    both = [Content("x", {"title": ("a", "b")}, {"title": (None, "zh")})]
    assert not pairs_of(both, window=5)[1].any(), "two languages of an item are two texts"


def test_a_word_that_is_left_out_still_keeps_its_neighbours_apart() -> None:
    with Corpus().read(titled("a x b"), ("title",), 1000) as corpus:
        kept = np.array([corpus.names.index("a"), corpus.names.index("b")])
        assert _pairs(corpus, kept, 1).nnz == 0
        assert _pairs(corpus, kept, 2).toarray().tolist() == [[0, 0.5], [0.5, 0]]


def test_shifted_pmi_is_the_formula_and_the_rarest_pairs_go_first() -> None:
    counts = np.array([[0, 6, 1], [6, 0, 2], [1, 2, 0]], dtype=np.float32)
    found = _shifted_pmi(csr_array(counts), 1.2).toarray()
    word, context = counts.sum(axis=1), counts.sum(axis=0) ** 0.75
    with np.errstate(divide="ignore"):
        expected = np.maximum(np.log(counts * context.sum() / np.outer(word, context)) - np.log(1.2), 0)
    assert np.allclose(found, expected, atol=1e-6) and found.any() and not found.all()
    assert _bounded(csr_array(counts), most=6).nnz == 6
    assert _bounded(csr_array(counts), most=4).toarray().tolist() == [[0, 6, 0], [6, 0, 0], [0, 0, 0]]
    assert _bounded(csr_array(np.ones((3, 3), dtype=np.float32)), most=8).toarray().tolist() == [
        [1, 1, 1],
        [1, 0, 0],
        [0] * 3,
    ]


def test_vectors_are_the_singular_vectors_weighted_by_the_power_of_their_values() -> None:
    rng = RNG(0)
    half = rng.random((300, 8)).astype(np.float32)
    for matrix in (half[:30] @ half[:30].T, half @ half.T):  # exact, and randomised
        v = _vectors(csr_array(matrix), 8, 0.5, rng)
        # a symmetric positive matrix is U S U': U S^.5 has it as its inner products
        assert v.shape == (len(matrix), 8) and np.allclose(v @ v.T, matrix, atol=1e-3)
        bare = _vectors(csr_array(matrix), 8, 0.0, rng)
        assert np.allclose(bare.T @ bare, np.eye(8), atol=1e-4), "without weights the directions have unit length"
    assert _vectors(csr_array((4, 4), dtype=np.float32), 8, 0.5, rng).shape == (4, 0)


COLOURS, CLOTHES, DRINKS = ("red", "blue", "green"), ("coat", "shirt", "dress"), ("tea", "coffee", "juice")


def catalogue(rng: np.random.Generator, size: int = 600) -> list[Content]:
    """Clothes are of wool and worn, drinks are of leaves and drunk. 苹果 and 香蕉 are sweet."""
    texts = []
    for i in range(size):
        if i % 3 == 0:
            texts.append(f"{rng.choice(COLOURS)} {rng.choice(CLOTHES)} of wool to wear")
        elif i % 3 == 1:
            texts.append(f"hot {rng.choice(DRINKS)} of leaves to drink")
        else:
            texts.append(f"新鲜的{rng.choice(['苹果', '香蕉'])}很甜")
    return titled(*texts)


def test_words_used_alike_lie_near_each_other_without_ever_meeting() -> None:
    encoder = WordVectors(fields=("title",), dimensions=20).fit(catalogue(RNG(0)), RNG(0))
    for group in (CLOTHES, DRINKS):
        for word in group:
            assert {near for near, _ in encoder.near(word, 2)} == set(group) - {word}
    assert encoder.near("苹果", 1)[0][0] == "香蕉"
    assert encoder.near("never seen") == []
    block = encoder.transform(titled("red coat", "blue dress", "hot tea", "never", ""))
    assert block.present.tolist() == [True, True, True, False, False]
    assert block.reasons == (None, None, None, "unknown words", "not given")
    v = block.values / np.maximum(np.linalg.norm(block.values, axis=1, keepdims=True), 1e-9)
    assert v[0] @ v[1] > 0.5 > v[0] @ v[2]


def test_the_state_of_word_vectors_passes_through_a_run_folder(tmp_path: Path) -> None:
    contents = catalogue(RNG(0), 90)
    encoder = WordVectors(fields=("title",), dimensions=8, shift=1.5, window=3).fit(contents, RNG(0))
    store.save_state(tmp_path / "state", encoder.state())
    back = WordVectors.from_state(store.load_state(tmp_path / "state"))
    assert np.array_equal(back.transform(contents).values, encoder.transform(contents).values)
    assert (back.shift, back.window, back.dim) == (1.5, 3, 8)
    assert WordVectors.from_state(WordVectors().state()).dim is None
    with pytest.raises(RuntimeError, match="fit comes before"):
        WordVectors().transform(contents)


def test_least_items_and_most_words_bound_the_vocabulary() -> None:
    texts = titled("a b c", "a b d", "a b e")
    assert set(WordVectors(min_df=2).fit(texts, RNG(0)).state()["pooling"]["words"]) == {"a", "b"}
    assert set(WordVectors(min_df=1, max_words=1).fit(texts, RNG(0)).state()["pooling"]["words"]) == {"a"}
    assert set(WordVectors(min_df=9).fit(texts, RNG(0)).state()["pooling"]["words"]) == set("abcde")


# --- pooled


def test_an_item_is_the_inverse_frequency_mean_of_its_words_without_the_common_direction() -> None:
    rng = RNG(4)
    vectors = rng.normal(size=(4, 3)).astype(np.float32) + np.float32([5, 0, 0])
    counts, a = np.array([40, 30, 20, 10]), 0.01
    items = [["w0", "w1"], ["w1", "w1", "w3"], ["w2", "new"], ["w0", "w3"], ["w2"]]
    pooling = Pooling.of([f"w{i}" for i in range(4)], vectors, counts, 100, a)
    weight = a / (a + counts / 100)
    means = np.array(
        [np.mean([weight[int(w[1])] * vectors[int(w[1])] for w in item if w != "new"], axis=0) for item in items]
    )
    assert np.allclose(pooling.pool(items).values, means, atol=1e-5)
    u = np.linalg.svd(means)[2][0]
    found = pooling.without_common(items)
    assert found.common is not None and abs(found.common @ u) == pytest.approx(1, abs=1e-5)
    assert np.allclose(found.pool(items).values, means - np.outer(means @ u, u), atol=1e-5)
    assert pooling.without_common(items[:2]).common is None, "fewer items than dimensions have nothing in common"


def test_an_item_that_says_only_what_all_say_is_absent() -> None:
    vectors = np.array([[1, 0], [0, 1]], dtype=np.float32)
    pooling = Pooling.of(["a", "b"], vectors, np.array([9, 1]), 10, 1e-3).without_common([["a"]] * 9)
    block = pooling.pool([["a"], ["a", "b"]])
    assert block.present.tolist() == [False, True] and block.reasons == ("common words", None)


# --- loaded

NUMBERS = {"red": (1.0, 2.0, 3.0), "Coat": (0.5, -1.5, 2.5), "coat": (4.0, 4.0, 4.0), "绿色": (-1.0, 0.25, 8.0)}


def lines(names: tuple[str, ...] = tuple(NUMBERS)) -> str:
    return "".join(f"{name} {' '.join(map(str, NUMBERS[name]))}\n" for name in names)


def binary(names: tuple[str, ...] = tuple(NUMBERS), end: bytes = b"\n") -> bytes:
    body = b"".join(name.encode() + b" " + np.array(NUMBERS[name], "<f4").tobytes() + end for name in names)
    return f"{len(names)} 3\n".encode() + body


FILES = {
    "glove": lines().encode(),
    "word2vec": f"4 3\n{lines()}".encode(),
    "binary": binary(),
    "binary without line breaks": binary(end=b""),
    "glove, spaces at the ends of lines": lines().replace("\n", " \n").encode(),
    "glove, gzipped": gzip.compress(lines().encode()),
    "binary, gzipped": gzip.compress(binary()),
}


@pytest.mark.parametrize("kind", FILES)
def test_each_format_is_recognised_and_gives_the_same_vectors(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    path.write_bytes(FILES[kind])
    names, vectors = read_vectors(path, ["coat", "绿色", "blue"], spare=0)
    assert names == ["coat", "绿色"], "a word in small letters goes before the same with a capital"
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, np.float32([NUMBERS["coat"], NUMBERS["绿色"]]))
    assert read_vectors(path, [], spare=2)[0] == ["red", "coat"]
    assert read_vectors(path, [], spare=2)[1][1].tolist() == list(NUMBERS["Coat"]), "the third line is not read"
    assert read_vectors(path, ["blue"], spare=0)[0] == []


def test_a_named_format_is_believed_and_words_may_hold_spaces(tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    path.write_text("12 7\n13 8\n")  # two words with one number each, or a header
    assert read_vectors(path, ["12", "13"], 0, "glove")[1].tolist() == [[7], [8]]
    path.write_text("red 1 2\n. . . 3 4\nsan juan 5 6\n")
    assert read_vectors(path, ["san juan", ". . ."], 0)[1].tolist() == [[3, 4], [5, 6]]


DAMAGED = {
    "an empty file": (b"", "no bytes"),
    "a binary file that was cut": (binary()[:-9], "ends after 3 of 4 words"),
    "a text that was cut between lines": (b"4 3\n" + lines(("red", "coat")).encode(), "ends after 2 of 4 words"),
    "a line that was cut": (lines().encode()[:-9], "line 4 holds 1 numbers and not 3"),
    "what is no number": (b"red 1 2\ncoat 1 soon\n", "line 2 holds what is no number"),
    "a number that is not finite": (b"red 1 2\ncoat nan 2\n", "not finite"),
    "prose": (b"\n\nThis\n", "line 3 is no word with numbers"),
    "a broken archive": (gzip.compress(lines().encode())[:-12], "compression is broken"),
    "a header without sense": (b"4 0\n", "0 dimensions"),
    "noise behind a header": (b"9 3\n" + bytes(range(33, 127)) * 40, "does not end within"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_file_is_named_with_what_is_wrong(what: str, tmp_path: Path) -> None:
    content, told = DAMAGED[what]
    path = tmp_path / "vectors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=told) as caught:
        read_vectors(path, ["red", "coat"], spare=10)
    assert str(path) in caught.value.given


def test_a_file_that_is_absent_or_not_asked_for_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        LoadedVectors(path=str(tmp_path / "none")).fit(titled("red"), RNG(0))
    with pytest.raises(UserError, match="cannot be read"):
        read_vectors(tmp_path, [], 1)
    with pytest.raises(RecipeError, match="has no file"):
        LoadedVectors().fit(titled("red"), RNG(0))
    with pytest.raises(UserError, match="count of words and dimensions"):
        (tmp_path / "v").write_text(lines())
        read_vectors(tmp_path / "v", [], 1, "word2vec")


def test_a_large_binary_file_is_read_in_pieces(tmp_path: Path) -> None:
    count, dim = 30_000, 20  # 2.6 MB: more than one piece
    numbers = RNG(0).normal(size=(count, dim)).astype("<f4")
    body = b"".join(f"w{i} ".encode() + numbers[i].tobytes() + b"\n" for i in range(count))
    (tmp_path / "v").write_bytes(f"{count} {dim}\n".encode() + body)
    wanted = [f"w{i}" for i in range(0, count, 997)]
    names, vectors = read_vectors(tmp_path / "v", wanted, 0)
    assert names == wanted and np.array_equal(vectors, numbers[::997])


def test_loaded_vectors_need_the_file_no_more_and_know_spare_words(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(lines())
    encoder = LoadedVectors(path=str(path), fields=("title",)).fit(titled("red", "a red red"), RNG(0))
    path.unlink()
    state = encoder.state()
    back = LoadedVectors.from_state(state)
    block = back.transform(titled("red", "绿色", "blue"))
    assert block.present.tolist() == [True, True, False] and block.reasons[2] == "unknown words"
    assert block.values[1].tolist() == list(NUMBERS["绿色"]), "no training item says it: its weight is 1"
    weight = 1e-3 / (1e-3 + 3 / 4)
    assert np.allclose(block.values[0], np.multiply(weight, NUMBERS["red"]), rtol=1e-5)
    path.write_text(lines())
    strict = LoadedVectors(path=str(path), fields=("title",), spare=0).fit(titled("red"), RNG(0))
    assert not strict.transform(titled("绿色")).present[0]
    assert json.dumps({k: v for k, v in state.items() if k != "pooling"})


# --- stop words and parts of speech


def test_stop_words_leave_out_function_words_and_keep_what_goods_are_called() -> None:
    texts = titled("the top of the coat is thick", "the coat", "这是一件红色的大衣", "这件大衣很红")
    plain = Words(fields=("title",), min_df=1).fit(texts, RNG(0))
    assert {"the", "的", "is"} <= set(plain.names())
    both = Words(fields=("title",), min_df=1, stop_words=True).fit(texts, RNG(0))
    assert {"top", "thick", "coat", "大衣", "红色"} <= set(both.names())
    assert not {"the", "of", "is", "的", "是", "这", "很"} & set(both.names())
    english = Words(fields=("title",), min_df=1, stop_words=("en",)).fit(texts, RNG(0))
    assert "的" in english.names() and "the" not in english.names()
    restored = Words.from_state(json.loads(json.dumps({**english.state(), "idf": None})))
    assert restored.stop_words == ("en",)
    old = {k: v for k, v in plain.state().items() if k not in ("stop_words", "parts_of_speech")}
    assert Words.from_state(old).stop_words is False, "states of earlier versions come back"
    assert len(stop_words(("en",))) == 299 and len(stop_words(("zh",))) == 214


def test_stop_words_are_a_setting_of_a_recipe() -> None:
    assert parts.bind("encoders", "words", {"stop_words": True}).stop_words is True
    assert parts.bind("encoders", "words", {"stop_words": ["zh"]}).stop_words == ("zh",)
    with pytest.raises(RecipeError):
        parts.bind("encoders", "words", {"stop_words": ["fr"]})
    assert parts.bind("encoders", "words", {"parts_of_speech": ["noun"]}).parts_of_speech == ("noun",)


def test_chinese_words_are_tagged_and_chosen_by_their_part_of_speech() -> None:
    found = tagged("红色羊毛大衣，适合在寒冷的冬天穿")
    assert ("大衣", "n") in found and ("寒冷", "a") in found and ("的", "uj") in found and ("适合", "v") in found
    assert words_that_are("红色羊毛大衣，适合在寒冷的冬天穿", {"noun"}) == ["红色", "羊毛", "大衣", "冬天"]
    encoder = Words(fields=("title",), min_df=1, parts_of_speech=("noun",))
    assert set(encoder.fit(titled("寒冷的大衣"), RNG(0)).names()) == {"大衣"}
    assert tagged("") == []


def test_tags_of_both_languages_mean_the_same_parts_of_speech() -> None:
    pairs = {"noun": ("NNS", "nr"), "verb": ("VBZ", "vn"), "adjective": ("JJR", "a"), "adverb": ("RB", "d"),
             "number": ("CD", "m"), "function": ("IN", "uj")}  # fmt: skip
    for kind, tags in pairs.items():
        assert {part_of_speech(tag) for tag in tags} == {kind}
    assert part_of_speech("x") is None and part_of_speech("eng") == "noun"


def test_english_words_are_tagged_in_their_sentence() -> None:
    pytest.importorskip("textblob", reason="the extra `language` is not installed")
    found = dict(tagged("A warm red coat with two deep pockets, it fits perfectly."))
    assert (found["warm"], found["coat"], found["pockets"], found["two"]) == ("JJ", "NN", "NNS", "CD")
    assert words_that_are("A warm red coat with 羊毛 in it", {"noun"}) == ["coat", "羊毛"]


def test_english_without_the_extra_names_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from gobelin.media import grammar

    grammar._tagger.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"gobelin\[language\]"):
        tagged("a warm coat")
