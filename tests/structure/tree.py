"""The files of a source tree, without what a build or git put there."""

import os
import pathlib
import subprocess

SKIPPED = {".git", "build", "__pycache__"}


def files(root):
    """Relative paths, sorted: what git knows or would take, or everything where git cannot tell."""
    root = pathlib.Path(root)
    if (root / ".git").exists():
        git = subprocess.run(
            ["git", "--no-optional-locks", "-C", root, "ls-files", "-z", "-co", "--exclude-standard"],
            capture_output=True,
        )
        if git.returncode == 0:
            names = {name.decode() for name in git.stdout.split(b"\0") if name}
            return sorted(pathlib.PurePath(n) for n in names if (root / n).is_file())
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in SKIPPED]
        found += [pathlib.PurePath(folder, n).relative_to(root) for n in names]
    return sorted(found)
