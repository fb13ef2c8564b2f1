// Formats times, durations and numbers.

import { el } from "./dom.js";

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const sameDay = new Intl.DateTimeFormat("en-GB", CLOCK);
const otherDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", ...CLOCK });
const whole = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const wholeDay = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });
const short = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const ago = new Intl.RelativeTimeFormat("en-GB", { numeric: "auto", style: "short" });
const numbers = new Intl.NumberFormat("en-GB");

export const count = (n) => numbers.format(n);
export const plural = (n, noun, many = `${noun}s`) => `${count(n)} ${n === 1 ? noun : many}`;

/** The time in the viewer's zone, without the date if it is today; the title has the exact UTC time. */
export function time(iso) {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  return timeElement(iso, (today ? sameDay : otherDay).format(date));
}

/** Date and time in full, for a single time. */
export const fullTime = (iso) => timeElement(iso, whole.format(new Date(iso)));

/** A day, which is one of UTC. */
export const day = (iso) => wholeDay.format(new Date(iso));

/** "2 min ago". Goes stale, so only for views that refresh. */
export function timeAgo(iso) {
  const seconds = (new Date(iso) - Date.now()) / 1000;
  const [size, unit] = [[86400, "day"], [3600, "hour"], [60, "minute"]].find(([s]) => -seconds >= s) ?? [1, "second"];
  return timeElement(iso, ago.format(Math.min(0, Math.round(seconds / size)), unit));
}

function timeElement(iso, text) {
  return el("time", { datetime: iso, title: utc(iso) }, text);
}

const utc = (iso) => `${new Date(iso).toISOString().replace("T", " ").replace("Z", "")} UTC`;

/** For chart labels: always with the day, without seconds. */
export const shortTime = (iso) => short.format(new Date(iso));

export function duration(milliseconds) {
  if (milliseconds == null) return "–";
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** A wait in its two largest units: "10 s", "5 min", "2 h 3 min". */
export function waited(milliseconds) {
  if (milliseconds < 1000) return duration(Math.max(0, milliseconds));
  const seconds = Math.round(milliseconds / 1000);
  const sizes = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = sizes.findIndex(([size]) => seconds >= size);
  const parts = sizes.slice(first, first + 2).map(([size, unit], index) => [Math.floor((index === 0 ? seconds : seconds % sizes[first][0]) / size), unit]);
  return parts.filter(([number]) => number > 0).map((part) => part.join(" ")).join(" ");
}

/** One decimal, rounded down: never "100 %" if anything failed. */
export function percent(part, all) {
  if (part === all) return "100 %";
  return `${(Math.floor((part / all) * 1000) / 10).toFixed(1)} %`;
}

/** The value for `<input type="datetime-local">`: local time without a zone. */
export function localInputValue(date) {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}
