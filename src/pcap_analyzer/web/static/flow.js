// Draws the graphs of one flow, of points that the service has thinned out.
import { t } from "./words.js";

const root = document.documentElement;
const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
const place = document.getElementById("series");
const UNITS = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];
const unitOf = (length) => UNITS.find(([size]) => length >= size) ?? UNITS[3];

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const shown = document.getElementById(button.dataset.copy);
    getSelection().selectAllChildren(shown);
    // Without a secure connection a page may not write there: what is selected can be copied by hand.
    await navigator.clipboard?.writeText(shown.textContent);
    button.textContent = button.dataset.sayDone;
  });
}

function layout(more) {
  const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), automargin: true };
  return {
    separators: root.lang === "fr" ? ",\u202f" : ".,",
    height: 300, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("soft") },
    margin: { l: 56, r: 12, t: 8, b: 40 }, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" }, showlegend: true,
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink") } },
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    xaxis: { ...axis, range: more.range, ticksuffix: ` ${more.unit}`, hoverformat: "~g" },
    yaxis: { ...axis, rangemode: "tozero", exponentformat: "SI", ticksuffix: more.suffix ?? "", hoverformat: more.format ?? "," },
  };
}

function drawings(series) {
  const steps = series.client_bytes.length;
  const [size, unit] = unitOf(steps * series.step_ns);
  // The same stretch in every graph, so that what stands below each other happened at once.
  const end = (steps * series.step_ns) / size || 1;
  const range = [-end / 50, end + end / 50];
  const at = (times) => times.map((time) => time / size);
  const line = (points, name, tint, more = {}) => ({
    type: "scatter", mode: "lines", name, x: at(points.time_ns), y: points.value, line: { color: colour(tint), width: 1.5, ...more.line }, ...more.trace,
  });
  const dots = (points, name, tint) => ({
    type: "scatter", mode: "markers", name, x: at(points.time_ns), y: points.value, marker: { color: colour(tint), size: 4 },
  });
  const stepped = { line: { shape: "hv" } };
  const starts = Array.from({ length: steps }, (_, step) => (step * series.step_ns) / size);
  const found = {
    rates: [[
      { type: "scatter", mode: "lines", name: t("client"), x: starts, y: series.client_bytes, line: { color: colour("tcp"), shape: "hv", width: 1.5 }, fill: "tozeroy" },
      { type: "scatter", mode: "lines", name: t("server"), x: starts, y: series.server_bytes, line: { color: colour("udp"), shape: "hv", width: 1.5 }, fill: "tozeroy" },
    ], { unit, range, suffix: t("B") }],
  };
  for (const side of ["client", "server"]) {
    const points = series[side];
    if (!points || points.sequence.value.every((value) => value <= 1)) continue;
    const marked = series.marked.filter((one) => one.from_client === (side === "client"));
    found[side] = [[
      line(points.allowed, t("allowed by the window"), "rest", stepped),
      line(points.acknowledged, t("acknowledged"), "udp", stepped),
      dots(points.sequence, t("sent"), "tcp"),
      {
        type: "scatter", mode: "markers", name: t("marked"), x: at(marked.map((one) => one.time_ns)), y: marked.map((one) => one.value),
        text: marked.map((one) => `${one.frame_number}: ${one.marks.join(", ").replaceAll("_", " ")}`), hovertemplate: "%{text}<extra></extra>",
        marker: { color: colour("problem"), size: 8, symbol: "x" },
      },
    ].filter((trace) => trace.x.length), { unit, range }];
  }
  const { client, server } = series;
  if (client && server) {
    found.windows = [[
      line(client.window, t("window of the client"), "tcp", stepped),
      line(server.window, t("window of the server"), "udp", stepped),
      dots(client.in_flight, t("in flight from the client"), "c3"),
      dots(server.in_flight, t("in flight from the server"), "c4"),
    ].filter((trace) => trace.x.length), { unit, range, suffix: t("B") }];
    const longest = Math.max(...client.rtt_ns.value, ...server.rtt_ns.value, 0);
    const [rttSize, rttUnit] = unitOf(longest);
    const scaled = (points) => ({ time_ns: points.time_ns, value: points.value.map((value) => value / rttSize) });
    const traces = [dots(scaled(client.rtt_ns), t("by the client"), "tcp"), dots(scaled(server.rtt_ns), t("by the server"), "udp")];
    if (longest) found.rtt = [traces.filter((trace) => trace.x.length), { unit, range, suffix: ` ${rttUnit}`, format: "~g" }];
  }
  return found;
}

function draw(series) {
  for (const [name, [traces, more]] of Object.entries(drawings(series))) {
    const figure = place.querySelector(`[data-graph="${name}"]`);
    figure.parentElement.hidden = false;
    Plotly.react(figure, traces, layout(more), { displayModeBar: false, responsive: true, doubleClick: "reset" });
  }
}

if (place) {
  const answer = await fetch(place.dataset.series, { headers: { Accept: "application/json" } });
  if (answer.ok) {
    const series = await answer.json();
    document.getElementById("thinned").hidden = series.packets <= 2000;
    draw(series);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(series));
    new MutationObserver(() => draw(series)).observe(root, { attributeFilter: ["data-theme"] });
  }
}
