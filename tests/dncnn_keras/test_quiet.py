import subprocess
import sys

FAKE = """
import os
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called\\n")
os.write(2, b"I0000 00:00:1 port.cc:153] oneDNN custom operations are on.\\n")
os.write(2, b"E0000 00:00:1 cuda.cc:1] out of memory\\n")

class config:
    def list_physical_devices():
        os.write(2, b"E0000 00:00:1 cuda.cc:2] failed call to cuInit: UNKNOWN ERROR\\n")
"""


def test_notices_are_dropped_and_errors_kept(tmp_path):
    (tmp_path / "tensorflow.py").write_text(FAKE)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from dncnn_keras import quiet; "
        "quiet.import_tensorflow(); quiet.import_tensorflow(); print('done', file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr.splitlines() == ["E0000 00:00:1 cuda.cc:1] out of memory", "done"]
