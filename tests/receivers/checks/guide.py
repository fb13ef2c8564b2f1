"""The snippets of the guide, run as they are printed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from checks.receiver import Server
from checks.rules import (
    a_signature_that_is_not_right_is_refused,
    every_request_type_is_taken,
    one_good_signature_of_several_is_enough,
    the_longest_url_and_the_largest_record_are_taken,
)

CHECKS = [
    every_request_type_is_taken,
    a_signature_that_is_not_right_is_refused,
    one_good_signature_of_several_is_enough,
    the_longest_url_and_the_largest_record_are_taken,
]

# By language: the programs that it needs, the commands that the guide gives, and the one that runs it. `{file}` is the
# snippet. check.py has installed what Python and JavaScript need.
LANGUAGES = {
    "python": ([], [], [sys.executable, "{file}"]),
    "js": (["node"], [], ["node", "{file}"]),
    "go": (
        ["go"],
        ["go mod init receiver", "go get github.com/standard-webhooks/standard-webhooks/libraries", "go build -o run ."],
        ["./run"],
    ),
    "php": (
        ["php", "composer"],
        ["composer require --quiet standard-webhooks/standard-webhooks"],
        ["sh", "-c", "exec php -S 127.0.0.1:$PORT {file}"],
    ),
    "ruby": (
        ["ruby", "gem"],
        ["gem install --silent --no-document --install-dir gems sinatra puma rackup standardwebhooks"],
        ["env", "GEM_PATH=gems", "ruby", "{file}"],
    ),
    "rust": (
        ["cargo"],
        [
            "mkdir src",
            "mv {file} src/main.rs",
            "cargo init --quiet --vcs none --name receiver",
            "cargo add --quiet axum --features multipart",
            "cargo add --quiet serde --features derive",
            "cargo add --quiet tokio --features full",
            "cargo add --quiet serde_json standardwebhooks",
            "cargo build --quiet",
        ],
        ["target/debug/receiver"],
    ),
}


class Snippet(Server):
    """A snippet that runs. It has no store, so nothing of it can be read."""

    def finishes(self, event_id, conversation):
        pass

    def read(self):
        return None


def snippets(guide):
    """The snippets of a guide: the file that each is linked to, its language and its code."""
    section = guide.split("\n## Verify a signature\n")[1].split("\n## ")[0]
    return re.findall(r"\n### .*?\]\((\S+\.\w+)\).*?\n```(\w+)\n(.*?\n)```", section, re.DOTALL)


def missing(language):
    """The first program that a language needs and this machine lacks."""
    return next((program for program in LANGUAGES[language][0] if shutil.which(program) is None), None)


def prepare(file, language, code, receivers):
    """Writes a snippet to a folder of its own, and installs what it needs; returns the server."""
    _, install, run = LANGUAGES[language]
    name = Path(file).stem
    folder = receivers / "guide" / name
    folder.mkdir(parents=True)
    for certificate in ("cert.pem", "key.pem"):
        shutil.copy(receivers / certificate, folder)
    if file.startswith("javascript/next/"):
        # A route, which a server has to load.
        shutil.copy(receivers / "serve-next.js", folder)
        file, run = Path(file), ["node", "serve-next.js"]
        (folder / "javascript").mkdir()
        (folder / "javascript/node_modules").symlink_to(receivers / "javascript/node_modules")
        shutil.copy(receivers / "javascript/package.json", folder / "javascript")
    else:
        file = Path(Path(file).name)
        if language == "js":
            (folder / "node_modules").symlink_to(receivers / "javascript/node_modules")
            shutil.copy(receivers / "javascript/package.json", folder)
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(code)
    if language == "rust":
        # The folder is outside the project, whose toolchain may be the only one here.
        shutil.copy(Path(__file__).parents[3] / "rust-toolchain.toml", folder)
    # Without the variables of a `cargo` that runs this.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARGO_PKG_")}
    for command in install:
        subprocess.run(command.format(file=file).split(), cwd=folder, env=environment, check=True)
    command = [part.format(file=file) for part in run]
    return Snippet(name, command, folder, {}, https=language in ("python", "js"))
