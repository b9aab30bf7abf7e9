"""`gobelin predict` and `gobelin cluster`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from gobelin.cli import show
from gobelin.cli.options import Json, Sets, Workers, command, names
from gobelin.errors import UserError

FolderArg = Annotated[
    Path,
    typer.Argument(
        help="A dataset folder, or one with records.csv and media; with --records a folder that `predict` wrote.",
        show_default=False,
    ),
]
OneColumn = Annotated[str | None, typer.Option(show_default=False)]


def predict(
    dataset: FolderArg,
    target: Annotated[str | None, typer.Option(help="The column that is told.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to write.", show_default=False)] = None,
    kind: Annotated[
        str | None, typer.Option(help="class, labels or numbers; guessed from the column.", show_default=False)
    ] = None,
    positive: Annotated[str | None, typer.Option(help="This class against the rest.", show_default=False)] = None,
    unknown: Annotated[
        str | None, typer.Option(help="Cells that mean no answer, joined by commas.", show_default=False)
    ] = None,
    group_by: Annotated[
        str | None, typer.Option(help="A column (patient): its rows are never parted.", show_default=False)
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="A column of times: what comes later is told by what came before.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="A column that says test of the rows that are judged.", show_default=False)
    ] = None,
    features: Annotated[
        str | None, typer.Option(help="Senses or columns that may be read, joined by commas.", show_default=False)
    ] = None,
    ignore: Annotated[
        str | None, typer.Option(help="Columns that may not be read, joined by commas.", show_default=False)
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Columns that are one text together (default title, text).", show_default=False)
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="The column of picture paths (records.csv).", show_default=False)
    ] = None,
    id: Annotated[
        str | None, typer.Option(help="The column of ids (records.csv); else item_id, record_id, id, row numbers.")
    ] = None,
    estimators: Annotated[
        str | None, typer.Option(help="Joined by commas; `gobelin parts estimators` lists them.", show_default=False)
    ] = None,
    fusions: Annotated[
        str, typer.Option(help="Fusions and rules (mean, weighted, hard_vote, soft_vote, stacking).")
    ] = "concatenation,mean,stacking",
    folds: Annotated[int, typer.Option(help="Each is judged once.", min=2)] = 5,
    repeats: Annotated[int, typer.Option(help="Folds cut so many times.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="Of the folds and of everything that draws.")] = 0,
    trials: Annotated[int, typer.Option(help="Fits that the choice of settings may take, in each fold.", min=1)] = 6,
    budget: Annotated[float, typer.Option(help="Seconds that it may take.", min=0)] = 60.0,
    recipe: Annotated[str, typer.Option(help="Whose encoders are used.")] = "weave",
    records: Annotated[
        Path | None, typer.Option(help="New records for the saved model of DATASET.", show_default=False)
    ] = None,
    set_: Sets = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Tell a column from the rest of a row: `gobelin predict notes --target finding --out runs/finding`.

    Each sense alone, each fusion and each rule are judged on rows that they had not seen; OUT/predict.html is the
    result to read, OUT/model what tells new records: `gobelin predict runs/finding --records tomorrow`.
    """
    if records is not None:
        _new(dataset, records, out, workers, json)
        return
    from gobelin.tasks.competing import Effort
    from gobelin.tasks.prediction import Lists, Plan
    from gobelin.tasks.prediction import predict as run
    from gobelin.tasks.records import Reading
    from gobelin.tasks.targets import Wanted

    if target is None or out is None:
        raise UserError(
            "`gobelin predict` was not told " + ("what to tell." if target is None else "where to write."),
            "--target COLUMN and --out DIR, or --records FOLDER for a saved model.",
            "e.g. gobelin predict notes --target finding --out runs/finding.",
        )
    if kind not in (None, "class", "labels", "numbers"):
        raise UserError(f"--kind {kind}.", "class, labels or numbers.", "leave it away to have it guessed.")
    with show.progress() as tell:
        report = run(
            dataset,
            Wanted(target, kind, positive, names(unknown)),  # type: ignore[arg-type]
            out,
            reading=Reading(id, names(text), image, names(features), names(ignore)),
            plan=Plan(group_by, time, split, folds, repeats, seed),
            lists=Lists(names(estimators), names(fusions), recipe, tuple(set_ or ())),
            effort=Effort(trials, budget),
            workers=workers,
            progress=tell,
            command=command(),
        )
    if json:
        show.as_json(report)
    else:
        show_prediction(report, out)


