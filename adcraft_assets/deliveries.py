"""The folder a person gets: `results/<product>/<video>/` with the variants, their order and a gallery.

Belongs here: which files of which bundles go where, and filling the gallery's records from manifests. Does not:
deciding anything, or how the page looks.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from adcraft_assets.approvals import Approvals
from adcraft_assets.cards import experiment_line, gate_card, part_bar, policy_card
from adcraft_assets.checks import upstream_of, verdicts_of
from adcraft_assets.partitions import Ad
from adcraft_assets.settings import Settings
from adcraft_resources.experiments import Candidate, Subject, plan_experiment, write_handover
from adcraft_resources.exports import copy_file, export_folder, is_fresh
from adcraft_resources.gallery import (
    GalleryModel,
    RejectedCard,
    StillCard,
    TextRow,
    VariantCard,
    write_gallery,
)
from adcraft_resources.gates import judge_variant
from adcraft_resources.shot_lists import read_shot_list
from adcraft_resources.signing import ContentSigner, seal_file
from adcraft_resources.store import Bundle, BundleStore, digest_of, to_json
from adcraft_resources.thumbnails import read_picture, write_picture
from adcraft_resources.variant_lanes import POSTER, VIDEO
from adcraft_resources.video_codecs import read_frames

VERSION = "4"
BEFORE_STEM = "before"
SHOWN_STILLS = 12
PLAYABLE = (".mp4", ".m4v", ".mov")
BROWSER_CODECS = ("h264",)


def folder_of(results: Path, ad: Ad) -> Path:
    """Return the folder of an ad's finished variants."""
    return results / ad.product.id / ad.video.id


def deliver(
    store: BundleStore,
    ranking: Bundle,
    ad: Ad,
    settings: Settings,
    results: Path,
    approvals: Approvals,
    signer: ContentSigner | None = None,
) -> bool:
    """Make the ad's folder show `ranking`, of its variants those approved; return whether anything was written.

    While none is approved the folder stays as it is, and all go to the review folder for people to look at, unsigned.
    """
    ranked = ranking.read_json("ranking.json")["ranked"]
    passing = approvals.passing(ad.key, ranked)
    if len(passing) < len(ranked):
        everything = _Sources(store, ranking, ad, settings, [one["id"] for one in ranked])
        identity = delivery_identity(ranking.digest, ad, settings, None)
        export_folder(folder_of(review_folder(results), ad), digest_of(identity), everything.fill)
    if ranked and not passing:
        return False
    shown = passing if approvals.required else None
    seal = signer.fingerprint if signer else ""
    fingerprint = digest_of(delivery_identity(ranking.digest, ad, settings, shown, seal))
    sources = _Sources(store, ranking, ad, settings, passing, signer)
    return export_folder(folder_of(results, ad), fingerprint, sources.fill)


def review_folder(results: Path) -> Path:
    """Return the folder of what waits for approval; beside the results, which hold finished variants only."""
    return results.with_name(f"{results.name}-review")


def delivery_identity(
    ranking: str, ad: Ad, settings: Settings, approved: Sequence[str] | None, seal: str = ""
) -> dict[str, Any]:
    """What an ad's folder depends on, thresholds too: the page shows verdicts."""
    return {
        "ranking": ranking,
        "gates": settings.gates.model_dump(mode="json"),
        "product": ad.product.spoken_name,
        "experiment": settings.experiment.model_dump(mode="json"),
        "version": VERSION,
        **({} if approved is None else {"approved": list(approved)}),
        **({"certificate": seal} if seal else {}),
    }


def is_delivered(
    store: BundleStore, ad: Ad, settings: Settings, results: Path, approvals: Approvals, seal: str = ""
) -> bool:
    """Return whether the ad's folder shows its current ranking, as far as approved, and lacks no file."""
    digest = str(store.current_digest("ranked_outputs", ad.key))
    shown: list[str] | None = None
    if approvals.required:
        ranking = store.current("ranked_outputs", ad.key)
        ranked = ranking.read_json("ranking.json")["ranked"] if ranking else []
        shown = approvals.passing(ad.key, ranked)
        if ranked and not shown:
            return True
    return is_fresh(folder_of(results, ad), digest_of(delivery_identity(digest, ad, settings, shown, seal)))


