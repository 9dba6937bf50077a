"""The ceiling of deliveries: the module's own statements sent by libpq alone, to a private
PostgreSQL. Needs a build in which `make bench` was run."""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CLUSTER = HERE.parent / "lib" / "pgcluster"
IN_FLIGHT, ACCOUNTS = 20, 1000
SETTINGS = ("fsync", "synchronous_commit", "full_page_writes")


def numbers(*command):
    """The last line of figures that a program prints; what cmocka may say around it isn't ours."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{command[0]}: {done.returncode}\n{done.stdout}{done.stderr}")
    lines = [line for line in done.stdout.splitlines() if line and line[0].isdigit()]
    return [float(number) for number in lines[-1].split()] if lines else []


class Ceiling:
    def __init__(self, build, directory):
        self.programs = pathlib.Path(build) / "tests" / "bench"
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "ceiling"
        self.data.mkdir()
        subprocess.run([CLUSTER, "start", self.data], check=True)
        self.conninfo = f"host={self.data} dbname=mansio"
        numbers(self.programs / "store_deliveries", "open", self.conninfo, ACCOUNTS)

    def close(self):
        subprocess.run([CLUSTER, "stop", self.data], check=True)

    def settings(self):
        for setting in SETTINGS:
            said = subprocess.run(
                ["psql", "-XAtq", "-h", self.data, "-U", "postgres", "-d", "mansio"]
                + ["-c", f"SHOW {setting}"],
                capture_output=True,
                text=True,
                check=False,
            )
            yield f"{setting} = {said.stdout.strip()}"

    def bare(self, size, seconds):
        """Messages a second, microseconds of the client's and of the server's CPU a message."""
        messages = self.directory / f"messages-{size}"
        if not messages.exists():
            numbers(self.programs / "store_deliveries", "dump", messages, size)
        options = "-c search_path=mansio,pg_temp -c jit=off -c plan_cache_mode=force_generic_plan"
        conninfo = f"{self.conninfo} user=mansio_serving options='{options}'"
        program = self.programs / "store_ceiling"
        return numbers(program, conninfo, messages, IN_FLIGHT, seconds, ACCOUNTS)

    def store(self, size, seconds):
        """Messages a second through the store interface, microseconds of the client's CPU."""
        program = self.programs / "store_deliveries"
        return numbers(program, "run", self.conninfo, IN_FLIGHT, seconds, size, ACCOUNTS)
