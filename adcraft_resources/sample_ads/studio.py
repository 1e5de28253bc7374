"""The studio: product shots drawn as a photographer would light them.

Belongs here: light and shade. Does not: shapes (geometry.py), materials (surfaces.py), words (labels.py), the lens and
the film (darkroom.py).
One sun through leaves, a sky, contact shadows and the colour a product throws on its surroundings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Frame
from adcraft_resources.sample_ads.darkroom import develop, through_lens
from adcraft_resources.sample_ads.geometry import Camera, Solid, Vectors, unit
from adcraft_resources.sample_ads.noise import Plane, noise_tile, read_at, sample
from adcraft_resources.sample_ads.surfaces import (
    Colour,
    Floor,
    Powder,
    Print,
    floor_colour,
    leaf_shadow,
    powder_height,
    soap_colour,
)

_LEAF_TILE = 2.6
_SHADOW_STEPS = 10
_POUR_STEPS = 12
_GLOW_REACH = 1.0
_PENUMBRA = 0.22
_FARTHEST = 14.0


@dataclass(frozen=True)
class Block:
    """A solid with a colour (linear light), a gloss, and artwork on its faces; `waxy` ones let light through."""

    solid: Solid
    colour: Colour
    gloss: float = 0.5
    waxy: bool = True
    prints: tuple[Print, ...] = ()


@dataclass(frozen=True)
class Scene:
    """A product shot."""

    camera: Camera
    floor: Floor
    blocks: tuple[Block, ...]
    powders: tuple[Powder, ...] = ()
    sun: tuple[float, float, float] = (-0.55, 0.72, 0.22)
    sun_colour: Colour = (3.3, 2.75, 2.1)
    sky_colour: Colour = (0.55, 0.60, 0.72)
    leaves: int | None = 31
    exposure: float = 0.62
    haze: Colour = (0.9, 0.72, 0.5)

    def sunward(self) -> Vectors:
        """Unit direction to the sun, (3,)."""
        sun = np.array(self.sun, np.float32)
        return sun / np.float32(np.linalg.norm(sun))


def photograph(scene: Scene) -> Frame:
    """Draw the scene at its camera's size."""
    light, depth = _floor_picture(scene)
    for block in scene.blocks:
        _add_block(scene, block, light, depth)
    focus = float(np.linalg.norm(np.subtract(scene.camera.target, scene.camera.eye)))
    return develop(through_lens(light, depth, focus, scene.haze), scene.exposure)


def _floor_picture(scene: Scene) -> tuple[NDArray[np.floating[Any]], Plane]:
    """Light from the floor and its powder, (h, w, 3), and its distance; shaded at full size, shadows at half."""
    camera = scene.camera
    height, width = camera.size
    rays = camera.rays((0, height, 0, width)).reshape(-1, 3)
    eye = np.array(camera.eye, np.float32)
    depth = np.minimum(-eye[1] / np.minimum(rays[:, 1], -1e-3), _FARTHEST)
    x, z = eye[0] + depth * rays[:, 0], eye[2] + depth * rays[:, 2]
    colour, gloss = floor_colour(scene.floor, x, z)
    lean = np.zeros((len(x), 2), np.float32)
    for heap in scene.powders:
        _pour(heap, eye, rays, depth, colour, gloss, lean)
    direct, ambient, bounce = _floor_light(scene)
    sun = scene.sunward()
    facing = np.clip(sun[1] - lean[:, 0] * sun[0] - lean[:, 1] * sun[2], 0, None)
    facing /= np.sqrt(1 + np.einsum("ij,ij->i", lean, lean))
    light = bounce + ambient[:, None] * np.array(scene.sky_colour, np.float32)
    light += (facing * direct)[:, None] * np.array(scene.sun_colour, np.float32)
    light *= colour
    half_way = sun - rays
    shine = half_way[:, 1] / np.sqrt(np.einsum("ij,ij->i", half_way, half_way))
    light += (gloss * direct * shine**60)[:, None] * np.array(scene.sun_colour, np.float32)
    return light.reshape(height, width, 3), depth.reshape(height, width)


