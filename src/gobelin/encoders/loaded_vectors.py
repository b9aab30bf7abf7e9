"""Word vectors from a file: GloVe or word2vec."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
from annotated_types import Ge, Gt

from gobelin.encoders._corpus import Corpus
from gobelin.encoders._pooling import SMOOTHING, Pooling
from gobelin.encoders._vector_file import Format, read_vectors
from gobelin.encoders._word_table import WordTable, pooling_in, settings_in, state_of
from gobelin.errors import RecipeError
from gobelin.protocols import Content, State
from gobelin.values import Block


@dataclass(kw_only=True)
class LoadedVectors:
    """Word vectors from a file of yours (GloVe text, word2vec text or binary, also gzipped); an item is their mean.

    Items: smooth inverse frequency weighting, the common component removed (`encoders/_pooling.py`). It is fitted,
    since both are learned from the training items: how often they say each word, and what all have in common.

    path: the file; format: "glove", "word2vec" (text with a header), "binary" (word2vec's), or "auto", which looks.
    spare: words at the top of the file that are kept though no training item says them, for new items and wishes; such
    files begin with the most frequent words. The fitted encoder holds what it needs, so that a finished run answers
    without the file; 20,000 spare words of 300 dimensions are 24 MB of it. fields, max_characters: as in `words`.

    Dimension, licence and what the vectors were trained on are the file's. Words are compared in lower case, Chinese is
    cut with jieba; a word that the file lacks is passed over, and an item without a known word is absent. The file is
    streamed once a fit. Figures in a file of text are checked where its word is kept, their number in every line.
    Raises UserError where the file is absent or damaged, RecipeError where no path is given.

    Pennington, Socher and Manning, GloVe (EMNLP 2014); Mikolov et al., word2vec (2013); Arora, Liang and Ma (2017).
    Relations: `word_vectors` learns from the catalogue alone; `sentence` reads word order and sixteen languages.
    """

    modality: ClassVar[str] = "text"

    path: str = ""
    format: Format = "auto"
    spare: Annotated[int, Ge(0)] = 20_000
    smoothing: Annotated[float, Gt(0)] = SMOOTHING
    fields: tuple[str, ...] = ("title", "categories", "text")
    max_characters: Annotated[int, Ge(1)] = 10_000
    _table: WordTable = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._table = WordTable(self.fields, self.max_characters)

    @property
    def dim(self) -> int | None:
        """Dimensions of the file's vectors; None before `fit`."""
        return self._table.dim

    def fit(self, contents: Iterable[Content], rng: np.random.Generator) -> Self:
        if not self.path:
            raise RecipeError(
                "The encoder 'loaded_vectors' has no file.",
                "path = a file of GloVe or word2vec vectors.",
                "set it in the recipe, or use 'word_vectors', which learns from the catalogue.",
            )
        with Corpus().read(contents, self.fields, self.max_characters) as corpus:
            said, _ = corpus.counts()
            names, vectors = read_vectors(Path(self.path).expanduser(), corpus.names, self.spare, self.format)
            often = dict(zip(corpus.names, said.tolist(), strict=True))
            counts = np.array([often.get(name, 0) for name in names], dtype=np.float64)
            pooling = Pooling.of(names, vectors, counts, float(said.sum()), self.smoothing)
            self._table.pooling = pooling.without_common(corpus.items())
        return self

    def transform(self, contents: Iterable[Content]) -> Block:
        return self._table.transform(contents)

    def near(self, word: str, k: int = 10) -> list[tuple[str, float]]:
        """The k kept words whose vectors have the largest cosine with that of a word; none where it is not known."""
        return self._table.near(word, k)

    def state(self) -> State:
        return state_of(self, self._table)

    @classmethod
    def from_state(cls, state: State) -> Self:
        encoder = cls(**settings_in(state))
        encoder._table.pooling = pooling_in(state)
        return encoder
