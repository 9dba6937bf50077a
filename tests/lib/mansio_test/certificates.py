"""Certificates for tests: a CA of the test's own, and what it signs. Made with openssl(1)."""

import pathlib

from .install import run


class Authority:
    """A CA in a directory: ca.pem, and a chain and key for each certificate that is made."""

    def __init__(self, directory, name="Test CA"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.path = self.directory / "ca.pem"
        self.key = self.directory / "ca.key"
        run(
            *["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            *["-nodes", "-days", "30", "-subj", f"/CN={name}", "-keyout", self.key],
            *["-out", self.path, "-addext", "basicConstraints=critical,CA:TRUE"],
            *["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
        )

    def make(
        self,
        name,
        *hosts,
        emails=(),
        subject=None,
        days=30,
        kind="ec",
        usage="serverAuth,clientAuth",
    ):
        """A certificate for these DNS names and mail addresses; returns (chain, key). @p days may be
        negative: expired."""
        key, request = self.directory / f"{name}.key", self.directory / f"{name}.csr"
        chain, more = self.directory / f"{name}.pem", self.directory / f"{name}.ext"
        how = {
            "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            "rsa": ["-newkey", "rsa:2048"],
            "ed25519": ["-newkey", "ed25519"],
        }[kind]
        run(
            *["openssl", "req", "-new", "-utf8", *how, "-nodes", "-keyout", key, "-out", request],
            *["-subj", subject or f"/CN={name}"],
        )
        lines = [f"extendedKeyUsage={usage}", "basicConstraints=CA:FALSE"]
        names = [f"DNS:{host}" if not host[0].isdigit() else f"IP:{host}" for host in hosts]
        names += [f"email:{address}" for address in emails]
        if names:
            lines.append("subjectAltName=" + ",".join(names))
        more.write_text("\n".join(lines) + "\n")
        run(
            *["openssl", "x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self.key],
            *["-CAcreateserial", "-days", str(days), "-extfile", more, "-out", chain],
        )
        return chain, key
