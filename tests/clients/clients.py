# SPDX-License-Identifier: Apache-2.0
"""The clients that are measured: how each is asked for something at an address, and what shortens its waiting."""

import dataclasses
import json
import os
import re
import subprocess
import typing

MESSAGE_MAX = 160
GO_MESSAGE = r"((?:dial|read) tcp.*|net/http: .*)"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # of the lab


@dataclasses.dataclass
class Client:
    """prepare(url, place, home, with_setting) returns the command and its environment, and may write files in home.
    error: its group is the message."""
    name: str
    program: str
    prepare: typing.Callable
    error: str
    setting: str = ""
    note: str = ""
    ask_version: tuple = ("--version",)

    def command(self, url, place, home, with_setting):
        return self.prepare(url, place, home, with_setting)

    def message(self, text):
        found = [m for m in map(re.compile(self.error).search, text.splitlines()) if m]
        return found[-1][1].strip()[:MESSAGE_MAX] if found else "(none)"

    def version(self):
        text = subprocess.run([self.program, *self.ask_version], capture_output=True, text=True, check=False,
                              env={**os.environ, "PATH": PATH}).stdout
        number = re.search(r"\d+(\.\d+)+", text)
        return f"{self.program} {number[0] if number else '?'}"


def curl(url, _place, _home, with_setting):
    return ["curl", "-sS", *(["--max-time", "5"] if with_setting else []), f"{url}/"], {}


def git(url, _place, _home, with_setting):
    setting = ["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=5"] if with_setting else []
    return ["git", *setting, "ls-remote", f"{url}/x.git"], {"GIT_TERMINAL_PROMPT": "0"}


def apt(url, _place, home, with_setting):
    (home / "sources.list").write_text(f"deb [trusted=yes] {url}/debian stable main\n", encoding="ascii")
    for part in "lists/partial", "cache/archives/partial", "state":
        (home / part).mkdir(parents=True)
    options = [f"Dir::Etc::sourcelist={home}/sources.list", "Dir::Etc::sourceparts=-", f"Dir::State={home}/state",
               f"Dir::State::lists={home}/lists", f"Dir::Cache={home}/cache", "APT::Update::Error-Mode=any",
               "APT::Sandbox::User=", "Acquire::Languages=none", "Acquire::http::Proxy=DIRECT",
               "Acquire::https::Proxy=DIRECT"]
    if with_setting:
        options += ["Acquire::Retries=0", "Acquire::http::Timeout=5", "Acquire::https::Timeout=5"]
    return ["apt-get", *(a for o in options for a in ("-o", o)), "update"], {}


def pip(url, _place, home, with_setting):
    setting = ["--retries", "0", "--timeout", "5"] if with_setting else []
    return ["pip3", "download", "--disable-pip-version-check", *setting, "--no-deps", "--index-url",
            f"{url}/simple", "--dest", str(home / "d"), "example"], {"PIP_CONFIG_FILE": "/dev/null"}


def npm(url, _place, home, with_setting):
    (home / "npmrc").write_text(f"registry={url}/\nupdate-notifier=false\n" +
                                ("fetch-retries=0\nfetch-timeout=5000\n" if with_setting else ""), encoding="ascii")
    return ["npm", "--userconfig", str(home / "npmrc"), "--globalconfig", "/dev/null", "view", "example"], {}


def node_fetch(url, _place, _home, with_setting):
    signal = ", {signal: AbortSignal.timeout(5000)}" if with_setting else ""
    return ["node", "-e", f"fetch({json.dumps(url + '/')}{signal}).then(r => r.text()).catch(e => "
            "{ console.error('fetch: ' + (e.cause ? e.cause.message : e.message)); process.exit(1) })"], {}


def node_https(url, _place, _home, _with_setting):
    return ["node", "-e", f"const r = require('https').get({json.dumps(url + '/')}, r => r.resume());"
            "r.on('timeout', () => r.destroy(new Error('timeout')));"
            "r.on('error', e => { console.error('https: ' + e.message); process.exit(1) })"], {}


def cargo(url, _place, home, with_setting):
    (home / "src").mkdir()
    (home / "src" / "lib.rs").touch()
    (home / "Cargo.toml").write_text('[package]\nname = "own"\nversion = "0.1.0"\n[dependencies]\nexample = "1"\n',
                                     encoding="ascii")
    (home / ".cargo").mkdir()
    (home / ".cargo" / "config.toml").write_text(
        f'[source.crates-io]\nreplace-with = "lab"\n[source.lab]\nregistry = "{url}/index"\n' +
        ("[net]\nretry = 0\n[http]\ntimeout = 5\n" if with_setting else ""), encoding="ascii")
    return ["cargo", "fetch"], {"CARGO_HOME": str(home / ".cargo"), "CARGO_TERM_COLOR": "never"}