def _pour(
    heap: Powder,
    eye: Vectors,
    rays: Vectors,
    depth: Plane,
    colour: NDArray[np.floating[Any]],
    gloss: Plane,
    lean: Vectors,
) -> None:
    """Change depth, colour, gloss and slope in place where rays meet the heap before the floor."""
    x, z = eye[0] + depth * rays[:, 0] - heap.x, eye[2] + depth * rays[:, 2] - heap.z
    wide, behind = 1.5 * heap.spread, 1.5 * heap.spread + 2.5 * heap.height  # beyond, no ray can meet it
    near = np.flatnonzero((np.abs(x) < wide) & (z < wide) & (z > -behind))
    reach = depth[near] - heap.height * 1.2 / np.maximum(-rays[near, 1], 0.05)
    step = (depth[near] - reach) / _POUR_STEPS
    walking = np.arange(len(near))
    for _ in range(_POUR_STEPS):  # walk down the ray until it dips into the heap
        reach[walking] += step[walking]
        points = eye + reach[walking, None] * rays[near[walking]]
        walking = walking[powder_height(heap, points[:, 0], points[:, 2]) <= points[:, 1]]
    met = np.ones(len(near), np.bool_)
    met[walking] = False
    near, reach = near[met], reach[met]
    depth[near] = reach
    x, z = eye[0] + reach * rays[near, 0], eye[2] + reach * rays[near, 2]
    tiny = np.float32(0.006)
    here = powder_height(heap, x, z)
    grain = 0.16 * sample(noise_tile(23, 128, 2, 0.8), x, z, 0.7)
    covered = np.clip(here / 0.006, 0, 1)
    lean[near, 0] = (powder_height(heap, x + tiny, z) - here) / tiny + grain
    lean[near, 1] = (powder_height(heap, x, z + tiny) - here) / tiny - grain
    dust = covered[:, None]
    colour[near] = colour[near] * (1 - dust) + (1 + grain)[:, None] * np.array(heap.colour, np.float32) * dust
    gloss[near] *= 1 - covered


