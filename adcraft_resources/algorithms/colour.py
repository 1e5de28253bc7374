"""Conversions between colour spaces, on float arrays whose last axis holds the three channels.

Belongs here: sRGB, linear light, Oklab, CIELAB, Y'CbCr arithmetic and white balance, all exact and slow enough to be
run on tables rather than frames. Does not: looks, tables, or anything that touches an 8-bit frame.

Video is display-referred: its code values are read with the sRGB curve, as a phone shows them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Matrix, Range

Floats = NDArray[np.floating[Any]]

_RGB_TO_XYZ = np.array(
    [[0.4123908, 0.3575843, 0.1804808], [0.2126390, 0.7151687, 0.0721923], [0.0193308, 0.1191948, 0.9505322]]
)
_WHITE = _RGB_TO_XYZ.sum(1)  # D65
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D65_MIRED = 1e6 / 6504
_CODE_KNEE, _LIGHT_KNEE = 0.04045, 0.0031308  # where sRGB's straight part ends
_LOCUS_KELVIN = 4000, 7000, 25000  # where CIE's formula for daylight begins, changes and ends
# Oklab: B. Ottosson, "A perceptual color space for image processing", 2020.
_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LUMA_WEIGHTS: dict[Matrix, tuple[float, float, float]] = {
    "bt601": (0.299, 0.587, 0.114),
    "bt709": (0.2126, 0.7152, 0.0722),
}


def srgb_to_linear(rgb: Floats) -> Floats:
    """Code values 0..1 to linear light 0..1."""
    return np.where(rgb <= _CODE_KNEE, rgb / 12.92, ((np.maximum(rgb, 0) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: Floats) -> Floats:
    """Linear light to code values; negative light stays negative on the straight part of the curve."""
    return np.where(
        linear <= _LIGHT_KNEE, linear * 12.92, 1.055 * np.maximum(linear, _LIGHT_KNEE) ** (1 / 2.4) - 0.055
    )


def linear_to_oklab(linear: Floats) -> Floats:
    """Linear RGB to Oklab: L 0..1, a and b about -0.4..0.4."""
    return np.cbrt(linear @ _RGB_TO_LMS.T) @ _LMS_TO_LAB.T


def oklab_to_linear(lab: Floats) -> Floats:
    """Oklab to linear RGB, which lies outside 0..1 where the colour is out of gamut."""
    return (lab @ np.linalg.inv(_LMS_TO_LAB).T) ** 3 @ np.linalg.inv(_RGB_TO_LMS).T


def rgb_to_cielab(rgb: Floats) -> Floats:
    """Code values 0..1 to CIELAB (D65): L* 0..100."""
    t = srgb_to_linear(rgb) @ _RGB_TO_XYZ.T / _WHITE
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def cielab_to_rgb(lab: Floats) -> Floats:
    """CIELAB (D65) to code values, outside 0..1 where the colour is out of gamut."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], -1)
    t = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    return linear_to_srgb(t * _WHITE @ np.linalg.inv(_RGB_TO_XYZ).T)


def hue_and_chroma(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Hue in degrees 0..360 and chroma of opponent coordinates (Oklab or CIELAB)."""
    return np.degrees(np.arctan2(b, a)) % 360, np.hypot(a, b)


def hue_difference(after: Floats, before: Floats | float) -> Floats:
    """Signed difference of two hues in degrees, -180..180."""
    return (after - before + 180) % 360 - 180


def white_balance(mired: float) -> Floats:
    """3x3 matrix on linear RGB that makes a D65 picture look lit by daylight `mired` away; above 0 is warmer.

    The new white is taken from the CIE daylight locus and reached by Bradford adaptation; the luminance of a
    neutral grey is kept. Raises ValueError outside the locus (4000 to 25000 K).
    """
    kelvin = 1e6 / (_D65_MIRED + mired)
    if not _LOCUS_KELVIN[0] <= kelvin <= _LOCUS_KELVIN[2]:
        raise ValueError(f"a shift of {mired} mired is {kelvin:.0f} K, off the daylight locus")
    cone = _BRADFORD @ _RGB_TO_XYZ
    gains = (_BRADFORD @ _daylight(kelvin)) / (_BRADFORD @ _daylight(6504))
    matrix = np.linalg.inv(cone) @ np.diag(gains) @ cone
    return matrix / (_RGB_TO_XYZ[1] @ matrix.sum(1))


def _daylight(kelvin: float) -> Floats:
    """XYZ (Y = 1) of CIE daylight."""
    c = (
        (-4.607e9, 2.9678e6, 99.11, 0.244063)
        if kelvin <= _LOCUS_KELVIN[1]
        else (-2.0064e9, 1.9018e6, 247.48, 0.23704)
    )
    x = float(np.polyval(c, 1 / kelvin))
    y = -3 * x * x + 2.87 * x - 0.275
    return np.array([x / y, 1.0, (1 - x - y) / y])


def luma_weights(matrix: Matrix) -> tuple[float, float, float]:
    """Weights of R', G', B' in the luma of `matrix`."""
    return _LUMA_WEIGHTS[matrix]


def ycc_to_rgb(ycc: Floats, matrix: Matrix) -> Floats:
    """Y' 0..1 with Cb and Cr -0.5..0.5 to R'G'B' code values, unclipped."""
    red, green, blue = luma_weights(matrix)
    y, cb, cr = ycc[..., 0], ycc[..., 1], ycc[..., 2]
    r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
    return np.stack([r, (y - red * r - blue * b) / green, b], -1)


def rgb_to_ycc(rgb: Floats, matrix: Matrix) -> Floats:
    """R'G'B' code values to Y' 0..1 with Cb and Cr -0.5..0.5."""
    red, green, blue = luma_weights(matrix)
    y = red * rgb[..., 0] + green * rgb[..., 1] + blue * rgb[..., 2]
    return np.stack([y, (rgb[..., 2] - y) / (2 * (1 - blue)), (rgb[..., 0] - y) / (2 * (1 - red))], -1)


def code_scale(value_range: Range) -> tuple[float, float, float]:
    """(black code, luma span, chroma span) of 8-bit Y'CbCr."""
    return (16.0, 219.0, 224.0) if value_range == "limited" else (0.0, 255.0, 255.0)
