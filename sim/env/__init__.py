"""Gymnasium environments. Importing this module registers `bevdrive/Drive-v0`, and nothing more.

    import gymnasium, sim.env
    env = gymnasium.make("bevdrive/Drive-v0", observation="vector", families=("curve",))
    envs = gymnasium.make_vec("bevdrive/Drive-v0", num_envs=64)

`gymnasium.make("sim.env:bevdrive/Drive-v0")` imports it by itself. The keywords are the fields of
`sim.env.settings.Settings`, and wrappers: `wrappers=(...)` of `make`, `vector_wrappers=(...)` of `make_vec`.
"""

from sim.extras import require_installed

require_installed("sim.env", "gymnasium")
import gymnasium  # noqa: E402

gymnasium.register(
    "bevdrive/Drive-v0",
    entry_point="sim.env.making:drive_env",
    vector_entry_point="sim.env.making:drive_vector_env",
)
