"""A large generated catalogue through `gobelin encode`: memory while it runs, and what a kill costs.

    python benchmarks/throughput.py texts                 # 10,000 titles
    python benchmarks/throughput.py pictures              # 1,000 pictures
    python benchmarks/throughput.py texts --full          # a million
    python benchmarks/throughput.py pictures --full       # 100,000

A dataset folder is written under `--folder` (a temporary one where not said): titles of eight words and a number, or
JPEG files of 128 x 128 pixels, each different from every other. A process of its own encodes it with an empty cache,
by `gobelin.encoding.encode_to`, which is all that `gobelin encode` calls. At a random moment between the half and nine
tenths of the work it is killed (SIGKILL), its workers must end by themselves, and a second process takes the work up.

Memory: the anonymous pages of the process and its workers together (`Anonymous` of /proc/PID/smaps_rollup: what mapped
files hold is not counted), looked at twice a second. The peaks of each tenth of the encoding, by pieces done, say
whether it is flat; the peak of everything, with the reading before and the writing after, is what a machine must have.
Lost: pieces that were with an encoder or not yet published when the kill came, as a share of all pieces.
Bars (issue 4): at most 1.5 GB, the last tenth at most 1.1 times the first, at most 2 % lost.

Two workers against one stand in `benchmarks/encoding.py`.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before numpy: one thread a process

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

QUICK = {"texts": 10_000, "pictures": 1_000}
FULL = {"texts": 1_000_000, "pictures": 100_000}
ENCODER = {"texts": "sentence", "pictures": "efficientnet"}

_WORDS = """
warm light soft plain bright quiet small large round narrow red blue green grey black white linen cotton wool
silk leather steel glass oak pine clay paper shirt coat lamp chair table bowl cup blanket scarf basket mirror
clock shelf jacket boot belt bag hat glove towel pillow curtain rug vase kettle with without for under over
and kitchen garden office winter summer children travel evening morning pocket handle lid button zip hood
stripe dot flower check pattern print edge frame drawer
"""
_EVERY = 0.5  # seconds between two looks at memory
_A_FOLDER = 1_000  # pictures


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("what", choices=list(QUICK))
    told.add_argument("--items", type=int, help="how many (default 10,000 texts or 1,000 pictures)")
    told.add_argument("--full", action="store_true", help="a million texts or 100,000 pictures")
    told.add_argument("--encoder", help="a part of kind encoders (default sentence or efficientnet)")
    told.add_argument("--workers", type=int, default=2, help="processes that encode (default 2)")
    told.add_argument("--seed", type=int, default=0)
    told.add_argument("--no-kill", action="store_true", help="one run from start to end")
    told.add_argument("--folder", type=Path, help="where data, cache and vectors go, and stay (default: temporary)")
    told.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = told.parse_args()
    if asked.child:
        child(asked.child, asked.workers)
        return
    items = asked.items or (FULL if asked.full else QUICK)[asked.what]
    encoder = asked.encoder or ENCODER[asked.what]
    with tempfile.TemporaryDirectory(prefix="throughput-") if asked.folder is None else nullcontext(asked.folder) as at:
        folder = Path(at)
        folder.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        if not (folder / "data" / "items.parquet").exists():  # a folder that was named before has them
            {"texts": write_texts, "pictures": write_pictures}[asked.what](folder / "data", items, asked.seed)
        print(f"{items:,} {asked.what} written in {time.monotonic() - begun:.0f} s; load {os.getloadavg()[0]:.1f}")
        (folder / "recipe.toml").write_text(f'[encoders.sense]\npart = "{encoder}"\n\n[model]\npart = "weave"\n')
        measure(folder, items, encoder, asked.workers, None if asked.no_kill else asked.seed)


def measure(folder: Path, items: int, encoder: str, workers: int, seed: int | None) -> None:
    """One run to its end, after one that was killed where `seed` is given; prints what was seen."""
    peaks = []
    lost = 0
    if seed is not None:
        moment = int(items * random.Random(seed).uniform(0.5, 0.9))
        killed = Run(folder, items, workers)
        killed.watch(until=moment)
        published = cached(folder / "cache")
        lost = killed.done + killed.with_workers() - published
        peaks.append(killed)
        killed.tell(f"killed after {killed.done:,} of {items:,} pieces by {encoder}")
        print(f"  its workers ended by themselves {killed.outlived:.1f} s later")
        print(f"  {published:,} published, at most {lost:,} to be encoded again: {lost / items:.2%} of all (bar 2 %)")
    last = Run(folder, items, workers)
    last.watch()
    peaks.append(last)
    last.tell(f"{'the rest' if seed is not None else f'{items:,} pieces'} by {encoder}")
    report = last.report()
    print(f"  {report['encoded']:,} encoded, {report['cached']:,} from the cache, {report['present']:,} present")
    if seed is not None:
        again = report["encoded"] - (items - published)
        print(f"  {again:,} of them had been published before (0 is right)")
    peak = max(run.peak for run in peaks)
    print(f"\n{encoder}: peak {peak:,.0f} MB (bar 1,500), last tenth / first tenth {flatness(peaks):.2f} (bar 1.10)")


@dataclass
class Run:
    """One process that encodes, and what was seen of it. Sizes in MB."""

    folder: Path
    items: int
    workers: int
    done: int = 0
    outlived: float = 0.0
    seen: list[tuple[float, str, int, float]] = field(default_factory=list)  # seconds, step, pieces done, MB

    def watch(self, until: int | None = None) -> None:
        """Starts it and looks at its memory until it ends, or kills it when so many pieces are done."""
        for name in ("progress", "report.json"):
            (self.folder / name).unlink(missing_ok=True)
        begun = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, __file__, "texts", "--child", str(self.folder), "--workers", str(self.workers)],
            env={**os.environ, "GOBELIN_CACHE": str(self.folder / "cache")},
            start_new_session=True,
        )
        while self.process.poll() is None:
            family = descendants(self.process.pid)
            step, done = self._progress()
            self.seen.append((time.monotonic() - begun, step, done, sum(map(anonymous, family))))
            if until is not None and step.startswith("encode") and until <= done < self.items:
                self._kill(family)
                return
            time.sleep(_EVERY)
        self.seconds = time.monotonic() - begun
        if self.process.returncode:
            raise SystemExit(f"the process that encodes ended with {self.process.returncode}")
        if until is not None:
            raise SystemExit("it ended before it could be killed: ask for more items")

    def _kill(self, family: list[int]) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        killed = time.monotonic()
        self.done = self._progress()[1]  # what it said up to its last moment
        while any(Path(f"/proc/{one}").exists() for one in family):
            time.sleep(0.05)
            if time.monotonic() - killed > 120:
                raise SystemExit("a worker outlives its parent")
        self.outlived = time.monotonic() - killed
        self.seconds = self.seen[-1][0]

    def _progress(self) -> tuple[str, int]:
        try:
            line = (self.folder / "progress").read_text()
            return line.split("\t")[0], int(line.split("\t")[1])
        except (OSError, IndexError, ValueError):
            return "start", 0

    def with_workers(self) -> int:
        """Pieces that may have been encoded without a word of it: a batch with each worker."""
        from gobelin.features.runner import BATCH

        return self.workers * BATCH

    def report(self) -> dict[str, int]:
        found: dict[str, int] = json.loads((self.folder / "report.json").read_text())
        return found

    @property
    def peak(self) -> float:
        return max(mb for *_, mb in self.seen)

    def tenths(self) -> list[float]:
        """Peak of each tenth of the encoding, by pieces done."""
        encoding = [(done, mb) for _, step, done, mb in self.seen if step.startswith("encode")]
        if not encoding:
            return []
        first, last = encoding[0][0], max(done for done, _ in encoding)
        edges = np.linspace(first, last, 11)
        tenth = np.minimum(np.searchsorted(edges, [done for done, _ in encoding], side="right") - 1, 9)
        peaks = [float("nan")] * 10
        for (_, mb), of in zip(encoding, tenth.tolist(), strict=True):
            peaks[of] = mb if np.isnan(peaks[of]) else max(peaks[of], mb)
        return peaks

    def tell(self, what: str) -> None:
        begin = next((done for _, step, done, _ in self.seen if step.startswith("encode")), 0)
        clock = [seconds for seconds, step, *_ in self.seen if step.startswith("encode")]
        pieces, took = max(done for *_, done, _ in self.seen) - begin, clock[-1] - clock[0] if clock else 0.0
        rate = f"{pieces / took:,.0f} a second" if took else "nothing to encode"  # the cache had all
        print(f"\n{what}: {self.seconds:.0f} s, {rate}; load {os.getloadavg()[0]:.1f}")
        by_step: dict[str, float] = {}
        for _, step, _, mb in self.seen:
            by_step[step] = max(by_step.get(step, 0.0), mb)
        print("  peak by step, MB:   " + ", ".join(f"{step} {mb:,.0f}" for step, mb in by_step.items()))
        if clock:
            print("  peak by tenth, MB:  " + " ".join(f"{mb:,.0f}" for mb in self.tenths()))


def flatness(runs: list[Run]) -> float:
    """The last tenth of each run that encoded against its first: the worst."""
    return max((tenths[-1] / tenths[0] for run in runs if (tenths := run.tenths())), default=float("nan"))


def child(folder: Path, workers: int) -> None:
    """What is measured. `progress` holds its last word: the step, pieces done."""
    from gobelin.encoding import encode_to

    word = os.open(folder / "progress", os.O_RDWR | os.O_CREAT)
    os.pwrite(word, b"read\t0\t\n".ljust(64), 0)

    def tell(step: str, done: int, total: int) -> None:
        step = step if done < total else "pooled and written"
        os.pwrite(word, f"{step}\t{done}\t\n".ljust(64).encode(), 0)

    reports = encode_to(
        folder / "data", folder / "vectors", recipe=str(folder / "recipe.toml"), workers=workers, progress=tell
    )
    (folder / "report.json").write_text(json.dumps(dict(reports["sense"])))


def descendants(root: int) -> list[int]:
    """The process and all that it started, and they."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for one in found:  # grows while it is walked
        found += parents.get(one, [])
    return found


