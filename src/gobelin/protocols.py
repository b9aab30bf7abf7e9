"""The architecture on a page: what a part promises. No part inherits from another.

A part is one class in one file: its keyword arguments are its settings (checked by `parts.bind`), its docstring's
first line is its entry in lists. A capability is a protocol of its own, asked for with isinstance.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from PIL import Image

from gobelin.arrays import Array, Bool, Float32, Int32, Scores
from gobelin.values import Block, Contributions, Features, FeatureTable, Layout, Queries, Ranked, Reading, Target, Train

State = Mapping[str, Any]
"""JSON values, numpy arrays and csr_arrays by name: all that a fitted part needs to come back. No pickle."""


@dataclass(frozen=True)
class Content:
    """What one item holds, for encoders: fields by name, as the catalogue has them.

    A media field (image, audio, video) is a tuple of paths; a text field a tuple of strings, one for each language;
    an attribute its raw text. A field that is absent is not in the mapping.
    languages: beside each string of a field its language ("zh"; None: the plain column), so that the Chinese title
    meets the Chinese text although one of them lacks an English one. A field that has one plain string may be left
    out; where a field of several strings is left out, their order stands for the language.
    """

    item: str
    fields: Mapping[str, tuple[str, ...] | tuple[Path, ...]]
    languages: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)

    def files(self, name: str) -> tuple[Path, ...]:
        """The paths of a media field; none where the item lacks it."""
        return tuple(Path(path) for path in self.fields.get(name, ()))


@runtime_checkable
class Encoder(Protocol):
    """Content to vectors, by batches; the runner streams, caches and pools several pieces of one item.

    A class may say `isolated: ClassVar[bool] = True` where its decoders may crash or hang on a stranger's file: it
    then runs in worker processes alone; and `patience: ClassVar[float]`, the seconds that a piece may take there.
    """

    modality: ClassVar[str]  # text | image | audio | video | attributes | own vectors
    dim: int

    def pieces(self, content: Content) -> Sequence[str] | Sequence[Path]:
        """The pieces of an item that this encoder reads (texts, or paths of pictures); empty where it lacks them."""
        ...

    def fingerprint(self) -> str:
        """Names the weights and every setting that changes a vector: the cache's key."""
        ...

    def encode(self, pieces: Sequence[Any]) -> Block:
        """One row a piece; a broken piece gives an absent row and its reason, never an exception."""
        ...


@runtime_checkable
class Pictures(Protocol):
    """An encoder of images that also takes decoded pictures: frames of a clip, augmented pictures."""

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Block:
        """One row a picture (RGB, upright); the row that `encode` gives for a lossless file of that picture."""
        ...


@runtime_checkable
class AsItIs(Protocol):
    """An encoder whose rows are content itself, resampled to one shape, for fusions that learn to read it."""

    row_layout: Layout


@runtime_checkable
class Joint(Protocol):
    """An encoder whose vectors lie in a space that others share: those of equal `space` may be compared by cosine."""

    space: str


@runtime_checkable
class Bridges(Protocol):
    """An encoder with a space of its own, from which its vectors lead into a joint one (`Joint`)."""

    bridges_to: str

    def bridge(self, vectors: Float32[Array, "rows dim"]) -> Float32[Array, "rows joint"]:
        """Vectors of `encode`, or means of several, as points of the joint space."""
        ...


@runtime_checkable
class Learned(Protocol):
    """An encoder that learns from the catalogue (TF-IDF, attributes): fitted on training items only, not cached.

    It reads whole items, not pieces.
    """

    modality: ClassVar[str]

    def fit(self, contents: Iterable[Content], rng: np.random.Generator) -> Self: ...

    def transform(self, contents: Iterable[Content]) -> Block: ...

    def state(self) -> State: ...

    @classmethod
    def from_state(cls, state: State) -> Self: ...


@runtime_checkable
class Named(Protocol):
    """An encoder whose dimensions have names that people can read ("colour = black")."""

    def names(self) -> Sequence[str]: ...


@runtime_checkable
class Reader(Protocol):
    """Content to readings: attributes that people can read, each with how sure it is and where it stands."""

    source: ClassVar[str]  # text | image | audio | video: what it reads, as columns and lists name it
    fields: Any  # tuple[str, ...]: the fields of an item that it reads, and nothing else of it

    def fingerprint(self) -> str:
        """Names the weights, the rules and every setting that changes a reading: the cache's key."""
        ...

    def read(self, contents: Sequence[Content]) -> list[list[Reading]]:
        """The readings of each item, none where it says nothing; broken content is a reading `UNREADABLE`."""
        ...


@runtime_checkable
class Fusion(Protocol):
    """Several senses of an item to one: the feature level."""

    def fit(
        self, table: FeatureTable, learn: Bool[Array, " rows"], target: Target | None, rng: np.random.Generator
    ) -> Self:
        """learn: the rows that may be read, of which it learns everything: scales, weights, maps.

        target: what the fused vectors are for, read where it is known and `learn` says so: classes, labels or numbers
        of a prediction, or vectors from the log. None: the senses are all there is; a fusion may not need one.
        """
        ...

    def fuse(self, table: FeatureTable) -> Features:
        """Of any rows, the same senses: dense float32, named "fused", present where any sense is.

        A sense of the fit that the table lacks counts as absent everywhere; the order of the senses does not matter.
        """
        ...

    def state(self) -> State: ...

    @classmethod
    def from_state(cls, state: State) -> Self: ...