def _floor_light(scene: Scene) -> tuple[Plane, Plane, NDArray[np.floating[Any]]]:
    """Share of the sun and of the sky that reach the floor, and the light blocks throw on it, per pixel (flat)."""
    camera = replace(scene.camera, size=(scene.camera.size[0] // 2, scene.camera.size[1] // 2))
    height, width = camera.size
    rays = camera.rays((0, height, 0, width)).reshape(-1, 3)
    eye = np.array(camera.eye, np.float32)
    points = eye + (-eye[1] / np.minimum(rays[:, 1], -1e-3))[:, None] * rays
    direct, ambient, bounce = _light_at(scene, points, np.array([0, 1, 0], np.float32))
    grow = (scene.camera.size[1], scene.camera.size[0])

    def full(plane: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        large = cv2.resize(plane.reshape(height, width, -1), grow, interpolation=cv2.INTER_LINEAR)
        return large.reshape(grow[0] * grow[1], -1).astype(np.float32, copy=False)

    return full(direct)[:, 0], full(ambient)[:, 0], full(bounce)


def _light_at(
    scene: Scene, points: Vectors, normals: Vectors
) -> tuple[Plane, Plane, NDArray[np.floating[Any]]]:
    """Sun (with leaf and soft block shadows), sky (with contact shadows) and bounced light at points (n, 3)."""
    sun = scene.sunward()
    direct = np.ones(len(points), np.float32)
    if scene.leaves is not None:
        reach = (np.float32(1.6) - points[:, 1]) / sun[1]
        x, z = points[:, 0] + reach * sun[0], points[:, 2] + reach * sun[2]
        direct = sample(leaf_shadow(scene.leaves), x + 2.2, z + 1.4, _LEAF_TILE)
    ambient = np.ones(len(points), np.float32)
    bounce = np.zeros((len(points), 3), np.float32)
    for block in scene.blocks:
        gap = block.solid.distance(points)
        shaded = np.flatnonzero(_may_be_shaded(block.solid, points, sun))
        direct[shaded] *= _soft_shadow(block.solid, points[shaded], sun)
        near = np.flatnonzero(gap < _GLOW_REACH)
        lifted = block.solid.distance(points[near] + 0.16 * (normals if normals.ndim == 1 else normals[near]))
        ambient[near] *= np.clip(0.30 + 0.70 * lifted / 0.16, 0.22, 1)
        glow = 0.34 * np.exp(-np.maximum(gap[near], 0) * 5.5)
        bounce[near] += glow[:, None] * np.array(block.colour, np.float32)
    return direct, ambient, bounce


def _may_be_shaded(solid: Solid, points: Vectors, sun: Vectors) -> NDArray[np.bool_]:
    """Tell which points (n, 3) see the sun past the ball around a block."""
    away = np.array(solid.centre, np.float32) - points
    along = away @ sun
    radius = float(np.linalg.norm(solid.half))
    aside = np.einsum("ij,ij->i", away, away) - along * along
    return (along > -radius) & (aside < (radius + _PENUMBRA) ** 2)


def _soft_shadow(solid: Solid, points: Vectors, sun: Vectors) -> Plane:
    """Share of a soft sun that passes a block on its way to points (n, 3)."""
    lit = np.ones(len(points), np.float32)
    travelled = np.full(len(points), 0.035, np.float32)
    for _ in range(_SHADOW_STEPS):
        gap = solid.distance(points + travelled[:, None] * sun)
        lit = np.minimum(lit, 0.5 + 0.5 * gap * 11 / travelled)
        travelled += np.clip(gap, 0.03, 0.4)
    lit = np.clip(lit, 0, 1)
    return lit * lit * (3 - 2 * lit)


def _add_block(scene: Scene, block: Block, light: NDArray[np.floating[Any]], depth: Plane) -> None:
    """Draw a block over what is behind it, its outline smoothed."""
    top, bottom, left, right = block.solid.box_on(scene.camera)
    rays = scene.camera.rays((top, bottom, left, right)).reshape(-1, 3)
    eye = np.array(scene.camera.eye, np.float32)
    hit, travelled, local = block.solid.trace(eye, rays)
    window = depth[top:bottom, left:right]
    hit &= travelled < window.reshape(-1)
    index = np.flatnonzero(hit)
    shaded = _shade(scene, block, rays[index], local[index])
    shape = (bottom - top, right - left)
    seen = light[top:bottom, left:right]
    over = seen.copy().reshape(-1, 3)
    over[index] = shaded
    solid = hit.reshape(shape).astype(np.float32)
    smooth = cv2.GaussianBlur(solid, (0, 0), 0.8)[:, :, None]
    filled = cv2.GaussianBlur(over.reshape(*shape, 3) * solid[:, :, None], (0, 0), 0.8) / np.maximum(
        smooth, 1e-4
    )
    colour = np.where(solid[:, :, None] > 0, over.reshape(*shape, 3), filled)
    cover = np.clip(smooth * 2 - 0.5, 0, 1)
    light[top:bottom, left:right] = seen * (1 - cover) + colour * cover
    window[hit.reshape(shape)] = travelled[index]


def _shade(scene: Scene, block: Block, rays: Vectors, local: Vectors) -> NDArray[np.floating[Any]]:
    """Light that leaves surface points towards the eye, (n, 3)."""
    turn = block.solid.turn()
    normal = block.solid.normals(local)
    colour = (
        soap_colour(local, block.colour)
        if block.waxy
        else np.tile(np.array(block.colour, np.float32), (len(local), 1))
    )
    for artwork in block.prints:
        colour, normal = _printed(block, artwork, local, colour, normal)
    bump = 0.045 if block.waxy else 0.008
    normal[:, 0] += bump * sample(noise_tile(13, 32, 3), local[:, 0], local[:, 2] + local[:, 1], 0.8)
    normal[:, 2] += bump * sample(noise_tile(14, 32, 3), local[:, 0], local[:, 2] - local[:, 1], 0.8)
    normal = unit(normal) @ turn
    points = block.solid.outwards(local)
    sun = scene.sunward()
    others = replace(scene, blocks=tuple(other for other in scene.blocks if other is not block))
    direct, ambient, bounce = _light_at(others, points, normal)
    wrap = 0.35 if block.waxy else 0.1
    facing = np.clip((normal @ sun + wrap) / (1 + wrap), 0, 1)
    skyward = 0.5 + 0.5 * normal[:, 1]
    ground = 1 - np.exp(-np.maximum(points[:, 1], 0) * 9)
    floor_tone = np.array([0.55, 0.46, 0.36], np.float32)
    lit = (facing * direct)[:, None] * np.array(scene.sun_colour, np.float32)
    lit += (ambient * skyward)[:, None] * np.array(scene.sky_colour, np.float32) + bounce
    lit += ((1 - skyward) * (0.35 + 0.65 * ground))[:, None] * floor_tone
    light = colour * lit
    if block.waxy:
        rim = (1 - np.clip(-np.einsum("ij,ij->i", normal, rays), 0, 1)) ** 2.5
        light += (0.35 * rim * (0.4 + 0.6 * direct))[:, None] * np.array(block.colour, np.float32) * 1.6
    return light + _highlight(scene, block, rays, normal, direct, sun)


def _highlight(
    scene: Scene, block: Block, rays: Vectors, normal: Vectors, direct: Plane, sun: Vectors
) -> NDArray[np.floating[Any]]:
    half_way = unit(sun - rays)
    sharp = np.clip(np.einsum("ij,ij->i", normal, half_way), 0, 1)
    mirror = rays - 2 * np.einsum("ij,ij->i", rays, normal)[:, None] * normal
    window = np.clip((mirror[:, 1] - 0.35) * 1.3, 0, 1) * np.clip(1 - np.abs(mirror[:, 0] + 0.2) * 1.2, 0, 1)
    fresnel = 0.04 + 0.5 * (1 - np.clip(-np.einsum("ij,ij->i", normal, rays), 0, 1)) ** 5
    shine = block.gloss * direct * (0.35 * sharp**38 + 0.9 * sharp**220)
    sky = block.gloss * fresnel * (0.35 + 1.8 * window)
    return shine[:, None] * np.array(scene.sun_colour, np.float32) * 0.55 + sky[:, None] * np.array(
        scene.sky_colour, np.float32
    )


def _printed(
    block: Block, artwork: Print, local: Vectors, colour: NDArray[np.floating[Any]], normal: Vectors
) -> tuple[NDArray[np.floating[Any]], Vectors]:
    """Put artwork on a face: ink over the colour, or letters pressed into the material."""
    up, down = (1, 2) if artwork.face == "top" else (2, 1)
    sign = 1 if artwork.face == "top" else -1
    half = np.float32(block.solid.half[up])
    height, width = artwork.picture.shape[:2]
    x = (local[:, 0] / artwork.size[0] + 0.5) * width - 0.5
    y = (sign * local[:, down] / artwork.size[1] + 0.5) * height - 0.5
    on_face = (local[:, up] > half - block.solid.radius).astype(np.float32)
    texel = read_at(artwork.picture, x, y)
    ink = texel[:, 3].astype(np.float32) / 255 * on_face
    tint = (texel[:, :3].astype(np.float32) / 255) ** np.float32(2.2)
    if not artwork.pressed:
        return colour * (1 - ink)[:, None] + tint * ink[:, None], normal
    soft = cv2.GaussianBlur(artwork.picture[:, :, 3].astype(np.float32) / 255, (0, 0), 2.2)
    slope_x = cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=3)
    slope_y = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3)
    normal = normal.copy()
    for axis, slope, way in ((0, slope_x, 1), (down, slope_y, sign)):
        normal[:, axis] += way * 1.5 * read_at(slope, x, y) * on_face
    return colour * (1 - 0.62 * ink)[:, None], normal
