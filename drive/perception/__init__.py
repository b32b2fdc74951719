"""From lidar sweeps to road users nobody labelled: OYSTER (Zhang et al., CVPR 2023), step by step.

A box is `[7]`: x, y, z of its centre, length, width, height (m), yaw (rad), in the sweep's ego frame.
"""
