"""Pictures as files: a PNG, or an mp4 of many; whole or not at all."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from sim.files import whole_file


def write_png(path: Path, image: UInt8[np.ndarray, "h w 3"]) -> None:
    """One picture."""
    from PIL import Image

    with whole_file(path) as scratch:
        Image.fromarray(image).save(scratch, format="PNG")


def write_mp4(
    path: Path, images: Iterable[UInt8[np.ndarray, "h w 3"]], size_px: tuple[int, int], fps: float
) -> None:
    """A film (H.264) of pictures that are `size_px` (width, height), both even."""
    import imageio_ffmpeg

    with whole_file(path) as scratch:
        writer = imageio_ffmpeg.write_frames(
            str(scratch), size_px, fps=fps,  # pyright: ignore[reportArgumentType]
            codec="libx264", macro_block_size=2,
            output_params=["-preset", "veryfast", "-crf", "22", "-f", "mp4"],
        )  # fmt: skip
        writer.send(None)
        try:
            for image in images:
                writer.send(np.ascontiguousarray(image))
        finally:
            writer.close()
