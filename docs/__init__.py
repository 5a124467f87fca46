"""The API reference: `make docs`."""
