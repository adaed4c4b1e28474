"""3D Slicer's .seg.nrrd: which segment is which value in which layer, and what it is called.

The file is a label image with one key per segment property. Segments that overlap lie in several layers along a
list axis in front of (x, y, z), which ITK hands over as a vector image. Files older than Slicer 4.11 have no
LabelValue and no Layer: there segment N is the value 1 of layer N.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from voxomics.engine.errors import InputError


def segments(metadata: Mapping[str, str], layers: int, name: str) -> list[tuple[int, int, str]]:
    """Segments of a file in its own order.

    Parameters
    ----------
    metadata : mapping
        Keys and values of the NRRD header.
    layers : int
        Number of layers that the file holds.
    name : str
        File name for error texts.

    Returns
    -------
    list of (layer, value, name)
        Empty if the header declares no segments.

    Raises
    ------
    InputError
        Not a binary label map, a layer that does not exist, or two segments with one value in one layer.
    """
    numbers = sorted({int(found[1]) for key in metadata if (found := re.match(r"Segment(\d{1,9})_", key))})
    if not numbers:
        return []
    for key in ("Segmentation_SourceRepresentation", "Segmentation_MasterRepresentation"):
        if metadata.get(key, "Binary labelmap") != "Binary labelmap":
            raise InputError(
                f"{name}: a segmentation stored as '{metadata[key]}'; a binary labelmap is needed. "
                "Save it from 3D Slicer with 'Binary labelmap' as source representation."
            )
    found_segments = []
    for number in numbers:
        layer = _number(metadata, f"Segment{number}_Layer", number if layers > 1 else 0, name)
        value = _number(metadata, f"Segment{number}_LabelValue", 1, name)
        if not 0 <= layer < layers or value < 1:
            raise InputError(
                f"{name}: segment {number} is declared as value {value} of layer {layer}; the file has layers "
                f"0 to {layers - 1} and values start at 1. Save the segmentation again from 3D Slicer."
            )
        found_segments.append((layer, value, metadata.get(f"Segment{number}_Name", "")))
    places = [(layer, value) for layer, value, _ in found_segments]
    if len(set(places)) < len(places):
        twice = next(p for p in places if places.count(p) > 1)
        raise InputError(
            f"{name}: two segments are declared as value {twice[1]} of layer {twice[0]}; they cannot be told apart. "
            "Save the segmentation again from 3D Slicer."
        )
    return found_segments


def _number(metadata: Mapping[str, str], key: str, default: int, name: str) -> int:
    try:
        return int(metadata.get(key, default))
    except ValueError:
        raise InputError(f"{name}: {key} is '{metadata[key]}', a whole number is needed.") from None
