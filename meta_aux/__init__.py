"""Real-noise denoising by meta-auxiliary learning. Nothing is released in this package yet."""
