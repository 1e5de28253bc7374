def test_one_ad_becomes_ranked_variants_under_results(project):
    outcome = project.write(["v0"]).run()
    assert outcome.failed == {}
    folder = project.folder / "results" / "soap" / "v0"
    assert len(list(folder.glob("*.mp4"))) == 2
