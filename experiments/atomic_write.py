"""Files that are written whole or not at all."""

import os


def write_atomically(file, content):
    """Writes a file so that it holds either its old or its new content, never a part.

    Args:
        file: `Path` of the file.
        content: String or bytes.

    Raises:
        OSError: If it cannot be written; its `filename` is that of the file.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = file.with_name(f".{file.name}.new")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, file)
    except OSError as error:
        error.filename = str(file)
        raise
    finally:
        temporary.unlink(missing_ok=True)
