"""A receiver in Flask.

To deploy: gunicorn --limit-request-line 8190 flask_receiver:app (a GET's URL takes up to 8,000 bytes)
"""

import os

from flask import Flask, request
from standardwebhooks import Webhook, WebhookVerificationError

from work import accept, start

# Twice the limit of a payload, 2 MiB. By default, Flask refuses a field over 500 kB.
MAX_FIELD_BYTES = 4 * 1024 * 1024

app = Flask(__name__)
app.config["MAX_FORM_MEMORY_SIZE"] = MAX_FIELD_BYTES
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
start()


@app.route("/webhooks", methods=["GET", "POST", "PATCH", "PUT"])
def receive():
    fields = request.args if request.method == "GET" else request.form
    try:
        # What is signed is the field's value, not the request's body.
        payload = webhook.verify(fields.get("payload", ""), dict(request.headers))
    except (WebhookVerificationError, ValueError):  # ValueError: a header that is no signature at all
        return "", 401
    # From the payload, because the field `event` is not signed.
    accept(request.headers["webhook-id"], payload["event"], payload["conversation_id"])
    return "", 204


if __name__ == "__main__":
    certificate = os.environ.get("TLS_CERT")
    app.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        ssl_context=(certificate, os.environ["TLS_KEY"]) if certificate else None,
    )
