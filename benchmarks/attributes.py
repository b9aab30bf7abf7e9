"""Columns of a catalogue told from its media: how often that is right on products that were held out.

    python benchmarks/attributes.py ../shared/data/hm_week
    python benchmarks/attributes.py ../shared/data/movielens_small

hm_week: accuracy of one value a column, over five folds of products (the colours of one product_code never on both
sides): `perceived_colour_master_name` and `product_group_name` from the picture, `product_group_name` from title and
text alone, `section_name` from both. `categories` are read nowhere. movielens_small: genres (several a film) from plot,
poster and both, on the films that have both; mean average precision over genres, and F1 of what is told.

Which senses are joined (the lists below, written down before measuring), the kernel's width and the strength of
regularisation are chosen by cross-validation inside the training folds; word counts and their reduction are fitted
there too. Intervals: 95 %, from 1,000 bootstrap draws of products (films). The learner is the one behind
`gobelin attributes`.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.decomposition import TruncatedSVD
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GroupKFold

from gobelin.data.dataset import Dataset
from gobelin.encoders.descriptors import Descriptors
from gobelin.encoders.efficientnet import Efficientnet
from gobelin.encoders.sentence import Sentence
from gobelin.encoders.words import Words
from gobelin.features.cache import Cache
from gobelin.features.runner import encode_table
from gobelin.readers._learned import Classifier, Column, learn
from gobelin.values import FeatureTable

FOLDS, DRAWS, WORDS = 5, 1_000, 256
ONE = {  # question: (column, candidates of senses, bar)
    "colour from picture": ("perceived_colour_master_name", (("image",), ("image", "colour")), 0.75),
    "group from picture": ("product_group_name", (("image",), ("image", "colour")), 0.90),
    "group from title + text": ("product_group_name", (("text",), ("text", "words")), 0.95),
    "section from both": ("section_name", (("image", "text"), ("image", "text", "words")), 0.65),
}
MANY = {
    "plot": (("text",), ("text", "words")),
    "poster": (("image",), ("image", "colour")),
    "both": (("image", "text"), ("image", "text", "words"), ("image", "colour", "text", "words")),
}


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("dataset", type=Path)
    data = Dataset.read(told.parse_args().dataset)
    if "product_group_name" in data.catalogue.columns:
        products(data)
    else:
        genres(data)


def products(data: Dataset) -> None:
    table = encoded(data, ("title", "text"))
    groups = np.array([group or item for group, item in zip(data.catalogue.group, data.catalogue.items, strict=True)])
    rows = np.arange(len(groups))
    print(f"{data.name}: {len(rows):,} items, {len(np.unique(groups)):,} products, {FOLDS} folds")
    right = {question: np.zeros(len(rows), dtype=bool) for question in ONE}
    folds: dict[str, list[float]] = {question: [] for question in ONE}
    cells = {column: np.array([v or "" for v in data.catalogue.columns[column]]) for column, _, _ in ONE.values()}
    for number, (train, test) in enumerate(cut(groups)):
        vectors = senses(data, table, train, ("title", "text"))
        learned: dict[tuple[str, ...], dict[str, Classifier]] = {}
        for question, (column, candidates, _) in ONE.items():
            for names in candidates:
                if names not in learned:  # every column that these senses are asked for, together
                    columns = {c: one_of(cells[c][train]) for c, options, _ in ONE.values() if names in options}
                    found = fit(vectors, names, train, list(columns.values()), groups)
                    learned[names] = dict(zip(columns, found, strict=True))
            names = max(candidates, key=lambda names: learned[names][column].right)
            values = np.unique(cells[column][train])
            probable = learned[names][column].probabilities([vectors[name][test] for name in names])
            right[question][test] = values[probable.argmax(axis=1)] == cells[column][test]
            folds[question].append(float(right[question][test].mean()))
            print(f"  fold {number}: {question}: {folds[question][-1]:.3f} with {' + '.join(names)}", flush=True)
    for question, (column, _, bar) in ONE.items():
        low, high = interval(groups, lambda drawn, q=question: float(right[q][drawn].mean()))
        most = max(np.unique(cells[column], return_counts=True)[1]) / len(rows)
        spread = f"folds {min(folds[question]):.3f}-{max(folds[question]):.3f}"
        print(f"{question:<26} {right[question].mean():.3f} [{low:.3f}, {high:.3f}]  {spread}  bar {bar:.2f}  "
              f"majority {most:.3f}")  # fmt: skip


def genres(data: Dataset) -> None:
    table = encoded(data, ("text",))
    named = [tuple(g for g in some if not g.startswith("(")) for some in data.catalogue.categories()]
    both = table["image"].present & table["text"].present & np.array([bool(some) for some in named])
    rows = np.flatnonzero(both)
    values = sorted({genre for row in rows for genre in named[row]})
    truth = np.array([[genre in named[row] for genre in values] for row in rows])
    films = np.array([data.catalogue.items[int(row)] for row in rows])
    print(f"{data.name}: {len(rows):,} films with plot, poster and genre; {len(values)} genres")
    probable = {what: np.zeros(truth.shape) for what in MANY}
    for number, (train, test) in enumerate(cut(films)):
        vectors = senses(data, table, rows[train], ("text",))
        column = Column(csr_array(truth[train].astype(np.float32)), many=True)
        for what, candidates in MANY.items():
            found = [fit(vectors, names, rows[train], [column], films, train)[0] for names in candidates]
            errors = [classifier.loss for classifier in found]
            best = int(np.argmin(errors))
            names = candidates[best]
            probable[what][test] = found[best].probabilities([vectors[name][rows[test]] for name in names])
            print(f"  fold {number}: {what} with {' + '.join(names)}", flush=True)
    for what, told in probable.items():
        precision = average_precision_score(truth, told)
        low, high = interval(films, lambda drawn, told=told: average_precision_score(truth[drawn], told[drawn]))
        said = told >= 0.5
        hits = (said & truth).sum(axis=0)
        each = 2 * hits / np.maximum(said.sum(axis=0) + truth.sum(axis=0), 1)
        micro = 2 * hits.sum() / (said.sum() + truth.sum())
        print(f"{what:<8} mean average precision {precision:.3f} [{low:.3f}, {high:.3f}]  "
              f"F1 micro {micro:.3f} macro {each.mean():.3f}")  # fmt: skip
    print(f"{'chance':<8} mean average precision {truth.mean(axis=0).mean():.3f}")


def encoded(data: Dataset, fields: tuple[str, ...]) -> FeatureTable:
    encoders: dict[str, Any] = {
        "image": Efficientnet(), "colour": Descriptors(groups=("colour",)), "text": Sentence(fields=fields),
    }  # fmt: skip
    return encode_table(data.catalogue, encoders, cache=Cache())[0]


def senses(data: Dataset, table: FeatureTable, train: np.ndarray, fields: tuple[str, ...]) -> Mapping[str, np.ndarray]:
    """Vectors of all items by sense; words counted and reduced on the training items."""
    counter = Words(fields=fields).fit(data.catalogue.contents(train.tolist()), np.random.default_rng(0))
    counts = counter.transform(data.catalogue.contents()).values
    words = TruncatedSVD(WORDS, random_state=0).fit(counts[train]).transform(counts).astype(np.float32)
    return {**{name: np.asarray(table[name].values) for name in table}, "words": words}


def fit(
    vectors: Mapping[str, np.ndarray], names: Sequence[str], rows: np.ndarray, columns: Sequence[Column],
    groups: np.ndarray, places: np.ndarray | None = None,
) -> list[Classifier]:  # fmt: skip
    """places: of the rows among the groups, where those are not of all items."""
    mine = groups[rows if places is None else places].tolist()
    found = learn([vectors[name][rows] for name in names], columns, mine, rng=np.random.default_rng(0))
    assert found is not None
    return found


def one_of(cells: np.ndarray) -> Column:
    values, place = np.unique(cells, return_inverse=True)
    has = csr_array((np.ones(len(cells), np.float32), (np.arange(len(cells)), place)), (len(cells), len(values)))
    return Column(has, many=False)


def cut(groups: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(GroupKFold(FOLDS, shuffle=True, random_state=0).split(groups, groups=groups))


def interval(groups: np.ndarray, measure: Callable[[np.ndarray], float]) -> tuple[float, float]:
    """95 % over draws of whole groups."""
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(groups[order][1:] != groups[order][:-1]) + 1)
    rng = np.random.default_rng(0)
    found = [
        measure(np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))]))
        for _ in range(DRAWS)
    ]
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


if __name__ == "__main__":
    main()
