"""Kills of a training after which the newest checkpoint is damaged."""

from tests.chaos.training import Training
from tests.fuzz.mutations import damage_bytes


class DamagedCheckpoint(Training):
    """The training goes on from the checkpoint before."""

    name = "damage"
    setback = 2

    def strike(self, process, folder, generator):
        """See `Kind.strike`."""
        super().strike(process, folder, generator)
        run = folder / "runs/trial"
        file = run / "checkpoint.weights.h5"
        # It is empty where the last damage emptied it, and the run had no time to see that.
        if (run / "previous.weights.h5").exists() and file.exists() and file.stat().st_size:
            file.write_bytes(damage_bytes(generator, file.read_bytes())[1])
