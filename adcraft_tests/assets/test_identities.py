from adcraft_assets.identities import VERSIONS, VariantBasis, brief_of, keyframes_identity
from adcraft_assets.partitions import ads_of
from adcraft_assets.settings import parse_settings
from adcraft_resources.encoders import EmbeddedEncoder, SiglipEncoder
from adcraft_resources.hook_sets import HookSet
from adcraft_resources.stylists import EmbeddedStylist, load_styles
from adcraft_resources.variants import VariantPlan

MASKS = {
    "tracks": [
        {"kind": "label", "text": "Skin whitening soap"},
        {"kind": "overlay", "text": "Guaranteed fairness"},
    ]
}


def the_ad(pictures="warn", market="", **keys):
    product = {"id": "soap", "market": market, "videos": ["https://x.example/ad.mp4"]}
    told = {"products": [product], "policy": {"pictures": pictures}, **keys}
    settings = parse_settings(told, origin="config.json")
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


def test_the_quality_preset_enters_a_variants_identity_where_it_is_not_the_default():
    plan = VariantPlan(
        "a", "plain", 7, HookSet("h", "Glow", "", "", "en", "template", "p"), "plate", "punchy"
    )
    stages = [{"digest": "c"}, {"digest": "s"}, {"digest": "m"}]
    told = {}
    for preset in ("fast", "balanced", "high"):
        _, settings = the_ad(quality_preset=preset)
        styles = {"plain": load_styles()["soft-matte"]}
        told[preset] = VariantBasis.of(*stages, styles, settings, EmbeddedStylist()).of_plan(plan)
    assert "quality" not in told["balanced"]
    assert [told[preset]["quality"] for preset in ("fast", "high")] == ["fast", "high"]
