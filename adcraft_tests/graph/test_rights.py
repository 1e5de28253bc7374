import dagster as dg

from adcraft_assets.partitions import ads_of
from adcraft_assets.settings import load_settings


def test_a_mark_in_the_corner_stops_the_ad_before_it_is_cleaned_and_its_page_shows_the_frame(project):
    mark = {"x": 0.8, "y": 0.02, "w": 0.18, "h": 0.06}
    videos = [{"id": "v0", "url": str(project.folder / "v0.mp4"), "include": [mark]}]
    project.write([], products=[{"id": "soap", "videos": videos}])
    (key,) = ads_of(load_settings(project.path))
    outcome = project.run(assets=("source_video", "keyframes", "ocr_masks", "cleaned_frames"))
    assert "looks like a watermark" in outcome.failed[key]
    assert '"rights"' in outcome.failed[key]
    seen = project.instance.fetch_observations(dg.AssetKey("cleaned_frames"), limit=5).records
    (observed,) = [one.asset_observation for one in seen]
    assert observed.partition == key
    assert "![frame" in observed.metadata["watermark"].md_str
    assert project.instance.get_materialized_partitions(dg.AssetKey("cleaned_frames")) == set()
