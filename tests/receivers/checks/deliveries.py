"""Deliveries as Ringback sends them: payload, signature, query, form and JSON."""

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

SECRET = "whsec_" + base64.b64encode(b"the secret of the destination").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"the one that came after it").decode()

# Ringback's limits: of a GET's URL, and of a conversation's record.
MAX_URL_BYTES = 8000
MAX_RECORD_BYTES = 2 * 1024 * 1024
# Standard Webhooks: a signature is valid for five minutes, and for clocks that differ by as much.
TOLERANCE_SECONDS = 300


def record_of(conversation):
    return {"conversation_id": conversation, "conversation_status": "COMPLETED", "notes": "Grüße ✓"}


def payload_of(conversation, notes="“Über & out” + 100 % =\n☎", bytes=0):
    payload = {"event": "conversation.completed", "conversation_id": conversation, "notes": notes}
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return text.replace("☎", "☎" + "a" * (bytes - len(text.encode())))


def signature(secret, event_id, timestamp, payload):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{event_id}.{timestamp}.{payload}".encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def signed(event_id, payload, secrets=(SECRET,), age=0, header=None):
    timestamp = int(time.time()) - age
    signatures = [signature(secret, event_id, timestamp, payload) for secret in secrets]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures) if header is None else header,
    }


def target_of(payload):
    return "/webhooks?" + urlencode({"event": "conversation.completed", "payload": payload})


def form_of(payload):
    parts = [("event", "conversation.completed"), ("payload", payload)]
    body = "".join(
        f'--ringback-1\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts
    )
    return (body + "--ringback-1--\r\n").encode(), "multipart/form-data; boundary=ringback-1"


def json_of(payload):
    return payload.encode(), "application/json"
