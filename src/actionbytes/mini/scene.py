"""Scenes of the mini world: eight places, each a wall and a floor with a pattern."""

import cv2
import numpy as np

Colour = tuple[int, int, int]
PLACES: dict[str, tuple[Colour, Colour, str, str]] = {  # wall, floor, pattern of the wall, pattern of the floor
    "gym": ((172, 120, 92), (112, 88, 70), "bricks", "plain"),
    "stadium": ((120, 128, 152), (176, 84, 62), "crowd", "lanes"),
    "field": ((150, 196, 236), (84, 140, 62), "plain", "stripes"),
    "court": ((62, 108, 130), (58, 118, 170), "posts", "lanes"),
    "lawn": ((186, 214, 190), (120, 172, 84), "trees", "plain"),
    "hall": ((214, 200, 168), (190, 148, 96), "stripes", "checks"),
    "pool": ((190, 226, 232), (52, 158, 190), "tiles", "waves"),
    "street": ((138, 134, 138), (92, 92, 96), "windows", "dashes"),
}


def scene_canvas(scene: str, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """A picture (2 * height, 2 * width, 3) uint8 of the scene; the floor begins a little below the middle."""
    wall, floor, above, below = PLACES[scene]
    tall, wide = 2 * height, 2 * width
    horizon = round(height * rng.uniform(1.1, 1.2))
    unit = max(4, round(height * rng.uniform(0.11, 0.16)))
    shift = int(rng.integers(unit))
    canvas = np.empty((tall, wide, 3), np.float32)
    canvas[:horizon] = np.asarray(wall) + rng.normal(0, 9, 3)
    canvas[horizon:] = np.asarray(floor) + rng.normal(0, 9, 3)
    y, x = np.mgrid[:tall, :wide]
    for pattern, rows in ((above, slice(0, horizon)), (below, slice(horizon, tall))):
        marks = _marks(pattern, x[rows] + shift, y[rows] - (rows.start or 0), unit, rng)
        canvas[rows] += 14 * marks[..., None]
    canvas = 150 + 0.6 * (0.45 * canvas + 0.55 * canvas.mean(-1, keepdims=True) - 130)  # faint: the figure stands out
    canvas += 10 * (1 - y / tall)[..., None]  # light from above
    return cv2.GaussianBlur(canvas, (3, 3), 0.6).clip(0, 255).astype(np.uint8)


def _marks(pattern: str, x: np.ndarray, y: np.ndarray, unit: int, rng: np.random.Generator) -> np.ndarray:
    """Lightness of a pattern, about -1 to 1, at pixels `x`, `y`."""
    if pattern == "bricks":
        return -1.0 * ((y % unit < 2) | ((x + (y // unit % 2) * unit) % (2 * unit) < 2))
    if pattern == "crowd":
        heads = rng.uniform(-1, 1, (y.shape[0] // 4 + 1, y.shape[1] // 4 + 1))
        return heads[(y - y.min()) // 4, (x - x.min()) // 4]
    if pattern == "lanes":
        return 1.2 * (y % (unit + 3) < 2)
    if pattern == "stripes":
        return np.where(x // (2 * unit) % 2, 0.4, -0.4)
    if pattern == "posts":
        return 1.0 * (x % (3 * unit) < 3) + 0.8 * (y % (2 * unit) < 2)
    if pattern == "trees":
        return -1.3 * np.maximum(0, np.sin(x / unit * 1.3)) * (y > y.max() * 0.55)
    if pattern == "checks":
        return np.where((x // unit + y // unit) % 2, 0.5, -0.5)
    if pattern == "tiles":
        return -0.7 * ((x % unit < 1) | (y % unit < 1))
    if pattern == "waves":
        return 0.8 * np.sin(y * 5.0 / unit + np.sin(x * 2.0 / unit))
    if pattern == "windows":
        return -1.2 * ((x % (2 * unit) > unit) & (y % (2 * unit) > unit))
    if pattern == "dashes":
        return 1.4 * ((x % (3 * unit) < unit) & (y % (2 * unit) < 2))
    return np.zeros(x.shape)
