"""How the figure of the mini world moves and looks: poses as angles, joints by forward kinematics, drawing.

Lengths are in figure heights; the origin is on the ground below the figure and y points up. An angle of 0 points down
and grows towards the side that the figure faces.
"""

from collections.abc import Callable

import cv2
import numpy as np

HEAD, NECK, PELVIS, L_SHOULDER, L_ELBOW, L_HAND, R_SHOULDER, R_ELBOW, R_HAND = range(9)
L_HIP, L_KNEE, L_FOOT, R_HIP, R_KNEE, R_FOOT = range(9, 15)
JOINTS = 15
TORSO, HEAD_AT, SHOULDER, HIP, ARM, LEG = 0.31, 0.115, 0.095, 0.055, 0.19, 0.25
HEAD_RADIUS, FOOT_RADIUS = 0.085, 0.035

Colour = tuple[int, int, int]
SKINS: tuple[Colour, ...] = ((242, 202, 168), (205, 150, 110), (150, 100, 70), (98, 66, 50))
CLOTHES: dict[str, tuple[Colour, Colour]] = {  # shirt, trousers
    "red": ((214, 48, 44), (60, 26, 30)),
    "blue": ((48, 92, 214), (24, 34, 84)),
    "white": ((240, 240, 236), (176, 180, 188)),
    "green": ((40, 160, 76), (18, 66, 44)),
    "yellow": ((240, 202, 40), (120, 84, 16)),
    "violet": ((160, 66, 196), (66, 26, 92)),
    "black": ((52, 52, 60), (20, 20, 24)),
}
PROP_COLOURS: dict[str, Colour] = {
    "bar": (60, 60, 70),
    "pole": (250, 240, 120),
    "ball": (250, 120, 20),
    "disc": (20, 200, 220),
    "club": (130, 70, 20),
    "racket": (170, 240, 40),
    "hoop": (255, 70, 170),
    "flag": (235, 30, 60),
}


def _pose(phase: np.ndarray, **angles: np.ndarray | float) -> dict[str, np.ndarray]:
    pose = {name: np.broadcast_to(np.asarray(value, float), phase.shape) for name, value in angles.items()}
    for name in ("lean", "turn", "x", "y", "l_arm", "l_fore", "r_arm", "r_fore", "l_leg", "l_shin", "r_leg", "r_shin"):
        pose.setdefault(name, np.zeros_like(phase))
    pose.setdefault("width", np.ones_like(phase))
    return pose


def _rise(phase: np.ndarray) -> np.ndarray:
    """0 at phase 0, 1 half a cycle later, smoothly."""
    return (1 - np.cos(phase)) / 2


def _crouch(p: np.ndarray, k: float) -> dict[str, np.ndarray]:
    c = _rise(p) * k
    return _pose(
        p, lean=0.25 * c, l_arm=0.5 + 1.0 * c, r_arm=0.3 + 1.1 * c, l_leg=0.15 + 1.35 * c, l_shin=-2.3 * c - 0.1,
        r_leg=-0.15 - 0.8 * c, r_shin=-0.9 * c,
    )  # fmt: skip


def _jump(p: np.ndarray, k: float) -> dict[str, np.ndarray]:
    air, c = np.maximum(0, np.sin(p)), _rise(p)
    arm, leg = 0.5 + 2.1 * c * k, 0.08 + 0.62 * air * k
    return _pose(p, y=0.24 * air * k, l_arm=-arm, r_arm=arm, l_leg=-leg, r_leg=leg)


def _swing(p: np.ndarray, k: float) -> dict[str, np.ndarray]:
    a = 0.35 + 2.0 * np.sin(p) * k
    return _pose(
        p,
        lean=0.18 * np.sin(p),
        l_arm=a,
        r_arm=a + 0.1,
        l_leg=-0.38,
        r_leg=0.38,
        l_shin=0.1,
        r_shin=-0.1,
        x=0.03 * np.sin(p),
    )


def _kick(p: np.ndarray, k: float) -> dict[str, np.ndarray]:
    s = np.sin(p)
    return _pose(
        p, lean=-0.12 - 0.22 * s * k, l_arm=-0.9 - 0.5 * s, r_arm=0.8 - 0.7 * s, r_leg=0.55 + 1.15 * s * k,
        r_shin=-0.75 * np.maximum(0, -s), l_leg=-0.08, l_shin=-0.06,
    )  # fmt: skip


def _spin(p: np.ndarray, k: float) -> dict[str, np.ndarray]:
    return _pose(p, width=np.cos(p), l_arm=-1.5, r_arm=1.5, l_leg=-0.22, r_leg=0.22, lean=0.06 * np.sin(p) * k)


