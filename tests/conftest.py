"""Shapes are checked at every call of Gobelin's own functions while the tests run."""

import os
import sys
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

REAL = Path(os.environ.get("GOBELIN_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real data sets beside the checkout."""
    if not REAL.is_dir():
        pytest.skip(f"the real data sets are not here ({REAL})")
    return REAL
