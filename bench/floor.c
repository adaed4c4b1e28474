/* The least work of a grey level co-occurrence matrix: each listed voxel and its 13 neighbours are one count each.

   level  a box [z, y, x] with one voxel of margin on each side, grey levels from 1, 0 outside the VOI
   listed positions of the VOI's voxels in the box
   tally  [n_levels + 1][n_levels + 1], zeroed by the caller; row and column 0 take the pairs that leave the VOI */
#include <stdint.h>

void count(const uint8_t *level, const int64_t *listed, int64_t n, int64_t row, int64_t slice, int32_t *tally,
           int64_t n_levels)
{
    const int64_t offset[13] = {1, row - 1, row, row + 1, slice - row - 1, slice - row, slice - row + 1,
                                slice - 1, slice, slice + 1, slice + row - 1, slice + row, slice + row + 1};
    for (int64_t k = 0; k < n; k++) {
        const uint8_t *here = level + listed[k];
        int32_t *pairs = tally + *here * (n_levels + 1);
        for (int d = 0; d < 13; d++)
            pairs[here[offset[d]]]++;
    }
}
