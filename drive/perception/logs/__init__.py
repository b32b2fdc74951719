"""Drives as sweeps: read or simulated once, stored in one form (`SweepLog`), looked at frame by frame."""
