"""A certification authority and a server certificate of it, for demonstrations and tests."""

import pathlib
import subprocess

DAYS = "825"


def _openssl(*arguments):
    done = subprocess.run(
        ["openssl", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stdout}")


def make_authority(directory):
    """ca.pem and ca.key in a directory; returns the certificate's path."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", DAYS, "-subj", "/CN=Mansio private CA", "-out", directory / "ca.pem"),
        *("-keyout", directory / "ca.key"),
        *("-addext", "basicConstraints=critical,CA:TRUE"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    return directory / "ca.pem"


def make_certificate(directory, name, hosts, use="serverAuth"):
    """NAME.pem and NAME.key, signed by the authority there, for host names and addresses."""
    directory = pathlib.Path(directory)
    alternatives = ",".join(
        ("IP:" if host.replace(".", "").isdigit() or ":" in host else "DNS:") + host
        for host in hosts
    )
    request = directory / f"{name}.csr"
    extensions = directory / f"{name}.ext"
    extensions.write_text(
        "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        f"extendedKeyUsage={use}\nsubjectAltName={alternatives}\n"
    )
    _openssl(
        *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", f"/CN={hosts[0]}", "-out", request, "-keyout", directory / f"{name}.key"),
    )
    _openssl(
        *("x509", "-req", "-days", DAYS, "-in", request, "-out", directory / f"{name}.pem"),
        *("-CA", directory / "ca.pem", "-CAkey", directory / "ca.key", "-CAcreateserial"),
        *("-extfile", extensions),
    )
    request.unlink()
    extensions.unlink()
    return directory / f"{name}.pem", directory / f"{name}.key"
