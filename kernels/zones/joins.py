"""Which neighbours a voxel's zone must be joined with, for both targets.

Whether a voxel must be joined to one of its 13 earlier neighbours is a coin flip that no branch predictor wins, so the
levels are compared first and without a branch, and only the joins that no chain of other neighbours makes anyway are
left: about one for every two voxels.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit

MAX_VOXELS = 2**31 - 1
"""Voxels that a VOI may have: runs are numbered in int32, and no distance within so many voxels exceeds uint16."""
EARLIER = np.array([
    (-1, 0, 0), (0, -1, 0), (0, -1, 1), (0, -1, -1), (-1, 0, 1), (-1, 0, -1),
    (-1, -1, 0), (-1, -1, -1), (-1, -1, 1), (-1, 1, 0), (-1, 1, -1), (-1, 1, 1),
])  # fmt: skip
"""Offsets (dz, dy, dx) of the earlier neighbours: bit k of `joins_of` stands for EARLIER[k]. (0, 0, -1) needs none."""
LOWEST = np.array([max((flags & -flags).bit_length() - 1, 0) for flags in range(1 << len(EARLIER))], np.uint8)
"""The lowest bit that is set in each value of `joins_of` but 0."""


@jit.body
def joins_of(box, p, row, slab, one, deep):
    """Which earlier neighbours a voxel must be joined to: bits, as in EARLIER.

    w is the voxel before; c the one at the same place in the slice before; n, nw, ne those in the row before; u and d
    the rows around c. Neighbours that touch each other are joined already, so of w, c, n, ne, nw and the others, in
    this order, each is needed only if it touches none of the earlier ones; w is the same run. c touches all. Where w
    has the same neighbour to its own west, the runs have been joined there.

    Parameters
    ----------
    box : uint8 or uint16 [voxels of the box]
        Levels of a VOI's box.
    p : int
        The voxel's place in it.
    row, slab, one : int
        Steps along y, z and x.
    deep : bool
        Whether neighbours in the slice before count.
    """
    q = p - slab
    v = box[p]
    w, n, nw, ne = box[p - one] == v, box[p - row] == v, box[p - row - one] == v, box[p - row + one] == v
    c, cw, ce = (box[q] == v) & deep, box[q - one] == v, box[q + one] == v
    u, uw, ue = box[q - row] == v, box[q - row - one] == v, box[q - row + one] == v
    d, dw, de = box[q + row] == v, box[q + row - one] == v, box[q + row + one] == v
    free = v != 0 and not c
    below = free & deep
    upper = below & (not n)
    flags = np.uint16(c & (v != 0) & (not (w & cw)))
    flags |= np.uint16(free & n & (not (w & nw))) << np.uint16(1)
    flags |= np.uint16(free & (not n) & ne) << np.uint16(2)
    flags |= np.uint16(free & (not (n | w)) & nw) << np.uint16(3)
    flags |= np.uint16(upper & (not ne) & ce) << np.uint16(4)
    flags |= np.uint16(upper & (not (w | nw)) & cw) << np.uint16(5)
    flags |= np.uint16(upper & (not (w | nw | ne)) & u) << np.uint16(6)
    flags |= np.uint16(upper & (not (w | nw | cw | u)) & uw) << np.uint16(7)
    flags |= np.uint16(upper & (not (ne | ce | u)) & ue) << np.uint16(8)
    flags |= np.uint16(below & (not (w | cw | ce)) & d) << np.uint16(9)
    flags |= np.uint16(below & (not (w | cw | d)) & dw) << np.uint16(10)
    flags |= np.uint16(below & (not (ce | d)) & de) << np.uint16(11)
    return flags
