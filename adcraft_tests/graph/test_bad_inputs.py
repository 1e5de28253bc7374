"""What users really upload: each is either made, or fails its own key with file, fault and remedy."""

from fractions import Fraction

import numpy as np
import pytest

from adcraft_resources.video_codecs import probe_video
from adcraft_tests.drawn_videos import Sound, clicks, write_video
from adcraft_tests.graph.conftest import FRAMES, draw_frame, write_ad
from adcraft_tests.loopback_server import hang, loopback_server, redirect, serve, status

HTML = b"<!doctype html><html><body>Sign in to watch</body></html>"
LIMIT_MB = 1


def write_config(project, sources, **changes):
    videos = [{"id": name, "url": url} for name, url in sources.items()]
    return project.write([], products=[{"id": "soap", "videos": videos}], variants_per_video=1, **changes)


def frames(count=FRAMES, seed=0):
    return [draw_frame(index, seed) for index in range(count)]


def test_each_broken_source_fails_its_own_key_and_says_what_to_do(project, tmp_path):
    whole = (tmp_path / "v0.mp4").read_bytes()
    (tmp_path / "truncated.mp4").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.mp4").write_bytes(b"")
    write_video(tmp_path / "both.mp4", frames(2), 10, sound=Sound(clicks(0.2, [0.1])))
    sound_only(tmp_path / "both.mp4", tmp_path / "sound.m4a")
    with loopback_server() as server:
        server.routes |= {
            "/page.mp4": serve(HTML),
            "/slow.mp4": hang,
            "/loop.mp4": redirect("/loop.mp4"),
            "/large.mp4": serve(whole + bytes(LIMIT_MB << 20)),
            "/gone.mp4": status(404),
            "/good.mp4": serve(whole),
        }
        expected = {
            "absent": (str(tmp_path / "nothere.mp4"), ["nothere.mp4"]),
            "truncated": (str(tmp_path / "truncated.mp4"), ["truncated.mp4"]),
            "empty": (str(tmp_path / "empty.mp4"), ["empty.mp4", "empty"]),
            "sound": (str(tmp_path / "sound.m4a"), ["sound.m4a"]),
            "gone": (server.url("/gone.mp4"), ["/gone.mp4", "404"]),
            "page": (server.url("/page.mp4"), ["/page.mp4", "HTML"]),
            "slow": (server.url("/slow.mp4"), ["/slow.mp4"]),
            "loop": (server.url("/loop.mp4"), ["/loop.mp4", "redirect"]),
            "large": (server.url("/large.mp4"), ["/large.mp4", "MB"]),
        }
        sources = {name: url for name, (url, _) in expected.items()} | {"good": server.url("/good.mp4")}
        download = {"allow_private_hosts": True, "timeout_s": 3, "max_mb": LIMIT_MB}
        outcome = write_config(project, sources, download=download).run()
    assert outcome.made == ["soap__good"]
    assert set(outcome.failed) == {f"soap__{name}" for name in expected}
    for name, (_, words) in expected.items():
        reason = outcome.failed[f"soap__{name}"]
        assert all(word.lower() in reason.lower() for word in words), reason
        assert "unexpected" not in reason
        assert reason.count(".") >= 2, f"{reason!r} names no remedy"


def test_a_private_address_is_refused_and_the_setting_is_named(project, tmp_path):
    with loopback_server() as server:
        server.routes["/v.mp4"] = serve((tmp_path / "v0.mp4").read_bytes())
        outcome = write_config(project, {"inside": server.url("/v.mp4")}).run()
        assert server.seen == []
    assert "allow_private_hosts" in outcome.failed["soap__inside"]


@pytest.fixture(scope="module")
def unusual(tmp_path_factory):
    """Good videos of unusual form by name, each with the caption of the other tests."""
    folder = tmp_path_factory.mktemp("unusual")
    drawn = frames()
    times = list(np.cumsum([0, *[0.05 if i % 3 else 0.2 for i in range(FRAMES - 1)]]))
    tall = [np.ascontiguousarray(np.rot90(frame)) for frame in drawn]
    write_video(folder / "loud.mp4", drawn, 10, sound=Sound(clicks(1.4, [0.5])))
    write_video(folder / "variable.mp4", drawn, 10, pts_s=times)
    write_video(folder / "turned.mp4", tall, 10, turn_deg=-90)
    write_video(folder / "odd.mkv", [frame[:319, :179] for frame in drawn], 10, pix_fmt="yuv444p")
    write_video(folder / "deep.mp4", drawn, 10, pix_fmt="yuv420p10le")
    write_video(folder / "single.mp4", drawn[:1], 10)
    write_video(folder / "fast.mp4", [f for f in drawn for _ in range(2)], 60)
    write_video(folder / "wide.mp4", drawn, 10, sample_aspect=Fraction(4, 3))
    return folder


def test_unusual_videos_reach_their_variants(project, unusual):
    sources = {path.stem: str(path) for path in sorted(unusual.iterdir())}
    outcome = write_config(project, sources).run()
    assert outcome.failed == {}
    delivered = {
        path.parent.name: probe_video(path) for path in (project.folder / "results" / "soap").glob("*/*.mp4")
    }
    assert set(delivered) == set(sources)
    assert delivered["loud"].has_audio
    assert (delivered["turned"].height, delivered["turned"].width) == (320, 180)
    assert delivered["turned"].rotation_deg == 0
    assert delivered["fast"].fps == 30
    assert delivered["single"].frame_count == 1
    assert all(
        facts.pix_fmt == "yuv420p" and facts.codec == "h264" and facts.height % 2 == facts.width % 2 == 0
        for facts in delivered.values()
    )
    assert all(facts.sample_aspect == 1 for facts in delivered.values())


def sound_only(source, path):
    import av

    with av.open(str(source)) as read, av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream_from_template(read.streams.audio[0])
        for packet in read.demux(read.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)


def test_names_that_are_no_slugs_are_refused_with_one_that_is(project):
    from adcraft_resources.errors import ConfigInvalid

    for name in ("a/b", "a|b", "two words", "naïve", "a...b", "", "x" * 42):
        with pytest.raises(ConfigInvalid) as refused:
            write_config(project, {name: "v0.mp4"}).run()
        assert "products[0].videos[0].id" in str(refused.value)
        if name:
            assert "for example" in str(refused.value)


def test_the_same_video_twice_under_one_id_is_refused(project):
    write_ad(project.folder / "again.mp4", 0)
    videos = [{"id": "v", "url": "v0.mp4"}, {"id": "v", "url": "again.mp4"}]
    project.write([], products=[{"id": "soap", "videos": videos}])
    from adcraft_resources.errors import ConfigInvalid

    with pytest.raises(ConfigInvalid, match="more than once"):
        project.run()
