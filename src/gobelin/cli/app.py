"""The commands. Each help text teaches by an example; each prints a table, or data with --json."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gobelin.cli import show
from gobelin.errors import UserError

app = typer.Typer(
    name="gobelin",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""From a raw catalogue and an event log to an evaluated recommender.

Start here:

    gobelin demo shop                       # a small shop to play with

    gobelin check shop                      # is the data any good?

    gobelin run shop --out runs/first       # encode, search, fit, evaluate, report

    gobelin recommend runs/first --text "a warm blanket"
""",
)

DatasetArg = Annotated[
    Path, typer.Argument(help="A dataset folder: items.csv, interactions.csv, pictures.", show_default=False)
]
RunArg = Annotated[Path, typer.Argument(help="A folder that `gobelin run` wrote.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print data instead of tables.")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", help="part.key=value, e.g. model.regularisation=200. May be repeated.")
]
Workers = Annotated[
    int | None, typer.Option(help="Processes that decode and encode. Default: one a core.", show_default=False)
]


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.", show_default=False)],
    items: Annotated[int | None, typer.Option(help="Products to draw.", show_default=False)] = None,
    people: Annotated[int | None, typer.Option(help="People to invent.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another shop.")] = 0,
    json: Json = False,
) -> None:
    """Draw a small shop whose truth is known: `gobelin demo shop`.

    Pictures, English and Chinese texts, prices, people and their events; taste depends on what only the words say and
    on what only the picture shows, so that both together win.
    """
    from gobelin.demo import ITEMS, PEOPLE, build, write

    items, people = items or ITEMS, people or PEOPLE
    shop = build(items=items, people=people, seed=seed)
    write(shop, folder)
    if json:
        show.as_json({"folder": str(folder), "items": items, "people": people, "seed": seed})
        return
    show.out.print(f"A shop of {items:,} products and {people:,} people stands in {folder}.")
    show.out.print(f"Next: gobelin run {folder} --out runs/demo --split random")


@app.command()
def check(
    dataset: DatasetArg,
    quick: Annotated[bool, typer.Option("--quick", help="Do not open the media files.")] = False,
    json: Json = False,
) -> None:
    """Look at a data set before anything is fitted: `gobelin check shop`.

    Counts, coverage, duplicates, broken media, times, bots, variants, columns that look like identifiers or leaks;
    and advice at the end.
    """
    from gobelin.cli.health import show_health
    from gobelin.data.dataset import Dataset
    from gobelin.data.health import check as check_data

    health = check_data(Dataset.read(dataset), deep=not quick)
    if json:
        show.as_json(health.as_json())
    else:
        show_health(health)


