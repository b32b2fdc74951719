"""The map as rasters: where they lie, how they are made on the CPU, stored, and asked on any device."""
