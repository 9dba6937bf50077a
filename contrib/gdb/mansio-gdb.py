"""Fibers in gdb: what runs on stacks that gdb doesn't know of.

    (gdb) source mansio-gdb.py
    (gdb) mansio fibers             list all fibers: number, name, state, what they wait in
    (gdb) mansio fibers bt          ... each with its backtrace
    (gdb) mansio fibers bt NAME     ... only those of that name

Works on a live process and on a core file. In a live process a fiber's registers are lent to gdb
for the time of its backtrace, so frames are unwound as well as any; a core file's registers
can't be changed, so there the frame pointers are followed, which ends at the first function that was
built without (-fno-omit-frame-pointer is among Mansio's flags, not among everybody's).
Reads core_scheduler and struct mansio_fiber (core/loop/fiber.h); needs their debug information.
"""

import gdb

STATES = {1: "ready", 2: "running", 3: "waiting", 4: "ended"}
FRAMES_MAX = 64


def scheduler():
    try:
        return gdb.parse_and_eval("core_scheduler")
    except gdb.error as error:
        raise gdb.GdbError(f"no fibers here: {error}") from error


def text(pointer):
    """A char pointer's text; bounded, because memory may be damaged."""
    if int(pointer) == 0:
        return ""
    try:
        return pointer.string("utf-8", "replace", length=-1)[:200]
    except gdb.error:
        return "?"


def slice_text(value):
    length = min(int(value["len"]), 200)
    return value["ptr"].string("utf-8", "replace", length=length) if length else ""


class Fiber:
    def __init__(self, number, value):
        self.number = number
        self.address = int(value.address)
        self.name = text(value["context"]["name"])
        self.state = STATES.get(int(value["state"]), "damaged")
        self.waiting_in = text(value["waiting_in"])
        self.is_cancelled = bool(value["is_cancelled"])
        place = value["place"]
        self.pc, self.sp, self.fp = (int(place[f"saved_{r}"]) for r in ("pc", "sp", "fp"))
        self.where = ""
        fields = value["context"]["fields"]
        if int(fields) != 0:
            try:
                parts = [slice_text(fields[key]) for key in ("module", "instance", "session")]
                self.where = "/".join(part or "-" for part in parts)
            except gdb.error:
                self.where = "?"

    def line(self):
        waiting = f" in {self.waiting_in}" if self.state == "waiting" else ""
        cancelled = ", cancelled" if self.is_cancelled else ""
        where = f"  [{self.where}]" if self.where else ""
        return f"#{self.number} {self.name}: {self.state}{waiting}{cancelled}{where}"

    def is_suspended(self):
        return self.state in ("ready", "waiting")


def fibers():
    """All that exist. A damaged list ends the walk instead of running for ever."""
    main = scheduler()
    value = main["all_first"]
    seen = set()
    while int(value) != 0:
        if int(value) in seen:
            print("(the list of fibers is damaged: it has a loop)")
            return
        seen.add(int(value))
        yield Fiber(len(seen), value.dereference())
        value = value["all_next"]


# ---- backtraces


def is_live():
    """Whether there is a process whose registers can be written."""
    connection = gdb.selected_inferior().connection  # gdb 11
    return connection is not None and connection.type != "core"


def backtrace_live(fiber):
    newest = gdb.newest_frame()
    newest.select()
    saved = {name: int(gdb.parse_and_eval(f"(unsigned long)${name}")) for name in ("pc", "sp", "rbp")}
    try:
        for name, value in (("sp", fiber.sp), ("rbp", fiber.fp), ("pc", fiber.pc)):
            gdb.execute(f"set ${name} = {value:#x}")
        return gdb.execute(f"backtrace {FRAMES_MAX}", to_string=True)
    finally:
        gdb.newest_frame().select()
        for name in ("sp", "rbp", "pc"):
            gdb.execute(f"set ${name} = {saved[name]:#x}")


def describe(number, pc):
    # A return address is behind the call; the call itself is what the reader wants named.
    at = pc - 1 if number > 0 else pc
    block = gdb.block_for_pc(at)
    while block is not None and block.function is None:
        block = block.superblock
    place = gdb.find_pc_line(at)
    if block is not None:
        name = block.function.print_name
    else:
        symbol = gdb.execute(f"info symbol {at:#x}", to_string=True).strip()
        name = symbol.split(" in section")[0] if "No symbol" not in symbol else "??"
    source = f" at {place.symtab.filename}:{place.line}" if place.symtab else ""
    return f"#{number}  {pc:#018x} in {name} (){source}\n"


def backtrace_frames(fiber):
    """By frame pointers: each points to the one before, the return address stands beside it."""
    word = gdb.lookup_type("unsigned long").pointer()
    out, pc, fp = "", fiber.pc, fiber.fp
    for number in range(FRAMES_MAX):
        out += describe(number, pc)
        try:
            frame = gdb.Value(fp).cast(word)
            up, pc = int(frame[0]), int(frame[1])
        except gdb.error:
            break
        if up <= fp or pc == 0 or up > fiber.address:
            break
        fp = up
    return out


def backtrace(fiber):
    x86_64 = "x86-64" in gdb.selected_inferior().architecture().name()
    if x86_64 and is_live():
        return backtrace_live(fiber)
    return backtrace_frames(fiber)


# ---- commands


class Mansio(gdb.Command):
    """Mansio's fibers."""

    def __init__(self):
        super().__init__("mansio", gdb.COMMAND_STACK, gdb.COMPLETE_NONE, True)


class Fibers(gdb.Command):
    """List fibers. mansio fibers [bt [NAME]]: with backtraces, of those of that name."""

    def __init__(self):
        super().__init__("mansio fibers", gdb.COMMAND_STACK, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if words and words[0] != "bt":
            raise gdb.GdbError("usage: mansio fibers [bt [NAME]]")
        name = words[1] if len(words) > 1 else None
        count = 0
        # All are read before any register is lent.
        for fiber in list(fibers()):
            count += 1
            if name is not None and fiber.name != name:
                continue
            print(fiber.line())
            if words and fiber.is_suspended():
                print(backtrace(fiber), end="")
            elif words and fiber.state == "running":
                print("(running: see the thread's own backtrace)")
        print(f"{count} fibers")


Mansio()
Fibers()
