"""All metadata lives in setup.cfg; this file lets every installer find it."""

from setuptools import setup

setup()