def cluster(
    dataset: FolderArg,
    out: Annotated[Path, typer.Option(help="The folder to write.", show_default=False)],
    against: Annotated[
        str | None, typer.Option(help="A column that the clusters are compared with.", show_default=False)
    ] = None,
    methods: Annotated[str, typer.Option(help="kmeans, mixture, agglomerative, joined by commas.")] = "kmeans",
    clusters: Annotated[str, typer.Option(help="The grid of k, joined by commas.")] = "2,3,5,8,12,20,30",
    features: Annotated[
        str | None, typer.Option(help="Senses or columns that may be read, joined by commas.", show_default=False)
    ] = None,
    ignore: Annotated[
        str | None, typer.Option(help="Columns that may not be read, joined by commas.", show_default=False)
    ] = None,
    fusion: Annotated[str, typer.Option(help="The fusion behind the clustering of all senses.")] = "concatenation",
    recipe: Annotated[str, typer.Option(help="Whose encoders are used.")] = "weave",
    seed: Annotated[int, typer.Option(help="Of everything that draws.")] = 0,
    set_: Sets = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Put rows that are alike together: `gobelin cluster shop --out clusters --against categories`.

    By each sense, by all of them fused, and by the consensus of the senses; each cluster is told by typical items,
    attributes and words.
    """
    from gobelin.tasks.clustering import cluster as run
    from gobelin.tasks.records import Reading

    with show.progress() as tell:
        report = run(
            dataset, out, reading=Reading(features=names(features), ignore=names(ignore)), against=against,
            methods=names(methods), ks=_numbers(clusters), fusion=fusion, recipe=recipe, settings=tuple(set_ or ()),
            seed=seed, workers=workers, progress=tell,
        )  # fmt: skip
    if json:
        show.as_json(report)
        return
    for note in report["notes"]:
        show.out.print(note["message"], style="dim")
    figures = ["silhouette", *(["nmi", "ari"] if against else [])]
    rows = [[n, one["k"], f"{one['rows']:,}", *(_figure(one.get(f)) for f in figures)]
            for n, one in report["clusterings"].items()]  # fmt: skip
    show.table(["clustering", "k", "rows", *figures], rows, title=f"{report['rows']:,} rows of {dataset.name}")
    show.out.print()
    lines = [[one["size"], "; ".join(t["title"] for t in one["typical"][:2]), ", ".join(one["words"][:5]),
              ", ".join(f"{a['attribute']} = {a['value']}" for a in one["attributes"][:2])]
             for one in report["clusters"]]  # fmt: skip
    show.table(["rows", "typical", "words", "attributes"], lines, title=f"clusters of {report['described']}", numeric=9)
    show.out.print(f"Everything: {out / 'clusters.json'}")


def _numbers(told: str) -> tuple[int, ...]:
    if not all(one.isdigit() for one in names(told)) or not names(told):
        raise UserError(f"--clusters {told}.", "whole numbers joined by commas.", "e.g. --clusters 5,10,20.")
    return tuple(int(one) for one in names(told))


def _new(run: Path, records: Path, out: Path | None, workers: int | None, json: bool) -> None:
    from gobelin.tasks.saved import predict_new

    rows = predict_new(run, records, workers)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), out, compression="zstd")
    if json:
        show.as_json(rows)
    elif out is not None:
        show.out.print(f"{len(rows):,} records told: {out}")
    else:
        columns = [name for name in rows[0] if not name.startswith("p:")] if rows else ["item_id", "told"]
        show.table(columns, [[_cell(row[name]) for name in columns] for row in rows], numeric=2)


def show_prediction(report: Mapping[str, Any], out: Path) -> None:
    """The notes, the table of contenders, the sentence and the next command."""
    from gobelin.evaluation.predictions import LEVELS, sentence

    asked = report["asked"]
    for note in report["notes"]:
        show.out.print(note["message"], style="dim")
    metrics = list(next(iter(report["contenders"].values()))["metrics"])
    metrics = list(dict.fromkeys([report["metric"], *metrics]))[:3]
    rows = []
    for name, one in sorted(report["contenders"].items(), key=lambda c: c[1]["inner_loss"]):
        figures = [_figure(one["metrics"].get(metric)) for metric in metrics]
        rows.append([name + (" *" if name == report["chosen"] else ""), LEVELS[one["level"]], *figures])
    title = f"{asked['target']} of {report['rows']:,} rows, best first where settings were chosen; * chosen there"
    show.table(["contender", "level", *metrics], rows, title=title, numeric=2)
    show.out.print()
    show.out.print(sentence(report))
    show.out.print(f"The page: {out / 'predict.html'}")
    show.out.print(f"Next: gobelin predict {out} --records FOLDER")


def _figure(figure: Mapping[str, float] | None) -> str:
    return "-" if figure is None else f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
