"""What /proc says of a process."""

import pathlib
import re


def exists(pid):
    return pathlib.Path(f"/proc/{pid}/status").exists() and state(pid) not in ("Z", "X")


def field(pid, name):
    """A line of /proc/PID/status."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return re.search(rf"^{name}:\s*(.*)$", text, re.M).group(1)


def state(pid):
    try:
        return field(pid, "State").split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def children(pid):
    """Process ids of a process's children that are alive."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            # The name is in parentheses and may hold anything, spaces and parentheses too.
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(stat[1]) == pid and stat[0] not in "ZX":
            found.append(int(entry.name))
    return sorted(found)


def descriptors(pid):
    """What each open descriptor is: {number: text}."""
    found = {}
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[int(entry.name)] = str(entry.readlink())
        except FileNotFoundError:
            continue
    return found


def private_kib(pid):
    """Memory that is the process's own, KiB."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(n) for n in re.findall(r"^Private_\w+:\s+(\d+) kB$", text, re.M))


def capabilities(pid):
    """The capability sets as numbers: {"CapEff": ..., ...}."""
    sets = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    return {name: int(field(pid, name), 16) for name in sets}


def uids(pid):
    """Real, effective, saved, file system."""
    return [int(n) for n in field(pid, "Uid").split()]


def command_line(pid):
    raw = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    return [part.decode(errors="replace") for part in raw.split(b"\0")[:-1]]


def environment(pid):
    return pathlib.Path(f"/proc/{pid}/environ").read_bytes()


def writable_memory(pid):
    """What a process may write, all of it."""
    found = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            area, modes, *_ = line.split()
            start, end = (int(text, 16) for text in area.split("-"))
            if modes.startswith("rw"):
                memory.seek(start)
                try:
                    found.append(memory.read(end - start))
                except OSError:
                    continue
    return b"\n".join(found)
