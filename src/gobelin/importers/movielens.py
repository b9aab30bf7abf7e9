"""MovieLens in its three shapes: tables with commas, ml-100k's u.* files, and .dat files."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from gobelin.data.draft import Draft, rows_to_columns
from gobelin.errors import DatasetError
from gobelin.importers import _files

RATINGS = ("user_id", "item_id", "rating", "timestamp")
ITEMS = ("item_id", "title", "text", "categories", "year", "imdb_id", "tmdb_id")
GENRES = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
]
"""Of ml-100k, in the order of u.item's flags, where u.genre is not there."""
NO_GENRES = ("(no genres listed)", "unknown")
MOST_TAGS = 50

_YEAR = re.compile(r"^(.*?)\s*\((\d{4})(?:[-–]\d{0,4})?\)\s*$", re.DOTALL)


@dataclass(kw_only=True)
class MovieLens:
    """MovieLens: ml-latest, ml-20m, -25m, -32m (.csv), ml-100k (u.data), ml-1m and ml-10m (.dat).

    Liking is a rating of 4 or more. Genres become categories; the year leaves the title and becomes an attribute; the
    people of ml-100k and ml-1m a users table. Tags are what people called a film: they become its text, each once,
    the most frequent first. Ids of IMDb and TMDB are kept and not read as attributes. Genome scores are not read.

    tags: whether to read them. They were written by the people whose taste is asked for, some of them later than what
    a test holds: leave them out (`--set tags=false`) where that matters.
    Raises DatasetError where the folder has none of the three shapes.
    Source: the README of each data set (https://grouplens.org/datasets/movielens/).
    """

    tags: bool = True

    def read(self, source: Path, draft: Draft) -> None:
        folder = _files.one_folder(source, "ratings.csv", "u.data", "ratings.dat")
        if (folder / "ratings.csv").is_file():
            _read_csv(folder, draft, tags=self.tags)
        elif (folder / "u.data").is_file():
            _read_100k(folder, draft)
        elif (folder / "ratings.dat").is_file():
            _read_dat(folder, draft, tags=self.tags)
        else:
            raise DatasetError(
                f"{source} is no MovieLens folder; {_files.held(source)}.",
                "ratings.csv, u.data or ratings.dat in it.",
                "unpack the archive and name its folder, or another format: `gobelin parts importers`.",
            )
        draft.setting(positive="rating >= 4")


def _read_csv(folder: Path, draft: Draft, *, tags: bool) -> None:
    for batch in _named(folder / "ratings.csv", ("userId", "movieId", "rating", "timestamp"), draft):
        draft.events(dict(zip(RATINGS, batch, strict=True)))
    told = _tags(folder / "tags.csv", draft) if tags else {}
    links: dict[str, tuple[str | None, str | None]] = {}
    if (folder / "links.csv").is_file():
        for batch in _named(folder / "links.csv", ("movieId", "imdbId", "tmdbId"), draft):
            for item, *ids in zip(*(column.to_pylist() for column in batch), strict=True):
                links[item] = (ids[0], ids[1])
        draft.setting(ignore=["imdb_id", "tmdb_id"])
    if (folder / "movies.csv").is_file():
        for batch in _named(folder / "movies.csv", ("movieId", "title", "genres"), draft):
            rows = []
            for item, title, genres in zip(*(column.to_pylist() for column in batch), strict=True):
                imdb, tmdb = links.get(item, (None, None))
                rows.append(_film(item, title, (genres or "").split("|"), told) | {"imdb_id": imdb, "tmdb_id": tmdb})
            draft.items(rows_to_columns(rows, ITEMS))


