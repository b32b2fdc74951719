"""What the verbs of `bevdrive` do, one file each; the command line (`drive.cli`) only reads options.

`workers.py`: where jobs are done, `processes.py` or `ray_cluster.py`; `presets.py`: options as YAML;
`scenarios.py`: from a query to scenarios that can be loaded; `run_drives.py`: the drives in a run.
"""
