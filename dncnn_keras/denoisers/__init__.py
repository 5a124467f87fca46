"""Denoisers, learned and classical, behind one contract: see `denoiser.Denoiser`."""
