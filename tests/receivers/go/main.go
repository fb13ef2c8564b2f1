// A receiver in Go that only verifies.
//
//	go get github.com/standard-webhooks/standard-webhooks/libraries
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

type conversationEvent struct {
	Event          string `json:"event"`
	ConversationID string `json:"conversation_id"`
}

func main() {
	webhook, err := standardwebhooks.NewWebhook(os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/webhooks", func(w http.ResponseWriter, r *http.Request) {
		// A query parameter of GET, a form's field of POST, PATCH and PUT. What is signed is its value, not the body.
		payload := []byte(r.FormValue("payload"))
		if err := webhook.Verify(payload, r.Header); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var event conversationEvent
		if err := json.Unmarshal(payload, &event); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		// Store the event here, once by its webhook-id. Process it after the answer.
		log.Printf("%s: %s of %s", r.Header.Get("webhook-id"), event.Event, event.ConversationID)
		w.WriteHeader(http.StatusNoContent)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
