# A receiver in Ruby, with Sinatra, that only verifies.
#
#   gem install sinatra puma rackup standardwebhooks

require "sinatra"
require "standardwebhooks"

set :bind, "127.0.0.1"
set :port, ENV.fetch("PORT")

webhook = StandardWebhooks::Webhook.new(ENV.fetch("WEBHOOK_SECRET"))

receive = lambda do
  signature = %w[webhook-id webhook-timestamp webhook-signature].to_h do |name|
    [name, request.get_header("HTTP_#{name.upcase.tr("-", "_")}")]
  end
  begin
    # A query parameter of GET, a form's field of POST, PATCH and PUT. What is signed is its value, not the body.
    payload = webhook.verify(params["payload"], signature)
  rescue StandardWebhooks::WebhookVerificationError
    halt 401
  end
  # Store the event here, once by its webhook-id. Process it after the answer.
  logger.info("#{signature["webhook-id"]}: #{payload["event"]} of #{payload["conversation_id"]}")
  204
end

get "/webhooks", &receive
post "/webhooks", &receive
patch "/webhooks", &receive
put "/webhooks", &receive
