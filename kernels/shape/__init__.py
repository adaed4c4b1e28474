"""The mask of a VOI: its surface (`mesh`), its moments, and what lies around it (`around`).

`features` puts them together.
"""
