"""Pictures by their addresses: fetched once, kept in Gobelin's cache, linked into the folder that is written."""

import hashlib
import io
import os
import shutil
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from gobelin.files import replace_file

AT_ONCE = 8
ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "GIF": ".gif", "WEBP": ".webp", "BMP": ".bmp"}
CHUNK = 1 << 16


class Pictures:
    """Fetches pictures for rows of an items table. counts: fetched, there already, and not fetched by reason.

    A picture is whole in the cache or not there, so that a stopped import goes on where it was; one that failed is
    asked for again next time. most_bytes, seconds: what one picture may take, all its packets together.
    """

    def __init__(self, folder: Path, cache: Path, *, most_bytes: int, seconds: float) -> None:
        self._folder, self._cache = folder, cache
        self._most, self._seconds = most_bytes, seconds
        self.counts: Counter[str] = Counter()

    def add(self, rows: Sequence[dict[str, str | None]], each: int) -> None:
        """Sets `image` of each row to the paths of its first `each` addresses in `image_url` that could be had."""
        wanted = [(row["image_url"] or "").split("|")[:each] for row in rows]
        addresses = list(dict.fromkeys(one for some in wanted for one in some if one))
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            paths = dict(zip(addresses, pool.map(self._one, addresses), strict=True))
        finally:
            pool.shutdown(cancel_futures=True)
        for what, _ in paths.values():
            self.counts[what] += 1
        for row, some in zip(rows, wanted, strict=True):
            row["image"] = "|".join(path for one in some if one and (path := self._placed(paths[one][1]))) or None

    def _one(self, address: str) -> tuple[str, Path | None]:
        """(what became of it, its place in the cache)."""
        base = self._cache / hashlib.sha256(address.encode()).hexdigest()[:32]
        for ending in ENDINGS.values():
            if base.with_suffix(ending).is_file():
                return "there already", base.with_suffix(ending)
        try:
            data = self._fetched(address)
        except _Refused as why:
            return f"not fetched: {why}", None
        except urllib.error.HTTPError as wrong:
            return f"not fetched: the server answered {wrong.code}", None
        except TimeoutError:
            return f"not fetched: no end within {self._seconds:g} s", None
        except (OSError, ValueError, urllib.error.URLError) as wrong:
            slow = isinstance(getattr(wrong, "reason", None), TimeoutError)
            return "not fetched: " + (f"no end within {self._seconds:g} s" if slow else "no connection"), None
        try:
            with Image.open(io.BytesIO(data)) as picture:
                ending = ENDINGS[str(picture.format)]
                picture.verify()
        except (UnidentifiedImageError, KeyError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            return "not fetched: no picture that can be read", None
        self._cache.mkdir(parents=True, exist_ok=True)
        replace_file(base.with_suffix(ending), data)
        return "fetched", base.with_suffix(ending)

    def _fetched(self, address: str) -> bytes:
        end = time.monotonic() + self._seconds
        request = urllib.request.Request(address, headers={"User-Agent": "gobelin"})
        data = b""
        with urllib.request.urlopen(request, timeout=self._seconds) as answer:
            while chunk := answer.read1(CHUNK):
                data += chunk
                if len(data) > self._most:
                    raise _Refused(f"larger than {self._most / 2**20:g} MB")
                if time.monotonic() > end:
                    raise TimeoutError
        return data

    def _placed(self, picture: Path | None) -> str | None:
        """The path within the folder; the file there is the cache's own where the disk allows it."""
        if picture is None:
            return None
        target = self._folder / "images" / picture.name
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            try:
                os.link(picture, target)
            except OSError:
                shutil.copyfile(picture, target)
        return f"images/{picture.name}"


class _Refused(Exception):
    """Why a picture is not taken."""
