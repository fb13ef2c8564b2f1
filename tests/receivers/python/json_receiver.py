"""A receiver in Flask for a destination whose format is JSON: the payload is the body.

To deploy: gunicorn json_receiver:app
"""

import os

from flask import Flask, request
from standardwebhooks import Webhook, WebhookVerificationError

from work import accept, start

app = Flask(__name__)
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
start()


@app.route("/webhooks", methods=["POST", "PATCH", "PUT"])
def receive():
    try:
        # The body as it came: what is parsed and written anew has another signature.
        payload = webhook.verify(request.get_data(), dict(request.headers))
    except (WebhookVerificationError, ValueError):  # ValueError: a header that is no signature at all
        return "", 401
    accept(request.headers["webhook-id"], payload["event"], payload["conversation_id"])
    return "", 204


if __name__ == "__main__":
    certificate = os.environ.get("TLS_CERT")
    app.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        ssl_context=(certificate, os.environ["TLS_KEY"]) if certificate else None,
    )
