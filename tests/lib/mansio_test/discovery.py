"""Mail programs that look for their settings: what Outlook and Thunderbird ask, in their order, how
they read the answers, and the logins that follow. A parser of our own here: ElementTree's."""

import base64
import dataclasses
import http.client
import imaplib
import poplib
import smtplib
import socket
import ssl
import urllib.parse
import xml.etree.ElementTree as ElementTree

from mansio_local.node import HOST

SCHEMAS = "http://schemas.microsoft.com/exchange/autodiscover/"
REQUEST = SCHEMAS + "outlook/requestschema/2006"
OUTER = SCHEMAS + "responseschema/2006"
OUTLOOK = SCHEMAS + "outlook/responseschema/2006a"
MOBILE = SCHEMAS + "mobilesync/responseschema/2006"
POX_PATH = "/autodiscover/autodiscover.xml"
CONFIG_PATH = "/mail/config-v1.1.xml"
WELL_KNOWN_PATH = "/.well-known/autoconfig/mail/config-v1.1.xml"
NEW_PATH = "/.well-known/mail-v1.xml"
# What Thunderbird knows; others it passes over.
KNOWN_SOCKETS = {"SSL": "implicit", "STARTTLS": "starttls", "plain": "none"}
KNOWN_LOGINS = ("password-cleartext", "password-encrypted", "GSSAPI", "NTLM", "OAuth2")


@dataclasses.dataclass(frozen=True)
class Server:
    """A server as a program has understood it."""

    kind: str  # imap, pop3, smtp
    host: str
    port: int
    tls: str  # implicit, starttls, none
    user: str


class Answer:
    def __init__(self, reply):
        self.status = reply.status
        self.fields = {name.lower(): value for name, value in reply.getheaders()}
        self.body = reply.read()


class World:
    """The names that DNS has, and the ports behind them: 80 and 443 are the lab's."""

    def __init__(self, lab, *names, source=None):
        self.lab = lab
        self.names = set(names)
        self.source = source and (source, 0)

    def ask(self, url, method="GET", body=None, login=None, fields=None):
        """The answer, or None: no such name, nobody there, or not who he says he is."""
        parts = urllib.parse.urlsplit(url)
        is_tls = parts.scheme == "https"
        if parts.hostname not in self.names:
            return None
        port = parts.port or self.lab.port(parts.scheme)
        fields = {"Host": parts.netloc, **(fields or {})}
        if login is not None:
            fields["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
        connection = http.client.HTTPConnection(HOST, port, timeout=60)
        connection.sock = socket.create_connection((HOST, port), 60, self.source)
        try:
            if is_tls:
                connection.sock = self.lab.trusted().wrap_socket(
                    connection.sock, server_hostname=parts.hostname
                )
            target = parts.path + ("?" + parts.query if parts.query else "")
            connection.request(method, target, body=body, headers=fields)
            return Answer(connection.getresponse())
        except ssl.SSLCertVerificationError:
            return None
        finally:
            connection.close()


# ---- Outlook


def pox_request(address, schema=OUTLOOK):
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<Autodiscover xmlns="{REQUEST}"><Request><EMailAddress>{address}</EMailAddress>'
        f"<AcceptableResponseSchema>{schema}</AcceptableResponseSchema></Request></Autodiscover>"
    ).encode()


def pox_ask(world, url, address, login=None, body=None, **fields):
    body = pox_request(address) if body is None else body
    fields = {"Content-Type": "text/xml; charset=utf-8", **fields}
    return world.ask(url, "POST", body, login, fields)


def pox_error(answer):
    """The code of an error; None if it is none. Its form is checked."""
    assert answer.status == 200, answer.status
    root = ElementTree.fromstring(answer.body)
    assert root.tag == f"{{{OUTER}}}Autodiscover"
    (response,) = root
    if response.tag != f"{{{OUTER}}}Response":
        return None
    (error,) = response
    assert error.tag == f"{{{OUTER}}}Error" and sorted(error.keys()) == ["Id", "Time"]
    assert error.get("Id").isdigit() and len(error.get("Time")) == len("21:25:04.8897083")
    assert [child.tag for child in error] == [
        f"{{{OUTER}}}{name}" for name in ("ErrorCode", "Message", "DebugData")
    ]
    assert error[1].text
    return int(error[0].text)


def pox_read(answer):
    """{kind: Server} as Outlook takes them: the first of each type."""
    assert pox_error(answer) is None, answer.body
    assert answer.fields["content-type"] == "text/xml; charset=utf-8"
    space = {"o": OUTLOOK}
    root = ElementTree.fromstring(answer.body)
    account = root.find("o:Response/o:Account", space)
    assert account.findtext("o:AccountType", None, space) == "email"
    assert account.findtext("o:Action", None, space) == "settings"
    assert root.findtext("o:Response/o:User/o:DisplayName", None, space)
    servers = {}
    for protocol in account.findall("o:Protocol", space):
        told = {child.tag.removeprefix(f"{{{OUTLOOK}}}"): child.text for child in protocol}
        assert told["SPA"] == "off" and told["DomainRequired"] == "off"
        assert told["AuthRequired"] == "on"
        tls = {"SSL": "implicit", "TLS": "starttls", "None": "none"}[told["Encryption"]]
        assert told["SSL"] == ("off" if tls == "none" else "on")
        kind = told["Type"].lower()
        assert ("SMTPLast" in told) == ("UsePOPAuth" in told) == (kind == "smtp")
        server = Server(kind, told["Server"], int(told["Port"]), tls, told["LoginName"])
        servers.setdefault(kind, server)
    return servers


