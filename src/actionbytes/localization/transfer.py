"""Label transfer: activations of target classes from those of source classes, by how alike their names are.

ActionBytes, section "Knowledge transfer". The paper gives a weighted sum over similarities and nothing about sparsity,
signs or scale; each choice is a parameter (methods.md 5.4).
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import softmax

from actionbytes.errors import UserError
from actionbytes.parameters import Parameters

Floats = NDArray[np.floating]


class LabelTransfer(Parameters):
    """From the activations of source classes to those of target classes (methods.md 5.4)."""

    softmax: bool = Field(True, description="softmax over source classes at every snippet first [R] 5.4")
    top_k: int = Field(5, ge=0, description="source classes kept for each target class; 0: all [R] 5.4")
    clip_negative: bool = Field(True, description="negative similarities count as 0 [R] 5.4")
    normalise: bool = Field(True, description="each target's weights sum to 1 [R] 5.4")


def transfer_matrix(similarity: Floats, parameters: LabelTransfer) -> NDArray[np.float32]:
    """Weights (C_long, C_short) from cosine similarities of class names, same shape.

    Keeps the `top_k` most similar source classes of each target (0: all; ties: the earlier class), clips negative ones
    to 0, scales each row to sum to 1 in absolute value. Raises UserError where that leaves a target without a source.
    """
    weights = np.array(similarity, dtype=np.float64)
    if not np.isfinite(weights).all():
        raise UserError("similarities of class names are not finite: a class has no word vector; give it an alias")
    if parameters.top_k:
        order = np.argsort(-weights, axis=1, kind="stable")
        np.put_along_axis(weights, order[:, parameters.top_k :], 0, axis=1)
    if parameters.clip_negative:
        weights = weights.clip(0)
    total = np.abs(weights).sum(1, keepdims=True)  # (C_long, 1)
    if not total.all():
        lost = int(np.flatnonzero(total[:, 0] == 0)[0])
        raise UserError(f"target class number {lost} is like no source class; set clip_negative: false or an alias")
    return (weights / total if parameters.normalise else weights).astype(np.float32)


def transfer_cas(cas: Floats, matrix: Floats, parameters: LabelTransfer) -> NDArray[np.float32]:
    """Activations (T, C_long) of target classes from `cas` (T, C_short), raw logits, and weights (C_long, C_short)."""
    source = np.asarray(cas, dtype=np.float64)
    source = softmax(source, axis=1) if parameters.softmax else source
    return (source @ matrix.T).astype(np.float32)
