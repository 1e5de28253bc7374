from __future__ import annotations

import pytest

from adcraft_resources.algorithms.values import TextTrack, TextTracks
from adcraft_resources.errors import RightsUnstated
from adcraft_resources.rights import check_rights, find_watermarks

HEIGHT, WIDTH, FRAMES = 960, 540, 100


def track(left=430, top=20, right=530, bottom=50, first=0, last=99, kind="overlay", **more) -> TextTrack:
    quad = ((left, top), (right, top), (right, bottom), (left, bottom))
    return TextTrack(
        7, kind, "", "@studio", 0.9, first, last, quads=tuple((at, quad) for at in (first, last)), **more
    )


def marks(*found: TextTrack):
    return find_watermarks(TextTracks((HEIGHT, WIDTH), FRAMES, found))


@pytest.mark.parametrize(
    "box", [(430, 20, 530, 50), (10, 20, 110, 50), (10, 900, 110, 940), (420, 880, 530, 950)]
)
def test_small_text_in_any_corner_over_the_whole_clip_is_a_watermark(box):
    (mark,) = marks(track(*box))
    assert mark.track.id == 7
    assert 0 <= mark.frame < FRAMES


@pytest.mark.parametrize(
    "other",
    [
        {"last": 60},
        {"left": 60, "right": 480, "top": 700, "bottom": 760},
        {"left": 0, "right": 300, "top": 0, "bottom": 220},
        {"left": 220, "right": 320},
        {"kind": "label"},
    ],
    ids=["comes and goes", "a caption", "a banner", "top middle", "on the product"],
)
def test_captions_banners_and_labels_are_none(other):
    assert marks(track(**other)) == []


def test_it_is_refused_until_somebody_says_whose_footage_it_is():
    found = marks(track())
    with pytest.raises(RightsUnstated, match=r"soap__hero .*“@studio” \(track 7, see frame 49\).*\"rights\""):
        check_rights("soap__hero", "unstated", found)
    check_rights("soap__hero", "owned", found)
    check_rights("soap__hero", "licensed", found)
    check_rights("soap__hero", "unstated", [])
