"""Filling the folder: files by ad and shape, and the sheets beside them.

Belongs here: what lies where. Does not: when it is written (exports), or the sheets' contents.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from adcraft_resources.experiments import ExperimentSettings, write_handover, write_placed_creatives
from adcraft_resources.exports import copy_file
from adcraft_resources.handoff.contact_sheet import FILE as CONTACT
from adcraft_resources.handoff.contact_sheet import contact_sheet
from adcraft_resources.handoff.copy_sheet import FILE as COPY
from adcraft_resources.handoff.copy_sheet import copy_sheet
from adcraft_resources.handoff.guide import FILE as GUIDE
from adcraft_resources.handoff.guide import LOOK_AT, guide
from adcraft_resources.handoff.model import Handoff
from adcraft_resources.store import to_json
from adcraft_resources.thumbnails import write_picture

VERSION: Final = "1"
DISCLOSURE: Final = "ai-disclosure.json"
LICENCES: Final = "licences.csv"


def fill_handoff(folder: Path, handoff: Handoff, settings: ExperimentSettings) -> None:
    """Write everything into an empty folder.

    Raises:
        ValidationError: A row or payload of the test breaks its model.
    """
    for ad in handoff.ads:
        for shape in handoff.placements:
            (folder / ad.video / shape.name).mkdir(parents=True)
            for one in ad.variants:
                video, poster = one.files[shape.name]
                copy_file(video, folder / ad.video / shape.name / f"{one.name}.mp4")
                copy_file(poster, folder / ad.video / shape.name / f"{one.name}.jpg")
        for one in ad.variants:
            for shape, picture in one.looks.items():
                (folder / ad.video / LOOK_AT).mkdir(exist_ok=True)
                copy_file(picture, folder / ad.video / LOOK_AT / f"{one.name}.{shape}.jpg")
        write_handover(folder / ad.video, ad.plan, settings)
        shapes = [(shape.name, shape.width, shape.height) for shape in handoff.placements]
        descriptions = {one.name: one.copy["description"] for one in ad.variants}
        write_placed_creatives(folder / ad.video, ad.plan, shapes, descriptions, settings)
    (folder / COPY).write_text(copy_sheet(handoff), encoding="utf-8-sig")
    (folder / GUIDE).write_text(guide(handoff), encoding="utf-8-sig", newline="")
    told = {one.name: {"source_ad": ad.video, **one.disclosure} for ad in handoff.ads for one in ad.variants}
    (folder / DISCLOSURE).write_text(to_json(told), encoding="utf-8")
    with (folder / LICENCES).open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, ["what", "used for", "licence", "commercial use"])
        writer.writeheader()
        writer.writerows(handoff.licences)
    write_picture(contact_sheet(handoff), folder / CONTACT)
