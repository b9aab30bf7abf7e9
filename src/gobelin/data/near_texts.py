"""Texts that are nearly the same: MinHash over shingles of words, banded (Broder 1997; Leskovec et al., chapter 3)."""

import hashlib
import re
import zlib
from collections.abc import Sequence

import numpy as np

from gobelin.arrays import Array, Int64
from gobelin.data.markup import plain
from gobelin.data.near import Near, runs, sample

MOST = 100_000
"""With more texts than this a random sample of so many is compared: about 8 s and 120 MB for texts of 40 words."""

ALIKE = 0.8  # share of shingles in common (Jaccard) from which two texts nearly repeat each other

_WORD = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u9fff\uf900-\ufaff]+")  # a Chinese character is a word
_TOGETHER = 3  # words of a shingle
_LONGEST = 10_000  # characters read of each
_BANDS, _ROWS = 16, 6  # two texts with 80 % in common meet with a chance of .99, with 50 % of .22
_A, _B = np.random.default_rng(0).integers(1, 2**63, (2, _BANDS * _ROWS), dtype=np.uint64) | np.uint64(1)


def near_texts(texts: Sequence[str], most: int = MOST) -> Near:
    """How many texts share at least 80 % of their three-word shingles with an earlier one, without being it.

    Case, markup and punctuation do not count; texts that are equal without them count once. Within a bucket each text
    is compared with the first and with the one before it, so that a large family costs its size and not its square:
    some may be missed. The share is exact, not the estimate of the hashes.
    """
    places: list[int] = []
    hashed: list[Array] = []
    known: set[bytes] = set()
    drawn = sample(len(texts), most)
    for place in drawn.tolist():
        found = shingles(texts[place])
        if len(found) and (name := _name(found)) not in known:
            known.add(name)
            places.append(place)
            hashed.append(_signature(found))
    near: dict[int, tuple[int, float]] = {}
    if len(places) > 1:
        signatures = np.stack(hashed)
        for band in range(_BANDS):
            part = signatures[:, band * _ROWS : (band + 1) * _ROWS].astype(np.uint64)
            for run in runs(part @ _A[:_ROWS]):  # modulo 2^64: as good as the six numbers
                _compare(run, signatures, [texts[place] for place in np.array(places)[run].tolist()], near)
    if not near:
        return Near(len(drawn))
    later = min(near)
    earlier, share = near[later]
    return Near(len(drawn), len(near), (places[earlier], places[later]), share)


def _compare(run: Array, signatures: Array, texts: Sequence[str], near: dict[int, tuple[int, float]]) -> None:
    """Notes for each later text of a bucket the earlier one that it nearly repeats. texts: of the run."""
    later = np.arange(1, len(run))
    for earlier in (np.zeros_like(later), later - 1):
        guess = (signatures[run[later]] == signatures[run[earlier]]).mean(axis=1)
        for place in np.flatnonzero(guess >= ALIKE - 0.15).tolist():  # three standard errors of the guess
            i, j = int(earlier[place]), int(later[place])
            if int(run[j]) not in near and (share := likeness(texts[i], texts[j])) >= ALIKE:
                near[int(run[j])] = (int(run[i]), share)


def likeness(one: str, other: str) -> float:
    """Shingles that both have, of those that either has (Jaccard)."""
    a, b = shingles(one), shingles(other)
    both = len(np.intersect1d(a, b, assume_unique=True))
    return both / max(len(a) + len(b) - both, 1)


def _name(found: Int64[Array, " distinct"]) -> bytes:
    return hashlib.blake2b(found.tobytes(), digest_size=12).digest()


def shingles(text: str) -> Int64[Array, " distinct"]:
    """Hashes of the runs of three words, each once, sorted; of all words where there are fewer."""
    words = _WORD.findall(plain(text[:_LONGEST]).lower())
    hashes = np.array([zlib.crc32(word.encode()) for word in words], dtype=np.int64)
    together = min(_TOGETHER, len(hashes))
    if not together:
        return hashes
    total = np.zeros(len(hashes) - together + 1, dtype=np.int64)
    for i in range(together):
        total = total * 1_000_003 + hashes[i : len(hashes) - together + 1 + i]  # modulo 2^64
    return np.unique(total)


def _signature(found: Int64[Array, " distinct"]) -> Array:
    """(96,) uint32: the least of each random permutation of the shingles."""
    value = found.astype(np.uint64)
    value ^= value >> np.uint64(33)
    turned = value[:, None] * _A + _B  # (distinct, 96) modulo 2^64: its upper half is well mixed
    return (turned.min(axis=0) >> np.uint64(32)).astype(np.uint32)
