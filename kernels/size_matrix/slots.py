"""Places of the features of a matrix of grey level by a size in what its kernels write.

Four families have such a matrix, and each says in its catalogue which slots it reports, and under which names.
"""

from __future__ import annotations

N_SLOTS = 17

(
    SMALL_EMPHASIS,
    LARGE_EMPHASIS,
    LOW_GREY_LEVEL,
    HIGH_GREY_LEVEL,
    SMALL_LOW,
    SMALL_HIGH,
    LARGE_LOW,
    LARGE_HIGH,
    LEVEL_NON_UNIFORMITY,
    NORMALISED_LEVEL_NON_UNIFORMITY,
    SIZE_NON_UNIFORMITY,
    NORMALISED_SIZE_NON_UNIFORMITY,
    PERCENTAGE,
    LEVEL_VARIANCE,
    SIZE_VARIANCE,
    ENTROPY,
    ENERGY,
) = range(N_SLOTS)
