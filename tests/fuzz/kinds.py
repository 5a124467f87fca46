"""All kinds of bad input, by name."""

from tests.fuzz.arrays import Arrays
from tests.fuzz.experiment_files import ExperimentFiles
from tests.fuzz.image_files import ImageFiles
from tests.fuzz.report_files import ReportFiles
from tests.fuzz.result_files import ResultFiles
from tests.fuzz.run_files import RunFiles
from tests.fuzz.weight_files import WeightFiles

KINDS = {
    kind.name: kind
    for kind in (
        Arrays,
        ImageFiles,
        ExperimentFiles,
        WeightFiles,
        ResultFiles,
        RunFiles,
        ReportFiles,
    )
}
