"""Other simulators, timed beside this one (`run.sh`)."""
