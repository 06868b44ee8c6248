"""Where a database is, and its password: parsed before anything connects, and never shown again."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from phasewell.errors import UsageError

VARIABLE = "PHASEWELL_DSN"
SCHEMES = ("postgresql", "postgres")
_FORM = "postgresql://USER@HOST:PORT/DATABASE"
_DSN = re.compile(
    r"(?P<scheme>postgres(?:ql)?)://"
    r"(?:(?P<user>[^:@/?#\s]*)(?P<colon>:(?P<password>[^@/?#\s]*))?@)?"
    r"(?P<hosts>[A-Za-z0-9._\-,:%\[\]]*)"
    r"(?:/(?P<database>[^/?#\s]*))?"
    r"(?:\?(?P<query>[^#\s]*))?"
)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(?::(?P<port>\d{1,5})?)?")
_DEFAULTS = {  # where the DSN does not say otherwise: a dead server is noticed within a minute
    "application_name": "phasewell",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "client_encoding": "UTF8",
}
_REMEDY = f"put it into a file (--dsn-file), into the variable {VARIABLE}, or the password alone into PGPASSFILE"


@dataclass(frozen=True)
class Dsn:
    """A parsed data source name. Only `shown`, database, host and port, may be printed."""

    shown: str
    conninfo: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False, default=())

    def redact(self, text: str) -> str:
        """Return the text with every form of a password replaced by ***."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def parse_dsn(text: str, origin: str) -> Dsn:
    """Return the parts of postgresql://USER:PASSWORD@HOST:PORT/DATABASE?KEY=VALUE; percent escapes as in URIs.

    Several hosts are parted by commas; without a host it is the local socket. Raises UsageError, which says what is
    wrong with what `origin` gave, and never shows any of it.
    """
    found = _DSN.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{origin}: {_what_is_wrong(text.strip())}; expected {_FORM}")
    settings: dict[str, str] = {}
    for name, key in (("user", "user"), ("password", "password"), ("database", "dbname")):
        if found[name]:
            settings[key] = unquote(found[name])
    hosts, ports = [], []
    for each in found["hosts"].split(",") if found["hosts"] else ():
        match = _HOST.fullmatch(each)
        if not match or int(match["port"] or 5432) > 65535:
            raise UsageError(f"{origin}: its host or port cannot be read; expected {_FORM}")
        hosts.append(unquote(match["host"]).strip("[]"))
        ports.append(match["port"] or "")
    if hosts:
        settings |= {"host": ",".join(hosts)} | ({"port": ",".join(ports)} if any(ports) else {})
    for pair in filter(None, (found["query"] or "").split("&")):
        key, equals, value = pair.partition("=")
        if not equals or not re.fullmatch("[a-z_]+", key):
            raise UsageError(f"{origin}: after the ? stands something else than key=value; expected libpq's parameters")
        settings[key] = unquote(value)
    secrets = {settings.get(key, "") for key in ("password", "sslpassword")} | {found["password"] or ""}
    conninfo = " ".join(f"{key}={_quoted(value)}" for key, value in (_DEFAULTS | settings).items())
    return Dsn(_shown(settings), conninfo, tuple(secrets - {""}))


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _shown(settings: Mapping[str, str]) -> str:
    host = settings.get("host", "") or "the local socket"
    port = f":{settings['port']}" if settings.get("port") else ""
    return f"database {settings.get('dbname') or '(of the user)'} at {host}{port}"


def _what_is_wrong(text: str) -> str:
    """Return what is wrong with a DSN in words that hold nothing of it but a scheme that is nearly right."""
    if not text:
        return "it is empty"
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text)
    name = scheme[1].lower() if scheme else ""
    if name not in SCHEMES:
        near = difflib.get_close_matches(name, SCHEMES, n=1, cutoff=0.6)
        return f"its scheme is {name!r}, not postgresql" if near else "it does not begin with postgresql://"
    if not text.lower().startswith((f"{name}://",)):
        return f"after {name}: two slashes are missing"
    return "it cannot be read: in user and password, @ : / ? # % and blanks are written %40 %3A %2F %3F %23 %25 %20"


def find_dsn(argument: str | None, file: Path | None, environment: Mapping[str, str]) -> Dsn | None:
    """Return the DSN of the command line, else of a file, else of the variable PHASEWELL_DSN; None without any.

    Raises UsageError for a DSN that cannot be read, and for one with a password on the command line, where every
    user of the machine can see it.
    """
    if argument is not None:
        dsn = parse_dsn(argument, "the database on the command line")
        if dsn.secrets:
            raise UsageError(f"a password on the command line is seen by everybody on this machine: {_REMEDY}")
        return dsn
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(f"--dsn-file {file}: cannot be read ({reason}); expected one line, {_FORM}") from None
        return parse_dsn(text, f"--dsn-file {file}")
    text = environment.get(VARIABLE, "")
    return parse_dsn(text, f"the variable {VARIABLE}") if text else None


def mask_secrets(message: str, tokens: Sequence[str]) -> str:
    """Return an error message of the command line without what could be the password of a DSN in a wrong place.

    `tokens` are the words of the command line; wherever a word looks like a DSN, however mistyped, its secret is
    masked.
    """
    for token in tokens:
        found = re.search(r"(?s)[:/][^:/@]*:(.+)@", token) or re.search(r"(?s):(.+)@", token)
        for secret in {found[1], re.sub("/{2,}", "/", found[1])} if found else ():  # a path has single slashes
            message = message.replace(secret, "***")
    return message
