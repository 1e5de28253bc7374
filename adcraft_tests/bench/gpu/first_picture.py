"""A process of its own: load klein, edit one keyframe, say when. Its prompt counts as cached."""

import json
import sys
import time
from pathlib import Path

at = {"python": time.time()}


def main(folder: Path, side: int, device: str) -> None:
    import numpy as np

    from adcraft_resources.models.engine_values import EngineSettings, Restyle
    from adcraft_resources.models.flux_loading import load_engine

    at["imported"] = time.time()
    precision = "fp32" if device == "cpu" else "fp8"
    settings = EngineSettings(
        device, precision, compiled=device != "cpu", area=side * side, artifacts=folder / "artifacts"
    )
    engine = load_engine(folder / "klein", settings)
    at["loaded"] = time.time()
    frame = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    engine.restyle([Restyle(frame, engine.blank_prompt(), 0)])
    at["picture"] = time.time()
    engine.keep_artifacts()
    print(json.dumps({"at": at}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
