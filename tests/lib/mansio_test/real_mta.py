"""Mail servers of other people in network namespaces: Postfix, Exim and OpenSMTPD of Debian.

They can't be installed together, nor beside what a machine has: so their packages are downloaded,
and unpacked over a view of this system's files that only they see (an overlay in a mount namespace,
its upper layer in memory). Each has process ids and a network of its own, joined by a bridge to
ours, where `Zone` serves the names. Root is needed. All of it ends with the process that runs it.
"""

import mailbox
import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile

from .wait import until

USER, UID = "vmail", 6000


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, check=False, **more)
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {said}"
    return done.stdout.decode()


class Packages:
    """Debian packages, downloaded once, with the libraries of theirs that this system lacks."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.known = {}

    def installed(self):
        rows = run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n").splitlines()
        return {name for name, _, status in (row.partition(" ") for row in rows)
                if status == "installed"}  # fmt: skip

    def get(self, name):
        """Paths of a package's file and of those of its libraries."""
        if name not in self.known:
            folder = self.directory / name
            folder.mkdir(parents=True)
            run("apt-get", "download", name, cwd=folder)
            (path,) = folder.glob("*.deb")
            self.known[name] = path
        path = self.known[name]
        wanted = run("dpkg-deb", "-f", path, "Depends").replace("\n", " ").split(",")
        names = {choice.split("|")[0].split()[0].split(":")[0] for choice in wanted if choice}
        libraries = sorted(n for n in names - self.installed() if n.startswith("lib"))
        return [path, *(file for library in libraries for file in self.get(library))]


class Network:
    """A bridge with an address of ours on it: 198.18.N.1 (RFC 2544's own, nobody routes it)."""

    def __init__(self):
        self.made = []
        self.number = 1
        for _ in range(50):
            mark = random.randrange(1 << 20)
            self.bridge, self.prefix = f"mt{mark:05x}", f"198.18.{random.randrange(1, 255)}"
            if self.prefix not in run("ip", "-br", "address"):
                break
        run("ip", "link", "add", self.bridge, "type", "bridge")
        run("ip", "address", "add", f"{self.prefix}.1/24", "dev", self.bridge)
        run("ip", "link", "set", self.bridge, "up")

    @property
    def ours(self):
        return f"{self.prefix}.1"

    def address(self):
        """One more address of ours."""
        self.number += 1
        address = f"{self.prefix}.{self.number}"
        run("ip", "address", "add", f"{address}/24", "dev", self.bridge)
        return address

    def namespace(self):
        """A network namespace on the bridge: its name and its address."""
        self.number += 1
        name, address = f"{self.bridge}n{self.number}", f"{self.prefix}.{self.number}"
        inner, outer = f"{self.bridge}i{self.number}", f"{self.bridge}o{self.number}"
        run("ip", "netns", "add", name)
        run("ip", "link", "add", outer, "type", "veth", "peer", "name", inner)
        self.made.append((name, outer))
        run("ip", "link", "set", inner, "netns", name)
        run("ip", "link", "set", outer, "master", self.bridge, "up")
        for words in (
            ["link", "set", "lo", "up"],
            ["address", "add", f"{address}/24", "dev", inner],
            ["link", "set", inner, "up"],
            ["route", "add", "default", "via", self.ours],
        ):
            run("ip", "-n", name, *words)
        return name, address

    def close(self):
        for name, link in self.made:
            run("ip", "link", "del", link)  # with the end that is inside
            run("ip", "netns", "del", name)
        run("ip", "link", "del", self.bridge)


# What runs in the namespaces: a view of this system, over which the packages are unpacked.
VIEW = """
set -e
mount -t tmpfs -o size=1g,mode=755 none "$BOX/view"
cd "$BOX/view"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" root
mount -t proc proc root/proc
mount --rbind /dev root/dev
mkdir -p root/var/mail root/box
for place in run tmp var/spool; do mount -t tmpfs -o mode=1777 none "root/$place"; done
chmod 755 root/run root/var/spool
mount --bind "$BOX/mail" root/var/mail
mount --bind "$BOX/box" root/box
for package in "$@"; do
    # As dpkg -x, but /bin and /lib stay the links that they are.
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C root
done
exec chroot root /bin/sh /box/start
"""


