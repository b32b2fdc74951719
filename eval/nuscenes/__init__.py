"""Adapter to the official nuScenes evaluators, and open-loop planning on nuScenes annotations.

nuscenes-devkit is imported inside functions: nothing of it is needed to list options.
"""
