// A delivery's request as an equivalent curl command.

/** The log's mask for the values of extra headers, and for the signature of an attempt that has none yet. */
const HIDDEN = "********";
const PLACEHOLDER = "REPLACE_ME";
/** curl sets these itself, the first with its own boundary. */
const SET_BY_CURL = ["content-type", "content-length", "host", "transfer-encoding", "connection"];

/** `request` is an attempt's `{method, url, headers}`, its URL without the two parameters that --get appends. */
export function curlCommand(request, event, payload) {
  const isGet = request.method === "GET";
  const parts = [`curl${isGet ? " --get" : ` --request ${request.method}`} ${quoted(request.url)}`];
  for (const [name, value] of Object.entries(request.headers)) {
    if (!SET_BY_CURL.includes(name.toLowerCase())) parts.push(`--header ${quoted(`${name}: ${value.replaceAll(HIDDEN, PLACEHOLDER)}`)}`);
  }
  // --form-string and --data-urlencode 'name=…' take the value literally, even if it begins with @ or <.
  const option = isGet ? "--data-urlencode" : "--form-string";
  parts.push(`${option} ${quoted(`event=${event}`)}`, `${option} ${quoted(`payload=${payload}`)}`);
  return parts.join(" \\\n  ");
}

/** For any POSIX shell: inside single quotes, every character but the quote is literal. */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
