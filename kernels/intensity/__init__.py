"""First-order statistics: `selection` finds order statistics, `percentiles` lie between them, `moments` measures the features."""
