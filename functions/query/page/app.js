// The Webhooks page. Start here: the session shows either the sign-in form or a view.
// A view is a function that fills `root`; router.js chooses it by the URL's hash.

import { showBrand } from "./brand.js";
import { showLog } from "./deliveries.js";
import { showDelivery } from "./delivery.js";
import { showDestination, showNewDestination } from "./destination-page.js";
import { showDestinations } from "./destinations.js";
import { showEvent } from "./event.js";
import { showEvents } from "./events.js";
import { showKeys } from "./keys.js";
import { showRecovery } from "./recovery.js";
import { showView, stopView } from "./router.js";
import { startSearch } from "./search.js";
import { startSession } from "./session.js";
import { storedKey } from "./key.js";

const VIEWS = {
  "/destinations": showDestinations,
  "/destinations/new": showNewDestination,
  "/destinations/:id": showDestination,
  "/events": showEvents,
  "/events/:id": showEvent,
  "/keys": showKeys,
  "/recoveries/:id": showRecovery,
  "/deliveries": showLog,
  "/deliveries/:id": showDelivery,
};

const root = document.getElementById("view");
const show = () => showView(VIEWS, root);

window.addEventListener("hashchange", () => {
  if (storedKey()) show();
});

// The hash belongs to the router, so the link moves the focus itself.
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});

showBrand();
startSearch();
startSession({
  onSignedIn: show,
  onSignedOut: () => {
    stopView();
    root.replaceChildren();
  },
});
