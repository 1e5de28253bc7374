from adcraft_assets.identities import VERSIONS, brief_of, keyframes_identity
from adcraft_assets.partitions import ads_of
from adcraft_assets.settings import parse_settings
from adcraft_resources.encoders import EmbeddedEncoder, SiglipEncoder

MASKS = {
    "tracks": [
        {"kind": "label", "text": "Skin whitening soap"},
        {"kind": "overlay", "text": "Guaranteed fairness"},
    ]
}


def the_ad(pictures="warn", market=""):
    product = {"id": "soap", "market": market, "videos": ["https://x.example/ad.mp4"]}
    settings = parse_settings({"products": [product], "policy": {"pictures": pictures}}, origin="config.json")
    return next(iter(ads_of(settings).values())), settings


def test_the_copywriter_is_told_the_markets_name():
    ad, settings = the_ad(market="in")
    assert brief_of(ad, MASKS, settings, None).market == "India"


def test_a_model_that_chooses_frames_enters_identities_and_a_formula_does_not():
    source, siglip = (
        {"digest": "d"},
        SiglipEncoder(checkpoint="google/siglip-so400m-patch14-384", weights="w"),
    )
    plain = keyframes_identity(source, the_ad()[0], EmbeddedEncoder())
    chosen = keyframes_identity(source, the_ad()[0], siglip)
    assert plain == {"source": "d", "version": VERSIONS["keyframes"]}
    assert chosen["chosen_by"][0].startswith("SiglipEncoder siglip-1")
    assert siglip.chooser("generic") is not None
    assert EmbeddedEncoder().chooser("generic") is None
