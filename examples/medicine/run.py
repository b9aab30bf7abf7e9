"""Finding, survival and intensive care from X-ray, note, age and sex, and how much of it the note gives away.

    python examples/medicine/run.py medical_covid_cxr --out runs/medicine

Reads records.csv (patientid, finding, survival, went_icu, sex, age, clinical_notes, image). Each target is told twice:
from the notes as they are, and from notes whose words that name the answer are blanked (`TELLING`); the difference is
the leak that could be found by words, a lower bound. Folds never part a patient. Not for clinical use.
"""

import argparse
import csv
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.metrics import roc_auc_score

from gobelin.tasks.competing import Effort
from gobelin.tasks.prediction import Lists, Plan, predict
from gobelin.tasks.records import Reading
from gobelin.tasks.targets import Wanted

TARGETS = {
    "finding": Wanted("finding", "class", "COVID-19", ("todo", "Unknown")),
    "survival": Wanted("survival", "class", "Y", ("?",)),
    "went_icu": Wanted("went_icu", "class", "Y", ("?", "Would have been stated")),
}
TELLING = {
    "finding": r"covid|corona|sars|ncov|novel|wuhan|hubei|china|pandemic|pcr|swab|nucleic|pneumocystis|streptococ|"
    r"legionella|klebsiella|mers|influenza|varicella|tubercul|bacteri|fung|no finding|normal",
    "survival": r"surviv|died|dead|death|decease|expired|fatal|passed away|discharg|recover|improv|deteriorat|autopsy",
    "went_icu": r"\bicu\b|intensive|intubat|ventilat|ecmo|critical|extracorporeal|mechanical",
}
SENSES = ("clinical_notes", "image", "age", "sex")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--targets", default=",".join(TARGETS))
    parser.add_argument("--estimators", default="logistic")
    parser.add_argument("--fusions", default="concatenation,weighting,mean,stacking")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--trials", type=int, default=3)
    args = parser.parse_args()
    for target in args.targets.split(","):
        told = {}
        for name, telling in {"as they are": None, "blanked": TELLING[target]}.items():
            with tempfile.TemporaryDirectory() as folder:
                records = copied(args.dataset, Path(folder) / args.dataset.name, telling)
                told[name] = told_from(records, args.out / f"{target}-{name.replace(' ', '-')}", target, args)
        show(target, told)
        by_group(args.dataset, args.out / f"{target}-blanked")


def told_from(folder: Path, out: Path, target: str, args: argparse.Namespace) -> Mapping[str, Any]:
    return predict(
        folder,
        TARGETS[target],
        out,
        reading=Reading(text=("clinical_notes",), image="image", features=SENSES),
        plan=Plan(group_by="patientid", repeats=args.repeats),
        lists=Lists(
            tuple(args.estimators.split(",")),
            tuple(args.fusions.split(",")),
            settings=("encoders.words.max_features=3000",),
        ),
        effort=Effort(args.trials),
    )


def copied(folder: Path, out: Path, telling: str | None) -> Path:
    """The same records, COVID-19 with ARDS as COVID-19; without those words (and what they stand in) in the notes."""
    shutil.copytree(folder / "images", out / "images")  # paths may not leave the folder
    word = re.compile(rf"\S*(?:{telling})\S*", re.IGNORECASE)
    with (
        open(folder / "records.csv", encoding="utf-8", newline="") as given,
        open(out / "records.csv", "w", encoding="utf-8", newline="") as made,
    ):
        rows = csv.DictReader(given)
        writer = csv.DictWriter(made, rows.fieldnames or [])
        writer.writeheader()
        for row in rows:
            row["finding"] = "COVID-19" if row["finding"].startswith("COVID-19") else row["finding"]
            row["clinical_notes"] = word.sub(" ", row["clinical_notes"]) if telling else row["clinical_notes"]
            writer.writerow(row)
    return out


def show(target: str, told: Mapping[str, Mapping[str, Any]]) -> None:
    first = told["as they are"]
    print(f"\n{target}: {first['rows']} rows of {first['groups']} patients, {first['outputs']}; ROC AUC")
    print(f"{'':<28}{'notes as they are':<26}{'telling words blanked':<26}")
    for name, one in first["contenders"].items():
        cells = []
        for report in told.values():
            figure = report["contenders"].get(name, {"metrics": {}})["metrics"].get("roc_auc")
            cells.append(f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]" if figure else "-")
        print(f"{name:<28}{cells[0]:<26}{cells[1]:<26}{one['level']}", flush=True)
    for name, report in told.items():
        print(f"chosen inside, {name}: {report['chosen']}")


def by_group(folder: Path, run: Path) -> None:
    """ROC AUC of what was told in parts of the patients; few rows, wide errors."""
    with open(folder / "records.csv", encoding="utf-8", newline="") as file:
        records = dict(enumerate(csv.DictReader(file), 1))
    rows = pq.read_table(run / "predictions.parquet").to_pylist()
    score = next(name for name in rows[0] if name.startswith("p:") and not name.startswith("p:not "))
    positive = score.removeprefix("p:")
    for column, parts in (("sex", {"M": "M", "F": "F"}), ("age", {"under 60": (0, 60), "60 and over": (60, 200)})):
        for name, part in parts.items():
            some = [row for row in rows if within(records[int(row["item_id"])][column], part)]
            truth = np.array([row["truth"] == positive for row in some])
            if 0 < truth.sum() < len(truth):
                area = roc_auc_score(truth, [row[score] for row in some])
                print(f"  {column} {name}: {area:.3f} in {len(some)} rows, {int(truth.sum())} of them {positive}")


def within(value: str, part: Any) -> bool:
    if isinstance(part, str):
        return value == part
    return bool(value) and part[0] <= float(value) < part[1]


if __name__ == "__main__":
    main()
