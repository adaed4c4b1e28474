"""First-order statistics.

`selection` finds order statistics, `percentiles` lie between them, `moments` adds up, `features` puts all together.
"""
