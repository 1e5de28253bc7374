"""Six variants of one ad: restyled on the GPU and rendered on the CPU, one after the other and at the same time.

FLUX runs for real, but its random weights make noise, from which no look can be learned; so each restyled key is
replaced by a drawn one (warmer, lit from below, with texture of its own), and everything after it is as in
`styled_variants`: guides moved to the next key, looks learned and carried, lanes, x264.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2

from adcraft_resources import hook_views
from adcraft_resources.algorithms.camera_path import trace_camera
from adcraft_resources.algorithms.grain import Grain
from adcraft_resources.algorithms.key_pairs import KeyPair
from adcraft_resources.algorithms.looks import Look
from adcraft_resources.algorithms.propagated_looks import Carriage, PropagatedLook
from adcraft_resources.algorithms.values import Frame
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.hook_sets import HookSet
from adcraft_resources.key_chains import Wanted, in_turn, restyle_keys
from adcraft_resources.models.engine_values import Restyle
from adcraft_resources.models.klein import KleinEngine
from adcraft_resources.models.look_painting import DevicePainter
from adcraft_resources.shared_clips import SharedClip
from adcraft_resources.variant_flow import render_as_developed
from adcraft_resources.variant_renderer import render_variants
from adcraft_resources.variants import VariantPlan
from adcraft_resources.video_codecs import DeliveryWriter, VideoReader
from adcraft_tests.bench.gpu import architectures as arch
from adcraft_tests.bench.gpu.drawn_ad import FPS, DrawnAd
from adcraft_tests.bench.gpu.flux_sections import Bench, clean_up, requests

TOGETHER = 2
NAMES = ("a", "b", "c", "d", "e", "f")


class Studio:
    """The ad, its variants and an engine: looks in turn, renders, and how long the device was busy."""

    def __init__(self, bench: Bench, engine: KleinEngine, folder: Path) -> None:
        self.ad, self.folder, self._engine = DrawnAd(tiny=bench.tiny), folder, engine
        self.keys = self.ad.keys(3 if bench.tiny else 8)
        self.mezzanine = folder / "cleaned.mp4"
        self.ad.write(self.mezzanine)
        drawn = requests(bench, engine, 1)[0].prompt
        self._wanted = {name: Wanted(drawn, seed, 0.5, 3.5) for seed, name in enumerate(NAMES)}
        self.plans = [
            VariantPlan(
                name,
                "plain",
                7,
                HookSet("h", f"Glow {name}", "", "", "en", "template", "p"),
                "plate",
                "punchy",
            )
            for name in NAMES
        ]
        self.carriage = Carriage(None)
        self._device = bench.device
        self.busy_s, self._lock = 0.0, threading.Lock()
        self._real = engine.restyle_small

    def carry_on(self, *, device: bool) -> None:
        """Have looks made from now on carried on the device, or on the CPU."""
        self.carriage = Carriage(DevicePainter(self._device) if device else None)

    def warm_up(self, together: int) -> None:
        """Compile both kinds of call at the ad's size."""
        frame, prompt = self.keys[0][1], self._wanted["a"].prompt
        for guide in (None, frame):
            self._engine.restyle([Restyle(frame, prompt, 0, guide=guide)] * together)

    def looks(self, together: int) -> Iterator[dict[str, Look]]:
        """Groups of looks as FluxStylist makes them."""
        self._engine._latents.clear()
        groups = [NAMES[at : at + together] for at in range(0, len(NAMES), together)]
        return in_turn(groups, self._develop)

    def _develop(self, group: Sequence[str]) -> dict[str, Look]:
        wanted = {name: self._wanted[name] for name in group}
        pairs = restyle_keys(self.keys, wanted, self._make, guide=True)
        return {name: self.carriage.look(pairs[name], self.ad.shots, Grain(), 7) for name in group}

    def _make(self, asked: Mapping[str, Restyle]) -> dict[str, Frame]:
        made = self._engine.restyle(list(asked.values()))
        index = next(key.frame for key, frame in self.keys if frame is next(iter(asked.values())).frame)
        assert all(one.shape == (*self.ad.size, 3) for one in made)
        return {name: self.ad.restyled(index, one.seed) for name, one in asked.items()}

    def drawn_look(self, name: str) -> PropagatedLook:
        """The look of a variant from keys that no engine made."""
        seed = NAMES.index(name)
        pairs = [KeyPair(key.frame, frame, self.ad.restyled(key.frame, seed)) for key, frame in self.keys]
        return self.carriage.look(pairs, self.ad.shots, Grain(), 7)

    def encode_plain(self, count: int) -> None:
        """Decode the cleaned video once and encode it `count` times side by side: the least variants can cost."""
        height, width = self.ad.size
        with ExitStack() as stack:
            reader = stack.enter_context(VideoReader(self.mezzanine))
            writers = [
                stack.enter_context(
                    DeliveryWriter(
                        self.folder / f"floor-{i}.mp4",
                        width=width,
                        height=height,
                        fps=Fraction(FPS),
                        audio_source=None,
                    )
                )
                for i in range(count)
            ]
            for one in reader.pictures():
                for writer in writers:
                    writer.write(one.picture)

    def render_learned(
        self, plans: Sequence[VariantPlan], looks: Mapping[str, PropagatedLook], clip: SharedClip
    ) -> None:
        """Render variants whose looks are learned."""
        for plan in plans:
            (self.folder / "learned" / plan.id).mkdir(parents=True)
        render_variants(
            self.mezzanine,
            None,
            plans,
            looks,
            shots=self.ad.shots,
            folder_of=lambda plan: self.folder / "learned" / plan.id,
            first_frame=FirstFrameSettings(),
            shared=clip,
        )

    def timed(self, batch: Sequence[Restyle], stop: object) -> list[Frame]:
        """The engine's own call, which returns when its pictures are on the CPU, with its time noted."""
        with self._lock:
            began = time.perf_counter()
            made = self._real(batch, None)
            self.busy_s += time.perf_counter() - began
        return made

    def render(self, name: str, developed: Iterator[Mapping[str, Look]]) -> float:
        """Seconds to render all variants from looks as they come."""
        for plan in self.plans:
            (self.folder / name / plan.id).mkdir(parents=True)
        began = time.perf_counter()
        made = render_as_developed(
            self.mezzanine,
            None,
            self.plans,
            developed,
            shots=self.ad.shots,
            folder_of=lambda plan: self.folder / name / plan.id,
            first_frame=FirstFrameSettings(),
            rides=True,
        )
        took = time.perf_counter() - began
        assert all(one.figures["probe"]["frame_count"] == self.ad.count for one in made)
        return took


