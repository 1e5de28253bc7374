"""Text removal beside naive baselines, on a folder of cases with truth: ads/NAME.mp4, clean/CLIP.mp4, truth/NAME.*.

    python -m adcraft_tests.bench.bench_clean FOLDER [--cases NAME ...] [--ways adcraft telea delogo] [--keep DIR]

Each way runs fully automatically in a process of its own, whose CPU seconds (user + system) and peak memory are
taken. `telea`: text boxes found on every sixth frame, filled by cv2.inpaint. `delogo`: the same boxes through
ffmpeg's filter, where an ffmpeg binary is installed. `adcraft`: detection, tracking and removal as `adcraft clean`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from adcraft_resources.algorithms.values import Yuv420
from adcraft_resources.inpainters import EmbeddedInpainter
from adcraft_resources.keyframe_stills import scan_shots
from adcraft_resources.text_detectors import EmbeddedTextDetector
from adcraft_resources.video_codecs import MezzanineWriter, VideoReader, probe_video, rgb_of, yuv_of

EVERY = 6  # frames between looks for boxes
COLUMNS = ("psnr", "ssim", "warp", "loss", "bytes", "cpu", "peak_mb")


def remove_text(source, out):
    shots = scan_shots(source).shots
    tracks = EmbeddedTextDetector().track_text(source, shots)
    EmbeddedInpainter().clean(source, tracks, shots, out)


def boxes_of(source):
    """Boxes (x, y, width, height) of every EVERY-th frame, grown a little as such scripts do."""
    detector, found = EmbeddedTextDetector(), []
    with VideoReader(source) as reader:
        height, width = reader.facts.height, reader.facts.width
        for item in reader.frames(every=EVERY):
            boxes = []
            for finding in detector.find_text(item.frame, read=False):
                x, y, w, h = cv2.boundingRect(np.array(finding.quad, np.float32))
                left, top = max(1, x - 4), max(1, y - 4)
                boxes.append((left, top, min(x + w + 4, width - 1) - left, min(y + h + 4, height - 1) - top))
            found.append(boxes)
    return found


def fill_by_telea(source, out):
    found = boxes_of(source)
    with VideoReader(source) as reader, MezzanineWriter(out, like=reader.facts, source=source) as writer:
        for item in reader.pictures():
            frame = rgb_of(item.picture)
            mask = np.zeros(frame.shape[:2], np.uint8)
            first = item.index // EVERY
            for x, y, w, h in found[first] + found[min(first + 1, len(found) - 1)]:
                mask[y : y + h, x : x + w] = 255
            filled = yuv_of(
                cv2.inpaint(frame, mask, 5, cv2.INPAINT_TELEA), item.picture.matrix, item.picture.range
            )
            writer.write(
                Yuv420(filled.y, filled.u, filled.v, item.picture.matrix, item.picture.range), item.pts_s
            )


def fill_by_delogo(source, out):
    fps = float(probe_video(source).fps)
    parts = []
    for place, boxes in enumerate(boxes_of(source)):
        start, end = place * EVERY / fps, (place + 1) * EVERY / fps - 1e-3
        parts += [
            f"delogo=x={x}:y={y}:w={w}:h={h}:enable='between(t,{start:.3f},{end:.3f})'"
            for x, y, w, h in boxes
        ]
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(source), "-vf", ",".join(parts) or "null"]
    subprocess.run([*command, "-crf", "18", "-preset", "veryfast", "-c:a", "copy", str(out)], check=True)


WAYS = {"adcraft": remove_text, "telea": fill_by_telea, "delogo": fill_by_delogo}


def measured(way, source, out):
    """Run one way in a process of its own; return CPU seconds per video second and peak memory in MB."""
    command = [sys.executable, "-m", "adcraft_tests.bench.bench_clean", "--run", way, str(source), str(out)]
    ran = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, capture_output=True, text=True
    )
    figures = json.loads(ran.stdout.splitlines()[-1])
    return {"cpu": figures["cpu_s"] / float(probe_video(source).duration_s), "peak_mb": figures["peak_mb"]}


def own_cost():
    """CPU seconds of this process and its children, and its peak memory: getrusage would count the parent's."""
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return {"cpu_s": sum(os.times()[:4]), "peak_mb": int(peak.split()[1]) / 1024}


def row(case, way, figures):
    return f"{case:18}{way:9}" + "".join(f"{figures[name]:9.2f}" for name in COLUMNS)


def main():
    from adcraft_tests.bench.removal_scores import Case, score

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", nargs="*")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--keep", type=Path, help="folder for the cleaned files")
    asked = parser.parse_args()
    ways = [way for way in asked.ways if way != "delogo" or shutil.which("ffmpeg")]
    if len(ways) < len(asked.ways):
        print("delogo is left out: no ffmpeg binary is installed")
    names = asked.cases or sorted(path.stem for path in (asked.folder / "truth").glob("*.json"))
    print(f"{'case':18}{'way':9}" + "".join(f"{name:>9}" for name in COLUMNS))
    results = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            case = Case.of(asked.folder, name)
            for way in ways:
                out = folder / f"{name}.{way}.mp4"
                figures = measured(way, case.ad, out)
                figures |= score(case, out)
                results[way].append(figures)
                print(row(name, way, figures), flush=True)
    for way in ways:
        means = {name: float(np.mean([figures[name] for figures in results[way]])) for name in COLUMNS}
        print(row("mean", way, means))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        cv2.setNumThreads(1)
        WAYS[sys.argv[2]](Path(sys.argv[3]), Path(sys.argv[4]))
        print(json.dumps(own_cost()))
    else:
        main()
