"""After the kernels have been made ready, none is compiled any more."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from exporter.model.warm import compile_kernels
from tests.exporter.world import two_months

KERNELS = Path(__file__).parents[2] / "exporter/kernel"


def compiled_forms() -> Iterator[tuple[str, int]]:
    """Each kernel that Python calls, and in how many forms it is compiled."""
    for path in sorted(KERNELS.glob("*.py")):
        module: Any = import_module(f"exporter.kernel.{path.stem}")
        for name, found in vars(module).items():
            # Those that are not kept in a folder are parts of others.
            kept = type(getattr(found, "_cache", None)).__name__ == "FunctionCache"
            if kept and found.__module__ == module.__name__:
                yield name, len(found.signatures)


def test_no_kernel_is_compiled_later() -> None:
    """Whatever the model is asked, the forms that were made at the start do."""
    compile_kernels()
    before = dict(compiled_forms())
    assert {"parse", "put", "stage", "measure"} <= set(before)
    assert set(before.values()) == {1}, before
    world = two_months()
    world.event("Newcomer", 5, "NEW")
    world.commit()
    with world.served() as client:
        for path in ("/customers/Alice", "/customers?limit=2", "/customers?prefix=A", "/types", "/metrics"):
            assert client.get(path).status == 200
    assert dict(compiled_forms()) == before
