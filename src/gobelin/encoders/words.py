"""TF-IDF of words."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer

from gobelin.arrays import Array, Float32
from gobelin.media.grammar import PartOfSpeech, words_that_are
from gobelin.media.stop_words import Language, stop_words
from gobelin.media.text import compose, runs, words
from gobelin.protocols import Content, State
from gobelin.values import Block


@dataclass(kw_only=True)
class Words:
    """TF-IDF over words, Chinese segmented with jieba: sparse rows of unit length.

    A word weighs (1 + ln tf) (1 + ln((1 + n) / (1 + df))): tf, how often the item says it; df, how many of the n
    items fitted on hold it.

    All languages of an item are one document. By default no word is a stop word: the inverse document frequency
    already makes a word that every item holds weigh least.

    fields: what is read. min_df: items that must hold a word (at most the number of items fitted on).
    max_features: the most frequent words kept. max_characters: of each composed text.
    stop_words: True leaves out the function words of English and Chinese (`media.stop_words`), a tuple those of its
    languages. parts_of_speech: where given, only such words are kept (`media.grammar`: Chinese with jieba, English with
    the extra `language`, no other language; titles without sentences are tagged less surely than prose).
    analyzer: "char" reads runs of 1 to `grams` characters inside each run of letters and digits, in place of words:
    no segmentation, which short and noisy Chinese is often the better for (`stop_words` and `parts_of_speech` are of
    words and pass over it).
    Relations: `sentence` also knows that two different words mean the same.
    Raises MissingExtra where parts of speech are asked for and English text meets no tagger.
    """

    modality: ClassVar[str] = "text"

    fields: tuple[str, ...] = ("title", "categories", "text")
    min_df: Annotated[int, Ge(1)] = 2
    max_features: Annotated[int, Ge(1)] = 30_000
    max_characters: Annotated[int, Ge(1)] = 10_000
    stop_words: bool | tuple[Language, ...] = False
    parts_of_speech: tuple[PartOfSpeech, ...] = ()
    analyzer: Literal["word", "char"] = "word"
    grams: Annotated[int, Ge(1)] = 3
    _vocabulary: tuple[str, ...] | None = field(default=None, init=False, repr=False)
    _idf: Float32[Array, " words"] | None = field(default=None, init=False, repr=False)

    @property
    def dim(self) -> int | None:
        """Number of words; None before `fit`."""
        return None if self._vocabulary is None else len(self._vocabulary)

    def names(self) -> list[str]:
        """The word that each dimension stands for."""
        return list(self._vocabulary or ())

    def fit(self, contents: Iterable[Content], rng: np.random.Generator) -> Self:
        holding: Counter[str] = Counter()  # items that hold each word: one streamed pass, no matrix of counts
        items = 0
        for document in self._documents(contents):
            holding.update(set(self._words(document)))
            items += 1
        kept = sorted(word for word, count in holding.items() if count >= min(self.min_df, items))
        if len(kept) > self.max_features:
            kept = sorted(sorted(kept, key=lambda word: -holding[word])[: self.max_features])
        frequency = np.array([holding[word] for word in kept], dtype=np.int64)
        self._vocabulary = tuple(kept)
        self._idf = (np.log((1 + items) / (1 + frequency)) + 1).astype(np.float32)
        return self

    def transform(self, contents: Iterable[Content]) -> Block:
        if self._vocabulary is None or self._idf is None:
            raise RuntimeError("fit comes before transform")
        documents = list(self._documents(contents))
        if not self._vocabulary or not documents:
            values = csr_array((len(documents), len(self._vocabulary)), dtype=np.float32)
        else:
            columns = {word: column for column, word in enumerate(self._vocabulary)}
            weigher = TfidfVectorizer(analyzer=self._words, vocabulary=columns, sublinear_tf=True, dtype=np.float32)
            weigher.idf_ = self._idf
            values = csr_array(weigher.transform(documents))
        present = np.diff(values.indptr) > 0
        reasons = tuple(
            None if here else ("unknown words" if document else "not given")
            for here, document in zip(present.tolist(), documents, strict=True)
        )
        return Block(values, present, reasons)

    def state(self) -> State:
        return {
            "fields": list(self.fields),
            "min_df": self.min_df,
            "max_features": self.max_features,
            "max_characters": self.max_characters,
            "stop_words": self.stop_words if isinstance(self.stop_words, bool) else list(self.stop_words),
            "parts_of_speech": list(self.parts_of_speech),
            "analyzer": self.analyzer,
            "grams": self.grams,
            "vocabulary": None if self._vocabulary is None else list(self._vocabulary),
            "idf": self._idf,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        stop = state.get("stop_words", False)  # older runs do not say
        encoder = cls(
            fields=tuple(state["fields"]),
            min_df=state["min_df"],
            max_features=state["max_features"],
            max_characters=state["max_characters"],
            stop_words=stop if isinstance(stop, bool) else tuple(stop),
            parts_of_speech=tuple(state.get("parts_of_speech", ())),
            analyzer=state.get("analyzer", "word"),
            grams=state.get("grams", 3),
        )
        if state["vocabulary"] is not None:
            encoder._vocabulary = tuple(state["vocabulary"])
            encoder._idf = np.asarray(state["idf"], dtype=np.float32)
        return encoder

    def _words(self, document: str) -> list[str]:
        if self.analyzer == "char":
            return [
                run[start : start + length]
                for run in (match.group().lower() for match in runs(document))
                for length in range(1, self.grams + 1)
                for start in range(len(run) - length + 1)
            ]
        found = words_that_are(document, self.parts_of_speech) if self.parts_of_speech else words(document)
        if self.stop_words is False:
            return found
        left_out = stop_words() if self.stop_words is True else stop_words(self.stop_words)
        return [word for word in found if word not in left_out]

    def _documents(self, contents: Iterable[Content]) -> Iterable[str]:
        return ("\n".join(compose(content, self.fields, self.max_characters)) for content in contents)