# The first thing that runs inside: names that packages' scripts would have made.
NAMES = """
set -e
number={uid}
for name in {users}; do
    grep -q "^$name:" /etc/passwd && continue
    echo "$name:x:$number:$number::/var/mail:/bin/false" >>/etc/passwd
    echo "$name:x:$number:" >>/etc/group
    number=$((number + 1))
done
for name in {groups}; do
    grep -q "^$name:" /etc/group || echo "$name:x:$number:" >>/etc/group
    number=$((number + 1))
done
echo nameserver {nameserver} >/etc/resolv.conf
echo 127.0.0.1 localhost {hostname} >/etc/hosts
echo {hostname} >/etc/mailname
chown {uid}:{uid} /var/mail
"""


class Mta:
    """One server. Mail to ok-...@DOMAIN is taken into a Maildir, all else is refused."""

    package, more = None, ()  # what is downloaded
    users, groups = (), ()  # what the package would have made
    queues = ()  # folders of messages that are not delivered yet

    def __init__(self, network, packages, domain, certificate=None):
        """@certificate: (chain, key) to offer STARTTLS with, if it can be had."""
        self.domain, self.name = domain, f"mx.{domain}"
        self.box = pathlib.Path(tempfile.mkdtemp(prefix="mansio-mta.", dir="/var/tmp"))
        self.box.chmod(0o755)
        for name in ("view", "mail", "box"):
            (self.box / name).mkdir()
        for path, name in zip(certificate or (), ("tls.pem", "tls.key")):
            shutil.copy(path, self.box / "box" / name)
            (self.box / "box" / name).chmod(0o644)
        self.is_tls = certificate is not None
        names = NAMES.format(
            uid=UID, users=" ".join((USER, *self.users)), groups=" ".join(self.groups),
            nameserver=network.ours, hostname=self.name,
        )  # fmt: skip
        for name, text in {**self.files(), "start": names + self.start}.items():
            (self.box / "box" / name).write_text(text)
        self.namespace, self.host = network.namespace()
        files = [path for name in (self.package, *self.more) for path in packages.get(name)]
        self.log = open(self.box / "log", "wb")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace,
             "unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child",
             "/bin/sh", "-c", VIEW, "view", *map(str, files)],
            env={**os.environ, "BOX": str(self.box)}, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def files(self):
        """Found in /box."""
        raise NotImplementedError

    def said(self):
        return (self.box / "log").read_text(errors="replace")[-3000:]

    def wait_ready(self):
        def greets():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.package} ended: {self.said()}")
            with socket.create_connection((self.host, 25), 5) as conn:
                return conn.recv(4) == b"220 "

        until(f"{self.package} to greet", greets, 30)
        return self

    def waiting(self):
        """How many files its queues hold, seen from outside."""
        pid = self.process.pid
        (inner,) = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        root = f"/proc/{inner}/root"
        return sum(len(files) for queue in self.queues for _, _, files in os.walk(root + queue))

    def settle(self):
        """Until what it has taken lies in the mailbox."""
        until(f"{self.package} to have delivered", lambda: self.waiting() == 0, 300, 0.2)

    def letters(self):
        """What it has delivered: messages, each for one recipient."""
        return [
            message
            for folder in sorted((self.box / "mail").iterdir())
            if (folder / "new").is_dir()
            for message in mailbox.Maildir(folder, create=False)
        ]

    def stop(self):
        self.process.kill()  # --kill-child: the namespace's first process, and so all in it
        self.process.wait(60)
        self.log.close()

    def remove(self):
        shutil.rmtree(self.box, ignore_errors=True)