def _read_100k(folder: Path, draft: Draft) -> None:
    for batch in _files.batches(folder / "u.data", draft, delimiter="\t", names=RATINGS):
        draft.events(batch)
    genres = GENRES
    if (folder / "u.genre").is_file():
        pairs = list(_files.batches(folder / "u.genre", draft, delimiter="|", names=("name", "place")))
        genres = [str(name) for batch in pairs for name in batch["name"].to_pylist()]
    if (folder / "u.item").is_file():
        names = ("item_id", "title", "released", "on_video", "address", *genres)
        for batch in _files.batches(folder / "u.item", draft, delimiter="|", names=names, encoding="latin-1"):
            table = {name: column.to_pylist() for name, column in batch.items()}
            rows = []
            for row, item in enumerate(table["item_id"]):
                rows.append(_film(item, table["title"][row], [g for g in genres if table[g][row] == "1"], {}))
            draft.items(rows_to_columns(rows, ITEMS[:5]))
    if (folder / "u.user").is_file():
        people = ("user_id", "age", "gender", "occupation", "zip_code")
        for batch in _files.batches(folder / "u.user", draft, delimiter="|", names=people):
            draft.users(batch)


def _read_dat(folder: Path, draft: Draft, *, tags: bool) -> None:
    for batch in _files.batches(folder / "ratings.dat", draft, delimiter="::", names=RATINGS):
        draft.events(batch)
    told = _tags(folder / "tags.dat", draft) if tags else {}
    films = folder / "movies.dat"
    if films.is_file():
        names = ("item_id", "title", "genres")
        encoding = _files.encoding_of(films)  # ml-1m is older than UTF-8, ml-10m is not
        for batch in _files.batches(films, draft, delimiter="::", names=names, encoding=encoding):
            columns = zip(*(batch[name].to_pylist() for name in names), strict=True)
            rows = [_film(item, title, (genres or "").split("|"), told) for item, title, genres in columns]
            draft.items(rows_to_columns(rows, ITEMS[:5]))
    if (folder / "users.dat").is_file():
        people = ("user_id", "gender", "age", "occupation", "zip_code")
        for batch in _files.batches(folder / "users.dat", draft, delimiter="::", names=people):
            draft.users(batch)


def _named(path: Path, names: Sequence[str], draft: Draft) -> Iterator[list[pa.Array]]:
    """Batches of these columns of a table with commas."""
    held = _files.header(path, ",", quoted=True)
    missing = [name for name in names if name not in held]
    if missing:
        raise DatasetError(
            f"{path.name} has no column {missing[0]!r}; it has {', '.join(held)}.",
            "the columns " + ", ".join(names) + ", as MovieLens has them.",
            "check that the file is whole, with its first line.",
        )
    for batch in _files.batches(path, draft, quoted=True):
        yield [batch[name] for name in names]


def _tags(path: Path, draft: Draft) -> dict[str, Counter[str]]:
    """Tags of each film with how often they were given, small and capital letters alike."""
    told: dict[str, Counter[str]] = {}
    if not path.is_file():
        return told
    names = ("user_id", "item_id", "tag", "timestamp")
    if path.suffix == ".dat":
        batches = (list(b.values()) for b in _files.batches(path, draft, delimiter="::", names=names))
    else:
        batches = (list(b) for b in _named(path, ("userId", "movieId", "tag", "timestamp"), draft))
    for batch in batches:
        for item, tag in zip(batch[1].to_pylist(), batch[2].to_pylist(), strict=True):
            if item and tag and tag.strip():
                told.setdefault(item, Counter())[tag.strip().lower()] += 1
    return told


def _film(
    item: str, title: str | None, genres: Sequence[str], tags: Mapping[str, Counter[str]]
) -> dict[str, str | None]:
    dated = _YEAR.match(title or "")
    frequent = sorted(tags.get(item, Counter()).items(), key=lambda one: (-one[1], one[0]))[:MOST_TAGS]
    return {
        "item_id": item,
        "title": dated[1] if dated else title,
        "year": dated[2] if dated else None,
        "categories": "|".join(genre for genre in genres if genre not in NO_GENRES) or None,
        "text": ", ".join(tag for tag, _ in frequent) or None,
    }
