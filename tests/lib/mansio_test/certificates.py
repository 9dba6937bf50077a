"""Certificates for tests: a CA of the test's own, what it signs, and lists of what it revoked. Made
with openssl(1)."""

import pathlib
import time

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
        end=None,
    ):
        """A certificate for these DNS names and mail addresses; returns (chain, key). @p days may be
        negative: expired. @p end: when it ends, in seconds since the epoch, instead."""
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
        if end is not None:
            run(
                *[*self.ca(), "-in", request, "-extfile", more, "-rand_serial", "-notext"],
                *["-startdate", stamp(end - 3600), "-enddate", stamp(end), "-out", chain],
            )
            return chain, key
        run(
            *["openssl", "x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self.key],
            *["-CAcreateserial", "-days", str(days), "-extfile", more, "-out", chain],
        )
        return chain, key

    def revoke(self, chain):
        """Takes effect with the next list."""
        run(*self.ca(), "-revoke", chain)

    def write_list(self, path=None, end=None):
        """The list of what is revoked, installed by rename; returns its path. @p end: when the next one
        comes, in seconds since the epoch."""
        path = path or self.directory / "revoked.pem"
        until = [] if end is None else ["-crl_nextupdate", stamp(end)]
        since = [] if end is None else ["-crl_lastupdate", stamp(end - 3600)]
        run(*self.ca(), "-gencrl", *since, *until, "-out", f"{path}.new")
        pathlib.Path(f"{path}.new").rename(path)
        return path

    def ca(self):
        """openssl ca(1) with what it wants to have beside a CA."""
        config, index = self.directory / "ca.cnf", self.directory / "index.txt"
        if not config.exists():
            index.write_text("")
            config.write_text(
                f"[ca]\ndefault_ca=ours\n[ours]\ndatabase={index}\nnew_certs_dir={self.directory}\n"
                f"serial={self.directory}/serial\ndefault_crl_days=7\n"
                "default_md=sha256\nunique_subject=no\npolicy=any\nemail_in_dn=yes\n[any]\n"
                "commonName=optional\nemailAddress=optional\n"
            )
        how = ["openssl", "ca", "-batch", "-config", config, "-cert", self.path]
        return [*how, "-keyfile", self.key]


def stamp(seconds):
    """As openssl ca(1) has it."""
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))
