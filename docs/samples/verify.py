# Verifies each of the four ways in which Postrider's requests prove where they come from.
# Needs nothing but Python 3.9 or later. `body` is the raw body, as bytes.
import base64
import hashlib
import hmac
import re
import time


def verify_signature(headers, body, secret, tolerance_seconds=300):
    """webhook-signature (Standard Webhooks), on every request: the only form that covers the time."""
    webhook_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not webhook_id or "." in webhook_id or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return False
    if abs(time.time() - int(timestamp)) > tolerance_seconds:
        return False
    key = base64.b64decode(secret[len("whsec_") :], validate=True)
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(same(signature, expected) for signature in signatures.split(" ")[:16])


def verify_body(header, body, secret):
    """X-Webhook-Signature of organisation webhooks: hex HMAC-SHA256 of the body under the secret."""
    return same(header, hmac.new(secret.encode(), body, hashlib.sha256).hexdigest())


def verify_bearer(header, token):
    """Authorization of workflow webhooks: Bearer and the subscription's bearer token."""
    scheme, _, given = header.partition(" ")
    return scheme.lower() == "bearer" and same(given.lstrip(" "), token)


def verify_secret(header, secret):
    """x-interactly-secret of assistant server messages: the secret itself."""
    return same(header, secret)


def same(given, expected):
    """Compares digests, so that the time tells neither where texts differ nor how long they are."""
    if not expected:
        raise ValueError("The secret must not be empty.")
    a, b = (hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (given, expected))
    return hmac.compare_digest(a, b)