@app.command("import")
def import_(
    format: Annotated[str, typer.Argument(help="recbole, mmrec, movielens or amazon.", show_default=False)],
    source: Annotated[Path, typer.Argument(help="The folder or file in that format.", show_default=False)],
    folder: Annotated[Path, typer.Argument(help="The dataset folder to write.", show_default=False)],
    pictures: Annotated[bool, typer.Option("--pictures", help="Fetch the pictures that it names (amazon).")] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the importer, key=value. May be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a data set in another format a dataset folder: `gobelin import movielens ml-latest-small films`.

    Prints what was read, written and left out, and why. `gobelin parts importers` lists the formats and their settings.
    """
    from gobelin.cli.importing import show_import
    from gobelin.importers import import_dataset

    settings: dict[str, Any] = dict(_equals(one, "--set") for one in set_ or [])
    if pictures:
        settings["pictures"] = True
    with show.progress() as tell:
        done = import_dataset(format, source, folder, settings, tell)
    if json:
        show.as_json(done.as_json())
    else:
        show_import(done)


@app.command()
def run(
    dataset: DatasetArg,
    out: Annotated[Path, typer.Option(help="The run folder to write.", show_default=False)],
    recipe: Annotated[str, typer.Option(help="A preset, a model's name, or a .toml file.")] = "weave",
    set_: Sets = None,
    split: Annotated[
        str | None, typer.Option(help="time, random, leave-last, cold-items, given or none.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the split and of everything that draws.")] = 0,
    budget: Annotated[float, typer.Option(help="Seconds that the search of each model may take.")] = 300,
    no_baselines: Annotated[bool, typer.Option("--no-baselines", help="Only the recipe's model.")] = False,
    refit: Annotated[bool, typer.Option("--refit", help="Also judge a fit on train + validation.")] = False,
    no_final: Annotated[bool, typer.Option("--no-final", help="Do not fit the model that recommends.")] = False,
    core: Annotated[
        int | None, typer.Option(help="Least positives of a user and an item (random, cold-items).", show_default=False)
    ] = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Encode, search, fit, evaluate, report: `gobelin run shop --out runs/first`.

    The search sees validation only; every baseline is searched alike; the test part is looked at once, for the
    table. RUN/report.html is the result to read, RUN/model what recommends.
    """
    from gobelin.evaluation.report import sentence
    from gobelin.experiment import run as run_experiment

    settings = list(set_ or []) + ([] if core is None else [f"split.core={core}"])
    with show.progress() as tell:
        done = run_experiment(
            dataset, out, recipe=recipe, settings=settings, split=split, seed=seed, budget=budget,
            baselines=not no_baselines, refit=refit, final=not no_final, workers=workers,
            progress=tell, command=_command(),
        )  # fmt: skip
    if json:
        show.as_json(done.report)
        return
    show.story(done.report, str(out))
    show.out.print(sentence(done.report))
    show.out.print(f"The report: {out / 'report.html'}")
    if not no_final:
        users, items = done.served.users, done.served.items
        ask = (
            f"recommend {out} --user {shlex.quote(users[0])}"
            if len(users)
            else f"similar {out} {shlex.quote(items[0])}"
        )
        show.out.print(f"Next: gobelin {ask}")


@app.command()
def compare(
    dataset: DatasetArg,
    recipes: Annotated[str, typer.Option(help="Recipes or models, joined by commas.")],
    out: Annotated[Path, typer.Option(help="The folder to write.", show_default=False)],
    split: Annotated[str | None, typer.Option(help="As in `run`.", show_default=False)] = None,
    seeds: Annotated[int, typer.Option(help="N means the seeds 0 .. N-1.")] = 1,
    drop: Annotated[
        list[str] | None,
        typer.Option(help="sense=share or all=share: items that lose it. May be repeated; each is a column."),
    ] = None,
    budget: Annotated[float, typer.Option(help="Seconds that the search of each model may take.")] = 300,
    set_: Sets = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Several recipes, several seeds, paired tests: `gobelin compare shop --recipes weave,ease --out cmp --seeds 3`.

    With --drop every recipe is judged again with a share of the items stripped of a sense (or of all).
    """
    from gobelin.comparison import compare as compare_recipes

    drops = [_share(one) for one in drop or []]
    with show.progress() as tell:
        result = compare_recipes(
            dataset, [name.strip() for name in recipes.split(",") if name.strip()], out, split=split,
            seeds=seeds, drops=drops, budget=budget, settings=set_ or [], workers=workers,
            progress=tell, command=_command(),
        )  # fmt: skip
    if json:
        show.as_json(result)
        return
    from gobelin.cli.comparing import show_comparison

    show_comparison(result)
    show.out.print(f"The page: {out / 'compare.html'}")


@app.command()
def update(
    run: RunArg,
    dataset: DatasetArg,
    out: Annotated[
        Path | None, typer.Option(help="A new run folder. Default: RUN is replaced.", show_default=False)
    ] = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Bring a run to what its data set holds now, without a new search: `gobelin update runs/first shop`.

    New events, new, changed or removed items, forgotten people; settings stay as they are until the next run.
    """
    from gobelin.updating import update as update_run

    with show.progress() as tell:
        done = update_run(run, dataset, out=out, workers=workers, progress=tell)
    change = done.report["updates"][-1]
    if json:
        show.as_json(change)
        return
    counts = [f"{n:,} {name.replace('_', ' ')}" for name, n in change.items() if name != "seconds" and n]
    show.out.print(f"{', '.join(counts) or 'Nothing changed'}; {sum(change['seconds'].values()):.1f} s.")


@app.command()
def recommend(
    run: RunArg,
    user: Annotated[str | None, typer.Option(help="Someone of the log.", show_default=False)] = None,
    history: Annotated[
        str | None, typer.Option(help="Item ids of a visitor, oldest first, joined by commas.", show_default=False)
    ] = None,
    text: Annotated[str | None, typer.Option(help="What is wished for, in words.", show_default=False)] = None,
    image: Annotated[Path | None, typer.Option(help="A picture of what is wished for.", show_default=False)] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(help="column=value of what is wished for. May be repeated.")
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
        wish = dict(_equals(one, "--attribute") for one in attribute or [])
        past = _history(history)
        rows = opened.recommend(
            user=user, history=past, text=text, image=image, attributes=wish or None, k=k,
            candidates=allowed, include_seen=include_seen, at=at,
        )  # fmt: skip
        if explain:
            rows["because"] = opened.because(rows["item_id"].tolist(), user=user, history=past, at=at)
    if out is not None:
        _write(rows, out)
        show.out.print(f"{len(rows):,} rows in {out}.")
    else:
        show.frame(rows, json_wanted=json)


@app.command()
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


@app.command()
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


@app.command()
def encode(
    dataset: DatasetArg,
    out: Annotated[Path, typer.Option(help="The folder to write vectors into.", show_default=False)],
    recipe: Annotated[str, typer.Option(help="Whose encoders are used.")] = "weave",
    set_: Sets = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Vectors of every item, one parquet file a sense: `gobelin encode shop --out vectors`.

    What was encoded before comes from the cache. The files are in the format of a dataset's features/ folder.
    """
    from gobelin.encoding import encode_to

    with show.progress() as tell:
        reports = encode_to(dataset, out, recipe=recipe, settings=set_ or [], workers=workers, progress=tell)
    if json:
        show.as_json(reports)
        return
    rows = [
        [name, r["dim"], f"{r['present']:,}", f"{r['encoded']:,}", f"{r['cached']:,}",
         ", ".join(f"{n:,} {why}" for why, n in r["absent"].items()) or "-", f"{r['seconds']:.1f}"]
        for name, r in reports.items()
    ]  # fmt: skip
    show.table(["sense", "dim", "items with it", "encoded", "from cache", "without", "seconds"], rows)


@app.command()
def parts(
    kind: Annotated[
        str | None, typer.Argument(help="encoders, models, importers or recipes.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """List the parts that a recipe can name, with their settings: `gobelin parts models`."""
    from gobelin.cli.listing import show_parts

    show_parts(kind, json)


@app.command()
def models(
    action: Annotated[str, typer.Argument(help="list: what is installed and where its weights come from.")] = "list",
    json: Json = False,
) -> None:
    """The pretrained models behind the encoders: `gobelin models list`."""
    from gobelin.cli.listing import show_models

    if action != "list":
        raise UserError(f"There is no `gobelin models {action}`.", "list.", "run `gobelin models list`.")
    show_models(json)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from gobelin import __version__

        show.out.print(__version__)
        raise typer.Exit


def _command() -> str:
    return shlex.join(["gobelin", *sys.argv[1:]])


@app.command()
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


def _equals(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise UserError(f"{option} {text!r} has no name and value.", "name=value.", f"e.g. {option} colour=red.")
    return name, value


def _share(text: str) -> tuple[str, float]:
    name, value = _equals(text, "--drop")
    try:
        return name, float(value)
    except ValueError:
        raise UserError(
            f"--drop {text!r}: {value!r} is no number.", "a share between 0 and 1.", "e.g. --drop image=0.5."
        ) from None


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
