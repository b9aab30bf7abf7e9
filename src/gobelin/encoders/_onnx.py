"""Any ONNX file through ONNX Runtime, on one thread: more a second come from `workers`."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gobelin.arrays import Array
from gobelin.errors import RecipeError, nearest

Pooling = Literal["mean", "first"]
"""What becomes of an output of several vectors a piece: their mean (over places, over tokens), or the first one."""


def open_session(path: Path) -> Any:
    """Raises RecipeError where the file is not there or no network that ONNX Runtime can run."""
    import onnxruntime

    if not path.is_file():
        raise RecipeError(f"There is no file {path}.", "an ONNX file.", "check the path.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as wrong:  # whatever its loader raises
        raise RecipeError(
            f"{path} cannot be opened: {_first_line(wrong)}",
            "an ONNX file, with the files of weights that it names beside it.",
            "export the model again; onnx.checker.check_model tells more.",
        ) from wrong


def digest(path: Path) -> str:
    """SHA-256 over the file and the files of weights that it names. Raises RecipeError where one is not there."""
    import onnx

    whole = hashlib.sha256()
    try:
        whole.update(path.read_bytes())
        model = onnx.load(str(path), load_external_data=False)
        told = [entry for tensor in model.graph.initializer for entry in tensor.external_data]
        for name in sorted({entry.value for entry in told if entry.key == "location"}):
            with (path.parent / name).open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
    except OSError as wrong:
        raise RecipeError(
            f"{wrong.filename or path} cannot be read: {wrong.strerror or wrong}.", "an ONNX file.", "check the path."
        ) from wrong
    except Exception as wrong:  # protobuf's error for bytes that are no model
        raise RecipeError(
            f"{path} is no ONNX file: {_first_line(wrong)}", "an ONNX file.", "check the path."
        ) from wrong
    return whole.hexdigest()


def output_of(session: Any, path: Path, wanted: str | None) -> str:
    """The output of that name, or the first one."""
    names = [str(output.name) for output in session.get_outputs()]
    if wanted is not None and wanted not in names:
        raise RecipeError(
            f"{path} has no output {wanted!r}.{nearest(wanted, names)}",
            "one of " + ", ".join(names) + ".",
            "set output to one of them.",
        )
    return wanted or names[0]


def run(session: Any, path: Path, output: str, inputs: Mapping[str, Array]) -> Array:
    """One output, float32, first axis the pieces."""
    rows = len(next(iter(inputs.values())))
    try:
        values = np.asarray(session.run([output], dict(inputs))[0])
    except Exception as wrong:  # its way of saying that the network wants other inputs
        shapes = ", ".join(f"{name} {value.dtype} {value.shape}" for name, value in inputs.items())
        raise RecipeError(
            f"{path} does not take {shapes}: {_first_line(wrong)}",
            "inputs as the model was exported for.",
            "change the part's settings of size and layout, or max_tokens.",
        ) from wrong
    if values.dtype.kind != "f" or values.ndim < 2 or len(values) != rows:
        raise RecipeError(
            f"The output {output!r} of {path} is {values.dtype} {values.shape} for {rows} pieces.",
            "numbers with the pieces along the first axis.",
            "set output to another one: " + ", ".join(str(o.name) for o in session.get_outputs()) + ".",
        )
    return values.astype(np.float32, copy=False)


def _first_line(wrong: Exception) -> str:
    return (str(wrong).strip().splitlines() or [type(wrong).__name__])[0]
