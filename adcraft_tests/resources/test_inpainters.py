import itertools
import json

import cv2
import numpy as np
import pytest

from adcraft_resources.algorithms.values import MaskSpan, Shot, TextTrack, TextTracks
from adcraft_resources.inpainters import EmbeddedInpainter, Inpainter
from adcraft_resources.inpainters.chunk_removal import ChunkRemoval, Masks
from adcraft_resources.inpainters.streaming_removal import remove_streaming
from adcraft_resources.video_codecs import VideoReader
from adcraft_tests.drawn_videos import Sound, clicks, montage, take, texture, write_video

SIZE = (120, 160)
FPS = 25


def span(first, last, x=40, y=70, width=60, height=16):
    return MaskSpan(first, last, x, y, np.ones((height, width), bool))


def tracks(frame_count, *spans, kind="overlay"):
    life = (min((s.first_frame for s in spans), default=0), max((s.last_frame for s in spans), default=0))
    track = TextTrack(1, kind, "drawn", "SALE", 1.0, *life, spans=spans)
    return TextTracks(SIZE, frame_count, (track,))


def with_text(frames, *spans):
    shown = [frame.copy() for frame in frames]
    for one in spans:
        for frame in shown[one.first_frame : one.last_frame + 1]:
            height, width = one.bitmap.shape
            cv2.rectangle(
                frame, (one.x + 3, one.y + 3), (one.x + width - 4, one.y + height - 4), (255, 255, 255), -1
            )
    return shown


def shots_of(count, *cuts):
    edges = [0, *cuts, count]
    return [Shot(a, b - 1, a / FPS, b / FPS) for a, b in itertools.pairwise(edges)]


def decoded(path):
    with VideoReader(path) as reader:
        return [item.picture for item in reader.pictures()]


def psnr(a, b):
    return 10 * np.log10(255**2 / max(float(np.mean((a.astype(float) - b) ** 2)), 1e-9))


def inside(picture, one):
    height, width = one.bitmap.shape
    return picture.y[one.y : one.y + height, one.x : one.x + width]


@pytest.fixture
def still_ad(tmp_path):
    still = texture(*SIZE, 3)
    caption = span(8, 15)
    clean = write_video(tmp_path / "clean.mp4", [still] * 24, FPS)
    ad = write_video(
        tmp_path / "ad.mp4", with_text([still] * 24, caption), FPS, sound=Sound(clicks(1, [0.5]))
    )
    return ad, clean, caption


def test_a_caption_over_a_still_shot_leaves_as_if_it_had_never_been_there(still_ad, tmp_path):
    ad, clean, caption = still_ad
    report = EmbeddedInpainter().clean(ad, tracks(24, caption), shots_of(24), tmp_path / "out.mp4")
    out, truth = decoded(tmp_path / "out.mp4"), decoded(clean)
    assert len(out) == 24
    assert min(psnr(inside(out[t], caption), inside(truth[t], caption)) for t in range(24)) > 36
    assert report.figures["scene_ssim_min"] > 0.98
    assert report.tracks[0].revealed > 0.95


def test_the_report_is_json_with_the_figures_gates_ask_for(still_ad, tmp_path):
    ad, _, caption = still_ad
    report = EmbeddedInpainter().clean(ad, tracks(24, caption), shots_of(24), tmp_path / "out.mp4")
    told = json.loads(json.dumps(report.to_dict()))
    area = 60 * 16 / (SIZE[0] * SIZE[1])
    assert told["figures"]["masked_area_max"] == pytest.approx(area, abs=1e-4)
    assert told["figures"]["masked_area_mean"] == pytest.approx(area / 3, abs=1e-4)
    assert 0 <= told["figures"]["scene_ssim_min"] <= told["figures"]["scene_ssim_p5"] <= 1
    assert told["figures"]["frames"] == 24
    assert sum(told["tracks"][0]["shares"].values()) == pytest.approx(1, abs=1e-3)


def test_a_clip_without_overlays_comes_out_bit_identical(still_ad, tmp_path):
    ad, _, caption = still_ad
    for nothing in (tracks(24, kind="label"), tracks(24, caption, kind="label")):
        report = EmbeddedInpainter().clean(ad, nothing, shots_of(24), tmp_path / "out.mp4")
        assert (tmp_path / "out.mp4").read_bytes() == ad.read_bytes()
        assert report.figures["masked_area_max"] == 0


