#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example policies: each is valid, in audit mode, listed in their README, and permits what its name promises. Also the
manual page of events, which is made of docs/events.md, and the queries of docs/siem.md. TAP; CARGOWALL is the program.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
POLICIES = SOURCE / "examples/policies"
PROGRAM = os.environ.get("CARGOWALL", "cargowall")

# Per document: what its clients need, and what its rules must not reach.
WANTED = {
    "ai-agent": (("api.anthropic.com", "github.com:22", "codeload.github.com", "index.pypi.example", "registry.npm.example"),
                 ("gist.github.com", "169.254.169.254:80", "evil.example", "github.com:80")),
    "apt": (("archive.mirror.example:80", "security.mirror.example"), ("archive.mirror.example:22", "evil.example")),
    "docker-hub": (("registry.hub.example", "auth.hub.example", "layers.hub.example"), ("evil.example", "layers.hub.example:80")),
    "github-actions-runner": (("github.com", "api.github.com", "pipelines.actions.githubusercontent.com", "ghcr.io",
                               "results-receiver.actions.githubusercontent.com", "codeload.github.com",
                               "productionresultssa19.blob.core.windows.net"),
                              ("gist.github.com", "evil.blob.core.windows.net", "raw.githubusercontent.com")),
    "gitlab-runner": (("gitlab.com", "registry.gitlab.com", "cdn.artifacts.gitlab-static.net"), ("github.com",)),
    "go": (("proxy.go.example", "sum.go.example", "modules.go.example"), ("github.com", "proxy.go.example:80")),
    "npm": (("registry.npm.example",), ("evil.example", "registry.npm.example:80")),
    "pypi": (("index.pypi.example", "files.pypi.example"), ("evil.example", "upload.example")),
}
failed = number = 0


def result(good, title, why=""):
    global failed, number
    number += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {number} - {title}")
    if not good:
        print("\n".join("# " + line for line in str(why).splitlines()))


def run(*arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARGOWALL_")}
    return subprocess.run([PROGRAM, *map(str, arguments)], env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)


# Per question of docs/siem.md: lines of the answer about the log that the encoder is tested with.
ANSWERS = {
    "denied": ("1\taudit\t-\tcurl\t2001:db8::7", "1\tenforce\tactions.runner.octo-widgets.one.service\tcurl\tevil.example"),
    "jobs-without-enforcement": ("audit\trunner.service\trepository=octo/widgets",),
    "new-destinations": ("2023-11-14T22:13:20.124456Z\tcurl\twww.example",),
    "posture": ("2023-11-14T22:13:20.138456Z\tmode_changed\toff\thost\tenforce -> off",),
    "volume": ("1830\t1\tcurl\twww.example",),
}
AUDITED_JOB = '{"event_type":"job_begun","mode":"audit","unit":"runner.service","job":{"repository":"octo/widgets"}}\n'


def check_queries():
    log = (SOURCE / "tests/unit/data/events.ndjson").read_text(encoding="utf-8") + AUDITED_JOB
    for path in sorted((SOURCE / "examples/siem/queries").glob("*.jq")):
        done = subprocess.run(["jq", "-nr", "-f", path], input=log, capture_output=True, text=True, timeout=60, check=False)
        wanted = ANSWERS.get(path.stem, ("no answer is known",))
        result(done.returncode == 0 and set(wanted) <= set(done.stdout.splitlines()), f"{path.name} answers its question",
               done.stdout + done.stderr)


def check_policy(path):
    done = run("policy", "check", path)
    document = json.loads(path.read_text(encoding="utf-8"))
    result(done.returncode == 0 and document["mode"] == "audit" and document["match"], f"{path.name} is valid, in audit mode",
           done.stdout)
    done = run("policy", "lint", path)
    result(done.returncode == 0, f"{path.name} has nothing to complain about", done.stdout)
    for status, destinations in enumerate(WANTED.get(path.stem, ((), ()))):
        wrong = [d for d in destinations if run("explain", "--policy", path, d).returncode != status]
        result(not wrong and destinations, f"{path.name} {('allows', 'denies')[status]} {', '.join(destinations)}", wrong)


def check_events_page():
    page = subprocess.run([sys.executable, SOURCE / "docs/events-man.py", SOURCE / "docs/events.md"], check=True, timeout=60,
                          capture_output=True, text=True).stdout
    schema = json.loads((SOURCE / "docs/events.schema.json").read_text(encoding="utf-8"))
    # A term is a line of words in bold, and its explanation is indented.
    terms = set(re.findall(r"\*([a-z_]+)\*", "\n".join(re.findall(r"^(\*.*)\n\t", page.replace("\\_", "_"), re.MULTILINE))))
    missing = [name for name in [*schema["properties"], *schema["properties"]["event_type"]["enum"]] if name not in terms]
    result(not missing, "cargowall-events(5) has all fields and types of events", missing)
    broken = [line for line in page.splitlines() if re.search(r"\]\(|(?<!`)`(?!`)|^\|", line)]
    result(not broken, "cargowall-events(5) has no Markdown left", broken)


def main():
    documents = sorted(POLICIES.glob("*.json"))
    print(f"1..{4 * len(documents) + len(ANSWERS) + 3}")
    listed = set(re.findall(r"^\| `([a-z-]+)\.json`", (POLICIES / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    names = {path.stem for path in documents}
    result(listed == names == set(WANTED), "each example is in the README, and tested", (listed ^ names, names ^ set(WANTED)))
    for path in documents:
        check_policy(path)
    check_events_page()
    check_queries()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
