// A request of ours as a curl command that asks the same of the endpoint.

/** Stands for what the log hides: signatures and the values of extra headers. */
const HIDDEN = "********";
const PLACEHOLDER = "REPLACE_ME";
/** curl makes these itself, the first with a boundary of its own. */
const MADE_BY_CURL = ["content-type", "content-length", "host", "transfer-encoding", "connection"];

/** `request` is an attempt's `{method, url, headers}`, the URL without the two parameters that --get appends. */
export function curlCommand(request, event, payload) {
  const isGet = request.method === "GET";
  const parts = [`curl${isGet ? " --get" : ` --request ${request.method}`} ${quoted(request.url)}`];
  for (const [name, value] of Object.entries(request.headers)) {
    if (!MADE_BY_CURL.includes(name.toLowerCase())) parts.push(`--header ${quoted(`${name}: ${value.replaceAll(HIDDEN, PLACEHOLDER)}`)}`);
  }
  // --form-string and --data-urlencode 'name=…' take the value as it is, even one that begins with @ or <.
  const option = isGet ? "--data-urlencode" : "--form-string";
  parts.push(`${option} ${quoted(`event=${event}`)}`, `${option} ${quoted(`payload=${payload}`)}`);
  return parts.join(" \\\n  ");
}

/** For any POSIX shell: inside single quotes everything but the quote stands for itself. */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
