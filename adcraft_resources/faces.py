"""Where faces are, for measures that must be taken on skin and for hooks that must not cover anyone.

Belongs here: the face cascade and its settings. Does not: what is done with the boxes.

The cascade is one of those in OpenCV's own wheel. scikit-image's LBP file spells a tag in a way OpenCV refuses, and
with that mended it still sees one false face in two frames of real footage, where this one sees none.
"""

from __future__ import annotations

import threading
from importlib import resources

import cv2

from adcraft_resources.algorithms.skin import Box
from adcraft_resources.algorithms.values import Frame

_CASCADE = "haarcascade_frontalface_alt.xml"
_WORK_SIDE = 400  # px of the short side the search runs at: a face of 6 % of it is still 24 px
_SMALLEST = 24  # px at that size: the cascade was trained on 20
_FINE, _COARSE = (1.1, 4), (1.2, 2)
"""The step from one size of face to the next, and overlapping finds that make one. Coarse steps take 0.6 of the CPU; on
59 pictures of six clips they found as many faces and nothing else."""


_here = threading.local()  # a cascade keeps notes while it searches: each thread has its own


def _cascade() -> cv2.CascadeClassifier:
    if not hasattr(_here, "cascade"):
        with resources.as_file(resources.files("cv2").joinpath("data", _CASCADE)) as path:
            _here.cascade = cv2.CascadeClassifier(str(path))
    return _here.cascade


def find_faces(frame: Frame, *, coarse: bool = False) -> list[Box]:
    """Boxes (x, y, width, height) in pixels of the frontal faces of an RGB frame, largest first; maybe none.

    `coarse` is for who looks at many pictures and can miss a face in one.
    """
    step, neighbours = _COARSE if coarse else _FINE
    scale = min(1.0, _WORK_SIDE / min(frame.shape[:2]))
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    found = _cascade().detectMultiScale(
        cv2.equalizeHist(small), scaleFactor=step, minNeighbors=neighbours, minSize=(_SMALLEST, _SMALLEST)
    )
    boxes: list[Box] = []
    for rectangle in found:
        x, y, width, height = (round(float(side) / scale) for side in rectangle)
        boxes.append((x, y, width, height))
    return sorted(boxes, key=lambda box: (-box[2] * box[3], box))
