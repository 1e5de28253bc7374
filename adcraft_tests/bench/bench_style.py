"""What variants cost beside the least they can cost: one decode and N encodes by the same encoder.

    python adcraft_tests/bench/bench_style.py [--video FILE] [--counts 1 4 8] [--sizes 720x1280 1080x1920] [--frames 90]
                                              [--carried]

Without --video a photograph of scikit-image is panned and zoomed. Wall and CPU seconds (user + system, all
threads) of `render_variants` with graded styles stand beside the floor measured in the same run; the asked ratio
at N = 4 is 1.5. With --carried the looks are carried from keyframes, restyled by a drawn heavy stylisation each in its
own tone, as the gpu profile carries FLUX's on the CPU; asked is 2.5. What learning them from the keys takes is told
on its own, and so is what one picture takes whose match with its keys no other look has found.
"""

import argparse
import contextlib
import resource
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from adcraft_resources.algorithms.grain import Grain
from adcraft_resources.algorithms.key_pairs import KeyPair
from adcraft_resources.algorithms.propagated_looks import Carriage
from adcraft_resources.allocator import share_arenas
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.hook_sets import HookSet
from adcraft_resources.key_chains import choose_keys
from adcraft_resources.keyframe_stills import scan_shots
from adcraft_resources.shared_clips import SharedClip
from adcraft_resources.stylists import EmbeddedStylist, load_styles, styles_for
from adcraft_resources.variant_renderer import render_variants
from adcraft_resources.variants import VariantSettings, plan_variants
from adcraft_resources.video_codecs import DeliveryWriter, VideoReader, delivery_rate, read_frames, yuv_of

PRODUCT = "turmeric_kojic_soap"
ASKED = {False: 1.5, True: 2.5}  # by whether looks are carried
MOST_KEYS = 8


def draw_clip(path, width, height, frames):
    from skimage import data

    still = data.coffee()
    scale = 1.4 * max(width / still.shape[1], height / still.shape[0])
    still = cv2.resize(still, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).normal(0, 2.5, (height, width, 1))
    with DeliveryWriter(
        path, width=width, height=height, fps=Fraction(30), audio_source=None, crf=13
    ) as writer:
        for index in range(frames):
            t = index / max(frames - 1, 1)
            zoom = 1 + 0.12 * t
            left = (still.shape[1] - width * zoom) * (0.3 + 0.4 * t)
            top = (still.shape[0] - height * zoom) * (0.6 - 0.3 * t)
            move = np.array([[1 / zoom, 0, -left / zoom], [0, 1 / zoom, -top / zoom]], np.float32)
            frame = cv2.warpAffine(still, move, (width, height), flags=cv2.INTER_LINEAR)
            noisy = np.clip(frame + np.roll(grain, (7 * index) % 61, axis=1), 0, 255)
            writer.write(yuv_of(noisy.astype(np.uint8)))


def cost_of(work):
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu


def floor(video, count, folder):
    with VideoReader(video) as reader:
        writers = [
            DeliveryWriter(
                folder / f"floor-{i}.mp4",
                width=reader.facts.width,
                height=reader.facts.height,
                fps=delivery_rate(reader.facts),
                audio_source=video,
            )
            for i in range(count)
        ]
        for writer in writers:
            writer.__enter__()
        for timed in reader.pictures():
            for writer in writers:
                writer.write(timed.picture)
        ends = [threading.Thread(target=writer.__exit__, args=(None, None, None)) for writer in writers]
        for end in ends:
            end.start()
        for end in ends:
            end.join()


def planned(video, count, *, carried):
    scan = scan_shots(video)
    frames = read_frames(video, [key.frame for key in scan.keyframes])
    keys = [(key, frames[key.frame]) for key in scan.keyframes]
    words = ("Your skin called", "Why wait?", "Glow starts here", "One bar. Every day.")
    hooks = [HookSet(f"h{i}", text, "", "", "en", "template", "p") for i, text in enumerate(words)]
    plans = plan_variants(styles_for(PRODUCT), hooks, VariantSettings(), count, key="bench")[:count]
    if carried:
        return scan.shots, plans, carried_looks(plans, choose_keys(keys, MOST_KEYS), scan.shots)
    styles = load_styles()
    looks = {
        plan.id: EmbeddedStylist().develop(styles[plan.style], keys, scan.shots, plan.seed) for plan in plans
    }
    return scan.shots, plans, looks


def carried_looks(plans, keys, shots):
    carriage = Carriage(None)
    return {
        plan.id: carriage.look(
            [KeyPair(key.frame, frame, stylised(frame, at)) for key, frame in keys], shots, Grain(), plan.seed
        )
        for at, plan in enumerate(plans)
    }


def stylised(frame, at):
    tone = np.array([1.08 - 0.03 * at, 1.0, 0.9 + 0.03 * at])
    toned = np.clip(frame * tone + 6, 0, 255).astype(np.uint8)
    return cv2.stylization(toned, sigma_s=40, sigma_r=0.35)


def learn(video, clip, looks):
    for look in looks.values():
        look.follow(clip.camera_path())
    _, cpu = cost_of(lambda: [look.shots for look in looks.values()])
    textured = [found.textured for look in looks.values() for _, found in look.shots if found]
    with VideoReader(video) as reader:
        pictures = [one for one in reader.pictures() if one.index % 10 == 5]
    look = next(iter(looks.values()))
    _, each = cost_of(lambda: [look.apply_yuv(one.picture, one.index, one.pts_s) for one in pictures])
    print(
        f"      learning {cpu / len(looks):.2f} s cpu a look; {sum(textured)} of {len(textured)} shots carry texture;"
        f" one picture {1000 * each / len(pictures):.0f} ms cpu",
        flush=True,
    )


def bench(video, count, folder, *, carried):
    shots, plans, looks = planned(video, count, carried=carried)
    with contextlib.closing(SharedClip(video, shots, first_frame=FirstFrameSettings())) as clip:
        if carried:
            learn(video, clip, looks)
        compare(video, plans, looks, shots, clip, folder)


def compare(video, plans, looks, shots, clip, folder):
    count = len(plans)

    def place(plan):
        place = folder / plan.id
        place.mkdir(exist_ok=True)
        return place

    least = cost_of(lambda: floor(video, count, folder))
    ours = cost_of(
        lambda: render_variants(
            video,
            video,
            plans,
            looks,
            shots=shots,
            folder_of=place,
            first_frame=FirstFrameSettings(),
            shared=clip,
        )
    )
    again = cost_of(lambda: floor(video, count, folder))
    wall, cpu = ((a + b) / 2 for a, b in zip(least, again, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"N={count}  floor {wall:6.2f} s wall {cpu:6.2f} s cpu   variants {ours[0]:6.2f} s wall {ours[1]:6.2f} s cpu"
        f"   ratio {ours[0] / wall:4.2f} wall {ours[1] / cpu:4.2f} cpu   peak so far {peak:.0f} MB",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--video", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--sizes", nargs="+", default=["720x1280", "1080x1920"])
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--carried", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in ["as it is"] if args.video else args.sizes:
            video = args.video
            if video is None:
                video = folder / f"{size}.mp4"
                draw_clip(video, *map(int, size.split("x")), args.frames)
            kind = "carried looks" if args.carried else "graded styles"
            print(f"{size}: {kind}; asked ratio at N=4: {ASKED[args.carried]}")
            for count in args.counts:
                bench(video, count, folder, carried=args.carried)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    share_arenas()  # as every run does
    main()
