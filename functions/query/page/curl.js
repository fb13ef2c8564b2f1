// A delivery's request as an equivalent curl command.

/** The log's mask for the values of extra headers, and for the signature of an attempt that has none yet. */
const HIDDEN = "********";
const PLACEHOLDER = "REPLACE_ME";
const JSON_TYPE = "application/json";
/** curl sets these itself, the first with its own boundary for a form. */
const SET_BY_CURL = ["content-type", "content-length", "host", "transfer-encoding", "connection"];

/** `request` is an attempt's `{method, url, headers}`, its URL without the two parameters that --get appends. */
export function curlCommand(request, event, payload) {
  const isGet = request.method === "GET";
  const isJson = request.headers["content-type"] === JSON_TYPE;
  const parts = [`curl${isGet ? " --get" : ` --request ${request.method}`} ${quoted(request.url)}`];
  for (const [name, value] of Object.entries(request.headers)) {
    if (!SET_BY_CURL.includes(name.toLowerCase())) parts.push(`--header ${quoted(`${name}: ${value.replaceAll(HIDDEN, PLACEHOLDER)}`)}`);
  }
  // --data-raw, --form-string and --data-urlencode 'name=…' take the value literally, even if it begins with @ or <.
  if (isJson) {
    parts.push(`--header ${quoted(`content-type: ${JSON_TYPE}`)}`, `--data-raw ${quoted(payload)}`);
  } else {
    const option = isGet ? "--data-urlencode" : "--form-string";
    parts.push(`${option} ${quoted(`event=${event}`)}`, `${option} ${quoted(`payload=${payload}`)}`);
  }
  return parts.join(" \\\n  ");
}

/** For any POSIX shell: inside single quotes, every character but the quote is literal. */
export const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
