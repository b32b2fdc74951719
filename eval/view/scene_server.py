"""Makes the drawings that a window, running in a process of its own, asks for."""

from eval.view.renderer_process import RendererProcess
from eval.view.scene_layers import SceneLayers
from eval.view.window_messages import CLOSED, Opening, WindowSettings


def serve_window(process: RendererProcess, layers: SceneLayers, settings: WindowSettings) -> None:
    """Answer the window in `process` until it is closed; DrawingFailed where none can be opened."""
    scene = layers.scene
    opening = Opening(
        title=scene.title,
        num_instants=scene.num_instants,
        dt_s=scene.motion.dt_s,
        layers=layers.available(),
        static=layers.static(),
        background=layers.colors.background,
        settings=settings,
        times_ahead_s=layers.times_ahead_s(),
    )
    process.wait_ready()
    process.send(opening)
    while (request := process.receive(None)) != CLOSED:
        process.send(layers.at(request.instant, request.color, request.shown, request.ahead_s))
