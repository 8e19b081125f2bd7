"""Whether advisories are known of what is locked: `python advisories.py UVX`; skipped where no service answers."""

import json
import subprocess
import sys

AUDIT = ["--quiet", "pip-audit", "--disable-pip", "--require-hashes", "-r", "requirements.lock", "-f", "json"]


def skip(reason: str) -> None:
    """Say that nothing was looked at, and why."""
    sys.exit(print(f"Advisories: skipped, {reason}."))


try:
    done = subprocess.run([sys.argv[1], *AUDIT], capture_output=True, text=True, timeout=120, check=False)
    packages = json.loads(done.stdout)["dependencies"]
except subprocess.TimeoutExpired:
    skip("no answer in two minutes")
except ValueError:
    skip(f"pip-audit says: {done.stderr.strip().splitlines()[-1:]}")
audited = [package for package in packages if "skip_reason" not in package]
if not audited:
    skip("the service knows none of the packages")
for package in audited:
    for known in package["vulns"]:
        fixed = ", ".join(known["fix_versions"]) or "nothing yet"
        print(f"{package['name']} {package['version']}: {known['id']}, mended in {fixed}")
print(f"Advisories: {len(audited)} of {len(packages)} locked packages looked at.")
sys.exit(any(package["vulns"] for package in audited))
