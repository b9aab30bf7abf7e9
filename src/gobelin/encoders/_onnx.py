"""ONNX files through ONNX Runtime, on one thread: more a second come from `workers`."""

import hashlib
from collections.abc import Callable
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
        first = str(wrong).strip().split("\n")[0]
        raise RecipeError(
            f"{path} cannot be opened: {first}",
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
        beside = {
            entry.value
            for tensor in model.graph.initializer
            for entry in tensor.external_data
            if entry.key == "location"
        }
        for name in sorted(beside):
            with (path.parent / name).open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
    except OSError as wrong:
        raise RecipeError(
            f"{wrong.filename or path} cannot be read: {wrong.strerror or wrong}.", "an ONNX file.", "check the path."
        ) from wrong
    except Exception as wrong:  # protobuf's error for bytes that are no model
        raise RecipeError(f"{path} is no ONNX file: {wrong}.", "an ONNX file.", "check the path.") from wrong
    return whole.hexdigest()


def output_of(session: Any, path: Path, wanted: str | None) -> str:
    """The output of that name, or the first one."""
    names = [str(output.name) for output in session.get_outputs()]
    if wanted is None:
        return names[0]
    if wanted not in names:
        raise RecipeError(
            f"{path} has no output {wanted!r}.{nearest(wanted, names)}",
            "one of " + ", ".join(names) + ".",
            "set output to one of them.",
        )
    return wanted


def run(session: Any, path: Path, output: str, inputs: dict[str, Array]) -> Array:
    try:
        return np.asarray(session.run([output], inputs)[0])
    except Exception as wrong:  # its way of saying that the network wants other inputs
        shapes = ", ".join(f"{name} {value.dtype} {value.shape}" for name, value in inputs.items())
        raise RecipeError(
            f"{path} does not take {shapes}: {str(wrong).strip().splitlines()[0]}",
            "inputs as the model was exported for.",
            "set the size, the layout or the output.",
        ) from wrong


def width(values: Callable[[], Array], path: Path) -> int:
    """How many numbers a piece gets, found out on a blank one."""
    dim = int(values().shape[1])
    if dim < 1:
        raise RecipeError(f"{path} gives no numbers.", "one vector or more a piece.", "set output.")
    return dim


def unit(values: Array) -> Array:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