@runtime_checkable
class Foretells(Protocol):
    """A fusion trained end to end: beside its vectors it has an answer of its own to the target of its fit."""

    def predict(self, table: FeatureTable) -> Float32[Array, "rows outputs"]:
        """As an Estimator's; where no sense says anything, the mean of the target in the fit."""
        ...


@runtime_checkable
class Estimator(Protocol):
    """Vectors to a target: classification, regression."""

    tells: ClassVar[Collection[str]]  # of "class", "labels", "numbers": what it can be asked for

    def fit(self, values: Float32[Array, "rows dim"], target: Target, rng: np.random.Generator) -> Self:
        """All rows are known."""
        ...

    def predict(self, values: Float32[Array, "rows dim"]) -> Float32[Array, "rows outputs"]:
        """Probabilities of the classes (a row sums to 1) or of each label, or the numbers; columns as the target's."""
        ...

    def state(self) -> State: ...

    @classmethod
    def from_state(cls, state: State) -> Self: ...


Monitor = Callable[["Recommender"], float]
"""Handed down by whoever holds validation data: the higher the better. A model imports no metric."""


@dataclass(frozen=True)
class Epoch:
    """One pass of a network over its training data. value: what the monitor said after it, None where unasked."""

    loss: float
    value: float | None
    seconds: float


@dataclass(frozen=True)
class Journal:
    """How a training is kept and told. folder: where its checkpoints lie, so that a killed one goes on; None: nowhere.

    apart: seconds between two checkpoints; seconds: after which it ends with what it has; tell: told of (epoch, epochs)
    after each.
    """

    folder: Path | None = None
    apart: float = 5.0
    seconds: float | None = None
    tell: Callable[[int, int], None] | None = None


@runtime_checkable
class Learns(Protocol):
    """A recommender trained in epochs: with a monitor it keeps the best one, and says how it went.

    It has a setting `epochs`; fitted without a monitor, it learns for so many.
    """

    epochs: int
    curve: tuple[Epoch, ...]
    best_epoch: int  # from 1; with `epochs` set to it, a fit without monitor gives the same model

    def fit(
        self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None, journal: Journal | None = None
    ) -> Self: ...


@runtime_checkable
class Recommender(Protocol):
    """Scores candidates for queries. Masks, filters, ties and top-k belong to `ranking`."""

    def fit(self, train: Train, rng: np.random.Generator, monitor: Monitor | None = None) -> Self: ...

    def score(self, queries: Queries, candidates: Int32[Array, " candidates"] | None = None) -> Scores:
        """Higher is better; finite for every candidate; all items where candidates is None."""
        ...

    def state(self) -> State: ...

    @classmethod
    def from_state(cls, state: State) -> Self: ...


@runtime_checkable
class Retrieves(Protocol):
    """Has a faster way to its best k than scoring every item."""

    def top(self, queries: Queries, k: int, allowed: Bool[Array, "queries items"] | None) -> Ranked: ...


@runtime_checkable
class Rates(Protocol):
    """Predicts the rating a user would give, in the unit of the log."""

    def rate(self, users: Int32[Array, " pairs"], items: Int32[Array, " pairs"]) -> Float32[Array, " pairs"]: ...


@runtime_checkable
class Embeds(Protocol):
    """Has vectors whose inner products are its scores, for an index."""

    def query_vectors(self, queries: Queries) -> Float32[Array, "queries dim"]: ...

    def item_vectors(self) -> Float32[Array, "items dim"]: ...


@runtime_checkable
class Represents(Protocol):
    """Says what people are like by their histories, as vectors: by some of the senses, or by all that it knows."""

    def represent(self, queries: Queries, by: Collection[str] | None = None) -> Float32[Array, "queries dim"]:
        """by: the names of the senses that are read, "log" for what an item is without any; None: everything.

        A row is zero where the history tells nothing that is read.
        """
        ...


@runtime_checkable
class Explains(Protocol):
    """Takes its scores apart, exactly: by what the person did and by what the senses say."""

    def explain(self, query: Queries, items: Int32[Array, " wanted"], train: Train) -> Contributions:
        """One query; the shares sum to the score of each item, in float64. train: what the model was fitted on."""
        ...


@runtime_checkable
class Combines(Protocol):
    """Is made of other models: a setting names them, and their own settings are searched before its own."""

    members: Any  # name -> {"part": NAME, "senses": those it hears, if not all, every other key a setting of that part}


@runtime_checkable
class Changes(Protocol):
    """Follows a change of the log and the catalogue without a new search or fit."""

    def apply(self, before: Train, after: Train) -> Self:
        """Another model, as if fitted on `after` with settings and scalers frozen; before: what this one knows."""
        ...


@runtime_checkable
class ItemSimilarities(Protocol):
    """Says how much an item speaks for each other item: `gobelin similar`."""

    def similarities(self, items: Int32[Array, " rows"]) -> Float32[Array, "rows items"]: ...
