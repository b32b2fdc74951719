"""A sweep from above: who is found is drawn where it is, and the fainter the less sure."""

import numpy as np

from drive.perception.labels import Labels
from drive.perception.logs.sweep_log import SweepFrame
from drive.perception.pictures import draw_frame


def test_boxes_are_drawn_where_they_are_and_the_fainter_the_less_sure() -> None:
    empty = SweepFrame(0.0, np.zeros((0, 3), np.float32), np.zeros(0, np.int64), np.eye(4))
    box = np.array([[41.0, 41.0, 1.0, 20.0, 20.0, 2.0, 0.0]])  # half-way to the upper right corner
    short = []
    for score in (1.0, 0.5, 0.1):
        found = Labels.of_frames([box], [np.array([score])])
        picture = draw_frame(empty, found).astype(int)
        lacks_blue = picture[..., 0] - picture[..., 2]
        i, j = np.nonzero(lacks_blue > 0.9 * lacks_blue.max())
        # 164 m are 1,000 pixels: the sides are 10 m, 61 pixels, around pixel (250, 750).
        np.testing.assert_allclose(
            (i.min(), i.max(), j.min(), j.max()), (189, 311, 689, 811), atol=3
        )
        short.append(lacks_blue.max())
    # Orange, #ff7f0e, lacks 241 of 255; on white it lacks so much of that as it covers.
    np.testing.assert_allclose(short, (241.0, 120.5, 24.1), atol=4.0)
