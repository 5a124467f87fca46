import json
import os

from experiments.provenance import provenance


def test_says_with_what_and_where_a_result_was_made():
    made_by = provenance()
    assert made_by["cores"] == os.cpu_count()
    assert {"tensorflow", "keras", "numpy"} <= set(made_by["versions"])
    assert made_by["date"].endswith("+00:00")
    assert json.loads(json.dumps(made_by)) == made_by
