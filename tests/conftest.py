"""Shapes are checked at every call of Gobelin's own functions while the tests run."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

if not os.environ.get("GOBELIN_NO_SHAPES"):
    sys.path.insert(0, str(Path(__file__).parent))
    install_import_hook("gobelin", "shapes.checked")

settings.register_profile("default", max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`gobelin demo` with 160 products and 220 people, to be read only."""
    from gobelin import demo

    folder = tmp_path_factory.mktemp("demo") / "shop"
    demo.write(demo.build(items=160, people=220, seed=0), folder)
    return folder


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of vectors for the tests of one file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOBELIN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


REAL = Path(os.environ.get("GOBELIN_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real data sets beside the checkout."""
    if not REAL.is_dir():
        pytest.skip(f"the real data sets are not here ({REAL})")
    return REAL
