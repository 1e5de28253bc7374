"""How often a run loads its text networks: they are the models of the embedded profile."""

from collections import Counter

import onnxruntime
import pytest

from adcraft_resources.text_detectors.ocr import DETECTION_FILE, RECOGNITION_FILE

EIGHT = [f"v{number}" for number in range(8)]
SEARCHED = ["source_video", "keyframes", "ocr_masks"]


@pytest.fixture
def loads(monkeypatch):
    """Counts the networks that are loaded, by file."""
    counted, real = Counter(), onnxruntime.InferenceSession

    def load(path, *args, **kwargs):
        counted[path.rpartition("/")[2]] += 1
        return real(path, *args, **kwargs)

    monkeypatch.setattr(onnxruntime, "InferenceSession", load)
    return counted


def test_a_chunk_of_eight_loads_each_network_once(project, loads):
    outcome = project.write(EIGHT).run(assets=[*SEARCHED, "cleaned_frames"])
    assert outcome.failed == {}
    assert len(outcome.run_ids) == 1
    assert loads == {DETECTION_FILE: 1, RECOGNITION_FILE: 1}


def test_a_scattered_selection_loads_no_oftener_than_it_has_gaps(project, loads):
    project.write(EIGHT).run(assets=SEARCHED[:1])
    loads.clear()
    scattered = [f"soap__{name}" for name in ("v0", "v2", "v3", "v6")]
    outcome = project.run(scattered, assets=SEARCHED)
    assert outcome.failed == {}
    assert len(outcome.run_ids) == 3  # v0, v2 to v3, v6
    assert loads[DETECTION_FILE] <= 3
    assert loads[RECOGNITION_FILE] <= 3
