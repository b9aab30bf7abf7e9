"""Some items by themselves, as the runner takes a catalogue."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gobelin.protocols import Content
from gobelin.values import Features, Vocabulary


@dataclass(frozen=True)
class Selection:
    """A few items of a catalogue, or contents from nowhere else: a `runner.Source`. Names of items are distinct."""

    given: Sequence[Content]
    vectors: Mapping[str, Features] = field(default_factory=dict)

    @property
    def items(self) -> Vocabulary:
        return Vocabulary(content.item for content in self.given)

    def contents(self, rows: Iterable[int] | None = None) -> Iterator[Content]:
        return iter(self.given if rows is None else [self.given[row] for row in rows])
