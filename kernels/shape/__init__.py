"""Surface (`mesh`) and moments of the mask of a VOI, and the shapes around it (`around`).

`features` puts them together.
"""
