// Links: hashes of this page and paths of the API.

export const toDestination = (id) => `#/destinations/${encodeURIComponent(id)}`;
export const toLogOf = (destinationId) => `#/deliveries?destination=${encodeURIComponent(destinationId)}`;
export const toConversation = (id) => `#/deliveries?range=30d&id=${encodeURIComponent(id)}`;
export const toEvent = (id) => `#/events/${encodeURIComponent(id)}`;
export const toRecovery = (id) => `#/recoveries/${encodeURIComponent(id)}`;
export const toDelivery = (id) => `#/deliveries/${encodeURIComponent(id)}`;
export const destinationPath = (id) => `/v1/destinations/${encodeURIComponent(id)}`;
export const recoveryPath = (id) => `/v1/recoveries/${encodeURIComponent(id)}`;
export const eventPath = (id) => `/v1/events/${encodeURIComponent(id)}`;
export const keyPath = (id) => `/v1/api-keys/${encodeURIComponent(id)}`;
export const toKey = (id) => `#/keys?key=${encodeURIComponent(id)}`;
export const deliveryPath = (id) => `/v1/deliveries/${encodeURIComponent(id)}`;
