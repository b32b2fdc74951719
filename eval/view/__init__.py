"""3D views of a scene: `bevdrive view`.

    scene = ViewedScene.of(scenario)                # what to show: boxes over time, points, map
    layers = SceneLayers(scene, color="class")      # as plain shapes, layer by layer
    renderer, reason = open_renderer((960, 540))    # Open3D, or matplotlib where that cannot draw
    drawing = layers.at(0)                          # the shapes at time step 0
    image = renderer.draw(drawing, layers.camera("chase", 0))  # [540, 960, 3]

Shapes (`shapes.py`) are numpy arrays, so they can be sent to another process. Open3D always runs in
such a process: where its libraries are missing it aborts the interpreter it runs in.
"""
