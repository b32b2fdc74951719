"""Pictures as files: a PNG, or an mp4 of many; whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from sim.extras import require_installed
from sim.files import whole_file
from sim.processes import without_interruption

_NEXT_TO_NOTHING = 1 << 16  # bytes that a disk still takes when it is full for a film


def write_png(path: Path, image: UInt8[np.ndarray, "h w 3"]) -> None:
    """One picture."""
    from PIL import Image

    with whole_file(path) as scratch:
        Image.fromarray(image).save(scratch, format="PNG")


def write_mp4(
    path: Path, images: Iterable[UInt8[np.ndarray, "h w 3"]], size_px: tuple[int, int], fps: float
) -> None:
    """A film (H.264) of pictures that are `size_px` (width, height), both even."""
    require_installed("a film", "imageio_ffmpeg")
    import imageio_ffmpeg

    shown = iter(images)
    first = next(shown)  # what can fail has begun well before a process is started
    with whole_file(path) as scratch:
        writer = imageio_ffmpeg.write_frames(
            str(scratch), size_px, fps=fps,  # pyright: ignore[reportArgumentType]
            codec="libx264", macro_block_size=2,
            output_params=["-preset", "veryfast", "-crf", "22", "-f", "mp4"],
            ffmpeg_log_level="fatal",
        )  # fmt: skip
        scratch.touch()  # where that is refused, the error says why; ffmpeg's would not
        with without_interruption():
            writer.send(None)
        try:
            for image in chain((first,), shown):
                writer.send(np.ascontiguousarray(image))
            writer.close()
        except OSError as error:
            if shutil.disk_usage(scratch.parent).free < _NEXT_TO_NOTHING:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
            raise
        finally:
            writer.close()
