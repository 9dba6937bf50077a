"""Count results: automake's .trs files (one a TAP program) or pytest's JUnit file.

    results.py trs STAGE DIRECTORY      results.py junit STAGE FILE

Writes "passed failed skipped" to STAGE.count and the names of what was skipped to STAGE.skips.
Nothing counted at all is a failure: a test that silently didn't run proves nothing.
"""

import pathlib
import sys
import xml.etree.ElementTree as tree

NAMED = 30  # failures listed by name; the rest are counted


def lines_of(log):
    return log.read_text(errors="replace").splitlines() if log.exists() else []


def failures_of(log):
    """What a TAP program says failed; automake's .trs file holds only kinds."""
    return [line for line in lines_of(log) if line.startswith("not ok") and "# SKIP" not in line]


def skips_of(log):
    return [line for line in lines_of(log) if line.startswith("ok ") and "# SKIP" in line]


def read_trs(directory):
    """Results as (kind, name); a program that gave none is an error of its own."""
    results = []
    for path in sorted(pathlib.Path(directory).rglob("*.trs")):
        program = str(path.relative_to(directory).with_suffix(""))
        kinds = [
            line.split()[1]
            for line in path.read_text(errors="replace").splitlines()
            if line.startswith(":test-result:")
        ]
        if not kinds:
            results.append(("ERROR", f"{program}: no result"))
        said = {"SKIP": skips_of(path.with_suffix(".log"))}
        bad = failures_of(path.with_suffix(".log"))
        for kind in kinds:
            names = [] if kind in ("PASS", "XFAIL") else said.get(kind, bad)
            results.append((kind, f"{program}: {names.pop(0) if names else 'see its log'}"))
    return results


def read_junit(path):
    results = []
    if not pathlib.Path(path).exists():
        return results
    for case in tree.parse(path).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        kinds = {child.tag: child for child in case}
        if "failure" in kinds or "error" in kinds:
            results.append(("FAIL", name))
        elif "skipped" in kinds:
            results.append(("SKIP", f"{name}: {kinds['skipped'].get('message')}"))
        else:
            results.append(("PASS", name))
    return results


def main():
    kind, stage, where = sys.argv[1:]
    results = read_trs(where) if kind == "trs" else read_junit(where)
    passed = [name for result, name in results if result in ("PASS", "XFAIL")]
    skipped = [name for result, name in results if result == "SKIP"]
    failed = [name for result, name in results if result not in ("PASS", "XFAIL", "SKIP")]
    if not passed and not failed:
        failed.append("nothing ran")
    for name in failed[:NAMED]:
        print("failed:", name)
    if len(failed) > NAMED:
        print(f"failed: {len(failed) - NAMED} more")
    pathlib.Path(f"{stage}.count").write_text(f"{len(passed)} {len(failed)} {len(skipped)}\n")
    if skipped:
        pathlib.Path(f"{stage}.skips").write_text("\n".join(skipped) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
