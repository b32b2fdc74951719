"""Scenes in three dimensions: what is shown (`Stage`), from where (`Camera`), and who draws it.

stage = Stage(Episode.of(scenario), StageSettings(color="class"))
with open_renderer((960, 540)) as renderer:
    image = renderer.draw(stage.picture(0), stage.camera("chase", 0))  # [540, 960, 3]

Everything shown is plain shapes (`shapes.py`), so Open3D draws in a process of its own: where its
libraries are missing that process dies, and not this one.
"""