def go(url, _place, home, _with_setting):
    return ["go", "list", "-m", "example.com/x@latest"], {
        "GOPROXY": url, "GOSUMDB": "off", "GOFLAGS": "-mod=mod", "GOPATH": str(home / "go"),
        "GOCACHE": str(home / "cache")}


def maven(url, _place, home, with_setting):
    (home / "settings.xml").write_text(
        f"<settings><mirrors><mirror><id>lab</id><mirrorOf>*</mirrorOf><url>{url}/maven2</url></mirror></mirrors></settings>",
        encoding="ascii")
    setting = ["-Dmaven.wagon.http.retryHandler.count=0", "-Dmaven.wagon.rto=5000"] if with_setting else []
    return ["mvn", "-B", "-s", str(home / "settings.xml"), f"-Dmaven.repo.local={home}/m2", *setting,
            "org.apache.maven.plugins:maven-help-plugin:3.2.0:help"], {}


def docker(_url, place, home, _with_setting):
    """Without the daemon, which asks registries in the same way."""
    return ["docker", "manifest", "inspect", f"{place}/x:1"], {"DOCKER_CONFIG": str(home)}


def java(url, _place, home, with_setting):
    limit = ".timeout(Duration.ofSeconds(5))" if with_setting else ""
    (home / "Get.java").write_text(
        "import java.net.*; import java.net.http.*; import java.time.Duration;\n"
        "class Get { public static void main(String[] a) {\n"
        f"  var q = HttpRequest.newBuilder(URI.create(\"{url}/\")){limit}.build();\n"
        "  try { HttpClient.newHttpClient().send(q, HttpResponse.BodyHandlers.ofString()); }\n"
        "  catch (Exception e) { Throwable t = e; while (t.getCause() != null) t = t.getCause();\n"
        "    System.err.println(\"java: \" + t); System.exit(1); } } }\n", encoding="ascii")
    return ["java", str(home / "Get.java")], {}


CLIENTS = [
    Client("npm", "npm", npm, r"^npm (?:ERR!|error) (?:network )?(request to .*|.*EPERM.*|.*[Tt]imeout.*)",
           "fetch-retries=0, fetch-timeout=5000 (.npmrc)"),
    Client("pip", "pip3", pip, r"(\[Errno -?\d+\] [^'\")]*|Read timed out|Connection aborted[^)]*)",
           "--retries 0 --timeout 5 (PIP_RETRIES=0, PIP_TIMEOUT=5)"),
    Client("cargo", "cargo", cargo, r"^\s*(.*(?:[Rr]esolv|connect|class=|timed|[Tt]imeout|abort).*)",
           "net.retry = 0, http.timeout = 5 (.cargo/config.toml; CARGO_NET_RETRY=0, CARGO_HTTP_TIMEOUT=5)"),
    Client("go", "go", go, GO_MESSAGE, ask_version=("version",)),
    Client("maven", "mvn", maven, r"transfer failed for \S+: (.*?)(?: ->|$)",
           "-Dmaven.wagon.http.retryHandler.count=0 -Dmaven.wagon.rto=5000"),
    Client("java", "java", java, r"^java: (.*)", "HttpRequest.Builder.timeout(Duration.ofSeconds(5))",
           "java.net.http.HttpClient."),
    Client("apt", "apt-get", apt,
           r"^(?:E|W|Err)?:? *(?:Failed to fetch \S+ +)?(.*(?:resolv|connect|abort|timed|timeout|handshake).*)",
           "Acquire::Retries=0, Acquire::http::Timeout=5, Acquire::https::Timeout=5 (apt.conf)"),
    Client("git", "git", git, r"(fatal: .*)", "http.lowSpeedLimit=1, http.lowSpeedTime=5"),
    Client("curl", "curl", curl, r"(curl: .*)", "--max-time 5"),
    Client("docker", "docker", docker, GO_MESSAGE,
           note="`docker manifest inspect`, which needs no daemon."),
    Client("node fetch()", "node", node_fetch, r"^fetch: (.*)", "{signal: AbortSignal.timeout(5000)}"),
    Client("node https", "node", node_https, r"^https: (.*)",
           note="A request that is destroyed at its event 'timeout', which the default agent has."),
]
