"""What `make install` gives to strangers."""

import re

import pytest
from mansio_test.install import SOURCE, run


def needed(path):
    """NEEDED entries in their order."""
    return re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", path).stdout)


def test_destdir_keeps_everything_inside(install, tmp_path):
    """Nothing is written outside DESTDIR, and inside it only where it was configured to be."""
    stage = tmp_path / "stage"
    marker = tmp_path / "marker"
    marker.touch()
    run("make", "-C", install.build, "install", f"DESTDIR={stage}")
    inside = stage / install.prefix.relative_to("/")
    for path in stage.rglob("*"):
        assert inside in [path, *path.parents] or path in inside.parents, path
    staged = {str(p.relative_to(inside)) for p in inside.rglob("*") if not p.is_dir()}
    for name in ("sbin/mansiod", "bin/mansioctl", "lib/libmansio.so.1", "include/mansio/module.h"):
        assert name in staged
    newer = run("find", install.prefix, "-newer", marker, "!", "-type", "d").stdout.split()
    assert not newer, newer


def test_installs_every_public_header_and_no_other(install):
    public = {p.name for p in (SOURCE / "api/mansio").glob("*.h")}
    assert {p.name for p in (install.prefix / "include/mansio").iterdir()} == public
    assert not (install.prefix / "include/core").exists()


def test_pkg_config_names_only_the_prefix(install):
    words = install.pkg_config("--cflags", "--libs")
    assert f"-I{install.prefix}/include" in words
    assert "-fstack-clash-protection" in words
    assert not any(str(SOURCE) in word for word in words)
    moduledir = run("pkg-config", "--variable=moduledir", "mansio", env=install.environment())
    assert moduledir.stdout.strip() == f"{install.prefix}/lib/mansio"


@pytest.mark.parametrize("header", sorted(p.name for p in (SOURCE / "api/mansio").glob("*.h")))
def test_every_header_compiles_alone_as_c_and_cpp(install, tmp_path, header):
    """With nothing but pkg-config, under every warning that a careful author turns on."""
    flags = install.pkg_config("--cflags")
    for suffix, standard in ((".c", "-std=c11"), (".c", "-std=gnu17"), (".cc", "-std=c++17")):
        source = tmp_path / f"one{suffix}"
        source.write_text(f"#include <mansio/{header}>\n")
        run(
            "gcc", standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", *flags,
            source, env=install.environment(),
        )


def test_a_module_in_cpp_links(install, tmp_path):
    """The library's functions have C names: a C++ module asks for those, under their versions."""
    source = tmp_path / "module.cc"
    source.write_text("""
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/module.h>
#include <mansio/settings.h>

static int load(struct mansio_instance *instance)
{
    struct mansio_str name = mansio_instance_name(instance);
    mansio_log(MANSIO_LOG_INFO, "loaded", MANSIO_KV_STR("name", name), MANSIO_KV_END);
    return name.len > 0 ? 0 : mansio_fail(MANSIO_E_INVALID, "no name");
}

MANSIO_MODULE("cpp", "1.0", "", .summary = "a module in C++", .load = load);
""")
    module = tmp_path / "cpp.so"
    run(
        "g++", "-std=c++20", "-Wall", "-Werror", "-fPIC", "-shared", "-Wl,-z,defs", "-o", module,
        source, *install.pkg_config("--cflags", "--libs"), env=install.environment(),
    )
    names = run("nm", "-D", module).stdout
    for name in ("U mansio_log@MANSIO_1.0", "U mansio_fail@MANSIO_1.0", "mansio_module"):
        assert name in names


def test_hello_needs_pkg_config_alone(install, tmp_path, hello_so):
    dump = run("readelf", "-n", hello_so).stdout
    assert "MANSIO" in dump
    exported = [
        line.split()[-1]
        for line in run("nm", "-D", "--defined-only", hello_so).stdout.splitlines()
    ]
    assert exported == ["mansio_module"]


def test_hello_is_under_sixty_lines():
    lines = (SOURCE / "contrib/hello/hello.c").read_text().splitlines()
    code = [line for line in lines if line.strip()]
    assert len(code) < 60, len(code)


