"""Compiles a tree of modules; runs in the interpreter that the bytecode is for.

One process, sorted files: what marshal writes depends on what the process has seen before, so a
pool of workers would give other bytes each time.
"""

from __future__ import annotations

import importlib.util
import py_compile
import sys
from pathlib import Path


def compile_tree(folder: Path, *, home: str) -> None:
    """Write the .pyc of every module below `folder`, which will be unpacked at `home`.

    Unchecked: the interpreter then loads the bytecode without a look at the source or its time.
    The names in the code are those it will have, or each import would have to correct them.
    """
    for source in sorted(folder.rglob("*.py")):
        py_compile.compile(
            str(source),
            cfile=importlib.util.cache_from_source(source),
            dfile=f"{home}/{source.relative_to(folder).as_posix()}",
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


if __name__ == "__main__":
    try:
        compile_tree(Path(sys.argv[1]), home=sys.argv[2])
    except py_compile.PyCompileError as error:
        sys.exit(f"{error.file}: {error.exc_value}")