def variants(bench: Bench) -> None:
    """One ad, 15 s at 1080×1920, 8 keys, 6 variants: GPU alone, rendering alone, both at once."""
    with _studio(bench) as studio:
        studio.carry_on(device=True)
        studio.busy_s = 0.0
        began = time.perf_counter()
        made = [look for group in studio.looks(TOGETHER) for look in group.items()]
        alone, gpu = time.perf_counter() - began, studio.busy_s
        _tell_picture_times(bench, studio, dict(made))
        began_cpu = time.process_time()
        encode = studio.render("alone", iter([dict(made)]))
        encode_cpu = time.process_time() - began_cpu
        studio.busy_s = 0.0
        studio.carry_on(device=True)  # nothing matched before
        wall = studio.render("both", studio.looks(TOGETHER))
        bench.add(
            f"variants, {TOGETHER} together", gpu_s=gpu, keys_s=alone, encode_s=encode, encode_cpu_s=encode_cpu,
            one_after_the_other_s=alone + encode, overlapped_s=wall, over_larger=wall / max(gpu, encode),
        )  # fmt: skip


def carried_on_the_cpu(bench: Bench) -> None:
    """The same ad with looks carried on the CPU: rendering alone."""
    with _studio(bench, warm=False) as studio:
        looks = {name: studio.drawn_look(name) for name in NAMES}
        began_cpu = time.process_time()
        took = studio.render("cpu", iter([looks]))
        bench.add(
            "variants, looks carried on the CPU", encode_s=took, encode_cpu_s=time.process_time() - began_cpu
        )


def carried_beside_the_codec(bench: Bench) -> None:
    """Four variants with looks carried on the device and learned before, beside one decode and four encodes."""
    with _studio(bench, warm=False) as studio:
        studio.carry_on(device=True)
        plans = studio.plans[:4]
        looks = {plan.id: studio.drawn_look(plan.id) for plan in plans}
        with closing(SharedClip(studio.mezzanine, studio.ad.shots, first_frame=FirstFrameSettings())) as clip:
            for look in looks.values():
                look.follow(clip.camera_path())
                assert look.shots
            row = {}
            for name, work in (
                ("floor", lambda: studio.encode_plain(len(plans))),
                ("variants", lambda: studio.render_learned(plans, looks, clip)),
                ("floor_again", lambda: studio.encode_plain(len(plans))),
            ):
                began_cpu, began = time.process_time(), time.perf_counter()
                work()
                row[f"{name}_s"] = time.perf_counter() - began
                row[f"{name}_cpu_s"] = time.process_time() - began_cpu
        for kind in ("s", "cpu_s"):
            row[f"ratio_{kind}"] = (
                2 * row[f"variants_{kind}"] / (row[f"floor_{kind}"] + row[f"floor_again_{kind}"])
            )
        bench.add("4 variants, looks carried on the device", **row)


def _tell_picture_times(bench: Bench, studio: Studio, looks: Mapping[str, PropagatedLook]) -> None:
    """Seconds of CPU, and of the clock, to carry one look to one picture, alone on the machine."""
    look, count = looks[NAMES[0]], 2 if bench.tiny else 12
    with VideoReader(studio.mezzanine) as reader:
        seen = [(one.index, one.picture) for one in islice(reader.pictures(), count)]
    path = trace_camera((picture.y for _, picture in seen), studio.ad.shots)
    began, learn_s = time.process_time(), -time.perf_counter()
    look.follow(path)
    assert look.shots
    learn_cpu_s, learn_s = time.process_time() - began, learn_s + time.perf_counter()
    rows = {"learn_s": learn_s, "learn_cpu_s": learn_cpu_s}
    for name in ("first", "again"):  # again: matched before
        began_cpu, began = time.process_time(), time.perf_counter()
        for index, picture in seen:
            look.apply_yuv(picture, index, index / FPS)
        rows |= {
            f"{name}_cpu_s": (time.process_time() - began_cpu) / count,
            f"{name}_s": (time.perf_counter() - began) / count,
        }
    bench.add("a picture of a look", **rows)


@contextmanager
def _studio(bench: Bench, *, warm: bool = True) -> Iterator[Studio]:
    if not hasattr(cv2, "CascadeClassifier"):
        print(f"OpenCV {cv2.__version__} finds no faces; the drawn ad shows none", flush=True)
        hook_views.find_faces = lambda frame, **_: []
    engine = KleinEngine(
        arch.klein_pipe(bench.device, tiny=bench.tiny),
        bench.settings(precision="fp32" if bench.tiny else "fp8"),
    )
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(bench, engine, Path(folder))
        engine.restyle_small = studio.timed
        if warm:
            studio.warm_up(TOGETHER)
        yield studio
    engine.close()
    clean_up()