def test_libevent_comes_before_libev(install):
    """Debian's libev exports libevent's names: whoever brings libevent along must get its own."""
    order = [name.split(".so")[0] for name in needed(install.library)]
    assert order.index("libevent_core-2.1") < order.index("libev")


@pytest.mark.parametrize("first", ["libevent_core", "libev"])
def test_the_order_matters(tmp_path, first):
    """Why: the same module works in a host that has libevent first, and not in one that has libev.
    Should the second ever pass, libev has stopped exporting these names, and the order may go."""
    source = SOURCE / "tests/proto/modules/libevent_order.c"
    module, host = tmp_path / "module.so", tmp_path / "host"
    run("gcc", "-g", "-fPIC", "-shared", "-DMODULE", "-o", module, source, "-levent_core")
    libraries = ["-levent_core", "-lev"] if first == "libevent_core" else ["-lev", "-levent_core"]
    run("gcc", "-g", "-o", host, source, "-Wl,--no-as-needed", *libraries)
    result = run(host, module, check=False, timeout=60)
    worked = result.returncode == 0 and result.stdout == "100 rounds\n"
    assert worked == (first == "libevent_core"), (result.returncode, result.stdout, result.stderr)


def test_programs_find_their_library(install):
    for program in (install.mansiod, install.mansioctl):
        assert "libmansio.so.1" in needed(program)
        linked = run("ldd", program).stdout
        assert f"libmansio.so.1 => {install.prefix}/lib/" in linked


def test_exports_public_and_private_names_alone(install):
    """Every public function under a numbered node, the rest under MANSIO_PRIVATE, nothing else."""
    text = run("readelf", "--dyn-syms", "-W", install.library).stdout
    rows = [line.split() for line in text.splitlines() if re.match(r"\s+\d+:", line)]
    defined = [row[7] for row in rows if row[6] not in ("UND", "ABS") and row[4] == "GLOBAL"]
    assert defined
    for name in defined:
        plain, _, node = name.replace("@@", "@").partition("@")
        if plain.startswith("core_"):
            assert node == "MANSIO_PRIVATE", name
        elif not install.is_sanitized or plain.startswith("mansio_"):
            assert plain.startswith("mansio_") and node in ("MANSIO_1.0", "MANSIO_EXPERIMENTAL"), name
    declared = set()
    for header in (SOURCE / "api/mansio").glob("*.h"):
        code = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        declared |= set(re.findall(r"\b(mansio_\w+)\s*\(", code.split("MANSIO_MODULE(")[0]))
    exported = {name.split("@")[0] for name in defined if name.startswith("mansio_")}
    assert exported <= declared | {"mansio_assert_failed"}, exported - declared


def test_hardening(install):
    """Sanitizer builds keep what they can."""
    for path in (install.mansiod, install.mansioctl, install.library):
        assert "NOW" in run("readelf", "-d", path).stdout, path
        headers = run("readelf", "-lW", path).stdout
        assert "GNU_RELRO" in headers, path
        stack = re.search(r"GNU_STACK\s+(?:0x\w+\s+){5}(\w+)", headers)
        assert stack.group(1) == "RW", path
    for path in (install.mansiod, install.mansioctl):
        assert "DYN (Position-Independent Executable file)" in run("readelf", "-h", path).stdout


def test_nothing_installed_names_the_source_tree(install):
    """No path of the machine that built it, but for debug information."""
    for path in [p for p in install.prefix.rglob("*") if p.is_file() and not p.is_symlink()]:
        if path.suffix == ".la" or path.read_bytes()[:4] == b"\x7fELF":
            continue
        assert str(SOURCE) not in path.read_text(errors="replace"), path


def test_make_uninstall_leaves_nothing(install, tmp_path):
    stage = tmp_path / "stage"
    run("make", "-C", install.build, "install", f"DESTDIR={stage}")
    run("make", "-C", install.build, "uninstall", f"DESTDIR={stage}")
    left = [p for p in stage.rglob("*") if not p.is_dir()]
    assert not left, left
