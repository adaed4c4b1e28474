"""Places of the NGTDM's features in what its kernels write; engine/families/ngtdm.py says what each is."""

from __future__ import annotations

N_SLOTS = 5

COARSENESS, CONTRAST, BUSYNESS, COMPLEXITY, STRENGTH = range(N_SLOTS)