def anonymous(process: int) -> float:
    """MB of anonymous memory; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Anonymous:")), 0.0)


def cached(cache: Path) -> int:
    """Vectors that stand in the cache, each once, as its shards' own keys say."""
    from gobelin.features import shards

    keys = []
    for path in cache.glob(f"vectors/*/*{shards.SUFFIX}"):
        dim = json.loads((path.parent / "encoder.json").read_text())["dim"]
        keys.append(shards.sortable(np.array(shards.read(path, dim).keys)))
    return len(np.unique(np.concatenate(keys))) if keys else 0


def write_texts(folder: Path, items: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    words = np.array(_WORDS.split())

    def titles() -> Iterator[tuple[list[str], list[str]]]:
        for start in range(0, items, 10_000):
            drawn = words[rng.integers(len(words), size=(min(10_000, items - start), 8))]
            rows = range(start, start + len(drawn))
            titled = [f"{' '.join(of)} {row}" for row, of in zip(rows, drawn.tolist(), strict=True)]
            yield [f"t{row:07d}" for row in rows], titled

    _write_items(folder, "title", titles())


def write_pictures(folder: Path, items: int, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def pictures() -> Iterator[tuple[list[str], list[str]]]:
        for start in range(0, items, _A_FOLDER):
            (folder / f"pictures/{start:07d}").mkdir(parents=True, exist_ok=True)
            rows = range(start, min(start + _A_FOLDER, items))
            paths = [f"pictures/{start:07d}/{row:07d}.jpg" for row in rows]
            for row, path in zip(rows, paths, strict=True):
                draw(rng, row).save(folder / path, quality=85)
            yield [f"p{row:07d}" for row in rows], paths

    _write_items(folder, "image", pictures())


def draw(rng: np.random.Generator, number: int) -> Image.Image:
    """Coarse coloured noise made smooth, a square in another colour, and the number as 24 blocks along one edge."""
    coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    picture = np.array(Image.fromarray(coarse).resize((128, 128), Image.Resampling.BICUBIC))
    top, left, side = rng.integers(0, 64, 3)
    picture[top : top + 16 + side, left : left + 16 + side] = rng.integers(0, 256, 3)
    for bit in range(24):
        picture[120:, 5 * bit : 5 * bit + 5] = 255 * (number >> bit & 1)
    return Image.fromarray(picture)


def _write_items(folder: Path, column: str, blocks: Iterator[tuple[list[str], list[str]]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([("item_id", pa.string()), (column, pa.string())])
    with pq.ParquetWriter(folder / "items.parquet", schema, compression="zstd") as writer:
        for ids, values in blocks:
            writer.write_table(pa.table([ids, values], schema=schema))


if __name__ == "__main__":
    main()
