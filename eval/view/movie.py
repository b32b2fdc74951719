"""Writes images to files: a png, or a film as an mp4."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8


def write_png(path: Path, image: UInt8[np.ndarray, "h w 3"]) -> None:
    """Whole or not at all."""
    from PIL import Image

    part = path.with_name(f".{path.name}.part")
    Image.fromarray(image).save(part, format="PNG")
    part.replace(path)


def write_mp4(
    path: Path, images: Iterator[UInt8[np.ndarray, "h w 3"]], size_px: tuple[int, int], fps: float
) -> None:
    """Whole or not at all."""
    import imageio_ffmpeg

    part = path.with_name(f".{path.name}.part")
    writer = imageio_ffmpeg.write_frames(
        str(part), size_px, fps=fps,  # pyright: ignore[reportArgumentType]
        codec="libx264", macro_block_size=2,
        output_params=["-preset", "veryfast", "-crf", "22", "-f", "mp4"],
    )  # fmt: skip
    writer.send(None)
    try:
        for image in images:
            writer.send(np.ascontiguousarray(image))
        writer.close()
    except BaseException:
        writer.close()
        part.unlink(missing_ok=True)
        raise
    part.replace(path)
