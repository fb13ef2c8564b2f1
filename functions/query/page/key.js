// The API key of this tab. sessionStorage ends with the tab; the key never enters a URL, a cookie or a log.

const NAME = "ringback-api-key";

export const storedKey = () => sessionStorage.getItem(NAME);
export const keepKey = (key) => sessionStorage.setItem(NAME, key);
export const forgetKey = () => sessionStorage.removeItem(NAME);
