"""All kinds of disasters, by name."""

from tests.chaos.damaged_checkpoint import DamagedCheckpoint
from tests.chaos.evaluation import Evaluation
from tests.chaos.full_disk import FullDisk
from tests.chaos.interrupt import Interrupt
from tests.chaos.meta_training import MetaTraining
from tests.chaos.training import Training

KINDS = {
    kind.name: kind
    for kind in (Training, MetaTraining, Evaluation, DamagedCheckpoint, FullDisk, Interrupt)
}
