"""Runs every Python and JavaScript receiver over https, with an API that fails and hangs on demand, and every snippet of
the guide whose language is on this machine.

python tests/receivers/check.py [NAME...], where the name "guide" stands for the snippets, in an environment that has
python/requirements.txt. Also needs Node 20.10, npm and openssl. It runs a copy of this folder and writes nothing to it.
"""

import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.dont_write_bytecode = True  # or the imports below would write to this folder

from checks import guide
from checks.receiver import COMMANDS, Receiver
from checks.rules import CHECKS


def run(name, make, checks):
    """Makes a receiver and runs all checks on it, up to the first that fails; returns whether all passed."""
    receiver, began, step = None, time.monotonic(), "start"
    try:
        receiver = make()
        receiver.start()
        for check in checks:
            step = check.__name__
            check(receiver)
        print(f"{name}: {len(checks)} checks in {time.monotonic() - began:.1f} s", flush=True)
        return True
    except Exception:
        log = receiver.log.read_text()[-4000:] if receiver and receiver.log.exists() else ""
        print(f"{name}: FAILED: {step}\n{traceback.format_exc()}{log}", flush=True)
        return False
    finally:
        if receiver:
            receiver.kill()


def run_snippets(folder):
    """Runs the snippets of the guide one after the other; returns whether each passed."""
    for file, language, code in guide.snippets((folder / "README.md").read_text()):
        if program := guide.missing(language):
            print(f"guide {file}: skipped: {program} is missing", flush=True)
        else:
            make = partial(guide.prepare, file, language, code, folder)
            yield run(f"guide {file}", make, guide.CHECKS)


def prepare(folder, names):
    """Copies the receivers to a folder, with a certificate and installed packages."""
    here = Path(__file__).resolve().parent
    shutil.copytree(here, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "1",
         "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=folder, check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    if any(name == "guide" or COMMANDS[name][0] == "node" for name in names):
        install = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--no-package-lock"]
        subprocess.run(install, cwd=folder / "javascript", check=True)


def main():
    names = sys.argv[1:] or [*COMMANDS, "guide"]
    receivers = [name for name in names if name != "guide"]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        folder = Path(folder)
        prepare(folder, names)
        results = list(pool.map(lambda name: run(name, partial(Receiver, name, folder), CHECKS), receivers))
        if "guide" in names:
            results += run_snippets(folder)
    passed = sum(results)
    print(f"receivers: {passed} passed, {len(results) - passed} failed")
    sys.exit(passed < len(results))


if __name__ == "__main__":
    main()
