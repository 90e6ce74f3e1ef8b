# Receives webhooks: checks each signature, drops duplicates, answers at once, works afterwards.
# Needs nothing but Python 3.9 or later. Start it with:
#   WEBHOOK_SECRET=whsec_… PORT=4000 python3 receive.py
import base64
import hashlib
import hmac
import json
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300
# No event is larger: docs/receiving.md lists the largest body of each type.
BODY_BYTES_MAX = 5_000_000

seen_ids = set()
seen_ids_lock = threading.Lock()


def read_secret(text):
    """Reads whsec_ and base64 of 24 bytes or more; an empty key would prove what anybody signs."""
    try:
        key = base64.b64decode(text[len("whsec_") :], validate=True)
    except ValueError:
        key = b""
    # Printing it again catches what the decoder forgives.
    if len(key) < 24 or text != "whsec_" + base64.b64encode(key).decode():
        raise SystemExit("Set WEBHOOK_SECRET to the subscription's signing secret (whsec_…).")
    return key


def is_genuine(headers, body, secret):
    """Tells whether the request was signed with our secret, within the last five minutes."""
    webhook_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not webhook_id or "." in webhook_id or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False

    signed = f"{webhook_id}.{timestamp}.".encode("utf-8", "replace") + body
    expected = b"v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest())
    # There are two signatures while the secret is being rotated: one that matches is enough.
    # Bytes, because compare_digest refuses text that is not ASCII.
    return any(
        hmac.compare_digest(signature.encode("utf-8", "replace"), expected)
        for signature in signatures.split(" ")[:16]
    )


def parse_event(body, webhook_id):
    """Gives the event, or None for what no contract sends. Assistant server messages have no event_id."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(event, dict) and event.get("event_id", webhook_id) == webhook_id
    return event if is_ours else None


def type_of(event):
    """Each contract names the type in its own way: action, event_type, message.type."""
    message = event.get("message")
    in_message = message.get("type") if isinstance(message, dict) else None
    return event.get("action") or event.get("event_type") or in_message


def handle(event, webhook_id):
    """Your own work. It starts after the answer, so it may take longer than the timeout."""
    print(type_of(event), webhook_id, flush=True)


class Receiver(BaseHTTPRequestHandler):
    timeout = 30

    def do_POST(self):
        length = self.headers.get("content-length", "")
        if not re.fullmatch(r"[0-9]{1,12}", length):
            return self.answer(411)
        if int(length) > BODY_BYTES_MAX:
            return self.refuse_large(int(length))
        # The raw bytes: parsed and printed again they would no longer match the signature.
        body = self.rfile.read(int(length))
        if not is_genuine(self.headers, body, SECRET):
            return self.answer(401)
        webhook_id = self.headers["webhook-id"]
        event = parse_event(body, webhook_id)
        if event is None:
            return self.answer(400)

        # In production: insert the event into your database, with its id as a unique column.
        # Once it is stored, and only then, answer 2xx. A duplicate is answered 2xx as well.
        with seen_ids_lock:
            is_new = webhook_id not in seen_ids
            seen_ids.add(webhook_id)
        self.answer(204)
        if is_new:
            handle(event, webhook_id)

    def refuse_large(self, length):
        """Answers 413, and reads a while on: a sender that is cut off does not see the answer."""
        self.answer(413)
        left = min(length, 4 * BODY_BYTES_MAX)
        while left > 0 and self.rfile.read(min(left, 65536)):
            left -= 65536

    def answer(self, status):
        self.send_response(status)
        self.end_headers()
        self.wfile.flush()

    def log_message(self, *arguments):
        pass  # The base class would print every request.


class Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        # A client that hangs up is not worth a traceback.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


SECRET = read_secret(os.environ.get("WEBHOOK_SECRET", ""))


def open_server():
    port = os.environ.get("PORT", "4000")
    try:
        return Server(("127.0.0.1", int(port)), Receiver)
    except (OSError, OverflowError, ValueError) as error:
        raise SystemExit(f"Cannot listen on port {port}: {error}.") from None


if __name__ == "__main__":
    server = open_server()
    print(f"Listening on http://127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