class Postfix(Mta):
    package = "postfix"
    queues = tuple(f"/var/spool/postfix/{name}" for name in ("incoming", "active", "deferred"))
    users = ("postfix",)
    groups = ("postdrop", "postfix")

    def files(self):
        main = f"""
compatibility_level = 3.6
maillog_file = /dev/stdout
myhostname = {self.name}
mydestination =
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_tls_security_level = {"may" if self.is_tls else "none"}
smtpd_tls_cert_file = /box/tls.pem
smtpd_tls_key_file = /box/tls.key
virtual_mailbox_domains = {self.domain}
virtual_mailbox_maps = regexp:/etc/postfix/boxes
virtual_mailbox_base = /var/mail
virtual_uid_maps = static:{UID}
virtual_gid_maps = static:{UID}
virtual_mailbox_limit = 0
smtpd_recipient_restrictions = reject_unauth_destination
smtpd_client_connection_count_limit = 0
anvil_status_update_time = 60s
"""
        return {"main.cf": main, "boxes": "/^ok-/ box/\n"}

    start = """
cp /box/main.cf /box/boxes /etc/postfix/
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
mkdir -p /var/lib/postfix /var/spool/postfix
touch /etc/aliases
postfix post-install create-missing
chown postfix: /var/lib/postfix
exec postfix start-fg
"""


class Exim(Mta):
    package = "exim4-daemon-light"
    queues = ("/var/spool/exim4/input",)
    more = ("exim4-base",)
    users = ("Debian-exim",)

    def files(self):
        return {"exim.conf": f"""
primary_hostname = {self.name}
domainlist local_domains = {self.domain}
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 200
smtp_accept_max_per_connection = 1000
smtp_accept_queue_per_connection = 1000
queue_run_max = 5
log_file_path = /var/log/exim4/%slog
acl_smtp_rcpt = check_rcpt
tls_advertise_hosts = {"*" if self.is_tls else ""}
tls_certificate = /box/tls.pem
tls_privatekey = /box/tls.key
pipelining_advertise_hosts = *
chunking_advertise_hosts = *
dsn_advertise_hosts = *
begin acl
check_rcpt:
  deny message = relay not permitted
    !domains = +local_domains
  deny message = 5.1.1 no such user here
    !local_parts = ^ok-
  accept
begin routers
box:
  driver = accept
  domains = +local_domains
  transport = box
begin transports
box:
  driver = appendfile
  maildir_format
  directory = /var/mail/box
  create_directory
  user = {USER}
  group = {USER}
  envelope_to_add
  return_path_add
begin retry
* * F,2h,15s
"""}

    start = """
mkdir -p /etc/exim4 /var/log/exim4 /var/spool/exim4 /run/exim4
cp /box/exim.conf /etc/exim4/exim4.conf
chown root:root /etc/exim4/exim4.conf
chmod 644 /etc/exim4/exim4.conf
chown -R Debian-exim: /var/log/exim4 /var/spool/exim4 /run/exim4
ln -sf /usr/sbin/exim4 /usr/sbin/sendmail
exec /usr/sbin/exim4 -bdf -q1m
"""


class OpenSmtpd(Mta):
    """In the clear alone."""

    package = "opensmtpd"
    queues = ("/var/spool/smtpd/queue", "/var/spool/smtpd/incoming")
    users = ("opensmtpd", "opensmtpq")

    def files(self):
        return {"smtpd.conf": f"""
table boxes {{ "@{self.domain}" = {USER} }}
action "box" maildir "/var/mail/box" virtual <boxes>
listen on 0.0.0.0 hostname {self.name}
match from any for domain "{self.domain}" rcpt-to regex "^ok-" action "box"
match from any for any reject
"""}

    start = """
mkdir -p /var/spool/smtpd /run/smtpd /var/empty /var/lib/opensmtpd/empty
chmod 711 /var/spool/smtpd
mkdir -p /var/lib/opensmtpd
cp /box/smtpd.conf /etc/smtpd.conf
chmod 600 /etc/smtpd.conf
exec /usr/sbin/smtpd -d
"""