def outlook(world, address, login=None):
    """{kind: Server}, and where it was found; nothing where Outlook would give up."""
    domain = address.rpartition("@")[2]
    tried = []
    for host in (domain, "autodiscover." + domain):
        url = f"https://{host}{POX_PATH}"
        tried.append(url)
        answer = pox_ask(world, url, address, login)
        if answer is not None and answer.status == 200 and pox_error(answer) is None:
            return pox_read(answer), tried
    url = f"http://autodiscover.{domain}{POX_PATH}"
    tried.append(url)
    answer = world.ask(url)
    if answer is None or answer.status != 302:
        return {}, tried
    url = answer.fields["location"]
    tried.append(url)
    assert url.startswith("https://"), url
    answer = pox_ask(world, url, address, login)
    if answer is None or answer.status != 200 or pox_error(answer) is not None:
        return {}, tried
    return pox_read(answer), tried


# ---- Thunderbird


def config_servers(answer, address):
    """Servers in the order of the answer; those that a program can't use are left out."""
    assert answer.status == 200, (answer.status, answer.body)
    assert answer.fields["content-type"] == "text/xml; charset=utf-8"
    root = ElementTree.fromstring(answer.body)
    assert root.tag == "clientConfig" and root.get("version") in ("1.1", "1.2")
    provider = root.find("emailProvider")
    assert provider.get("id") and provider.findtext("domain")
    assert len(provider.findtext("displayShortName")) <= 20
    servers = []
    for element in [*provider.findall("incomingServer"), *provider.findall("outgoingServer")]:
        words = [child.text for child in element.findall("authentication")]
        if not any(word in KNOWN_LOGINS for word in words):
            continue
        local, _, domain = address.rpartition("@")
        user = element.findtext("username").replace("%EMAILADDRESS%", address)
        user = user.replace("%EMAILLOCALPART%", local).replace("%EMAILDOMAIN%", domain)
        servers.append(
            Server(
                element.get("type"),
                element.findtext("hostname"),
                int(element.findtext("port")),
                KNOWN_SOCKETS[element.findtext("socketType")],
                user,
            )
        )
    return servers


def config_ask(world, address, login=None, scheme="https"):
    domain = address.rpartition("@")[2]
    query = urllib.parse.urlencode({"emailaddress": address})
    return world.ask(f"{scheme}://autoconfig.{domain}{CONFIG_PATH}?{query}", login=login)


def thunderbird(world, address, login=None):
    """{kind: Server} as it picks them, and what it tried: the draft's steps 1.1 to 1.3."""
    domain = address.rpartition("@")[2]
    query = urllib.parse.urlencode({"emailaddress": address})
    tried = []
    for url in (
        f"https://autoconfig.{domain}{CONFIG_PATH}?{query}",
        f"https://{domain}{WELL_KNOWN_PATH}",
        f"http://autoconfig.{domain}{CONFIG_PATH}",
    ):
        tried.append(url)
        answer = world.ask(url, login=login)
        if answer is not None and answer.status == 200:
            picked = {}
            for server in config_servers(answer, address):
                picked.setdefault(server.kind, server)
            return picked, tried
    return {}, tried


# ---- and then they log in


def log_in(lab, server, password):
    """As the program would with what it was told, certificates checked; raises what goes wrong."""
    trusted = lab.trusted()
    if server.kind == "imap":
        if server.tls == "implicit":
            box = imaplib.IMAP4_SSL(server.host, server.port, ssl_context=trusted, timeout=60)
        else:
            box = imaplib.IMAP4(server.host, server.port, timeout=60)
        with box:
            if server.tls == "starttls":
                box.starttls(trusted)
            box.login(server.user, password)
            assert box.select("INBOX")[0] == "OK"
    elif server.kind == "pop3":
        if server.tls == "implicit":
            box = poplib.POP3_SSL(server.host, server.port, context=trusted, timeout=60)
        else:
            box = poplib.POP3(server.host, server.port, timeout=60)
        if server.tls == "starttls":
            box.stls(trusted)
        box.user(server.user)
        box.pass_(password)
        box.quit()
    else:
        assert server.kind == "smtp"
        if server.tls == "implicit":
            post = smtplib.SMTP_SSL(server.host, server.port, context=trusted, timeout=60)
        else:
            post = smtplib.SMTP(server.host, server.port, timeout=60)
        with post:
            if server.tls == "starttls":
                post.starttls(context=trusted)
            post.login(server.user, password)
            assert post.mail(server.user)[0] == 250
