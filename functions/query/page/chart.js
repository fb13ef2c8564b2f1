// Bars of attempts over time: succeeded above the line, failed below it, so that colour is not the only sign.

import { count } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
/** The bars are drawn in these units and stretched to the available space. */
export const BAR = 10;
export const HEIGHT = 100;
/** Smallest height of a bar: a single attempt beside thousands stays visible. */
const MIN_HEIGHT = 3;

export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Decoration beside a text with the same content; each bar has the tooltip `titleOf(bucket)`. */
export function attemptChart(buckets, titleOf = null) {
  const most = { up: maximum(buckets, "succeeded"), down: maximum(buckets, "failed") };
  const scale = (HEIGHT - 2 * MIN_HEIGHT) / Math.max(1, most.up + most.down);
  const line = most.up + most.down === 0 ? HEIGHT - MIN_HEIGHT : MIN_HEIGHT + most.up * scale;
  const bars = buckets.map((bucket, index) => bar(bucket, index * BAR, line, scale, titleOf));
  const width = Math.max(1, buckets.length) * BAR;
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...bars, svg("line", { class: "axis", x1: 0, x2: width, y1: line, y2: line, "vector-effect": "non-scaling-stroke" }));
}

function bar(bucket, x, line, scale, titleOf) {
  const up = height(bucket.succeeded, scale);
  const down = height(bucket.failed, scale);
  const group = svg("g", { class: "bucket" }, hitArea(x));
  if (up > 0) group.append(svg("rect", { class: "succeeded", x: x + 1, y: line - up, width: BAR - 2, height: up }));
  if (down > 0) group.append(svg("rect", { class: "failed", x: x + 1, y: line, width: BAR - 2, height: down }));
  if (titleOf) group.append(svg("title", {}, titleOf(bucket)));
  return group;
}

/** The space of a bar, which shows where the pointer is. */
export const hitArea = (x) => svg("rect", { class: "hit", x, y: 0, width: BAR, height: HEIGHT });

const height = (n, scale) => (n === 0 ? 0 : Math.max(MIN_HEIGHT, n * scale));
const maximum = (buckets, side) => Math.max(0, ...buckets.map((bucket) => bucket[side]));

export const bucketText = (bucket) => `${count(bucket.succeeded)} succeeded, ${count(bucket.failed)} failed`;
