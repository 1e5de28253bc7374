"""The asset `placed_variants`: an ad's delivered variants in the shapes the placements ask for.

Made when somebody asks for it (`adcraft export`, or Materialize in the UI), not every night: most variants are never
booked. Belongs here: which variants, keeping what is made. Does not: any pixel, or the folder people get (exports).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from adcraft_assets.approvals import approvals_of
from adcraft_assets.checks import specs_of, upstream_of, verdicts_of
from adcraft_assets.chunks import CHUNK, Made, make_chunk
from adcraft_assets.evidence import pictures, table
from adcraft_assets.partitions import Ad, Catalog, video_partitions
from adcraft_assets.placement import step_of
from adcraft_assets.settings import Settings
from adcraft_resources.algorithms.looks import sort_looks
from adcraft_resources.cleaning import MEZZANINE
from adcraft_resources.errors import ContentRefused, StoreDamaged
from adcraft_resources.placements import (
    VERSION,
    PlacedAd,
    file_names,
    place_variant,
    product_text,
    survey_subjects,
)
from adcraft_resources.programmes import Programme
from adcraft_resources.progress import Progress
from adcraft_resources.provenance import stamp
from adcraft_resources.shot_lists import look_keys, read_shot_list
from adcraft_resources.signing import ContentSigner, load_signer, read_credentials
from adcraft_resources.store import Bundle, BundleStore, Draft, digest_of
from adcraft_resources.stylists import ImageStylist, Style
from adcraft_resources.text_detectors import load_tracks
from adcraft_resources.variants import VariantPlan
from adcraft_resources.video_codecs import (
    Mastering,
    audio_offset_ms,
    inspect_delivery,
    master_sound,
    probe_video,
)

PLACED = "placed"
"""Kind of the bundles that hold one variant's files; a partition's bundle names them by digest."""


@dg.asset(
    deps=["ranked_outputs", "cleaned_frames", "keyframes", "ocr_masks", "source_video"],
    partitions_def=video_partitions,
    backfill_policy=CHUNK,
    group_name="deliver",
    kinds={"opencv", "video"},
    owners=["team:creative"],
    code_version=VERSION,
    op_tags=step_of("flux"),
    check_specs=specs_of("placed_variants"),
)
def placed_variants(
    context: dg.AssetExecutionContext,
    catalog: Catalog,
    store: BundleStore,
    stylist: ImageStylist,
    progress: Progress,
) -> dg.MaterializeResult:
    """The delivered variants as 9:16, 4:5 and 1:1, each with its hook laid out anew and its sound at -14 LUFS.

    Every shape is rendered from the cleaned ad, so no picture is encoded twice and no hook is cropped.
    """
    settings = catalog.settings()

    def make(key: str) -> Made:
        passing = approvals_of(catalog, settings).passing
        signer = load_signer(settings.c2pa, catalog.folder)
        work = _Work.of(store, catalog.ad(key), settings, stylist, signer)
        chosen = set(passing(key, work.ranked))
        variants = {name: bundle for name, bundle in work.variants.items() if name in chosen}

        def fill(draft: Draft) -> None:
            placed = work.place(variants, progress)
            draft.manifest["variants"] = {name: bundle.digest for name, bundle in placed.items()}
            draft.manifest["figures"] = {
                "variants": {name: dict(bundle.figures) for name, bundle in placed.items()}
            }

        identity = {name: work.identity(bundle) for name, bundle in variants.items()}
        bundle, reused = store.ensure(
            "placed_variants", key, {"variants": identity, "version": VERSION}, fill
        )
        if reused and any(
            store.find(PLACED, key, digest) is None for digest in bundle.manifest["variants"].values()
        ):
            work.place(variants, progress)
        return Made(bundle, reused, _shown(bundle, store), verdicts_of(bundle, settings.gates))

    return make_chunk(context, make)


@dataclass(frozen=True)
class _Work:
    """All an ad's placements are made of."""

    store: BundleStore
    ad: Ad
    settings: Settings
    stylist: ImageStylist
    ranked: list[Mapping[str, Any]]
    cleaned: Bundle
    stills: Bundle
    masks: Bundle
    source: Bundle
    signer: ContentSigner | None

    @classmethod
    def of(
        cls,
        store: BundleStore,
        ad: Ad,
        settings: Settings,
        stylist: ImageStylist,
        signer: ContentSigner | None,
    ) -> "_Work":
        ranked = upstream_of(store, "ranked_outputs", ad.key).read_json("ranking.json")["ranked"]
        cleaned = upstream_of(store, "cleaned_frames", ad.key, settings.gates)
        stills, masks = upstream_of(store, "keyframes", ad.key), upstream_of(store, "ocr_masks", ad.key)
        source = upstream_of(store, "source_video", ad.key)
        return cls(store, ad, settings, stylist, ranked, cleaned, stills, masks, source, signer)

    @property
    def variants(self) -> dict[str, Bundle]:
        """The delivered variants in rank order."""
        found = {}
        for one in self.ranked:
            bundle = self.store.find("variants", self.ad.key, one["digest"])
            if bundle is None:
                raise StoreDamaged(
                    f"{self.ad.key} lacks the variant {one['id']}.",
                    remedy="Materialize styled_variants and ranked_outputs again.",
                )
            found[one["id"]] = bundle
        return found

    def identity(self, variant: Bundle) -> dict[str, Any]:
        """What one variant's files depend on."""
        return {
            "variant": variant.digest,
            "placements": self.settings.placements.model_dump(mode="json"),
            "product_text": list(self.ad.product.protected_text),
            "version": VERSION,
            **({} if self.signer is None else {"certificate": self.signer.fingerprint}),
        }

    def place(self, variants: Mapping[str, Bundle], progress: Progress) -> dict[str, Bundle]:
        """Return the bundles with each variant's files; only what is not in the store is rendered."""
        key = self.ad.key
        digests = {name: digest_of(self.identity(bundle)) for name, bundle in variants.items()}
        kept = {name: self.store.find(PLACED, key, digest) for name, digest in digests.items()}
        missing = [name for name, bundle in kept.items() if bundle is None]
        if missing:
            with progress.stage(key, "placed_variants", len(missing)) as on_count:
                made = self._render({name: variants[name] for name in missing}, digests, on_count)
            kept |= made
        return {name: bundle for name, bundle in kept.items() if bundle is not None}

    def _render(
        self, variants: Mapping[str, Bundle], digests: Mapping[str, str], on_count: Any
    ) -> dict[str, Bundle]:
        video, shot_list = self.cleaned.file(MEZZANINE), read_shot_list(self.stills)
        tracks = load_tracks(self.masks.path)
        named = product_text(tracks, self.ad.product.protected_text)
        sightings = survey_subjects(video, shot_list.shots, named)
        plans = {name: VariantPlan.from_dict(dict(one.manifest["plan"])) for name, one in variants.items()}
        asked = {
            name: (Style.model_validate(one.manifest["style"]), plans[name].seed)
            for name, one in variants.items()
        }
        looks, refused = sort_looks(
            self.stylist.develop_in_turn(asked, look_keys(video, shot_list), shot_list.shots)
        )
        variants = {name: one for name, one in variants.items() if name in looks}
        programmes = {name: Programme.of_variant(one.figures) for name, one in variants.items()}
        sounds = {one: self._master(video, one, place) for place, one in enumerate(set(programmes.values()))}
        ads = {
            one: PlacedAd(video, shot_list.shots, tracks, sightings, sound, one)
            for one, (sound, _) in sounds.items()
        }
        placed = {}
        for count, (name, variant) in enumerate(variants.items(), 1):
            identity = {"identity": self.identity(variant)}
            programme = programmes[name]
            with self.store.draft(PLACED, self.ad.key, digests[name], identity, point=False) as draft:
                figures = place_variant(
                    ads[programme],
                    plans[name],
                    looks[name],
                    draft.folder,
                    first_frame=self.settings.first_frame_optimizer,
                    settings=self.settings.placements,
                )
                draft.manifest["figures"] = {
                    shape: self._finished(one, draft.folder, shape, variant, sounds[programme][1])
                    for shape, one in figures.items()
                }
                draft.manifest["ai_disclosure"] = variant.manifest["ai_disclosure"]
            assert draft.published is not None  # noqa: S101  # a draft that ended well is published
            placed[name] = draft.published
            on_count(count)
        for ad in ads.values():
            ad.close()
        for sound, _ in sounds.values():
            sound.unlink(missing_ok=True)
        _fail_for(refused)  # what was placed is kept: the next call goes on with it
        return placed

    def _master(self, video: Path, programme: Programme, place: int) -> tuple[Path, Mastering]:
        """Write the ad's sound as a programme has it, once for all its variants and shapes."""
        asked = self.settings.placements
        sound = self.store.working_folder(f"sound-{self.ad.key}") / f"sound-{place}.wav"
        mastered = master_sound(
            programme.sound_of(video),
            sound,
            duration_s=programme.length_s(probe_video(video).duration_s),
            lufs=asked.loudness_lufs,
            true_peak_dbtp=asked.true_peak_dbtp,
        )
        return sound, mastered

    def _finished(
        self, figures: Mapping[str, Any], folder: Path, shape: str, variant: Bundle, mastered: Mastering
    ) -> dict[str, Any]:
        """Stamp a shape's files and return its figures, with sound and length against the cleaned ad's."""
        files = file_names(shape)
        video, poster = folder / files["video"], folder / files["poster"]
        said = stamp(video, poster, variant.manifest["ai_disclosure"])
        signed = self._signed(video, poster, variant.manifest["ai_disclosure"])
        probe: dict[str, Any] = {**(inspect_delivery(video) if signed else figures["probe"])}
        off = float(probe["video_duration_s"]) - float(figures["expected_s"])
        shown = Programme.of_variant(variant.figures).sound_of(self.cleaned.file(MEZZANINE))
        lag = audio_offset_ms(shown, video)
        told = {**probe, "sound_lag_ms": lag, "duration_off_s": round(off, 4)}
        return {
            **figures,
            **({"credentials": signed} if signed else {}),
            "probe": told,
            "provenance": said,
            "silent": mastered.source.is_silent,
            "sound": {"source_lufs": mastered.source.integrated_lufs, "gain_db": mastered.gain_db},
        }

    def _signed(self, video: Path, poster: Path, disclosure: Mapping[str, Any]) -> dict[str, Any]:
        """Sign both files, last of all that is done to them; return what reading them back finds."""
        if self.signer is None:
            return {}
        source = self.source.file(self.source.manifest["file"])
        for path in (video, poster):
            self.signer.sign(path, source, f"{self.ad.video.id}{source.suffix}", disclosure)
        return {"video": read_credentials(video), "poster": read_credentials(poster)}


