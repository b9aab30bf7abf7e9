"""The commands that ask a finished run: what, what is sought, what is alike, why, and what someone is interested in."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gobelin.cli import show
from gobelin.cli.options import Json, RunArg, equals
from gobelin.errors import UserError


def recommend(
    run: RunArg,
    user: Annotated[str | None, typer.Option(help="Someone of the log.", show_default=False)] = None,
    history: Annotated[
        str | None, typer.Option(help="Item ids of a visitor, oldest first, joined by commas.", show_default=False)
    ] = None,
    text: Annotated[str | None, typer.Option(help="What is wished for, in words.", show_default=False)] = None,
    image: Annotated[Path | None, typer.Option(help="A picture of what is wished for.", show_default=False)] = None,
    audio: Annotated[Path | None, typer.Option(help="A sound of what is wished for.", show_default=False)] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(help="column=value of what is wished for. May be repeated.")
    ] = None,
    trait: Annotated[
        list[str] | None, typer.Option(help="column=value of a visitor, as in the users table. May be repeated.")
    ] = None,
    users: Annotated[Path | None, typer.Option(help="A file with one user id a line.", show_default=False)] = None,
    all_users: Annotated[bool, typer.Option("--all-users", help="Everyone of the log; needs --out.")] = False,
    k: Annotated[int, typer.Option("-k", help="How many.")] = 10,
    candidates: Annotated[
        Path | None, typer.Option(help="A file with one item id a line: only these.", show_default=False)
    ] = None,
    include_seen: Annotated[bool, typer.Option("--include-seen", help="Also what the history already has.")] = False,
    at: Annotated[int | None, typer.Option(help="The moment of asking, in Unix seconds.", show_default=False)] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Also the strongest reason of each.")] = False,
    out: Annotated[Path | None, typer.Option(help="A .parquet or .csv file to write.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Ask a run: `gobelin recommend runs/first --user u0001 -k 5`, or `--text "a warm blanket"`, or `--image hat.jpg`.

    A wish may stand beside a user or a history.
    """
    from gobelin.service import Run

    opened = Run.open(run)
    allowed = None if candidates is None else _lines(candidates)
    if users is not None or all_users:
        chosen = None if all_users else _lines(users or Path())
        rows = opened.recommend_many(chosen, k=k, candidates=allowed, include_seen=include_seen, at=at)
    else:
        wish = dict(equals(one, "--attribute") for one in attribute or [])
        past = _history(history)
        rows = opened.recommend(
            user=user,
            history=past,
            text=text,
            image=image,
            audio=audio,
            attributes=wish or None,
            traits=dict(equals(one, "--trait") for one in trait or []) or None,
            k=k,
            candidates=allowed,
            include_seen=include_seen,
            at=at,
        )
        if explain:
            rows["because"] = opened.because(rows["item_id"].tolist(), user=user, history=past, at=at)
    if out is not None:
        _write(rows, out)
        show.out.print(f"{len(rows):,} rows in {out}.")
    else:
        show.frame(rows, json_wanted=json)


