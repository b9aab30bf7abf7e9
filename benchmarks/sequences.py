"""Our SASRec against RecTools' SASRec on films in the order of their likes: one split, one mask, one budget.

    python -m venv peers && . peers/bin/activate
    pip install -e '.[deep]' 'rectools[torch]==0.19.0' 'pyarrow<21'     # RecTools wants numpy 1
    python benchmarks/sequences.py ../shared/data/movielens_small

The last liked film of each person is test, the one before validation (leave-last); all films are ranked, those of
train and validation masked. Both have the same vectors, layers, heads, length, batch, rate, dropout and loss (softmax
over all films, or with --loss sampled_softmax over --negatives drawn uniformly, which RecTools draws for each place, we
for each batch). They are stopped alike: validation is asked every second epoch, --patience answers without a better one
end it, or --seconds, and the best is kept. Scores of both go through one ranking. What differs is ours or theirs:
RecTools learns the last --length events of a person, ours learns a long history in windows and reads kinds and times;
its layers are as wide as its vectors, ours four times as wide inside. No content on either side.

Bar: mean over seeds at least RecTools', and the lower end of the pooled paired 95 % interval at least -5 % of it, of
Recall@10 and of NDCG@10.
"""

import argparse
import importlib.util
import logging
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gobelin.arrays import Array
from gobelin.contest.bench import Bench, judged
from gobelin.data.dataset import Dataset
from gobelin.data.splits import make_split
from gobelin.evaluation.statistics import pooled_difference
from gobelin.models.sasrec import Sasrec
from gobelin.protocols import Journal
from gobelin.values import FeatureTable, Queries

METRICS = ("recall@10", "ndcg@10")
EVERY = 2  # epochs between two questions to validation, as in sasrec


@dataclass
class Scored:
    """Scores of all people and items that were made elsewhere, as a model of ours."""

    scores: Array

    def score(self, queries: Queries, candidates: Array | None = None) -> Array:
        rows = self.scores[queries.users]
        return rows if candidates is None else rows[:, candidates]


@dataclass
class Fit:
    model: Any
    epochs: int
    cpu: float  # seconds, questions to validation included


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=100, help="at most")
    parser.add_argument("--patience", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=600.0, help="of each fit, by the clock")
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--length", type=int, default=50)
    parser.add_argument("--loss", default="softmax", choices=("softmax", "sampled_softmax"))
    parser.add_argument("--negatives", type=int, default=128, help="of sampled_softmax")
    args = parser.parse_args()
    data = Dataset.read(args.dataset)
    sides = {"gobelin": ours}
    if importlib.util.find_spec("rectools") is None:
        print("rectools is not installed: its rows are left out (pip install 'rectools[torch]==0.19.0')")
    else:
        sides["rectools"] = theirs
    values: dict[str, list[list[Array]]] = {name: [] for name in sides}  # seed, metric, people
    users = []
    for seed in range(args.seeds):
        split = make_split(data, "leave-last", seed)
        bench = Bench(split, split.train_value(FeatureTable(split.items, {})))
        exam = bench.exam("test")
        users.append(exam.users.astype(np.int64))
        for name, fit in sides.items():
            done = fit(bench, args, seed)
            ranks = bench.ranks(done.model, exam)  # one held-out film each
            values[name].append([np.where(ranks <= 10, 1.0, 0.0), np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0.0)])
            for metric, told in zip(METRICS, values[name][-1], strict=True):
                assert abs(told.mean() - judged(ranks, exam.counts, metric)) < 1e-6
            figures = "  ".join(f"{m} {v.mean():.4f}" for m, v in zip(METRICS, values[name][-1], strict=True))
            print(f"seed {seed}  {name:<9} {figures}  {done.epochs} epochs, {done.cpu:.0f} CPU s", flush=True)
    if len(sides) == 2:
        sys.exit(0 if compared(values, users) else 1)


def compared(values: dict[str, list[list[Array]]], users: list[Array]) -> bool:
    within = True
    for at, metric in enumerate(METRICS):
        us, them = ([seed[at] for seed in values[name]] for name in ("gobelin", "rectools"))
        theirs_mean = float(np.mean(np.concatenate(them)))
        gap = pooled_difference(us, them, users, np.random.default_rng(0))
        assert gap.relative is not None and gap.relative_low is not None and gap.relative_high is not None
        print(
            f"{metric:<10} gobelin {np.mean(np.concatenate(us)):.4f}  rectools {theirs_mean:.4f}  "
            f"difference {gap.relative:+.1%} [{gap.relative_low:+.1%}, {gap.relative_high:+.1%}], p {gap.p:.3f}"
        )
        within &= gap.relative >= 0 and gap.relative_low >= -0.05
    return within


