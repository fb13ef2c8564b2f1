// The latency over time: a step for each period, up to its 95th percentile, with a mark at its median.

import { BAR, HEIGHT, hitArea, svg } from "./chart.js";
import { duration } from "./format.js";

/** "p50 120 ms, p95 900 ms", or nothing without an attempt. */
export const latencyText = ({ p50_ms: p50, p95_ms: p95 }) => (p50 === null ? "" : `p50 ${duration(p50)}, p95 ${duration(p95)}`);

/** Decoration beside a text with the same content. The longest p95 fills the height. */
export function latencyChart(buckets, titleOf) {
  const longest = Math.max(1, ...buckets.map((bucket) => bucket.p95_ms ?? 0));
  const y = (milliseconds) => HEIGHT - Math.max(2, (milliseconds / longest) * (HEIGHT - 4));
  const step = (bucket, index) => {
    const x = index * BAR;
    const group = svg("g", { class: "bucket" }, hitArea(x));
    if (bucket.p50_ms !== null) {
      const [p50, p95] = [y(bucket.p50_ms), y(bucket.p95_ms)];
      group.append(svg("rect", { class: "p95", x: x + 1, y: p95, width: BAR - 2, height: HEIGHT - p95 }),
        svg("line", { class: "p50", x1: x, x2: x + BAR, y1: p50, y2: p50, "vector-effect": "non-scaling-stroke" }));
    }
    group.append(svg("title", {}, titleOf(bucket)));
    return group;
  };
  const width = buckets.length * BAR;
  return svg("svg", { class: "chart latency", viewBox: `0 0 ${width} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...buckets.map(step), svg("line", { class: "axis", x1: 0, x2: width, y1: HEIGHT, y2: HEIGHT, "vector-effect": "non-scaling-stroke" }));
}
