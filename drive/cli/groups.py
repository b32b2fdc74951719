"""The boxes of options that several verbs share, in the help."""

from dataclasses import fields

from drive.pipelines.workers import WORK_FIELDS
from sim.sources.query import SourceQuery

SCENARIO = tuple(field.name for field in fields(SourceQuery))
OUTPUT = ("out", "name", "videos")
COMPUTING = ("device", "batch_size", *WORK_FIELDS)
