"""Files in: images and masks on one grid, or an InputError that says what is wrong with them."""

from __future__ import annotations

from voxomics.io.images import read_image
from voxomics.io.masks import read_mask
from voxomics.io.readers import input_files

__all__ = ["input_files", "read_image", "read_mask"]
