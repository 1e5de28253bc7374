"""Content credentials: signed last, read back by the library that checks them, refused where the certificate is wrong."""

import pytest
from cryptography.exceptions import InvalidSignature

from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.provenance import disclose, source_type_of_jpeg, source_type_of_mp4, stamp
from adcraft_resources.signing import (
    KEY_VARIABLE,
    SigningSettings,
    credentials_fault,
    load_signer,
    read_credentials,
)
from adcraft_resources.thumbnails import write_picture
from adcraft_resources.video_codecs import inspect_delivery, read_frames
from adcraft_tests.certificates import issue
from adcraft_tests.credentials_reader import BrokenSealError, read_independently
from adcraft_tests.drawn_videos import Sound, clicks, montage, write_video

FILTERED = disclose({"removal": "EmbeddedInpainter", "style": "EmbeddedStylist"}, "template", {"style": "x"})
MODEL = {"use": "style", "name": "black-forest-labs/FLUX.2-klein-4B", "licence": "Apache-2.0", "duties": []}
GENERATED = disclose(
    {"removal": "EmbeddedInpainter", "style": "FluxStylist"}, "grok-4", {"style": "x"}, [MODEL]
)


@pytest.fixture(scope="module")
def pems():
    return issue()


@pytest.fixture
def signer(pems, tmp_path, monkeypatch):
    (tmp_path / "chain.pem").write_bytes(pems[0])
    monkeypatch.setenv(KEY_VARIABLE, pems[1].decode())
    return load_signer(SigningSettings(certificate="chain.pem"), tmp_path)


@pytest.fixture
def files(tmp_path):
    """A source ad, and a stamped video with its poster."""
    frames = montage([20, 20], size=(96, 64))
    options = {"container_options": {"movflags": "+faststart"}}
    for name in ("source", "video"):
        write_video(tmp_path / f"{name}.mp4", frames, sound=Sound(clicks(1.3, [0.5])), **options)
    write_picture(frames[0], tmp_path / "poster.jpg")
    return tmp_path / "video.mp4", tmp_path / "poster.jpg", tmp_path / "source.mp4"


@pytest.mark.parametrize("disclosure", [FILTERED, GENERATED])
def test_both_files_say_who_made_what_of_which_source_and_nothing_else_changes(signer, files, disclosure):
    video, poster, source = files
    stamp(video, poster, disclosure)
    before, pictures = inspect_delivery(video), read_frames(video, [0, 20, 39])
    for path in (video, poster):
        signer.sign(path, source, "hero.mp4", disclosure)
        found = read_credentials(path)
        assert credentials_fault(found, disclosure["digital_source_type"]) == ""
        assert found["state"] == "Valid"
        assert found["issuer"] == "Drawn advertiser"
        assert found["ingredients"] == ["hero.mp4"]
        assert found["actions"][0] == "c2pa.opened"
        assert "c2pa.filtered" in found["actions"]
    after = inspect_delivery(video)
    assert {**after, "size_bytes": 0, "bit_rate": 0} == {**before, "size_bytes": 0, "bit_rate": 0}
    assert all((read_frames(video, [at])[at] == picture).all() for at, picture in pictures.items())
    assert source_type_of_mp4(video) == source_type_of_jpeg(poster) == disclosure["digital_source_type"]
    assert not [path for path in video.parent.iterdir() if path.name.startswith(".")]


def test_a_changed_byte_breaks_the_seal(signer, files):
    video, _, source = files
    signer.sign(video, source, "hero.mp4", FILTERED)
    data = bytearray(video.read_bytes())
    data[-200] ^= 255
    video.write_bytes(data)
    assert "Invalid" in credentials_fault(read_credentials(video), FILTERED["digital_source_type"])


def test_an_unsigned_file_and_another_claim_are_told(signer, files):
    video, _, source = files
    assert "carries no content credentials" in credentials_fault(read_credentials(video), "x")
    signer.sign(video, source, "hero.mp4", FILTERED)
    assert "do not say" in credentials_fault(read_credentials(video), GENERATED["digital_source_type"])


def test_no_certificate_means_no_signature(tmp_path):
    assert load_signer(SigningSettings(), tmp_path) is None


def test_the_key_may_be_a_file_and_is_never_shown(pems, tmp_path, monkeypatch):
    (tmp_path / "chain.pem").write_bytes(pems[0])
    (tmp_path / "key.pem").write_bytes(pems[1])
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "key.pem"))
    signer = load_signer(SigningSettings(certificate="chain.pem"), tmp_path)
    assert "PRIVATE" not in repr(signer)
    other = load_signer(SigningSettings(certificate="chain.pem", timestamp_url="https://t.example"), tmp_path)
    assert signer.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("no file", "chain.pem can't be read"),
        ("no key", f"{KEY_VARIABLE} is not"),
        ("no pem", "is no PEM that can be read"),
        ("another key", "is not that of"),
        ("expired", "Have it renewed"),
    ],
)
def test_a_wrong_certificate_is_refused_with_the_remedy(pems, tmp_path, monkeypatch, change, told):
    chain, key = issue(days=(-90, -1)) if change == "expired" else pems
    key = issue()[1] if change == "another key" else key
    if change != "no file":
        (tmp_path / "chain.pem").write_bytes(b"-----BEGIN" if change == "no pem" else chain)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    if change != "no key":
        monkeypatch.setenv(KEY_VARIABLE, key.decode())
    with pytest.raises(ConfigInvalid, match=told):
        load_signer(SigningSettings(certificate="chain.pem"), tmp_path)


@pytest.mark.parametrize("name", ["video", "poster"])
def test_an_independent_reader_finds_signature_and_hashes_whole(signer, files, name):
    """By hand, from the specification: no code of the library that signed."""
    video, poster, source = files
    path = video if name == "video" else poster
    stamp(video, poster, GENERATED)
    signer.sign(path, source, "hero.mp4", GENERATED)
    found = read_independently(path)
    assert "Drawn advertiser" in found.signer
    actions = next(told for label, told in found.assertions.items() if label.startswith("c2pa.actions"))[
        "actions"
    ]
    assert actions[0]["action"] == "c2pa.opened"
    assert {one["digitalSourceType"] for one in actions if "digitalSourceType" in one} == {
        GENERATED["digital_source_type"]
    }
    assert [told["dc:title"] for label, told in found.assertions.items() if "ingredient" in label] == [
        "hero.mp4"
    ]
    for at in (-200, len(path.read_bytes()) // 2):
        whole = path.read_bytes()
        spoiled = bytearray(whole)
        spoiled[at] ^= 1
        path.write_bytes(spoiled)
        with pytest.raises((BrokenSealError, InvalidSignature)):
            read_independently(path)
        path.write_bytes(whole)
