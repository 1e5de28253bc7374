"""What arithmetic without rounding makes of a picture: the truth that conversions are held against."""

import cv2
import numpy as np

from adcraft_resources.algorithms import colour


def exact_rgb(picture):
    """R'G'B' codes (h, w, 3) of planes, not rounded."""
    black, luma_span, chroma_span = colour.code_scale(picture.range)
    (height, width), (rows, columns) = picture.size, picture.u.shape
    u, v = (
        cv2.resize(plane.astype(np.float64), (2 * columns, 2 * rows))[:height, :width]
        for plane in (picture.u, picture.v)
    )
    ycc = np.dstack([(picture.y - black) / luma_span, (u - 128) / chroma_span, (v - 128) / chroma_span])
    return np.clip(colour.ycc_to_rgb(ycc, picture.matrix) * 255, 0, 255)