def _run(p: np.ndarray, k: float) -> dict[str, np.ndarray]:
    s, c = np.sin(p), np.cos(p)
    return _pose(
        p, lean=0.22, y=0.04 * np.abs(c), l_leg=0.25 + 0.95 * s * k, r_leg=0.25 - 0.95 * s * k,
        l_shin=-0.9 - 0.75 * c, r_shin=-0.9 + 0.75 * c, l_arm=-1.0 * s * k, r_arm=1.0 * s * k, l_fore=1.5, r_fore=1.5,
        width=0.6,
    )  # fmt: skip


def _lean(p: np.ndarray, k: float) -> dict[str, np.ndarray]:
    a = 1.15 * np.sin(p) * k
    return _pose(p, lean=a, l_arm=np.pi + 0.2, r_arm=np.pi - 0.2, l_leg=-0.28, r_leg=0.28, x=-0.1 * np.sin(p))


def _wave(p: np.ndarray, k: float) -> dict[str, np.ndarray]:
    s = np.sin(p) * k
    return _pose(p, l_arm=-1.9, l_fore=-0.9 + 0.9 * s, r_arm=1.9, r_fore=0.9 + 0.9 * s, l_leg=-0.1, r_leg=0.1)


def _throw(p: np.ndarray, k: float) -> dict[str, np.ndarray]:
    return _pose(
        p,
        lean=0.2 * np.cos(p) * k,
        r_arm=p + np.pi,
        r_fore=0.25,
        l_arm=-0.35,
        l_leg=-0.5,
        r_leg=0.42,
        r_shin=-0.25,
        width=0.8,
    )


def _roll(p: np.ndarray, k: float) -> dict[str, np.ndarray]:
    return _pose(
        p, turn=p, lean=0.75, l_leg=2.0, r_leg=1.9, l_shin=-2.3 * k, r_shin=-2.3 * k, l_arm=1.2, r_arm=1.0, l_fore=0.5,
        r_fore=0.5, x=0.08 * np.sin(p), width=0.6,
    )  # fmt: skip


def _idle(p: np.ndarray, k: float) -> dict[str, np.ndarray]:
    s = np.sin(p) * k
    return _pose(p, lean=0.04 * s, l_arm=-0.2 - 0.05 * s, r_arm=0.2 - 0.05 * s, r_fore=0.2, l_leg=-0.1, r_leg=0.1)


def _stretch(p: np.ndarray, k: float) -> dict[str, np.ndarray]:
    a = 0.3 + 1.1 * _rise(p) * k
    return _pose(p, l_arm=-a, l_fore=-1.2, r_arm=a, r_fore=1.2, l_leg=-0.15, r_leg=0.15)


def _walk(p: np.ndarray, k: float) -> dict[str, np.ndarray]:
    s = np.sin(p)
    return _pose(
        p, l_leg=0.5 * s * k, r_leg=-0.5 * s * k, l_shin=-0.35 * _rise(p), r_shin=-0.35 * _rise(p + np.pi),
        l_arm=-0.45 * s, r_arm=0.45 * s, l_fore=0.25, r_fore=0.25, width=0.6,
    )  # fmt: skip


MOTIONS: dict[str, tuple[Callable[[np.ndarray, float], dict[str, np.ndarray]], float]] = {  # pose, cycles a second
    "crouch": (_crouch, 1.5),
    "jump": (_jump, 1.5),
    "swing": (_swing, 1.4),
    "kick": (_kick, 1.5),
    "spin": (_spin, 1.3),
    "run": (_run, 1.7),
    "lean": (_lean, 1.3),
    "wave": (_wave, 1.9),
    "throw": (_throw, 1.4),
    "roll": (_roll, 1.3),
    "idle": (_idle, 0.4),
    "stretch": (_stretch, 0.6),
    "passerby": (_walk, 1.1),
    "empty": (_idle, 0.4),
    "pan": (_idle, 0.4),
    "elsewhere": (_idle, 0.4),
}


def joints_of(motion: str, cycles: np.ndarray, size: float) -> np.ndarray:
    """Positions of the joints of a figure in motion.

    Args:
        motion: A key of MOTIONS.
        cycles: How many cycles of the motion have passed, (N,).
        size: Size of the movement, about 1.

    Returns:
        Joints (N, 15, 2) in figure heights; the lowest one is on the ground except in jumps.
    """
    pose = MOTIONS[motion][0](2 * np.pi * cycles, size)
    lean, turn, width = pose["lean"], pose["turn"], pose["width"]

    def step(origin: np.ndarray, angle: np.ndarray, length: float) -> np.ndarray:
        return origin + length * np.stack([np.sin(angle), -np.cos(angle)], -1)

    def beside(origin: np.ndarray, angle: np.ndarray, length: float) -> np.ndarray:
        return origin + (length * width)[:, None] * np.stack([np.cos(angle), -np.sin(angle)], -1)

    joints = np.zeros((len(cycles), JOINTS, 2))
    body = lean + turn
    joints[:, NECK] = step(joints[:, PELVIS], np.pi - body, TORSO)
    joints[:, HEAD] = step(joints[:, NECK], np.pi - body, HEAD_AT)
    for side, sign, shoulder, hip in (("l", -1, L_SHOULDER, L_HIP), ("r", 1, R_SHOULDER, R_HIP)):
        joints[:, shoulder] = beside(joints[:, NECK], body, sign * SHOULDER)
        joints[:, hip] = beside(joints[:, PELVIS], turn, sign * HIP)
        for first, second, at, around, length in (
            ("arm", "fore", shoulder, body, ARM),
            ("leg", "shin", hip, turn, LEG),
        ):
            upper = pose[f"{side}_{first}"]
            joints[:, at + 1] = step(joints[:, at], upper - around, length)
            joints[:, at + 2] = step(joints[:, at + 1], upper + pose[f"{side}_{second}"] - around, length)
    if motion == "spin":  # turning about the vertical axis foreshortens what points sideways
        joints[:, :, 0] *= np.where(np.abs(width) < 0.12, np.copysign(0.12, width), width)[:, None]
    joints[:, :, 1] -= joints[:, :, 1].min(axis=1, keepdims=True) - FOOT_RADIUS
    joints += np.stack([pose["x"], pose["y"]], -1)[:, None]
    return joints