def test_the_same_input_gives_the_same_bytes(still_ad, tmp_path):
    ad, _, caption = still_ad
    for name in ("one.mp4", "two.mp4"):
        EmbeddedInpainter().clean(ad, tracks(24, caption), shots_of(24), tmp_path / name)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_pictures_handed_to_the_encoder_equal_the_source_outside_the_mask(tmp_path):
    frames = take(20, size=SIZE, seed=5, speed=1.5)
    caption = span(0, 19)
    ad = write_video(tmp_path / "ad.mp4", with_text(frames, caption), FPS)
    handed = []

    class Watched(EmbeddedInpainter):
        pass

    real = ChunkRemoval.patch

    def patch(self, frame, picture):
        before = picture.y.copy(), picture.u.copy(), picture.v.copy()
        real(self, frame, picture)
        handed.append((frame, before, picture))

    with pytest.MonkeyPatch.context() as seam:
        seam.setattr(ChunkRemoval, "patch", patch)
        Watched().clean(ad, tracks(20, caption), shots_of(20), tmp_path / "out.mp4")
    mask = tracks(20, caption).mask_at(0)
    blocks = mask.reshape(SIZE[0] // 2, 2, SIZE[1] // 2, 2).any(axis=(1, 3))
    assert {frame for frame, _, _ in handed} == set(range(20))
    for _, (y, u, v), picture in handed:
        assert np.array_equal(y[~mask], picture.y[~mask])
        assert np.array_equal(u[~blocks], picture.u[~blocks])
        assert np.array_equal(v[~blocks], picture.v[~blocks])


def test_a_pan_under_a_caption_that_never_leaves_is_recovered_by_the_camera(tmp_path):
    frames = take(30, size=SIZE, seed=6, speed=2.0)
    caption = span(0, 29, x=50, width=24)
    ad = write_video(tmp_path / "ad.mp4", with_text(frames, caption), FPS)
    clean = write_video(tmp_path / "clean.mp4", frames, FPS)
    EmbeddedInpainter().clean(ad, tracks(30, caption), shots_of(30), tmp_path / "out.mp4")
    out, truth = decoded(tmp_path / "out.mp4"), decoded(clean)
    assert psnr(inside(out[15], caption), inside(truth[15], caption)) > 30


def test_text_over_a_cut_takes_nothing_from_the_other_shot(tmp_path):
    frames = montage([10, 1, 10], size=SIZE, seed=8)
    dark = [frame // 4 for frame in frames[:10]]
    frames = dark + [frame // 2 for frame in frames[10:11]] + [200 + frame // 8 for frame in frames[11:]]
    caption = span(4, 16)
    ad = write_video(tmp_path / "ad.mp4", with_text(frames, caption), FPS)
    EmbeddedInpainter().clean(ad, tracks(21, caption), shots_of(21, 10, 11), tmp_path / "out.mp4")
    out = decoded(tmp_path / "out.mp4")
    assert max(inside(out[t], caption).mean() for t in range(4, 10)) < 90
    assert min(inside(out[t], caption).mean() for t in range(11, 17)) > 160


def test_a_single_frame_is_filled(tmp_path):
    caption = span(0, 0)
    ad = write_video(tmp_path / "ad.mp4", with_text([texture(*SIZE, 9)], caption), FPS)
    report = EmbeddedInpainter().clean(ad, tracks(1, caption), [], tmp_path / "out.mp4")
    assert report.figures["frames"] == 1
    assert inside(decoded(tmp_path / "out.mp4")[0], caption).mean() < 235


def test_memory_of_the_chunks_does_not_grow_with_the_length_of_a_shot(tmp_path, monkeypatch):
    monkeypatch.setattr("adcraft_resources.inpainters.base.CHUNK_BYTES", 800_000)
    frames = take(160, size=SIZE, seed=10, speed=0.2)
    caption = span(0, 159)
    ad = write_video(tmp_path / "ad.mp4", with_text(frames, caption), FPS)
    lengths = []
    real = ChunkRemoval.__init__

    def watched(self, plan, *others):
        lengths.append(plan.after - plan.before + 1)
        real(self, plan, *others)

    monkeypatch.setattr(ChunkRemoval, "__init__", watched)
    report = EmbeddedInpainter().clean(ad, tracks(160, caption), shots_of(160), tmp_path / "out.mp4")
    assert report.figures["frames"] == 160
    assert len(lengths) > 4
    assert max(lengths) < 45


def test_a_text_that_fades_beside_its_mask_is_not_taken_for_the_scene(tmp_path):
    still, caption, shown = texture(*SIZE, 3), span(10, 29), span(7, 32)
    clean = write_video(tmp_path / "clean.mp4", [still] * 40, FPS)
    ad = write_video(tmp_path / "ad.mp4", with_text([still] * 40, shown), FPS)
    EmbeddedInpainter().clean(ad, tracks(40, caption), shots_of(40), tmp_path / "out.mp4")
    out, truth = decoded(tmp_path / "out.mp4"), decoded(clean)
    assert min(psnr(inside(out[t], caption), inside(truth[t], caption)) for t in range(10, 30)) > 34


def test_tracks_of_another_size_are_refused(still_ad, tmp_path):
    ad, _, caption = still_ad
    wrong = TextTracks((60, 80), 24, tracks(24, caption).tracks)
    with pytest.raises(ValueError, match="tracks are for"):
        EmbeddedInpainter().clean(ad, wrong, shots_of(24), tmp_path / "out.mp4")


def test_an_inpainter_of_another_make_is_asked_only_for_what_no_frame_reveals(tmp_path):
    asked = []

    class Noting(Inpainter):
        @property
        def version(self):
            return "test"

        def fill(self, frame, mask):
            asked.append(int(mask.sum()))
            out = frame.copy()
            out[mask] = (0, 255, 0)
            return out

    still = texture(*SIZE, 3)
    hidden_always, hidden_at_times = span(0, 19, x=20, y=20), span(5, 10, x=20, y=90)
    ad = write_video(tmp_path / "ad.mp4", with_text([still] * 20, hidden_always, hidden_at_times), FPS)
    Noting().clean(ad, tracks(20, hidden_always, hidden_at_times), shots_of(20), tmp_path / "out.mp4")
    assert asked == [60 * 16]


def test_a_still_is_filled_without_touching_the_rest():
    frame = texture(*SIZE, 4)
    mask = tracks(1, span(0, 0)).mask_at(0)
    filled = EmbeddedInpainter().fill(frame, mask)
    assert np.array_equal(filled[~mask], frame[~mask])
    assert not np.array_equal(filled[mask], frame[mask])


def test_an_error_while_filling_leaves_no_file(still_ad, tmp_path):
    ad, _, caption = still_ad

    def fail(clip, frame, mask):
        raise RuntimeError("the model fell over")

    from adcraft_resources.algorithms.mask_windows import plan_chunks

    everywhere = [span(0, 23)]
    chunks = plan_chunks(everywhere, shots_of(24), SIZE, context=5, capacity_px=10**7)
    with pytest.raises(RuntimeError, match="fell over"):
        remove_streaming(
            ad, tmp_path / "out.mp4", Masks(everywhere), chunks, fail, crf=13, on_chunk=lambda chunk: None
        )
    assert not list(tmp_path.glob("*out.mp4*"))
    assert caption


def veiled_ad(path, alpha):
    """Quick shots, of which none shows what another one hides, under white strokes of some `alpha` all along."""
    clean = montage([5] * 8, size=SIZE, seed=6)
    one = span(0, 39, 36, 40, 72, 30)
    shape = np.zeros(SIZE, np.float32)
    shape[44:66, 40:104] = np.arange(64)[None, :] % 12 < 7
    shown = [
        np.round(f * (1 - alpha * shape[..., None]) + 255 * alpha * shape[..., None]).astype(np.uint8)
        for f in clean
    ]
    options = {"crf": "14", "preset": "veryfast"}
    return (
        write_video(path / f"veiled{alpha}.mp4", shown, FPS, matrix="bt709", options=options),
        write_video(path / "bare.mp4", clean, FPS, matrix="bt709", options=options),
        one,
    )


@pytest.mark.parametrize(("alpha", "margin_db"), [(0.4, 3.0), (1.0, -0.01)])
def test_a_mark_the_scene_shows_through_is_lifted_and_an_opaque_one_inpainted_as_before(
    tmp_path, alpha, margin_db
):
    ad, bare, one = veiled_ad(tmp_path, alpha)
    found = {}
    for see_through in (False, True):
        track = TextTrack(1, "overlay", "drawn", "", 1.0, 0, 39, spans=(one,), see_through=see_through)
        out = tmp_path / f"{see_through}.mp4"
        shots = shots_of(40, *range(5, 40, 5))
        EmbeddedInpainter().clean(ad, TextTracks(SIZE, 40, (track,)), shots, out)
        pairs = zip(decoded(out), decoded(bare), strict=True)
        found[see_through] = np.mean([psnr(inside(a, one), inside(b, one)) for a, b in pairs])
    assert found[True] >= found[False] + margin_db
