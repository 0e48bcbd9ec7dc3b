"""Which file system a folder lies on, as far as it matters to the store.

In:   a folder.
Out:  the name of the network file system it lies on, or None.
Not:  what follows from it (features.py).
"""

import os
from pathlib import Path

_NETWORK = frozenset({"9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs",
                      "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"})  # fmt: skip
_MOUNTS = Path("/proc/self/mountinfo")


def network_file_system(folder: Path, *, mounts: Path = _MOUNTS) -> str | None:
    """The network file system that `folder` lies on; None for a local one, and where the system does not say.

    References
    ----------
    proc_pid_mountinfo(5): field 3 is the device's number; the type follows the lone hyphen.
    """
    try:
        device = folder.stat().st_dev
        lines = mounts.read_text("utf-8", errors="replace").split("\n")
    except OSError:
        return None
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        before, _, after = line.partition(" - ")
        if before.split(" ")[2:3] == [wanted]:
            kind = after.split(" ")[0]
            return kind if kind in _NETWORK else None
    return None