def search(
    run: RunArg,
    text: Annotated[str | None, typer.Option(help="What is sought, in words.", show_default=False)] = None,
    image: Annotated[Path | None, typer.Option(help="A picture of what is sought.", show_default=False)] = None,
    audio: Annotated[Path | None, typer.Option(help="A sound of what is sought.", show_default=False)] = None,
    k: Annotated[int, typer.Option("-k", help="How many.")] = 10,
    by: Annotated[str | None, typer.Option(help="One sense or modality alone, e.g. image.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Search across senses: `gobelin search runs/first --text "a warm hat"`, or `--text 帽子`, or `--image hat.jpg`.

    Nobody's history counts. A sentence finds items by their texts and by their pictures; the columns "by ..." show in
    standard deviations how much each sense speaks for an item.
    """
    from gobelin.service import Run

    show.frame(Run.open(run).search(text=text, image=image, audio=audio, k=k, by=by), json_wanted=json)


def similar(
    run: RunArg,
    item: Annotated[str | None, typer.Argument(help="An item id.", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="Every item; needs --out.")] = False,
    k: Annotated[int, typer.Option("-k", help="How many.")] = 10,
    explain: Annotated[bool, typer.Option("--explain", help="Also what each sense adds.")] = False,
    out: Annotated[Path | None, typer.Option(help="A .parquet or .csv file to write.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """What stands nearest to an item: `gobelin similar runs/first item-0042`, or `--all --out similar.parquet`."""
    from gobelin.service import Run

    opened = Run.open(run)
    if every:
        if out is None:
            raise UserError("--all without --out.", "a file for so many rows.", "add --out similar.parquet.")
        _write(rows := opened.similar_all(k), out)
        show.out.print(f"{len(rows):,} rows in {out}.")
        return
    if item is None:
        raise UserError("No item was named.", "an item id, or --all.", "e.g. gobelin similar RUN ITEM.")
    rows = opened.similar(item, k)
    if explain:
        rows["because"] = opened.because(rows["item_id"].tolist(), history=[item])
    show.frame(rows, json_wanted=json)


def explain(
    run: RunArg,
    item: Annotated[str, typer.Argument(help="An item id.", show_default=False)],
    user: Annotated[str | None, typer.Option(help="Someone of the log.", show_default=False)] = None,
    history: Annotated[
        str | None, typer.Option(help="Item ids of a visitor, oldest first, joined by commas.", show_default=False)
    ] = None,
    at: Annotated[int | None, typer.Option(help="The moment of asking, in Unix seconds.", show_default=False)] = None,
    k: Annotated[int, typer.Option("-k", help="Events to show, the strongest first.")] = 10,
    json: Json = False,
) -> None:
    """Why this item for this person: `gobelin explain runs/first --user u0001 item-0042`.

    The score as an exact sum over the person's events and over the senses, and the item's rank without each of them.
    """
    from gobelin.cli.answers import show_explanation
    from gobelin.service import Run

    found = Run.open(run).explain(item, user=user, history=_history(history), at=at)
    if json:
        show.as_json(found.as_json())
    else:
        show_explanation(found, k)


def interests(
    run: RunArg,
    user: Annotated[str | None, typer.Option(help="Someone of the log.", show_default=False)] = None,
    history: Annotated[
        str | None, typer.Option(help="Item ids of a visitor, oldest first, joined by commas.", show_default=False)
    ] = None,
    at: Annotated[int | None, typer.Option(help="The moment of asking, in Unix seconds.", show_default=False)] = None,
    k: Annotated[int, typer.Option("-k", help="The strongest so many of each kind.")] = 3,
    json: Json = False,
) -> None:
    """What someone is interested in, with its evidence: `gobelin interests runs/first --user u0001`.

    Values of columns, words, and groups of like items by text, by picture and by all together; what stands in the
    history more often than among everyone.
    """
    from gobelin.cli.answers import show_interests
    from gobelin.service import Run

    found = Run.open(run).interests(user=user, history=_history(history), at=at, k=k)
    if json:
        show.frame(found, json_wanted=True)
    else:
        show_interests(found)


def attributes(
    run: RunArg,
    item: Annotated[str, typer.Argument(help="An item id.", show_default=False)],
    json: Json = False,
) -> None:
    """What an item is, from everything it has: `gobelin attributes runs/first item-0042`.

    The catalogue's columns; what its texts, pictures and other media say; and values that the catalogue lacks,
    predicted from items that have them. Each with how sure it is and where it comes from.
    """
    from gobelin.cli.answers import show_attributes
    from gobelin.service import Run

    found = Run.open(run).attributes(item)
    if json:
        show.as_json(found.as_json())
    else:
        show_attributes(found)


def _history(text: str | None) -> list[str] | None:
    return None if text is None else [item.strip() for item in text.split(",") if item.strip()]


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise UserError(f"There is no file {path}.", "a text file with one id a line.", "check the path.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as wrong:
        raise UserError(f"{path} is not UTF-8 text.", "a text file in UTF-8.", "convert it, or save it so.") from wrong
    return [line.strip() for line in lines if line.strip()]


def _write(rows: Any, path: Path) -> None:
    from gobelin.files import replace_file

    if path.suffix == ".parquet":
        data = rows.to_parquet(index=False)
    elif path.suffix == ".csv":
        data = rows.to_csv(index=False).encode()
    else:
        raise UserError(f"--out {path}: unknown ending {path.suffix!r}.", ".parquet or .csv.", "name the file so.")
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)
