"""`adcraft export` on a real ad: the whole way from ranked variants to what a media buyer gets, and every way it refuses."""

import csv
import io
import json
import shutil
import subprocess
import zipfile

import av
import dagster as dg
import pytest

from adcraft_assets.cards import policy_card
from adcraft_assets.cli import main
from adcraft_assets.definitions import resources_of
from adcraft_resources.handoff import description_of
from adcraft_resources.hook_sets import HookSet, count_graphemes
from adcraft_resources.policies import PolicySettings, review_variant
from adcraft_resources.provenance import FILTERED
from adcraft_resources.signing import KEY_VARIABLE, read_credentials
from adcraft_tests.certificates import issue
from adcraft_tests.credentials_reader import read_independently
from adcraft_tests.graph.conftest import Project

SHAPES = [
    {"name": "9x16", "width": 270, "height": 480},
    {"name": "1x1", "width": 300, "height": 300},
]


@pytest.fixture(scope="module")
def ranked_once(ads, tmp_path_factory):
    """One ad with ranked variants."""
    folder = tmp_path_factory.mktemp("ranked")
    shutil.copy(ads / "v0.mp4", folder / "v0.mp4")
    shutil.copy(ads / "v1.mp4", folder / "v1.mp4")
    with dg.DagsterInstance.ephemeral() as instance:
        project = Project(folder, instance).write(["v0"], placements={"formats": SHAPES}, gates=LONG)
        assert project.run().failed == {}
    return folder


LONG = {"style_ssim": [0.1, 0.9999]}


@pytest.fixture
def home(ranked_once, tmp_path, monkeypatch):
    folder = tmp_path / "project"
    shutil.copytree(ranked_once, folder)
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.chdir(folder)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Project(folder, instance)


def config(home, **changes):
    return home.write(["v0"], placements={"formats": SHAPES}, gates=LONG, **changes)


def ranked(home):
    return (
        resources_of(home.path)["store"]
        .current("ranked_outputs", "soap__v0")
        .read_json("ranking.json")["ranked"]
    )


def test_a_folder_then_a_zip_hold_every_variant_in_every_shape(home, capfd):
    config(home)
    assert main(["export", "--product", "soap", "--experiment", "spring"]) == 0
    folder = home.folder / "exports" / "soap__spring"
    names = [one["file"].removesuffix(".mp4") for one in ranked(home)]
    assert len(names) == 2
    for shape in SHAPES:
        for name in names:
            video = folder / "v0" / shape["name"] / f"{name}.mp4"
            assert video.with_suffix(".jpg").is_file()
            with av.open(str(video)) as container:
                stream = container.streams.video[0]
                assert (stream.width, stream.height) == (shape["width"], shape["height"])
                assert len(container.streams.audio) == 1
                assert float(stream.average_rate) >= 23
            if shutil.which("ffprobe"):
                told = subprocess.run(["ffprobe", "-v", "error", str(video)], capture_output=True, check=True)
                assert not told.stderr
    plan = json.loads((folder / "v0" / "experiment.json").read_text())
    assert plan["campaign_name"].endswith("_soap_spring")
    assert [cell["name"] for cell in plan["cells"]] == names
    sheet = list(csv.DictReader(io.StringIO((folder / "copy-sheet.csv").read_text("utf-8-sig"))))
    assert [row["ad name"] for row in sheet] == names
    assert all(row["description"] and row["headline: fits"] != "TOO LONG" for row in sheet)
    readme = (folder / "README.txt").read_text("utf-8-sig")
    assert "WHAT TO DO" in readme
    assert all(name in readme for name in names)
    assert set(json.loads((folder / "ai-disclosure.json").read_text())) == set(names)
    assert "Apache-2.0" in (folder / "licences.csv").read_text("utf-8-sig")
    assert (folder / "contact-sheet.jpg").stat().st_size > 5000

    before = home.stamps()
    assert main(["export", "--product", "soap", "--experiment", "spring", "--zip"]) == 0
    assert main(["export", "--product", "soap", "--experiment", "spring", "--zip"]) == 0
    assert "nothing had changed" in capfd.readouterr().err
    assert home.stamps() == before
    with zipfile.ZipFile(folder.with_name("soap__spring.zip")) as archive:
        assert archive.testzip() is None
        packed = {one.removeprefix("soap__spring/") for one in archive.namelist()}
    assert packed == {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".adcraft.json"
    }


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["--product", "tea"], "There is no product 'tea'", 2),
        (["--product", "soap", "--video", "v9"], "soap has no video 'v9'. Known: v0", 2),
        (["--product", "soap", "--experiment", "Spring 2026"], "for example spring-2026", 2),
    ],
)
def test_a_wrong_call_names_what_there_is_and_writes_nothing(home, capfd, arguments, words, code):
    config(home)
    assert main(["export", *arguments]) == code
    assert words in capfd.readouterr().err
    assert not (home.folder / "exports").exists()


def test_a_market_without_rules_is_refused_with_those_that_have_some(home, capfd):
    config(home)
    told = json.loads(home.path.read_text())
    told["products"][0]["market"] = "atlantis"
    home.path.write_text(json.dumps(told))
    assert main(["export", "--product", "soap"]) == 2
    said = capfd.readouterr().err
    assert "market 'atlantis'" in said
    assert "in (India)" in said
    assert not (home.folder / "exports").exists()


def test_a_shape_whose_clear_box_is_too_small_for_the_hook_holds_the_export(home, capfd):
    narrow = {"name": "narrow", "width": 270, "height": 480, "clear": [0.39, 0.39, 0.39, 0.39]}
    home.write(["v0"], placements={"formats": [SHAPES[0], narrow]}, gates=LONG)
    assert main(["export", "--product", "soap"]) == 1
    said = capfd.readouterr().err
    assert "narrow" in said
    assert "Shorten it, or give that placement a larger clear box" in said
    assert not (home.folder / "exports").exists()


