"""Whether this machine can run the stand-in cluster; as a program it says what is missing and how to get it.

Belongs here: asking for programs and rights. Does not: starting anything.
"""

import os
import shutil
import sys
from pathlib import Path

from adcraft_tests.k8s.stand_in.services import POSTGRES

PROGRAMS = {
    "kubectl": "kubectl (https://kubernetes.io/docs/tasks/tools)",
    "openssl": "openssl (apt-get install openssl)",
    "unshare": "unshare (apt-get install util-linux)",
    "runuser": "runuser (apt-get install util-linux)",
}


def missing(where):
    """Return what the stand-in in that folder lacks here, each with its remedy."""
    lacks = []
    if not (Path(where) / "cluster.py").is_file():
        lacks.append(f"the stand-in: CLUSTER_SIM={where} has no cluster.py")
    if os.geteuid() != 0:
        lacks.append("root: pods get a file system of their own (sudo make test-cluster CLUSTER_SIM=...)")
    if not POSTGRES:
        lacks.append("PostgreSQL's server programs (apt-get install postgresql)")
    return lacks + [remedy for program, remedy in PROGRAMS.items() if shutil.which(program) is None]


if __name__ == "__main__":
    found = missing(os.environ.get("CLUSTER_SIM", ""))
    if found:
        sys.exit(
            "make test-cluster needs, and this machine lacks:\n" + "\n".join(f"  - {one}" for one in found)
        )
