# Receives webhooks: checks each signature, drops duplicates, answers at once, works afterwards.
# Needs nothing but Python 3.9 or later. Start it with:
#   WEBHOOK_SECRET=whsec_… PORT=4000 python3 receive.py
import base64
import hashlib
import hmac
import json
import os
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300
BODY_BYTES_MAX = 5_000_000

seen_ids = set()
seen_ids_lock = threading.Lock()


def read_secret(text):
    if not text.startswith("whsec_"):
        raise SystemExit("Set WEBHOOK_SECRET to the subscription's signing secret (whsec_…).")
    return base64.b64decode(text[len("whsec_") :], validate=True)


def is_genuine(headers, body, secret):
    """Tells whether the request was signed with our secret, within the last five minutes."""
    webhook_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not webhook_id or "." in webhook_id or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False

    signed = f"{webhook_id}.{timestamp}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest())
    # There are two signatures while the secret is being rotated: one that matches is enough.
    # Bytes, because compare_digest refuses text that is not ASCII.
    return any(
        hmac.compare_digest(signature.encode("utf-8", "replace"), expected)
        for signature in signatures.split(" ")[:16]
    )


def parse_event(body):
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event_id"), str) else None


def handle(event):
    """Your own work. It starts after the answer, so it may take longer than the timeout."""
    print(event.get("action"), event["event_id"], flush=True)


class Receiver(BaseHTTPRequestHandler):
    timeout = 30

    def do_POST(self):
        length = self.headers.get("content-length", "")
        if not re.fullmatch(r"[0-9]{1,12}", length):
            return self.answer(411)
        if int(length) > BODY_BYTES_MAX:
            return self.answer(413)
        # The raw bytes: parsed and printed again they would no longer match the signature.
        body = self.rfile.read(int(length))
        if not is_genuine(self.headers, body, SECRET):
            return self.answer(401)
        event = parse_event(body)
        if event is None:
            return self.answer(400)

        # In production: insert the event into your database, with event_id as a unique column.
        # Once it is stored, and only then, answer 2xx. A duplicate is answered 2xx as well.
        with seen_ids_lock:
            is_new = event["event_id"] not in seen_ids
            seen_ids.add(event["event_id"])
        self.answer(204)
        if is_new:
            handle(event)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()
        self.wfile.flush()

    def log_message(self, *arguments):
        pass  # The base class would print every request.


SECRET = read_secret(os.environ.get("WEBHOOK_SECRET", ""))

if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "4000"))), Receiver)
    print(f"Listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