def draw_figure(frame: np.ndarray, joints: np.ndarray, scale: float, skin: Colour, outfit: str) -> None:
    """Draw into `frame` (H, W, 3) a figure whose `joints` (15, 2) are in pixels; `scale` is its height in pixels."""
    shirt, trousers = CLOTHES[outfit]
    points = np.round(joints * 16).astype(np.int32)  # sub-pixel positions, so that slow motion is smooth
    arm, leg = max(2, round(0.062 * scale)), max(2, round(0.085 * scale))
    _limb(frame, points[[L_SHOULDER, L_ELBOW, L_HAND]], _darker(skin), arm)
    _limb(frame, points[[L_HIP, L_KNEE, L_FOOT]], _darker(trousers), leg)
    _limb(frame, points[[PELVIS, NECK]], shirt, max(3, round(0.2 * scale)))
    cv2.circle(frame, points[HEAD].tolist(), round(HEAD_RADIUS * scale * 16), skin, -1, cv2.LINE_AA, 4)
    _limb(frame, points[[R_HIP, R_KNEE, R_FOOT]], trousers, leg)
    _limb(frame, points[[R_SHOULDER, R_ELBOW, R_HAND]], skin, arm)


def _darker(colour: Colour) -> Colour:
    red, green, blue = (int(0.7 * channel) for channel in colour)
    return red, green, blue


def _limb(frame: np.ndarray, points: np.ndarray, colour: Colour, thickness: int) -> None:
    cv2.polylines(frame, [points], False, colour, thickness, cv2.LINE_AA, 4)


def draw_prop(frame: np.ndarray, joints: np.ndarray, scale: float, prop: str) -> None:
    """Draw the prop in the right hand of a figure whose `joints` (15, 2) are in pixels."""
    colour, hand = PROP_COLOURS[prop], joints[R_HAND]
    along = hand - joints[R_ELBOW]
    along = along / max(1e-6, float(np.hypot(*along)))
    across = np.array([-along[1], along[0]])
    thick = max(2, round(0.045 * scale))

    def line(start: np.ndarray, end: np.ndarray, thickness: int = thick) -> None:
        _limb(frame, np.round(np.stack([start, end]) * 16).astype(np.int32), colour, thickness)

    def disc(centre: np.ndarray, radius: float, thickness: int = -1) -> None:
        point = np.round(centre * 16).astype(int).tolist()
        cv2.circle(frame, point, max(16, round(radius * scale * 16)), colour, thickness, cv2.LINE_AA, 4)

    if prop == "bar":  # with a weight at each end
        ends = hand - 0.3 * scale * across, hand + 0.3 * scale * across
        line(*ends)
        disc(ends[0], 0.08)
        disc(ends[1], 0.08)
    elif prop == "pole":
        line(hand - 0.35 * scale * along, hand + 0.5 * scale * along)
    elif prop == "ball":
        disc(hand + 0.07 * scale * along, 0.09)
    elif prop == "disc":
        line(hand, hand + 0.16 * scale * along, max(3, round(0.11 * scale)))
    elif prop == "club":
        tip = hand + 0.36 * scale * along
        line(hand, tip)
        line(tip, tip + 0.1 * scale * across, max(3, round(0.08 * scale)))
    elif prop == "racket":
        line(hand, hand + 0.14 * scale * along)
        disc(hand + 0.25 * scale * along, 0.11, max(1, round(0.035 * scale)))
    elif prop == "hoop":
        disc(hand + 0.16 * scale * along, 0.17, thick)
    else:  # flag
        base, tip, side = hand + 0.14 * scale * along, hand + 0.34 * scale * along, 0.2 * scale * across
        line(hand, tip)
        corners = np.stack([tip, base, base + side, tip + side])
        cv2.fillPoly(frame, [np.round(corners * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)
