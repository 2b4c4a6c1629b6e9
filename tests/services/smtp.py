"""A real mail server for the tests: three doors, one mailbox folder.

  plain     no TLS, no authentication (a relay on the same machine)
  starttls  nothing but EHLO before STARTTLS, then authentication is required
  tls       TLS from the first byte, authentication is required

Every accepted mail becomes DIR/mails/NNNN.json: `door`, `user`, `from`, `to` (the envelope's
recipients) and `data` (the message as it came, one character a byte). A file appears under its
name only when it is whole. Recipients beginning with `refused` are answered 550, with `later` 451.

Writes DIR/addresses (NAME=value lines) once all three doors are open.
"""

import asyncio
import itertools
import json
import os
import signal
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

USER = "pager"
PASSWORD = "correct horse battery staple"


def authenticate(server, session, envelope, mechanism, credentials):
    given = (credentials.login, credentials.password)
    good = given == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=good, auth_data=USER if good else None)


class Mailbox:
    """Keeps what one door accepted."""

    def __init__(self, folder, numbers, door):
        self.folder, self.numbers, self.door = folder, numbers, door

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later"):
            return "451 4.2.1 mailbox busy, try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = {
            "door": self.door,
            "user": session.auth_data,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "data": envelope.original_content.decode("latin-1"),
        }
        name = os.path.join(self.folder, "%04d.json" % next(self.numbers))
        with open(name + ".part", "w") as part:
            json.dump(mail, part)
        os.rename(name + ".part", name)
        return "250 2.0.0 kept"


async def serve(folder):
    mails = os.path.join(folder, "mails")
    os.makedirs(mails, exist_ok=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))
    numbers = itertools.count(1)
    loop = asyncio.get_running_loop()

    async def door(name, tls=None, **options):
        def session():
            return SMTP(Mailbox(mails, numbers, name), hostname="localhost", **options)

        server = await loop.create_server(session, "127.0.0.1", 0, ssl=tls)
        return server.sockets[0].getsockname()[1]

    login = {"authenticator": authenticate, "auth_required": True}
    plain = await door("plain")
    starttls = await door("starttls", tls_context=context, require_starttls=True, **login)
    # aiosmtpd cannot tell that this door is inside TLS already, hence the False
    tls = await door("tls", tls=context, auth_require_tls=False, **login)

    addresses = {
        "SMTP_TEST_PLAIN": "127.0.0.1:%d" % plain,
        "SMTP_TEST_STARTTLS": "localhost:%d" % starttls,
        "SMTP_TEST_TLS": "localhost:%d" % tls,
        "SMTP_TEST_CA": os.path.join(folder, "ca.pem"),
        "SMTP_TEST_USER": USER,
        "SMTP_TEST_PASSWORD": PASSWORD,
        "SMTP_TEST_MAILS": mails,
    }
    path = os.path.join(folder, "addresses")
    with open(path + ".part", "w") as part:
        part.writelines("%s=%s\n" % pair for pair in addresses.items())
    os.rename(path + ".part", path)

    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    await stopped.wait()


if __name__ == "__main__":
    asyncio.run(serve(os.path.abspath(sys.argv[1])))
