"""Experiment files and their runner: `python -m experiments run FILE`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