def ours(bench: Bench, args: argparse.Namespace, seed: int) -> Fit:
    model = Sasrec(
        of="ids", factors=args.factors, layers=2, heads=2, length=args.length, batch=128, dropout=0.2,
        learning_rate=0.001, loss=args.loss, negatives=args.negatives, epochs=args.epochs,
        patience=args.patience,
    )  # fmt: skip
    exam, begun = bench.exam("validation"), time.process_time()
    model.fit(
        bench.train, np.random.default_rng(seed), lambda one: asked(bench, one, exam), Journal(seconds=args.seconds)
    )
    return Fit(model, len(model.curve), time.process_time() - begun)


def theirs(bench: Bench, args: argparse.Namespace, seed: int) -> Fit:
    import pytorch_lightning as lightning
    from rectools.dataset import Dataset as Theirs
    from rectools.models import SASRecModel

    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    lightning.seed_everything(seed, verbose=False)
    log, exam = interactions(bench), bench.exam("validation")
    dataset = Theirs.construct(log)
    watch = watcher(args, lambda module: asked(bench, Scored(scores_of(model, module, dataset, bench)), exam))
    model = SASRecModel(
        n_blocks=2, n_heads=2, n_factors=args.factors, dropout_rate=0.2, session_max_len=args.length, batch_size=128,
        lr=0.001, loss=args.loss, n_negatives=args.negatives,
    )  # fmt: skip
    model._trainer = lightning.Trainer(
        max_epochs=args.epochs, callbacks=[watch], accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    begun = time.process_time()
    model.fit_trainer = model._trainer
    model._build_model_from_dataset(dataset)
    model._trainer.fit(model.lightning_model, model.data_preparator.get_dataloader_train())
    spent = time.process_time() - begun
    model.lightning_model.torch_model.load_state_dict(watch.best)
    return Fit(Scored(scores_of(model, model.lightning_model, dataset, bench)), watch.epochs, spent)


def watcher(args: argparse.Namespace, value: Callable[[Any], float]) -> Any:
    """Lightning's callback that asks validation and stops as `learning.loop` does."""
    import pytorch_lightning as lightning

    class Watch(lightning.Callback):
        epochs, since, liked, best = 0, 0, -np.inf, None

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            self.begun = getattr(self, "begun", None) or time.monotonic()
            self.epochs += 1
            if self.epochs % EVERY and self.epochs < args.epochs:
                return
            told = value(module)
            module.torch_model.train()
            self.since += 1
            if told > self.liked:
                self.liked, self.since = told, 0
                self.best = {name: one.detach().clone() for name, one in module.torch_model.state_dict().items()}
            trainer.should_stop = self.since >= args.patience or time.monotonic() - self.begun >= args.seconds

    return Watch()


def interactions(bench: Bench) -> pd.DataFrame:
    """The positive events of train in the order of our histories, one second apart."""
    from rectools import Columns

    log = bench.train.histories
    liked = (log.items >= 0) & (log.weights > 0)
    when = pd.Timestamp("2000-01-01") + pd.to_timedelta(np.arange(liked.sum()), unit="s")
    return pd.DataFrame(
        {Columns.User: log.queries[liked], Columns.Item: log.items[liked], Columns.Weight: 1.0, Columns.Datetime: when}
    )


def scores_of(model: Any, module: Any, dataset: Any, bench: Bench) -> Array:
    """(users, items) of ours; items that train does not have score below all."""
    preparator = model.data_preparator
    people = dataset.user_id_map.external_ids
    known = preparator.transform_dataset_u2i(dataset, people)
    reading, items = module._get_user_item_embeddings(preparator.get_dataloader_recommend(known, 256), "cpu")
    told = (reading @ items.T).numpy()[:, preparator.n_item_extra_tokens :]
    out = np.full((len(bench.train.users), len(bench.train.items)), told.min() - 1, dtype=np.float32)
    rows = known.user_id_map.external_ids.astype(int)
    out[np.ix_(rows, preparator.get_known_item_ids().astype(int))] = told
    return out


def asked(bench: Bench, model: Any, exam: Any) -> float:
    return bench.value(model, exam, "recall+ndcg@10")


if __name__ == "__main__":
    main()
