# Verifies each of the five ways in which Postrider's requests prove where they come from.
# Needs nothing but Python 3.9 or later. `body` is the raw body: bytes, or text.
#
# False is a request that must not be trusted: its header is absent (None, "") or wrong. TypeError and
# ValueError are mistakes of the caller: a secret that is not set, a body that was parsed before.
import base64
import hashlib
import hmac
import math
import re
import time


def verify_signature(headers, body, secret, tolerance_seconds=300):
    """webhook-signature (Standard Webhooks), on every request: the only form that covers the time."""
    key, body = decode_secret(secret), require_body(body)
    webhook_id = get_header(headers, "webhook-id")
    timestamp = get_header(headers, "webhook-timestamp")
    signatures = get_header(headers, "webhook-signature")
    if not is_fresh(timestamp, tolerance_seconds) or not webhook_id or "." in webhook_id:
        return False
    signed = bytes_of(f"{webhook_id}.{timestamp}.") + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(same(signature, expected) for signature in signatures.split(" ")[:16])


def verify_body(header, body, secret):
    """X-Webhook-Signature of organisation webhooks: hex HMAC-SHA256 of the body under the secret."""
    key = bytes_of(require_secret(secret))
    return same(require_header(header), hmac.new(key, require_body(body), hashlib.sha256).hexdigest())


def verify_timed_body(signature, timestamp, body, secret, tolerance_seconds=300):
    """X-Interactly-Signature of workflow webhooks, under the text whsec_…, and X-Interactly-Timestamp.

    The time is not signed: it keeps nobody from playing a request again."""
    decode_secret(secret)
    fresh = is_fresh(require_header(timestamp), tolerance_seconds)
    return verify_body(signature, body, secret) and fresh


def verify_bearer(header, token):
    """Authorization of workflow webhooks: Bearer and the subscription's bearer token."""
    scheme, _, given = require_header(header).partition(" ")
    return same(given.lstrip(" "), require_plain(token)) and scheme.lower() == "bearer"


def verify_secret(header, secret):
    """x-interactly-secret of assistant server messages: the secret itself."""
    return same(require_header(header), require_plain(secret))


def decode_secret(secret):
    """Reads whsec_ and base64 of 24 to 64 bytes; an empty key would prove what anybody signs."""
    text = require_secret(secret)
    try:
        key = base64.b64decode(text[len("whsec_") :], validate=True)
    except ValueError:
        key = b""
    # Printing it again catches what the decoder forgives.
    if not 24 <= len(key) <= 64 or text != "whsec_" + base64.b64encode(key).decode():
        raise ValueError(
            "The signing secret must be whsec_ and base64 of 24 to 64 bytes, with nothing around it."
        )
    return key


def require_secret(secret):
    if not isinstance(secret, str):
        raise TypeError(f"The secret must be a str, but it is {type(secret).__name__}. Is it set?")
    if not secret:
        raise ValueError("The secret must not be empty: an empty header would prove it.")
    return secret


def require_plain(secret):
    """A header loses the blanks around its value, so a secret with some could never be proven."""
    if require_secret(secret) != secret.strip():
        raise ValueError("The secret has a blank or line break around it. Strip it.")
    return secret


def require_body(body):
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    if isinstance(body, str):
        return bytes_of(body)
    raise TypeError("The body was parsed before. Pass the raw bytes.")


def require_header(value):
    if value is not None and not isinstance(value, str):
        raise TypeError(f"The header's value must be a str, but it is {type(value).__name__}.")
    return value or ""


def get_header(headers, name):
    if not hasattr(headers, "items"):
        raise TypeError("Pass the request's headers: a mapping of names and values.")
    return next((require_header(value) for key, value in headers.items() if key.lower() == name), "")


def is_fresh(timestamp, tolerance_seconds):
    is_number = type(tolerance_seconds) in (int, float) and math.isfinite(tolerance_seconds)
    if not is_number or tolerance_seconds < 0:
        raise TypeError("tolerance_seconds must be a number, 0 or more.")
    near = re.fullmatch(r"[0-9]{1,12}", timestamp) and abs(time.time() - int(timestamp))
    return isinstance(near, float) and near <= tolerance_seconds


def bytes_of(text):
    """UTF-8, in which no two texts have the same bytes, broken ones included."""
    return text.encode("utf-8", "surrogatepass")


def same(given, expected):
    """Compares digests, so that the time tells neither where texts differ nor how long they are."""
    a, b = (hashlib.sha256(bytes_of(text)).digest() for text in (given, expected))
    return hmac.compare_digest(a, b)
