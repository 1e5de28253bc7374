"""Hooks in type: shaping, fitting, designs, places, time on screen and contrast."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.algorithms.framing import safe_box
from adcraft_resources.errors import CopyRefused
from adcraft_resources.typography.fonts import drawable, font_file, main_script, split_runs
from adcraft_resources.typography.lines import Face, Line, fit_lines
from adcraft_resources.typography.lives import HookLife
from adcraft_resources.typography.treatments import TREATMENTS, Backdrop, draw_treatment
from adcraft_resources.typography.typesetter import Typesetter
from adcraft_resources.variants import TREATMENTS as PLANNED
from adcraft_resources.video_codecs import rgb_of, yuv_of

HOOKS = {
    "en": "Your skin called. It's thirsty",
    "hi": "दाग नहीं, बस निखरी त्वचा!",
    "ar": "بشرتك تستحق الأفضل",
    "ta": "உங்கள் சருமம் ஒளிரட்டும்",
    "mixed": "Turmeric साबुन सिर्फ़ ₹99",
}
SIZE = (640, 360)


def backdrop(kind, tick=0):
    rng = np.random.default_rng(tick)
    if kind == "bright":
        return np.full((*SIZE, 3), 245, np.uint8)
    if kind == "dark":
        return np.full((*SIZE, 3), 14, np.uint8)
    blocks = rng.integers(0, 256, (SIZE[0] // 20, SIZE[1] // 20, 3), dtype=np.uint8)
    return np.kron(blocks, np.ones((20, 20, 1), np.uint8))


def set_hook(text, treatment, frames, avoid=()):
    typesetter = Typesetter(SIZE)
    placed = typesetter.place(text, treatment, frames, avoid)
    return typesetter.render_hook(placed, frames, 30.0, HookLife.of(placed.words, 6.0))


def ink_width(text, **face):
    left, _, right, _ = Line(text, Face(100, 700, **face), rtl=False).ink
    return right - left


def test_every_planned_treatment_can_be_drawn():
    assert tuple(TREATMENTS) == PLANNED


def test_conjuncts_and_joined_letters_are_shaped():
    parts = ink_width("क") + ink_width("ष")
    assert ink_width("क्ष") < 0.9 * parts
    apart = sum(ink_width(letter) for letter in "بشرة")
    assert ink_width("بشرة") < 0.95 * apart
    assert ink_width("கொ") > ink_width("க") + 20


def test_runs_take_the_font_of_their_script_and_latin_inside_keeps_it():
    (run,) = split_runs("निखरी त्वचा 100%")
    assert run.font == font_file("Devanagari")
    assert main_script("Turmeric साबुन") == "Devanagari"
    price, words = split_runs("₹99 فقط")
    assert price.text == "₹99"
    assert words.text == " فقط"
    assert words.font == font_file("Arabic")


def test_signs_without_a_glyph_are_left_out_and_named():
    text, dropped = drawable("Glow \U000f1234 now")
    assert text == "Glow now"
    assert dropped == ["\U000f1234"]


@pytest.mark.parametrize(
    "text", ["Glow 🔥", "दमकती त्वचा ✨", "بشرة نضرة 🌿", "பளபளப்பான ❤️", "Mum approved 👩‍🍳", "Yes 👍🏽"]
)
def test_emoji_are_kept_and_drawn_beside_every_script(text):
    kept, dropped = drawable(text)
    assert (kept, dropped) == (text, [])
    *_, sign = split_runs(kept)
    assert sign.font == font_file("Emoji")
    words = " ".join(text.split(" ")[:-1])
    with_sign, without = (fit_lines(one, (400, 4000), 100, 700)[0].ink for one in (kept, words))
    assert with_sign[2] > without[2] + 60


def test_joined_emoji_are_one_sign():
    joined, apart = (Line(text, Face(100, 700), rtl=False).advance for text in ("👩‍🍳", "👩🍳"))
    assert joined < 0.7 * apart


def test_control_characters_do_not_reach_the_picture():
    assert drawable("Glow\u202e\n now\x07")[0] == "Glow now"


def test_letters_without_a_font_are_refused_with_the_remedy():
    with pytest.raises(CopyRefused, match="Install"):
        drawable("𐎀𐎁")
    with pytest.raises(CopyRefused, match="nothing to draw"):
        drawable("  ")


@given(
    st.text(st.sampled_from("abcdefgh iklmno'"), min_size=1, max_size=48).filter(lambda t: t.strip(" '")),
    st.integers(60, 400),
    st.integers(100, 700),
)
@settings(max_examples=25, deadline=None)
def test_lines_are_at_most_two_and_fit_their_room(text, height, width):
    lines = fit_lines(drawable(text)[0], (height, width), 110, 900)
    assert len(lines) <= 2
    assert max(line.ink[2] - line.ink[0] for line in lines) <= width + 2


def test_two_lines_are_balanced():
    first, second = fit_lines("Your skin called. It's thirsty", (300, 500), 110, 900)
    assert 0.6 < first.advance / second.advance < 1.7


def test_a_word_too_long_is_condensed_then_broken_once():
    (one,) = fit_lines("Sensational", (200, 420), 110, 900)
    assert one.face.size > 40
    lines = fit_lines("Feuchtigkeitspflegeseifenverpackung", (200, 500), 110, 900)
    assert next(line.text[-1] for line in lines) == "-"
    assert "".join(line.text for line in lines).replace("-", "") == "Feuchtigkeitspflegeseifenverpackung"


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("language", HOOKS)
def test_designs_stay_in_their_room(treatment, language):
    text, _ = drawable(HOOKS[language])
    art = draw_treatment(treatment, text, (160, 300), 60, Backdrop())
    assert art.box[2] <= 300
    assert art.box[3] <= 160
    assert art.ink.any()
    assert art.ground.any()


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("kind", ["bright", "dark", "busy"])
def test_contrast_holds_over_the_whole_life_of_a_hook(treatment, kind):
    overlay = set_hook(HOOKS["en"], treatment, [backdrop(kind)])
    for tick in range(overlay.ticks):
        overlay.measure(overlay.lay(yuv_of(backdrop(kind, tick)), tick), tick)
    assert len(overlay.contrasts) >= overlay.entry_ticks + overlay.exit_ticks
    assert min(overlay.contrasts) >= 4.5


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("language", HOOKS)
def test_hooks_stand_inside_the_safe_box(treatment, language):
    overlay = set_hook(HOOKS[language], treatment, [backdrop("busy")])
    x, y, w, h = overlay.box
    left, top, wide, high = safe_box(*SIZE)
    assert left <= x
    assert x + w <= left + wide
    assert top <= y
    assert y + h <= top + high


def test_a_hook_does_not_cover_a_face_it_can_avoid():
    face = (0.3, 0.15, 0.4, 0.25)
    overlay = set_hook("Glow starts here", "plate", [backdrop("dark")], [(face, 1.0)])
    _, y, _, _ = overlay.box
    assert y >= (face[1] + face[3]) * SIZE[0] - 1


@given(
    st.integers(1, 9),
    st.floats(0.5, 30),
    st.lists(st.floats(0.1, 6), max_size=4).map(sorted),
    st.sampled_from([10, 23.976, 25, 30]),
)
def test_a_hook_is_shown_long_enough_to_be_read_whatever_the_cuts(words, clip_s, cuts, fps):
    cuts_s = [at for at in cuts if at < clip_s]
    life = HookLife.of(words, clip_s, cuts_s)
    assert life.end_s <= clip_s
    read_s = (life.ticks(fps) - life.exit_ticks(fps)) / fps
    assert read_s >= min(max(1.2, words / 3), clip_s) - 0.5 / fps
    assert life.over_cuts_s == tuple(at for at in cuts_s if at < life.end_s)


@pytest.mark.parametrize(
    ("words", "cut_s", "end_s", "exit_s"),
    [
        (5, 2.0, 2.0, 0.2),  # its exit is over when the picture cuts
        (5, 1.8, 1.8, 0.133),  # a shorter exit
        (5, 1.7, 1.7, 0.033),
        (6, 2.0, 2.0, 0.0),  # it goes with the cut
        (5, 1.6, 2.133, 0.2),  # too early to have read it: it stays over the cut
        (5, 2.2, 2.133, 0.2),  # it is gone anyway
        (2, 1.2, 1.2, 0.0),
    ],
)
def test_a_hook_ends_with_its_shot_where_it_can_be_read_by_then(words, cut_s, end_s, exit_s):
    life = HookLife.of(words, 8.0, [cut_s])
    assert (life.end_s, life.exit_s) == pytest.approx((end_s, exit_s), abs=0.001)
    assert bool(life.over_cuts_s) == (cut_s < end_s)
    assert life.ticks(30) <= round(cut_s * 30) or life.over_cuts_s
    assert life.exit_ticks(30) in (0, *range(3, 7))


def test_a_hook_that_goes_with_the_cut_is_whole_in_its_last_picture():
    typesetter, picture = Typesetter(SIZE), yuv_of(backdrop("dark"))
    placed = typesetter.place("Glow starts here", "marker", [backdrop("dark")])
    overlay = typesetter.render_hook(placed, [backdrop("dark")], 30.0, HookLife.of(3, 8.0, [1.2]))
    assert overlay.ticks == 36
    assert np.array_equal(overlay.lay(picture, 35).y, overlay.rest(picture).y)
    assert overlay.lay(picture, 36) is picture


def test_a_hook_changes_no_pixel_after_it_is_gone_nor_outside_its_drawing():
    overlay = set_hook("Why wait?", "card", [backdrop("busy")])
    picture = yuv_of(backdrop("busy"))
    assert overlay.lay(picture, overlay.ticks) is picture
    resting = overlay.lay(picture, overlay.entry_ticks + 2)
    height, width = overlay.art.alpha.shape
    changed = np.argwhere(resting.y != picture.y)
    assert changed[:, 0].min() >= overlay.y
    assert changed[:, 0].max() < overlay.y + height
    assert changed[:, 1].min() >= overlay.x
    assert changed[:, 1].max() < overlay.x + width


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_entering_eases_out_and_rest_is_still(treatment):
    overlay = set_hook(HOOKS["en"], treatment, [backdrop("dark")])
    picture = yuv_of(backdrop("dark"))
    shown = [overlay.lay(picture, tick).y.astype(int) for tick in range(overlay.entry_ticks + 6)]
    steps = [np.abs(b - a).mean() for a, b in itertools.pairwise(shown)]
    assert steps[0] > steps[overlay.entry_ticks - 2]
    assert max(steps[overlay.entry_ticks :]) == 0


def test_the_same_hook_is_drawn_to_the_same_bytes():
    picture = yuv_of(backdrop("busy"))
    one, other = (set_hook(HOOKS["hi"], "marker", [backdrop("busy")]).lay(picture, 3) for _ in range(2))
    assert np.array_equal(one.y, other.y)
    assert np.array_equal(one.u, other.u)


def test_white_type_gets_a_dark_ground_on_bright_pictures():
    bright, dark = (
        rgb_of(set_hook("Why wait?", "plate", [f]).rest(yuv_of(f)))
        for f in (backdrop("bright"), backdrop("dark"))
    )
    x, y, w, h = set_hook("Why wait?", "plate", [backdrop("dark")]).box
    inside = slice(y + 6, y + h - 6), slice(x + 6, x + w - 6)
    assert np.median(bright[inside]) < 60
    assert np.median(dark[inside]) > 200
