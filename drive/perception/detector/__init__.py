"""Road users in lidar sweeps, seen from above: pillars, a small network of convolutions, centres.

PointPillars (Lang et al., CVPR 2019) with the heads of CenterPoint (Yin et al., CVPR 2021). Nothing in it
knows where in its grid it looks, so that what was learnt nearby holds far away, on a larger grid.
"""
