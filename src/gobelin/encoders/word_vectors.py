"""Word vectors learned from the catalogue."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from annotated_types import Ge, Gt, Le
from scipy.sparse import coo_array, csr_array

from gobelin.arrays import Array, Float32, Float64, Int64
from gobelin.encoders._corpus import Corpus, most_frequent
from gobelin.encoders._pooling import SMOOTHING, Pooling
from gobelin.encoders._word_table import WordTable, pooling_in, settings_in, state_of
from gobelin.protocols import Content, State
from gobelin.values import Block

_PAIRS = 20_000_000  # counts of pairs held at once: 12 bytes each
_SMALL = 200  # words up to which the decomposition is exact


@dataclass(kw_only=True)
class WordVectors:
    """Word vectors learned from the catalogue's own texts (PPMI and SVD); an item is the weighted mean of its words'.

    Words that stand near the same words get like vectors: trained on nothing but these texts, so a small catalogue
    gives coarse ones. With #(w, c) how often c stands within `window` words of w in one text, a pair at distance d
    counted (window + 1 - d) / window, and contexts smoothed by the power .75:

        M(w, c) = max(0, ln(#(w, c) sum_c' #(c')^.75 / (#(w) #(c)^.75)) - ln shift)
        M = U S V';   vector of w = U S^power

    Items: smooth inverse frequency weighting, the common component removed (`encoders/_pooling.py`).

    dimensions: of a vector, fewer where there are fewer words. window: words on either side. shift: 1 is plain positive
    PMI; k is what k negative samples are to skip-gram. power: of the singular values; 1 is the usual SVD, .5 served
    better in the paper. min_df: items that must hold a word (one, where none is held by so many). max_words: the most
    frequent words kept. fields, max_characters: as in `words`.

    Chinese is cut with jieba. Each language of an item is a text of its own: words of two languages do not meet in a
    window. Dense float32 rows, absent where no word is known. One pass over the contents; the texts lie in a temporary
    file as 4 bytes a word; past 20 million different pairs the rarest are dropped. 100,000 texts of 40 words, of
    200,000 words in all: 18 s of CPU and 150 MB.
    Relations: `words` keeps words exactly, `loaded_vectors` brings vectors learned from far more text.

    Levy, Goldberg and Dagan, Improving Distributional Similarity with Lessons Learned from Word Embeddings (TACL 2015);
    Arora, Liang and Ma, A Simple but Tough-to-Beat Baseline for Sentence Embeddings (ICLR 2017).
    """

    modality: ClassVar[str] = "text"

    dimensions: Annotated[int, Ge(1), Le(1000)] = 100
    window: Annotated[int, Ge(1), Le(50)] = 5
    shift: Annotated[float, Ge(1)] = 1.0
    power: Annotated[float, Ge(0), Le(1)] = 0.5
    smoothing: Annotated[float, Gt(0)] = SMOOTHING
    fields: tuple[str, ...] = ("title", "categories", "text")
    min_df: Annotated[int, Ge(1)] = 2
    max_words: Annotated[int, Ge(1)] = 30_000
    max_characters: Annotated[int, Ge(1)] = 10_000
    _table: WordTable = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._table = WordTable(self.fields, self.max_characters)

    @property
    def dim(self) -> int | None:
        """Dimensions of a vector; None before `fit`."""
        return self._table.dim

    def fit(self, contents: Iterable[Content], rng: np.random.Generator) -> Self:
        with Corpus().read(contents, self.fields, self.max_characters) as corpus:
            said, holding = corpus.counts()
            kept = most_frequent(said, holding, self.min_df, self.max_words)
            if not len(kept):  # too few items for any word to stand in two of them
                kept = most_frequent(said, holding, 1, self.max_words)
            pairs = _pairs(corpus, kept, self.window)
            vectors = _vectors(_shifted_pmi(pairs, self.shift), self.dimensions, self.power, rng)
            names = [corpus.names[number] for number in kept.tolist()]
            pooling = Pooling.of(names, vectors, said[kept], float(said.sum()), self.smoothing)
            self._table.pooling = pooling.without_common(corpus.items())
        return self

    def transform(self, contents: Iterable[Content]) -> Block:
        return self._table.transform(contents)

    def near(self, word: str, k: int = 10) -> list[tuple[str, float]]:
        """The k words whose vectors have the largest cosine with that of a word; none where it is not known."""
        return self._table.near(word, k)

    def state(self) -> State:
        return state_of(self, self._table)

    @classmethod
    def from_state(cls, state: State) -> Self:
        encoder = cls(**settings_in(state))
        encoder._table.pooling = pooling_in(state)
        return encoder


def _pairs(corpus: Corpus, kept: Int64[Array, " kept"], window: int) -> csr_array:
    """(kept, kept) float32, symmetric: weighted counts of two words within the window of one another."""
    place = np.full(len(corpus.names) + 1, -1, dtype=np.int32)  # the last: ends of texts
    place[kept] = np.arange(len(kept), dtype=np.int32)
    total: Any = csr_array((len(kept), len(kept)), dtype=np.float32)
    for block in corpus.blocks():
        text = np.cumsum(block < 0, dtype=np.int32)
        word = place[np.maximum(block, -1)]  # words that are not kept hold their place in the window
        for distance in range(1, window + 1):
            a, b = word[:-distance], word[distance:]
            both = (a >= 0) & (b >= 0) & (text[:-distance] == text[distance:])
            weight = np.full(int(both.sum()), (window + 1 - distance) / window, dtype=np.float32)
            met = csr_array(coo_array((weight, (a[both], b[both])), shape=total.shape))
            total = _bounded(total + met + met.T.tocsr())
    return total


def _bounded(pairs: csr_array, most: int = _PAIRS) -> csr_array:
    """Half as many as there may be, without the rarest, where there are more; of equally rare ones those of frequent
    words stay (words stand in the order of their frequency)."""
    if pairs.nnz <= most:
        return pairs
    room = most // 2
    least = np.partition(pairs.data, pairs.nnz - room)[pairs.nnz - room]
    kept = pairs.data > least
    tied = np.flatnonzero(pairs.data == least)
    kept[tied[: room - int(kept.sum())]] = True
    pairs.data[~kept] = 0
    pairs.eliminate_zeros()
    return pairs


def _shifted_pmi(pairs: csr_array, shift: float) -> csr_array:
    """Positive pointwise mutual information less ln shift, contexts smoothed; the same sparsity or less."""
    word: Float64[Array, " words"] = np.asarray(pairs.sum(axis=1), dtype=np.float64).ravel()
    context = np.asarray(pairs.sum(axis=0), dtype=np.float64).ravel() ** 0.75
    found = coo_array(pairs)
    rows, columns = found.coords
    with np.errstate(divide="ignore"):
        value = np.log(found.data * context.sum() / (word[rows] * context[columns])) - np.log(shift)
    kept = value > 0
    return csr_array((value[kept].astype(np.float32), (rows[kept], columns[kept])), shape=pairs.shape)


def _vectors(matrix: csr_array, dimensions: int, power: float, rng: np.random.Generator) -> Float32[Array, "words dim"]:
    """U S^power of the leading directions; those without strength are left out."""
    words = matrix.shape[0]
    if not words or not matrix.nnz:
        return np.zeros((words, 0), dtype=np.float32)
    u: Any
    s: Any
    if words <= _SMALL:
        u, s, _ = np.linalg.svd(matrix.toarray().astype(np.float64), full_matrices=False)
    else:
        from sklearn.utils.extmath import randomized_svd

        u, s, _ = randomized_svd(
            matrix, min(dimensions, words - 1), n_iter=5, random_state=int(rng.integers(2**31)), flip_sign=False
        )
    u, s = u[:, :dimensions], s[:dimensions]
    strong = s > 1e-6 * s[0]
    u, s = u[:, strong], s[strong]
    u = u * np.where(u[np.abs(u).argmax(axis=0), np.arange(len(s))] < 0, -1, 1)  # one sign, whatever the library's
    return np.ascontiguousarray(u * s**power, dtype=np.float32)
