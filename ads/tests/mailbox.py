"""What e-mail is sent to: a real SMTP server on loopback that keeps what it got and refuses as it is told."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast


class Mailbox:
    """Each command is shown to `refuse` first, which returns the answer to refuse it with, or nothing."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.refuse: Callable[[str], str] = lambda _: ""
        self.greets = True
        self.hangs_up: Callable[[], bool] = lambda: False  # with a mail in hand, and without a word
        self.extensions: list[str] = []
        self.over = threading.Event()  # ends what hangs
        mailbox = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                if not mailbox.greets:
                    mailbox.over.wait()
                    return
                self.say("220 mailbox")
                while line := self.rfile.readline().decode().strip():
                    command = line[:4].upper()
                    if refusal := mailbox.refuse(line):
                        self.say(refusal)
                    elif command == "DATA":
                        self.say("354 go on")
                        mailbox.received.append(self.read())
                        if mailbox.hangs_up():
                            return
                        self.say("250 kept")
                    elif command == "EHLO":
                        for name in ("mailbox", *mailbox.extensions):
                            self.say(f"250-{name}")
                        self.say("250 8BITMIME")
                    elif command == "QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 mailbox")

            def say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

            def read(self) -> EmailMessage:
                content = b""
                while (line := self.rfile.readline()) != b".\r\n":
                    content += line[1:] if line.startswith(b"..") else line
                return message_from_bytes(content, policy=policy.default)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False

    @property
    def settings(self) -> dict[str, Any]:
        """Django's settings that lead here."""
        host, port = cast("tuple[str, int]", self.server.server_address)
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": host,
            "EMAIL_PORT": port,
            "EMAIL_USE_TLS": False,
            "EMAIL_USE_SSL": False,
        }

    @property
    def url(self) -> str:
        """The EMAIL_URL that leads here."""
        return "smtp://{}:{}".format(*cast("tuple[str, int]", self.server.server_address))

    @property
    def subjects(self) -> list[str]:
        return [str(mail["subject"]) for mail in self.received]


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """What a mail says, in plain text or as HTML."""
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


@contextmanager
def taking_mail() -> Iterator[Mailbox]:
    """Takes mail while inside."""
    mailbox = Mailbox()
    thread = threading.Thread(
        target=mailbox.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    )
    thread.start()
    try:
        yield mailbox
    finally:
        mailbox.over.set()
        mailbox.server.shutdown()
        mailbox.server.server_close()
        thread.join()
