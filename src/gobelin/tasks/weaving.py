"""The senses of records, encoded once; what learns from them is fitted on the rows of each fold alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gobelin import parts
from gobelin.arrays import Array, Int64
from gobelin.data.dataset import Dataset
from gobelin.encoding import Encoded, encode
from gobelin.errors import DatasetError
from gobelin.recipe import Recipe
from gobelin.values import FeatureTable

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Weaving:
    """fixed: senses that learn nothing, of all rows; learned: the recipe of those that do (words, attributes)."""

    data: Dataset
    fixed: Encoded
    learned: Recipe

    @classmethod
    def of(cls, data: Dataset, recipe: Recipe, workers: int | None = None, tell: Tell | None = None) -> "Weaving":
        """Raises DatasetError where no sense finds anything to read."""
        learns = {
            sense: spec
            for sense, spec in recipe.encoders.items()
            if spec.standardise or "transform" in parts.find("encoders", spec.part).methods
        }
        rest = {sense: spec for sense, spec in recipe.encoders.items() if sense not in learns}
        fixed = encode(data, recipe.model_copy(update={"encoders": rest}), workers=workers, progress=tell)
        return cls(data, fixed, recipe.model_copy(update={"encoders": learns, "transcripts": None}))

    def at(self, rows: Int64[Array, " learned"]) -> Encoded:
        """All rows; what learns has seen these alone."""
        bare = replace(self.data, catalogue=replace(self.data.catalogue, vectors={}))
        found = encode(bare, self.learned, train_rows=rows.astype(np.int32), workers=1)
        table = FeatureTable(self.data.items, {**self.fixed.table.features, **found.table.features})
        if not len(table):
            raise DatasetError(
                f"No sense finds anything to read in {self.data.name}.",
                "texts, pictures, sounds, clips or attributes.",
                "name columns with --text, --image or --features; `gobelin parts encoders` lists what can be read.",
            )
        encoders: dict[str, Any] = {**self.fixed.encoders, **found.encoders}
        standard = {**self.fixed.standardisers, **found.standardisers}
        return Encoded(table, encoders, {**self.fixed.reports, **found.reports}, standard)
