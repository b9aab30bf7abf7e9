"""Are the clips of a folder decoded, and what do they hold?

    python benchmarks/clips.py ../shared/data/video_samples

For each clip: seconds and frames as decoded, shots, the pictures that stand for it, whether it has a sound track (one
of digital silence is told apart), and seconds of work on one thread (decoding with pictures, and `motion`'s numbers).
Ends with an error where one is not decoded. `--seconds` is how much of a clip is read (an encoder's default is 60).
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before numpy

import argparse
import sys
import time
from pathlib import Path

from gobelin.encoders.motion import describe
from gobelin.media.audio import open_sound
from gobelin.media.foreign import Limits, Unreadable
from gobelin.media.video import open_clip

KINDS = {".mp4", ".mkv", ".webm", ".mov", ".avi", ".gif", ".ts", ".mpg", ".flv"}


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("folder", type=Path, help="a folder of clips")
    told.add_argument("--seconds", type=float, default=600.0, help="of a clip that are read (default 600)")
    asked = told.parse_args()
    limits = Limits(size=2**30, pixels=16_000_000, seconds=asked.seconds)

    paths = sorted(path for path in asked.folder.iterdir() if path.suffix.lower() in KINDS)
    failed, work, frames, sounds = 0, 0.0, 0, 0
    heads = ("seconds", "frames", "shots", "pictures", "sound", "decode s", "motion s")
    print(f"{'clip':<34}" + "".join(f" {head:>9}" for head in heads))
    for path in paths:
        begun = time.perf_counter()
        clip = open_clip(path, limits, near=256)
        decoded = time.perf_counter()
        if isinstance(clip, Unreadable):
            failed += 1
            print(f"{path.name:<34} {clip.reason}: {clip.detail}")
            continue
        describe(clip)
        ended = time.perf_counter()
        sound = heard(path)
        print(
            f"{path.name:<34} {clip.seconds:9.2f} {len(clip.times):9d} {len(clip.cuts) + 1:9d} {len(clip.pictures):9d} "
            f"{sound:>9} {decoded - begun:9.2f} {ended - decoded:9.2f}"
        )
        work, frames, sounds = work + ended - begun, frames + len(clip.times), sounds + (sound == "yes")
    print(
        f"\n{len(paths) - failed} of {len(paths)} clips decoded; {sounds} with something to hear; {frames:,} frames in "
        f"{work:.1f} s of work, {1000 * work / max(frames, 1):.1f} ms a frame; load {os.getloadavg()[0]:.1f}"
    )
    sys.exit(1 if failed or not paths else 0)


def heard(path: Path) -> str:
    sound = open_sound(path, 16_000, Limits(size=2**30))
    if not isinstance(sound, Unreadable):
        return "yes"
    return {"no sound": "no", "empty": "silent"}.get(sound.reason, sound.reason)


if __name__ == "__main__":
    main()