def _fail_for(refused: Mapping[str, str]) -> None:
    if refused:
        told = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        raise ContentRefused(
            f"The content filter refuses what was delivered before. {told}.",
            remedy="Materialize styled_variants and ranked_outputs again: others take their place.",
        )


def _shown(bundle: Bundle, store: BundleStore) -> Mapping[str, Any]:
    rows, zones, posters = [], {}, {}
    for name, digest in bundle.manifest["variants"].items():
        placed = store.find(PLACED, bundle.key, digest)
        for shape, one in bundle.figures["variants"][name].items():
            files = file_names(shape)
            if placed is not None:
                posters[f"{name} {shape}"] = placed.file(files["poster"])
                zones[f"{name} {shape}"] = placed.file(files["zones"])
            rows.append(
                {
                    "variant": name,
                    "shape": shape,
                    "border": any(window["border"] for window in one["windows"]),
                    "moves": any(window["moves"] for window in one["windows"]),
                    "saliency lost": max(window["saliency_lost"] for window in one["windows"]),
                    "scale": one["scale"],
                    "LUFS": one["loudness_lufs"],
                    "MB": one["probe"]["size_bytes"] / 1e6,
                }
            )
    return {"first_frames": pictures(posters), "clear_boxes": pictures(zones), "placements": table(rows)}
