"""How fast is it? `bevdrive bench`: what is timed (`workloads`), on which worlds, and the answer."""
