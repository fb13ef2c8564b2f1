"""Runs every Python and JavaScript receiver over https, with an API that fails and hangs on demand.

python tests/receivers/check.py [NAME...], in an environment that has python/requirements.txt. Also needs Node 20.10,
npm and openssl. It runs a copy of this folder and writes nothing to it.
"""

import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True  # or the imports below would write to this folder

from checks.receiver import COMMANDS, Receiver
from checks.rules import CHECKS


def run(name, folder):
    """Runs all checks on one receiver, up to the first that fails; returns whether all passed."""
    receiver, began = Receiver(name, folder), time.monotonic()
    check = receiver.start
    try:
        receiver.start()
        for check in CHECKS:
            check(receiver)
        print(f"{name}: {len(CHECKS)} checks in {time.monotonic() - began:.1f} s", flush=True)
        return True
    except Exception:
        log = receiver.log.read_text()[-4000:] if receiver.log.exists() else ""
        print(f"{name}: FAILED: {check.__name__}\n{traceback.format_exc()}{log}", flush=True)
        return False
    finally:
        receiver.kill()


def prepare(folder, names):
    """Copies the receivers to a folder, with a certificate and installed packages."""
    here = Path(__file__).resolve().parent
    shutil.copytree(here, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "1",
         "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=folder, check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    if any(COMMANDS[name][0] == "node" for name in names):
        install = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--no-package-lock"]
        subprocess.run(install, cwd=folder / "javascript", check=True)


def main():
    names = sys.argv[1:] or list(COMMANDS)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(names)) as pool:
        prepare(Path(folder), names)
        results = list(pool.map(lambda name: run(name, Path(folder)), names))
    passed = sum(results)
    print(f"receivers: {passed} passed, {len(results) - passed} failed")
    sys.exit(passed < len(results))


if __name__ == "__main__":
    main()