def test_an_ad_without_ranked_variants_is_named_with_the_remedy(home, capfd):
    home.write(["v0", "v1"], placements={"formats": SHAPES}, gates=LONG)
    assert main(["export", "--product", "soap"]) == 1
    told = capfd.readouterr().err
    assert "soap__v1 has no ranked variants yet" in told
    assert "adcraft run" in told
    assert not (home.folder / "exports").exists()


def test_a_gate_that_says_no_holds_the_whole_export(home, capfd):
    home.write(["v0"], placements={"formats": SHAPES}, gates={**LONG, "placement_s": [30, 60]})
    assert main(["export", "--product", "soap"]) == 1
    assert "allowed are 30 to 60" in capfd.readouterr().err
    assert not (home.folder / "exports").exists()


def test_variants_that_wait_for_approval_do_not_go_out(home, capfd):
    config(home, approval="required")
    assert main(["export", "--product", "soap"]) == 1
    assert "adcraft approve soap__v0" in capfd.readouterr().err
    assert not (home.folder / "exports").exists()
    first = ranked(home)[0]["id"]
    assert main(["approve", "soap__v0", "--variant", first]) == 0
    assert main(["export", "--product", "soap"]) == 0
    videos = list((home.folder / "exports" / "soap").rglob("*.mp4"))
    assert len(videos) == len(SHAPES)


def test_somebody_else_s_file_in_the_way_is_left_alone(home, capfd):
    config(home)
    (home.folder / "exports").mkdir()
    (home.folder / "exports" / "soap.zip").write_text("mine")
    assert main(["export", "--product", "soap", "--zip"]) == 1
    assert "would be replaced" in capfd.readouterr().err
    assert (home.folder / "exports" / "soap.zip").read_text() == "mine"
    assert [path.name for path in (home.folder / "exports").iterdir()] == ["soap.zip"]


def test_descriptions_fit_a_phone_in_any_script():
    for name in (
        "Harbour Coffee",
        "Turmeric & Kojic Acid Soap for Everyday Skin",
        "हल्दी और कोजिक एसिड साबुन रोज़ के लिए",
    ):
        assert 0 < count_graphemes(description_of(name)) <= 27
    assert count_graphemes(description_of("மஞ்சள் மற்றும் கோஜிக் அமில சோப்", "ta")) <= 13
    assert description_of("Turmeric & Kojic Acid Soap for Everyday Skin") == "Turmeric & Kojic Acid Soap"


def test_a_configured_certificate_signs_every_file_and_a_wrong_one_holds_the_export(home, capfd, monkeypatch):
    chain, key = issue()
    (home.folder / "chain.pem").write_bytes(chain)
    config(home, c2pa={"certificate": "chain.pem"})
    monkeypatch.setenv(KEY_VARIABLE, issue()[1].decode())
    assert main(["export", "--product", "soap"]) == 1
    assert "is not that of" in capfd.readouterr().err
    assert not (home.folder / "exports").exists()
    monkeypatch.setenv(KEY_VARIABLE, key.decode())
    assert main(["export", "--product", "soap"]) == 0
    files = [
        *(home.folder / "exports" / "soap" / "v0").rglob("*.mp4"),
        *(home.folder / "exports" / "soap" / "v0").rglob("*.jpg"),
    ]
    assert len(files) == 2 * 2 * len(SHAPES)
    for path in files:
        found = read_credentials(path)
        assert found["state"] == "Valid"
        assert found["source_types"] == [FILTERED]
        assert found["ingredients"] == ["v0.mp4"]
        assert read_independently(path).assertions


def test_a_configured_certificate_signs_the_results_too_and_they_are_signed_once(home, monkeypatch):
    folder = home.folder / "results" / "soap" / "v0"
    assert all(read_credentials(path) is None for path in folder.glob("0*.mp4"))
    chain, key = issue()
    (home.folder / "chain.pem").write_bytes(chain)
    config(home, c2pa={"certificate": "chain.pem"})
    with monkeypatch.context() as without_key:
        without_key.delenv(KEY_VARIABLE, raising=False)
        assert KEY_VARIABLE in home.run().failed["soap__v0"]
    assert all(read_credentials(path) is None for path in folder.glob("0*.mp4"))
    monkeypatch.setenv(KEY_VARIABLE, key.decode())
    assert home.run().failed == {}
    files = [*folder.glob("0*.mp4"), *folder.glob("0*.jpg")]
    assert len(files) == 4
    for path in files:
        found = read_credentials(path)
        assert found["state"] == "Valid"
        assert "c2pa.resized" not in found["actions"]
        assert found["ingredients"] == ["v0.mp4"]
        assert read_independently(path).assertions
    before = {path: path.stat().st_mtime_ns for path in files}
    assert home.run().failed == {}
    assert {path: path.stat().st_mtime_ns for path in files} == before


def test_the_page_of_results_tells_of_the_policy_rules_and_the_test(home):
    page = (home.folder / "results" / "soap" / "v0" / "index.html").read_text()
    assert "no rule objects to any text" in page
    assert "2 cells, " in page
    hook = HookSet("h", "Your dark skin is the problem", "", "", "en", "template", "p")
    review = review_variant(hook, product_type="generic", market="", read_back=[], settings=PolicySettings())
    card = policy_card(review.to_dict())
    assert not card.passed
    assert "on screen" in card.reason
    assert "dark skin" in card.reason
