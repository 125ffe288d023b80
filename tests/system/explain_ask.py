# SPDX-License-Identifier: Apache-2.0
"""Runs in the machine under test: explain_ask.py SCOPE DEST... reports {destination: what cargowallctl explain says}."""

import json
import subprocess
import sys


def explain(scope, text):
    done = subprocess.run(["cargowallctl", "explain", "--json=short", f"--scope={scope}", "--", text], capture_output=True,
                          text=True, check=False)
    if done.returncode not in (0, 1):
        return {"status": done.returncode, "error": done.stderr}
    return {**json.loads(done.stdout), "status": done.returncode}


print(json.dumps({text: explain(sys.argv[1], text) for text in sys.argv[2:]}), flush=True)
