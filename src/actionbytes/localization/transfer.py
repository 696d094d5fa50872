"""Label transfer: activations of target classes from those of source classes, by how alike their names are.

ActionBytes (CVPR 2020), section "Knowledge transfer". The paper has a sum over source classes, weighted by the
similarity of their names, and says nothing about sparsity, signs or scale; each of these choices is a parameter.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import softmax

from actionbytes.errors import UserError
from actionbytes.parameters import Parameters

Floats = NDArray[np.floating]


class LabelTransfer(Parameters):
    """How activations of source classes become those of target classes; the paper leaves all of it open."""

    softmax: bool = Field(
        True, description="take the softmax over source classes at every snippet first; false: sum raw activations"
    )
    top_k: int = Field(
        5, ge=0, description="number of most similar source classes that a target class is made of; 0: all"
    )
    clip_negative: bool = Field(True, description="count negative similarities as 0")
    normalise: bool = Field(True, description="scale the weights of each target class to sum to 1")


@dataclass(frozen=True)
class Transfer:
    """Label transfer of one run: how, and with which weights.

    Attributes:
        parameters: How activations are carried over.
        matrix: (C_target, C_source) weights, see `transfer_matrix`.
    """

    parameters: LabelTransfer
    matrix: NDArray[np.float32]

    def activations(self, cas: Floats) -> NDArray[np.float32]:
        """Activations (T, C_target) from `cas` (T, C_source), raw logits."""
        return transfer_cas(cas, self.matrix, self.parameters)


def transfer_matrix(similarity: Floats, parameters: LabelTransfer) -> NDArray[np.float32]:
    """Weights of source classes for each target class.

    Keeps the `top_k` most similar source classes of each target (ties go to the earlier class), clips negative
    similarities to 0 and scales each row to sum to 1 in absolute value, each if the parameters say so.

    Args:
        similarity: (C_target, C_source) cosine similarities of class names.
        parameters: See `LabelTransfer`.

    Returns:
        (C_target, C_source) weights.

    Raises:
        UserError: If a similarity is not finite, or a target is left without any source class.
    """
    weights = np.array(similarity, dtype=np.float64)
    if not np.isfinite(weights).all():
        raise UserError("similarities of class names are not finite: a class has no word vector; give it an alias")
    if parameters.top_k:
        order = np.argsort(-weights, axis=1, kind="stable")
        np.put_along_axis(weights, order[:, parameters.top_k :], 0, axis=1)
    if parameters.clip_negative:
        weights = weights.clip(0)
    total = np.abs(weights).sum(1, keepdims=True)  # (C_target, 1)
    if not total.all():
        lost = int(np.flatnonzero(total[:, 0] == 0)[0])
        raise UserError(f"target class number {lost} is like no source class; set clip_negative: false or an alias")
    return (weights / total if parameters.normalise else weights).astype(np.float32)


def transfer_cas(cas: Floats, matrix: Floats, parameters: LabelTransfer) -> NDArray[np.float32]:
    """Activations of target classes.

    Args:
        cas: (T, C_source) raw logits.
        matrix: (C_target, C_source) weights.
        parameters: `softmax` says whether logits become probabilities first.

    Returns:
        (T, C_target) weighted sums.
    """
    source = np.asarray(cas, dtype=np.float64)
    source = softmax(source, axis=1) if parameters.softmax else source
    return (source @ matrix.T).astype(np.float32)
