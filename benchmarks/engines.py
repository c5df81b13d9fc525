"""The shipped network's parts -> processor time of each inference engine at hand, one thread, as JSON.

Engines that are not installed are left out, with the reason. None of them is a dependency: `make bench` installs
those in requirements.txt; OpenVINO in eight bits wants `nncf` as well.
"""

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from _network_parts import PARTS, Dense, folded, fresh_network
from _table import write_row
from engine import drawn_town, rendered_town
from torch import Tensor

from detection.engines import Engine, Found, own_masks
from detection.weights import DEFAULT_WEIGHTS, read_weights

BOXES = 600
"""Regions in one pass through the box head, as `InferenceLimits` has them."""
MASKS, MASKS_AT_ONCE = 100, 25
"""Regions with a mask, and how many of them share a pass, so that each engine's work fits the cache."""
LAST = torch.channels_last


Call = Callable[[Tensor], tuple[Tensor, ...]]
Key = tuple[str, str]
"""A part, or the whole tile, and an engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What each part is given: that which our own engine gives it on a tile, cut to the numbers above."""

    timed: dict[str, Tensor]
    calibration: dict[str, list[Tensor]]
    """Of other tiles, to choose the steps of eight bits by."""


def inputs_of(images: list[Tensor]) -> dict[str, list[Tensor]]:
    """Return what reaches each part on some tiles."""
    engine = Engine(fresh_network(), torch.device("cpu"))
    heads, out = engine.model.roi_heads, {}
    for image in images:
        batch, _ = engine.model.transform([image])
        pyramid, found = engine.find(image[None])
        kept = found[0].boxes[:MASKS]
        boxes = kept.repeat(-(-BOXES // max(1, len(kept))), 1)
        for part, given in (
            ("dense", batch.tensors),
            ("boxes", heads.box_roi_pool(pyramid, [boxes[:BOXES]], None)),
            ("masks", heads.mask_roi_pool(pyramid, [boxes[:MASKS_AT_ONCE]], None)),
        ):
            out.setdefault(part, []).append(given.contiguous().clone())
    return out


def our_engine() -> Engine:
    """Return our engine with the shipped weights."""
    ranges = read_weights(DEFAULT_WEIGHTS).record.ranges
    return Engine(fresh_network(), torch.device("cpu"), ranges=ranges)


def eager(part: str, _: Inputs) -> Call:
    """As torchvision's network runs it."""
    module = PARTS[part](fresh_network())
    return lambda given: _tuple(module(given))


def ours(part: str, inputs: Inputs) -> Call:
    """As our engine runs it: of the masks, one label's, in eight bits."""
    engine = our_engine()
    model, heads = engine.model, engine.model.roi_heads
    if part == "dense":
        dense = Dense(model)
        return lambda given: dense(given.contiguous(memory_format=LAST))
    if part == "boxes":
        # Regions come channels last from `RegionAlign`, and the head's weights are in that order.
        last = inputs.timed[part].permute(0, 2, 3, 1).contiguous()
        return lambda _: heads.box_predictor(heads.box_head(last))
    labels = torch.ones(MASKS_AT_ONCE, dtype=torch.long)
    return lambda given: (own_masks(heads.mask_predictor, engine.doubled(given), labels),)


def compiled(part: str, _: Inputs) -> Call:
    """Through torch.compile, channels last."""
    module = torch.compile(folded(part).to(memory_format=LAST))
    return lambda given: _tuple(module(given.contiguous(memory_format=LAST)))


def to_onnx(part: str, inputs: Inputs, folder: str) -> Path:
    """Return a part as an ONNX file."""
    path = Path(folder) / f"{part}.onnx"
    torch.onnx.export(
        folded(part),
        (inputs.timed[part],),
        path,
        dynamo=True,
        verbose=False,
        input_names=["given"],
        external_data=False,
    )
    return path


def onnxruntime(part: str, inputs: Inputs, *, eight_bits: bool = False) -> Call:
    """Through ONNX Runtime, in 32 bits or with the convolutions and products in eight."""
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        path = to_onnx(part, inputs, folder)
        if eight_bits:
            path = _quantised_onnx(path, inputs.calibration[part])
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda given: tuple(map(torch.from_numpy, session.run(None, {"given": given.numpy()})))


def _quantised_onnx(path: Path, calibration: list[Tensor]) -> Path:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(calibration)

        def get_next(self) -> dict[str, Any] | None:
            given = next(self.left, None)
            return None if given is None else {"given": given.numpy()}

    ready, out = path.with_suffix(".ready.onnx"), path.with_suffix(".int8.onnx")
    quant_pre_process(str(path), str(ready), skip_symbolic_shape=True)
    # reduce_range: without VNNI, sums of two products of eight bits do not fit sixteen.
    quantize_static(
        str(ready),
        str(out),
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return out


def openvino(part: str, inputs: Inputs, *, eight_bits: bool = False) -> Call:
    """Through OpenVINO, in 32 bits or with the convolutions and products in eight."""
    import openvino as vino

    given = inputs.timed[part]
    model = vino.convert_model(folded(part), example_input=given, input=[tuple(given.shape)])
    if eight_bits:
        import nncf

        nncf.set_log_level(logging.ERROR)
        data = nncf.Dataset([each.numpy() for each in inputs.calibration[part]])
        model = nncf.quantize(model, data, subset_size=len(inputs.calibration[part]))
    hints = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    ready = vino.Core().compile_model(model, "CPU", hints)

    def call(given: Tensor) -> tuple[Tensor, ...]:
        results = ready(given.numpy(), share_inputs=True, share_outputs=True)
        return tuple(torch.from_numpy(results[port]) for port in ready.outputs)

    return call


ENGINES: dict[str, Callable[[str, Inputs], Call]] = {
    "eager": eager,
    "ours": ours,
    "compile": compiled,
    "onnxruntime": onnxruntime,
    "onnxruntime int8": lambda part, inputs: onnxruntime(part, inputs, eight_bits=True),
    "openvino": openvino,
    "openvino int8": lambda part, inputs: openvino(part, inputs, eight_bits=True),
}


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--engines", nargs="*", choices=sorted(ENGINES), default=list(ENGINES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    tiles = [torch.from_numpy(each).float().div(255) for each in (drawn_town(100), rendered_town())]
    others = [torch.from_numpy(drawn_town(30 + 20 * n, seed=n)).float().div(255) for n in range(5)]
    figures: dict[str, Any] = {"left_out": {}, "ms": {}, "times_as_fast_as_eager": {}, "ready_s": {}, "off_by": {}}
    with torch.inference_mode():
        inputs = Inputs(
            timed={part: each[0] for part, each in inputs_of(tiles[:1]).items()},
            calibration=inputs_of([*others, tiles[1]]),
        )
        calls = {
            (part, name): call for part in PARTS for name, call in made(part, inputs, options.engines, figures)
        }
        given: dict[Key, Tensor] = {key: inputs.timed[key[0]] for key in calls}
        calls["tile", "ours"], given["tile", "ours"] = whole_tile(), tiles[0][None]
        took = taken_in_turns(calls, given, rounds=options.rounds)
    for (part, name), ms in took.items():
        passes = MASKS // MASKS_AT_ONCE if part == "masks" else 1
        figures["ms"].setdefault(part, {})[name] = round(passes * ms, 1)
        if part in PARTS:
            of_part = figures["times_as_fast_as_eager"].setdefault(part, {})
            of_part[name] = round(took[part, "eager"] / ms, 2)
    write_row("engines", figures | compared(figures["ms"]))


def made(part: str, inputs: Inputs, names: list[str], figures: Mapping[str, Any]) -> Iterator[tuple[str, Call]]:
    """Yield engines' calls for a part; note what each takes, how far it is off, or why it is lacking."""
    given = inputs.timed[part]
    expected = eager(part, inputs)(given)
    for name in names:
        start = time.process_time()
        try:
            call = ENGINES[name](part, inputs)
            found = call(given)
        except Exception as error:
            figures["left_out"][f"{name}, {part}"] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            continue
        figures["ready_s"].setdefault(part, {})[name] = round(time.process_time() - start, 1)
        # Of our masks there are those of the label asked for.
        like = expected if found[0].shape == expected[0].shape else tuple(each[:, 1] for each in expected)
        off = max(float((one - other).abs().max()) for one, other in zip(like, found, strict=True))
        figures["off_by"].setdefault(part, {})[name] = float(f"{off:.2g}")
        yield name, call


def taken_in_turns(calls: Mapping[Key, Call], given: Mapping[Key, Tensor], *, rounds: int) -> dict[Key, float]:
    """Return the median processor time of each call in milliseconds."""
    times: dict[Key, list[float]] = {key: [] for key in calls}
    for _ in range(rounds + 1):
        for key, call in calls.items():
            start = time.process_time()
            call(given[key])
            times[key].append(1000 * (time.process_time() - start))
    return {key: statistics.median(each[1:]) for key, each in times.items()}


def whole_tile() -> Call:
    """Return what our engine does for a tile, with as many masks as are timed."""
    engine = our_engine()

    def tile(images: Tensor) -> tuple[Tensor, ...]:
        pyramid, found = engine.find(images)
        some = {name: getattr(found[0], name)[:MASKS] for name in ("boxes", "scores", "labels")}
        return tuple(engine.masks(pyramid, [Found(**some)]))

    return tile


def compared(ms: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Return, computed from the parts, how much faster a tile would be with the parts of other engines."""
    tile = ms["tile"]["ours"]
    rest = tile - sum(ms[part]["ours"] for part in PARTS)
    mixes = {name: dict.fromkeys(PARTS, name) for name in ms["dense"]}
    # Eight bits cost the boxes' accuracy, not that of the masks.
    mixes |= {
        f"{name}, masks in 8 bits": {"dense": name, "boxes": name, "masks": f"{name} int8"}
        for name in ("openvino", "onnxruntime")
    }
    gains = {
        mix: round(tile / (rest + sum(ms[part][name] for part, name in parts.items())), 2)
        for mix, parts in mixes.items()
        if mix != "eager" and all(name in ms[part] for part, name in parts.items())
    }
    return {
        "rest_of_tile_ms": round(rest, 1),
        "tile_times_as_fast_as_ours": gains,
        "best_as_accurate_times_as_fast_as_ours": max(
            (gain for mix, gain in gains.items() if mix != "ours" and not mix.endswith("int8")), default=None
        ),
    }


def _tuple(found: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return found if isinstance(found, tuple) else (found,)


if __name__ == "__main__":
    main()
