"""Eight small ads with a caption, a config that names them, and the graph over them."""

import json

import cv2
import dagster as dg
import numpy as np
import pytest

from adcraft_assets.definitions import build_defs
from adcraft_assets.launches import add_partitions, launch
from adcraft_assets.partitions import ads_of
from adcraft_assets.settings import load_settings
from adcraft_resources.algorithms.values import Yuv420
from adcraft_resources.video_codecs import DeliveryWriter, yuv_of

HEIGHT, WIDTH, FPS, FRAMES = 320, 180, 10, 14
CALM = 100  # rows above this hold the caption and nothing else


def draw_frame(index, seed):
    """A scene of soft discs that drifts to the left, under a caption that stands still.

    The discs keep clear of the caption: these tests ask what the graph does with an ad, so cleaning it must be
    beyond doubt on every processor.
    """
    rng = np.random.default_rng(seed)
    scene = np.full((HEIGHT, WIDTH + FRAMES, 3), rng.integers(60, 140, 3), np.uint8)
    for _ in range(14):
        centre = (int(rng.integers(0, WIDTH + FRAMES)), int(rng.integers(CALM + 45, HEIGHT)))
        cv2.circle(
            scene,
            centre,
            int(rng.integers(10, 40)),
            [int(c) for c in rng.integers(30, 220, 3)],
            -1,
            cv2.LINE_AA,
        )
    scene = cv2.GaussianBlur(scene, (0, 0), 2)
    frame = np.ascontiguousarray(scene[:, index : index + WIDTH])
    cv2.putText(frame, "SALE 50", (22, 70), cv2.FONT_HERSHEY_DUPLEX, 1.1, (0, 0, 0), 7, cv2.LINE_AA)
    cv2.putText(frame, "SALE 50", (22, 70), cv2.FONT_HERSHEY_DUPLEX, 1.1, (255, 255, 255), 2, cv2.LINE_AA)
    return frame


def write_ad(path, seed, frames=FRAMES):
    with DeliveryWriter(path, width=WIDTH, height=HEIGHT, fps=FPS, audio_source=None) as writer:
        for index in range(frames):
            picture: Yuv420 = yuv_of(draw_frame(index, seed))
            writer.write(picture)


class Project:
    """A folder with a config, its store and results, and an instance."""

    def __init__(self, folder, instance):
        self.folder, self.instance = folder, instance
        self.path = folder / "config.json"

    def write(self, names, **changes):
        videos = [{"id": name, "url": str(self.folder / f"{name}.mp4")} for name in names]
        config = {"variants_per_video": 2, "products": [{"id": "soap", "videos": videos}], **changes}
        self.path.write_text(json.dumps(config))
        return self

    def run(self, keys=None, assets=None, **overrides):
        settings = load_settings(self.path)
        keys = keys or list(ads_of(settings))
        add_partitions(self.instance, keys)
        kwargs = {} if assets is None else {"assets": assets}
        return launch(build_defs(self.path, overrides), self.instance, keys, most=8, **kwargs)

    def stamps(self):
        """Every bundle of the store with the time it was made."""
        store = self.folder / ".adcraft" / "store"
        return {
            str(path.relative_to(store)): path.stat().st_mtime_ns
            for path in store.glob("*/*/*/manifest.json")
        }


@pytest.fixture(scope="session")
def ads(tmp_path_factory):
    """Eight ads, drawn once."""
    folder = tmp_path_factory.mktemp("ads")
    for number in range(8):
        write_ad(folder / f"v{number}.mp4", seed=number)
    return folder


@pytest.fixture
def project(tmp_path, ads):
    for path in ads.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with dg.DagsterInstance.ephemeral() as instance:
        yield Project(tmp_path, instance)
