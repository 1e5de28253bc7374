"""The folder's README: what is in it and what to do with it, in plain words.

Belongs here: the words. Does not: any other file.
"""

from __future__ import annotations

from typing import Final

from adcraft_resources.handoff.model import Handoff, HandoffAd

FILE: Final = "README.txt"
LOOK_AT: Final = "look-at"
"""Folder of the frames in which an interface would cover a face or the product."""


def guide(handoff: Handoff) -> str:
    """Return the text, Windows line ends for whoever opens it there."""
    parts = [
        _head(handoff),
        _folders(handoff),
        _steps(handoff),
        *(_test(ad) for ad in handoff.ads),
        _look_at(handoff),
    ]
    return "\r\n".join("\n".join(parts).splitlines()) + "\r\n"


def _head(handoff: Handoff) -> str:
    count = sum(len(ad.variants) for ad in handoff.ads)
    files = count * len(handoff.placements)
    return (
        f"{handoff.product_name}: {count} ad variants, ready to upload\n"
        f"{'=' * 60}\n"
        f"{files} videos, each with its thumbnail: every variant in "
        f"{', '.join(one.name.replace('x', ':') for one in handoff.placements)}.\n"
        "Open contact-sheet.jpg to see them all on one page.\n"
    )


def _folders(handoff: Handoff) -> str:
    lines = ["WHAT IS HERE", ""]
    for ad in handoff.ads:
        lines.append(f"{ad.video}/            variants of the ad '{ad.video}'")
        for one in handoff.placements:
            shown = f", for {one.shown_in}" if one.shown_in else ""
            lines.append(f"  {one.name}/              {one.width} x {one.height}{shown}")
        if any(one.looks for one in ad.variants):
            lines.append(
                f"  {LOOK_AT}/           frames in which an interface may cover a face or the product"
            )
        lines.append("  experiment.json    the plan of the test")
        if ad.plan.get("cells"):
            lines += [
                "  bulk_upload.csv    for Ads Manager: Import ads",
                "  creatives.json     for the Marketing API, one video an ad",
                "  creatives_by_placement.json   the same with each placement's own shape",
            ]
    lines += [
        "copy-sheet.csv         the words of every ad, with their lengths",
        "licences.csv           what the variants were made with, and under which licence",
        "ai-disclosure.json     how each variant was made, for whoever has to declare it",
        "",
        "A variant has one name everywhere: it is the file's name in each shape, the ad's name, and utm_content.",
        "",
    ]
    return "\n".join(lines)


def _steps(handoff: Handoff) -> str:
    first = handoff.placements[0].name
    return (
        "WHAT TO DO\n\n"
        "1. Look through contact-sheet.jpg. Leave out what you do not want to run.\n"
        f"2. Upload the videos. For an ad with one video take the folder {first}; for Feed beside Stories and Reels\n"
        "   choose the other shapes of the same name under 'Edit placement'.\n"
        "3. Use the .jpg of the same name as the video's thumbnail.\n"
        "4. Import bulk_upload.csv, or copy names and words from copy-sheet.csv. Everything comes in paused.\n"
        "5. Fill in what only you know: page, pixel, budget, countries, and the landing page where it is empty.\n"
        "6. Keep Advantage+ creative enhancements off in every cell: an ad the platform edits is another ad.\n"
        "7. Where the law or the platform asks whether AI was used, answer by ai-disclosure.json.\n"
    )


def _test(ad: HandoffAd) -> str:
    plan = ad.plan
    if not plan.get("ready"):
        return f"THE TEST OF '{ad.video}'\n\nThere is none: {'; '.join(plan.get('why_not', ()))}.\n"
    size = plan["sample_size"]
    cells = "\n".join(
        f"  cell {cell['cell']}: {cell['name']}{' (control)' if cell['is_control'] else ''}"
        for cell in plan["cells"]
    )
    return (
        f"THE TEST OF '{ad.video}'\n\n{plan['hypothesis']}\n\n{cells}\n\n"
        f"Campaign {plan['campaign_name']}; the same budget for each cell; "
        f"{size['per_cell']:,} impressions a cell, at least {size['days']} days.\n{plan['decide']}\n"
    )


def _look_at(handoff: Handoff) -> str:
    notes = [
        f"  {one.name} {shape}: {note}"
        for ad in handoff.ads
        for one in ad.variants
        for shape, told in one.notes.items()
        for note in told
    ]
    audience = sorted(
        {
            f"{note['minimum_age']} and older: {note['why']}"
            for ad in handoff.ads
            for note in ad.plan.get("audience", ())
        }
    )
    lines = ["WORTH A LOOK", "", *(notes or ["  Nothing stood out."])]
    if audience:
        lines += ["", "AUDIENCE", "", *(f"  {one}" for one in audience)]
    return "\n".join(lines) + "\n"