class _Sources:
    """The bundles a delivered folder is made of."""

    def __init__(
        self,
        store: BundleStore,
        ranking: Bundle,
        ad: Ad,
        settings: Settings,
        shown: Sequence[str],
        signer: ContentSigner | None = None,
    ) -> None:
        self.ad, self.settings, self.ranking, self.signer = ad, settings, ranking, signer
        order = ranking.read_json("ranking.json")
        self.whole = len(shown) == len(order["ranked"])
        self.order: Mapping[str, Any] = {
            **order,
            "ranked": [one for one in order["ranked"] if one["id"] in shown],
        }
        self.variants = {
            one["id"]: store.find("variants", ad.key, one["digest"])
            for one in [*self.order["ranked"], *self.order["rejected"]]
        }
        self.source = upstream_of(store, "source_video", ad.key)
        self.stills = upstream_of(store, "keyframes", ad.key)
        self.masks = upstream_of(store, "ocr_masks", ad.key)
        self.cleaned = upstream_of(store, "cleaned_frames", ad.key)
        self.styled = upstream_of(store, "styled_variants", ad.key)

    def fill(self, folder: Path) -> None:
        """Write the variants, posters, order and gallery into `folder`."""
        pictures = folder / "pictures"
        pictures.mkdir()
        if self.whole:
            for name in ("ranking.json", "ranking.csv"):
                copy_file(self.ranking.file(name), folder / name)
        else:
            (folder / "ranking.json").write_text(to_json(self.order), encoding="utf-8")
        for one in self.order["ranked"]:
            bundle = self._variant(one["id"])
            copy_file(bundle.file(VIDEO), folder / one["file"])
            copy_file(bundle.file(POSTER), (folder / one["file"]).with_suffix(".jpg"))
            self._seal(folder / one["file"], bundle.manifest["ai_disclosure"])
        for one in self.order["rejected"]:
            copy_file(self._variant(one["id"]).file(POSTER), pictures / f"rejected_{one['id']}.jpg")
        for path in self.ranking.path.glob("claim_*.jpg"):
            copy_file(path, pictures / path.name)
        first = read_frames(self.source.file(self.source.manifest["file"]), [0])
        write_picture(first[0], pictures / f"{BEFORE_STEM}.jpg")
        write_handover(folder, self._experiment(), self.settings.experiment)
        write_gallery(folder, self._model(folder, pictures))

    def _seal(self, video: Path, disclosure: Mapping[str, Any]) -> None:
        """Sign a delivered variant and its poster, where there is a certificate: last of all that is done to them."""
        if self.signer is None:
            return
        source = self.source.file(self.source.manifest["file"])
        for path in (video, video.with_suffix(".jpg")):
            named = source, f"{self.ad.video.id}{source.suffix}"
            seal_file(self.signer, path, named, disclosure, resized=False)

    def _experiment(self) -> dict[str, Any]:
        """Plan the test of the variants shown."""
        subject = Subject(
            product=self.ad.product.id,
            video=self.ad.video.id,
            made_on=str(self.ranking.manifest["made_at"])[:10],
            mode=self.settings.variants.mode,
        )
        candidates = [
            Candidate(
                one["id"], one["rank"], one["file"], self._variant(one["id"]).manifest, one.get("policy", {})
            )
            for one in self.order["ranked"]
        ]
        return plan_experiment(subject, candidates, self.settings.experiment)

    def _variant(self, name: str) -> Bundle:
        bundle = self.variants[name]
        if bundle is None:
            raise LookupError(f"variant {name} vanished from the store")
        return bundle

    def _model(self, folder: Path, pictures: Path) -> GalleryModel:
        figures = self.source.figures
        return GalleryModel(
            product=self.ad.product.spoken_name,
            video=self.ad.video.id,
            asked=self.settings.variants_per_video,
            variants=tuple(self._card(one) for one in self.order["ranked"]),
            rejected=tuple(self._rejected(one) for one in self.order["rejected"]),
            keyframes=self._stills(pictures),
            texts=self._texts(),
            gates=tuple(
                gate_card(verdict)
                for bundle in (self.cleaned, self.styled)
                for verdict in verdicts_of(bundle, self.settings.gates)
            ),
            warnings=tuple(self.order["warnings"]),
            facts=(
                ("Size", f"{figures['width']} × {figures['height']}"),
                ("Length", f"{float(figures['duration_s']):.1f} s"),
                ("Profile", self.settings.profile),
                ("Test", experiment_line(self._experiment())),
            ),
            source_video=self._before_video(folder),
            source_poster=f"pictures/{BEFORE_STEM}.jpg",
            rank_by=self.order["rank_by"],
            scorer=self.order["scorer"],
            made_at=str(self.ranking.manifest["made_at"]),
            index="../../index.html",
        )

    def _before_video(self, folder: Path) -> str:
        """Copy the source for the "before" player where browsers can play it; `.m4v`, since `.mp4` means a variant."""
        path = self.source.file(self.source.manifest["file"])
        if path.suffix not in PLAYABLE or self.source.figures["codec"] not in BROWSER_CODECS:
            return ""
        copy_file(path, folder / f"{BEFORE_STEM}.m4v")
        return f"{BEFORE_STEM}.m4v"

    def _card(self, one: Mapping[str, Any]) -> VariantCard:
        bundle, hook = self._variant(one["id"]), one["hook"]
        plan, style = bundle.manifest["plan"], bundle.manifest["style"]
        weights = self.settings.ranking.weights.model_dump()
        total = sum(weights[part["id"]] for part in one["parts"] if part["value"] is not None) or 1.0
        return VariantCard(
            id=one["id"],
            rank=one["rank"],
            score=one["score"],
            title=style["title"],
            intent=style["intent"],
            video=one["file"],
            poster=Path(one["file"]).with_suffix(".jpg").name,
            before=f"pictures/{BEFORE_STEM}.jpg",
            on_screen=hook["on_screen"],
            primary_text=hook["primary_text"],
            headline=hook["headline"],
            language=hook["language"],
            written_by=hook["source"],
            principle=hook["principle"],
            ssim=one["ssim"],
            parts=tuple(part_bar(part, weights[part["id"]] / total) for part in one["parts"]),
            gates=(
                *(gate_card(verdict) for verdict in judge_variant(bundle.figures, self.settings.gates)),
                policy_card(one.get("policy", {})),
            ),
            plan=tuple(
                (name, str(plan[name])) for name in ("style", "treatment", "opening", "seed", "factor")
            ),
        )

    def _rejected(self, one: Mapping[str, Any]) -> RejectedCard:
        title = self._variant(one["id"]).manifest["style"]["title"]
        poster = f"pictures/rejected_{one['id']}.jpg"
        return RejectedCard(one["id"], title, one["reason"], one["verdict"], one["score"], poster)

    def _stills(self, pictures: Path) -> tuple[StillCard, ...]:
        found = read_shot_list(self.stills)
        cards = []
        every = max(1, -(-len(found.keyframes) // SHOWN_STILLS))
        for keyframe, still in list(zip(found.keyframes, found.stills, strict=True))[::every]:
            write_picture(read_picture(still), pictures / still.name, quality=85)
            cards.append(StillCard(f"pictures/{still.name}", keyframe.pts_s, f"shot {keyframe.shot + 1}"))
        return tuple(cards)

    def _texts(self) -> tuple[TextRow, ...]:
        methods = {one["id"]: str(one.get("method", "")) for one in self.cleaned.manifest["removals"]}
        fps = frame_rate(self.source)
        return tuple(
            TextRow(
                text=track["text"],
                removed=track["kind"] == "overlay",
                from_s=track["first_frame"] / fps,
                to_s=(track["last_frame"] + 1) / fps,
                reason=track["reason"],
                method=methods.get(track["id"], ""),
                confidence=track["confidence"],
            )
            for track in self.masks.manifest["tracks"]
        )


def frame_rate(source: Bundle) -> float:
    """Return the frames per second of a `source_video` bundle."""
    return float(Fraction(str(source.figures["fps"])))
