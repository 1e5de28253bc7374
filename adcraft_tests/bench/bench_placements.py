"""What three placements cost beside the least they can cost: one decode, one render, and the encodes alone.

    python -m adcraft_tests.bench.bench_placements [--video FILE] [--frames 60] [--size 720x1280]

CPU seconds (user + system, all threads), all in one process. "encodes" writes the finished pictures of each placement
again with nothing else done; "render" decodes the ad and dresses its pictures without encoding any. The asked bound:
what placements add to decode and render is at most three times one encode, the dearest of the three (9:16).
"""

import argparse
import tempfile
from fractions import Fraction
from pathlib import Path

from adcraft_resources.algorithms.values import Keyframe
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.hook_sets import HookSet
from adcraft_resources.keyframe_stills import scan_shots
from adcraft_resources.placements import (
    PlacedAd,
    PlacementSettings,
    file_names,
    place_variant,
    survey_subjects,
)
from adcraft_resources.stylists import EmbeddedStylist, load_styles, styles_for
from adcraft_resources.variant_dressing import Dressing
from adcraft_resources.variants import VariantPlan
from adcraft_resources.video_codecs import (
    CodedSound,
    DecodedSound,
    DeliveryWriter,
    VideoReader,
    master_sound,
    read_frames,
)
from adcraft_tests.bench.bench_style import PRODUCT, cost_of, draw_clip

FIRST = FirstFrameSettings()


def render_alone(ad, plan, look):
    with VideoReader(ad.video) as reader:
        dressing = Dressing(plan, look, ad.survey, ad.shots[0].last_frame, FIRST)
        for tick, timed in enumerate(reader.pictures()):
            framed = dressing.framed(dressing.styled(timed), timed.index)
            if tick == 0:
                dressing.fit(framed, timed.index)
            look.finish_yuv(dressing.shown(framed, timed.index, tick), tick)


def encode_alone(path, out, settings, sound):
    """CPU seconds of writing a finished file's pictures again, held in memory, nothing else."""
    with VideoReader(path) as reader:
        facts, pictures = reader.facts, [timed.picture for timed in reader.pictures()]

    def work():
        with DeliveryWriter(
            out,
            width=facts.width,
            height=facts.height,
            fps=Fraction(facts.fps),
            audio_source=CodedSound(DecodedSound(sound, 0.0)),
            crf=settings.crf,
            max_bit_rate=settings.max_bit_rate,
        ) as writer:
            for picture in pictures:
                writer.write(picture)

    return cost_of(work)[1]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--video", type=Path)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--size", default="720x1280")
    asked = parser.parse_args()
    settings = PlacementSettings()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = asked.video or folder / "clip.mp4"
        if asked.video is None:
            draw_clip(video, *(int(side) for side in asked.size.split("x")), asked.frames)
        measure(video, folder, settings)


def measure(video, folder, settings):
    shots = scan_shots(video).shots
    sound = folder / "sound.wav"
    with VideoReader(video) as reader:
        seconds, frames = reader.facts.duration_s, reader.facts.frame_count
    looks = {}

    def survey():
        looks["sightings"] = survey_subjects(video, shots, None)

    _, looking = cost_of(survey)
    _, mastering = cost_of(
        lambda: master_sound(video, sound, duration_s=seconds, lufs=-14.0, true_peak_dbtp=-1.5)
    )
    style = load_styles()[styles_for(PRODUCT)[0]]
    still = read_frames(video, [0])[0]
    look = EmbeddedStylist().develop(style, [(Keyframe(0, 0.0, 0), still)], shots, 7)
    hook = HookSet("h1", "Your skin called", "", "", "en", "template", "p")
    plan = VariantPlan("a", style.name, 7, hook, "plate", "punchy")
    ad = PlacedAd(video, shots, None, looks["sightings"], sound)
    _, surveying = cost_of(lambda: ad.survey)
    _, rendering = cost_of(lambda: render_alone(ad, plan, look))
    _, whole = cost_of(lambda: place_variant(ad, plan, look, folder, first_frame=FIRST, settings=settings))
    encodes = {
        one.name: encode_alone(folder / file_names(one.name)["video"], folder / "again.mp4", settings, sound)
        for one in settings.formats
    }
    floor, dearest = sum(encodes.values()), max(encodes.values())
    added = whole - rendering
    print(
        f"{video.name}: {frames} frames; once an ad: looking {looking + surveying:.1f}, sound {mastering:.1f} CPU s"
    )
    print(
        f"  decode and render {rendering:.2f}; encodes {', '.join(f'{k} {v:.2f}' for k, v in encodes.items())}"
    )
    print(f"  all three placements {whole:.2f}; added to decode and render {added:.2f}")
    print(
        f"  added / encodes alone {added / floor:.2f}; added / (3 x the dearest encode) {added / (3 * dearest):.2f}"
    )


if __name__ == "__main__":
    main()
