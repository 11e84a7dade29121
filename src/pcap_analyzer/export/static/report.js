// Draws the report's graphs and makes its tables handy. Everything it shows comes from the data block and is written as
// text; the page is complete without it, but for the graphs.
(() => {
  "use strict";
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const t = (message) => data.words[message] || message;
  const narrow = () => window.innerWidth <= 640;
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  // Plotly reads a little markup in labels: what came from a capture must not be any.
  const label = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

  const config = { displayModeBar: false, displaylogo: false, responsive: true, doubleClick: "reset" };

  function layout(height, more) {
    const base = {
      separators: root.lang === "fr" ? ",\u202f" : ".,",
      height, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("soft") },
      margin: { l: narrow() ? 44 : 64, r: 12, t: 12, b: 40 },
      hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink"), size: 12 } },
      legend: { orientation: "h", traceorder: "normal", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", font: { size: 12 } },
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    };
    return Object.assign(base, more);
  }

  const axis = (more) => Object.assign({
    gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), fixedrange: false, automargin: true,
  }, more);

  // Short captures are read by elapsed time, longer ones by the clock.
  const UNITS = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];
  function timeScale(startNs, lengthNs) {
    if (lengthNs >= 2e9) {
      return { at: (ns) => ns / 1e6, length: (ns) => ns / 1e6, axis: { type: "date", hoverformat: "%Y-%m-%d %H:%M:%S.%3f" } };
    }
    const [step, unit] = UNITS.find(([size]) => lengthNs >= size) || UNITS[3];
    return {
      at: (ns) => (ns - startNs) / step, length: (ns) => ns / step,
      axis: { type: "linear", ticksuffix: ` ${unit}`, hoverformat: "~g" },
    };
  }

  // Days without packets are left out of the axis; a dashed line stands where, and the dates of the longer stretches.
  function breaks(startNs, endNs, silences) {
    if (!silences.length) return {};
    const starts = [startNs, ...silences.map(({ end_ns: end }) => end)];
    const lengths = [...silences.map(({ start_ns: start }) => start), endNs].map((end, stretch) => end - starts[stretch]);
    const shown = lengths.reduce((sum, length) => sum + length, 0);
    return {
      rangebreaks: silences.map(({ start_ns: start, end_ns: end }) => ({ bounds: [start / 1e6, end / 1e6] })),
      tickmode: "array", tickvals: starts.filter((_, stretch) => lengths[stretch] >= shown / 8).map((start) => start / 1e6),
      tickformat: "%Y-%m-%d<br>%H:%M", ticklabelposition: "outside right", tickangle: 0,
    };
  }
  const cuts = (silences) => silences.map(({ end_ns: end }) => ({
    type: "line", x0: end / 1e6, x1: end / 1e6, y0: 0, y1: 1, yref: "paper", line: { color: colour("rest"), width: 1, dash: "dot" },
  }));
  const DAY = 86400e9;
  function silencesBetween(spans) {
    const found = [];
    let end = Infinity;
    [...spans].sort((a, b) => a[0] - b[0]).forEach(([from, to]) => {
      if (from - end >= DAY) found.push({ start_ns: end, end_ns: from });
      end = end === Infinity ? to : Math.max(end, to);
    });
    return found;
  }

  function throughput() {
    const { start_ns: start, width_ns: width, tcp_bytes: tcp, udp_bytes: udp, other_bytes: other, packets, silences } = data.intervals;
    const scale = timeScale(start, width * packets.length);
    // One point more than buckets, so that the last step has its full width.
    const x = Array.from({ length: packets.length + 1 }, (_, bucket) => scale.at(start + bucket * width));
    const perSecond = (values, factor) => {
      const rates = values.map((value) => value * factor * 1e9 / width);
      rates.push(rates[rates.length - 1]);
      return rates;
    };
    const area = (name, values, shade) => ({
      type: "scatter", mode: "lines", name, x, y: perSecond(values, 8), stackgroup: "bits", line: { width: 0.8, shape: "hv", color: colour(shade) },
      fillcolor: fade(colour(shade), 0.6), hovertemplate: "%{y:.3s}bit/s",
    });
    const traces = [["TCP", tcp, "tcp"], ["UDP", udp, "udp"], [t("other"), other, "rest"]]
      .filter(([, values]) => values.some((value) => value > 0)).map(([name, values, shade]) => area(name, values, shade));
    traces.push({
      type: "scatter", mode: "lines", name: t("packets"), x, y: perSecond(packets, 1), yaxis: "y2", showlegend: false,
      line: { width: 1, shape: "hv", color: colour("ink") }, hovertemplate: "%{y:.3s}/s",
    });
    return [traces, layout(narrow() ? 340 : 420, {
      showlegend: true, hovermode: "x unified",
      xaxis: axis(Object.assign({ anchor: "y2" }, scale.axis, breaks(start, start + width * packets.length, silences))), shapes: cuts(silences),
      yaxis: axis({ domain: [0.36, 1], title: narrow() ? undefined : { text: "bit/s" }, tickformat: "~s", rangemode: "tozero" }),
      yaxis2: axis({ domain: [0, 0.28], title: narrow() ? undefined : { text: t("packets/s") }, tickformat: "~s", rangemode: "tozero", nticks: 4 }),
    })];
  }

  // "#rrggbb" with an opacity.
  function fade(hex, opacity) {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return `rgba(${red},${green},${blue},${opacity})`;
  }

  const SHADES = { tcp: "tcp", udp: "udp", icmp: "c3", icmpv6: "c3", arp: "c3", sctp: "c4" };
  function protocols() {
    // Layers that every packet has say nothing in a picture of shares: the last of them is the centre.
    let rows = data.protocols;
    let centre = { path: [], packets: 0, bytes: 0 };
    rows.filter((row) => row.path.length === 1).forEach((row) => { centre.packets += row.packets; centre.bytes += row.bytes; });
    while (rows.length > 1 && rows[0].packets === centre.packets && rows[0].path.length === centre.path.length + 1) {
      [centre, ...rows] = rows;
    }
    const key = (path) => ["", ...path].join("\n"); // a name cannot hold a line feed
    const own = new Map(rows.map((row) => [key(row.path), row.bytes]));
    // Each sector gets what its children leave, so that the picture holds whatever the numbers are.
    rows.forEach((row) => {
      const parent = key(row.path.slice(0, -1));
      if (own.has(parent)) own.set(parent, own.get(parent) - row.bytes);
    });
    own.set(key(centre.path), 0);
    const shade = (row) => {
      const name = [...row.path].reverse().find((part) => Object.hasOwn(SHADES, part));
      return name ? fade(colour(SHADES[name]), 0.85) : fade(colour("rest"), Math.max(0.25, 0.6 - 0.1 * (row.path.length - centre.path.length)));
    };
    const all = [centre, ...rows];
    const trace = {
      type: "sunburst", branchvalues: "remainder", sort: true, insidetextorientation: "horizontal",
      // Deep tunnels are reached by a click; all levels at once would be slivers.
      maxdepth: 5,
      ids: all.map((row) => key(row.path)),
      labels: all.map((row) => label(row.path[row.path.length - 1] || t("all"))),
      parents: all.map((row) => (row === centre ? "" : key(row.path.slice(0, -1)))),
      values: all.map((row) => Math.max(0, own.get(key(row.path)))),
      customdata: all.map((row) => [label(row.path.join(" › ") || t("all")), row.packets, row.bytes]),
      marker: { colors: all.map((row) => (row === centre ? colour("raised") : shade(row))), line: { color: colour("card"), width: 1.5 } },
      textfont: { color: colour("ink") }, leaf: { opacity: 1 },
      hovertemplate: `%{customdata[0]}<br>%{customdata[2]:.3s}B · %{customdata[1]:,} ${t("packets")}<extra></extra>`,
    };
    return [[trace], layout(narrow() ? 320 : 400, { margin: { l: 0, r: 0, t: 0, b: 0 } })];
  }

  const ENDINGS = [
    [t("closed (FIN)"), "udp", (flow) => flow.ended === "fin"],
    [t("broken off (RST)"), "problem", (flow) => flow.ended === "reset"],
    [t("open"), "tcp", (flow) => flow.ended === "open"],
    [t("not TCP"), "rest", (flow) => flow.ended === null],
  ];
  function flows() {
    const timed = data.flows.filter((flow) => flow.first_ns !== null && flow.last_ns !== null);
    if (!timed.length) return null;
    timed.sort((a, b) => b.first_ns - a.first_ns);
    const start = Math.min(...timed.map((flow) => flow.first_ns));
    const span = Math.max(...timed.map((flow) => flow.last_ns)) - start;
    const scale = timeScale(start, span);
    let silences = silencesBetween(timed.map((flow) => [flow.first_ns, flow.last_ns]));
    let shown = span - silences.reduce((sum, { start_ns: from, end_ns: to }) => sum + to - from, 0);
    if (shown > span / 10) [silences, shown] = [[], span];
    const socket = (address, port) => (port === null ? address : address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`);
    const name = (flow) => `${socket(flow.client, flow.client_port)} → ${socket(flow.server, flow.server_port)}`;
    const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
    const traces = ENDINGS.map(([title, shade, belongs]) => {
      const rows = timed.map((flow, row) => [flow, row]).filter(([flow]) => belongs(flow));
      return {
        type: "bar", orientation: "h", name: title, y: rows.map(([, row]) => row), base: rows.map(([flow]) => scale.at(flow.first_ns)),
        // A flow of one packet still has to be seen.
        x: rows.map(([flow]) => scale.length(Math.max(flow.last_ns - flow.first_ns, shown / 300))),
        marker: { color: colour(shade) }, width: 0.62,
        customdata: rows.map(([flow]) => [label(name(flow)), flow.client_bytes + flow.server_bytes, (flow.last_ns - flow.first_ns) / 1e9, label(flow.conn_state || flow.protocol_name)]),
        hovertemplate: "%{customdata[0]}<br>%{customdata[3]}, %{customdata[1]:.3s}B in %{customdata[2]:.3~s}s<extra></extra>",
      };
    }).filter((trace) => trace.y.length);
    const who = (flow) => label(narrow() ? short(flow.service || flow.protocol_name, 12) : short(name(flow), 46));
    const ticks = { tickmode: "array", tickvals: timed.map((_, row) => row), ticktext: timed.map(who), tickfont: { size: 11 } };
    return [traces, layout(90 + 17 * timed.length, {
      showlegend: true, barmode: "overlay", hovermode: "closest", bargap: 0.3, margin: { l: narrow() ? 8 : 64, r: 12, t: 12, b: 40 },
      xaxis: axis(Object.assign({ range: [scale.at(start), scale.at(start + span + shown * 0.01)] }, scale.axis, breaks(start, start + span, silences))), shapes: cuts(silences), yaxis: axis(Object.assign({ range: [-0.7, timed.length - 0.3], showgrid: false, zeroline: false, fixedrange: true }, ticks)),
    })];
  }

  // Durations side by side: shares of each one's own number, a dashed line at its median.
  function durations(height, parts) {
    const drawn = parts.filter(([, part]) => part && part.bar_counts.length);
    if (!drawn.length) return null;
    const seconds = (ns) => Math.max(ns, 500) / 1e9;
    const traces = drawn.map(([title, { bar_edges_ns: edges, bar_counts: counts, count }, shade]) => ({
      type: "scatter", mode: "lines", name: title, x: edges.map(seconds), y: counts.concat(0).map((number) => number / count), customdata: counts.concat(0),
      fill: "tozeroy", line: { shape: "hv", width: 1.2, color: colour(shade) }, fillcolor: fade(colour(shade), 0.3),
      hovertemplate: "from %{x:.3~s}s: %{y:.1%} (%{customdata:,})",
    }));
    const medians = drawn.map(([, { p50_ns: median }, shade]) => ({
      type: "line", x0: seconds(median), x1: seconds(median), y0: 0, y1: 1, yref: "paper", line: { color: colour(shade), width: 1.5, dash: "dash" },
    }));
    return [traces, layout(height, {
      showlegend: true, shapes: medians, xaxis: axis({ type: "log", tickformat: "~s", ticksuffix: "s", dtick: 1 }),
      yaxis: axis({ tickformat: ".0%", rangemode: "tozero", nticks: 5 }),
    })];
  }
  const handshakes = () => durations(250, [["SYN → SYN/ACK", data.handshakes.network, "tcp"], ["SYN/ACK → ACK", data.handshakes.client, "c3"]]);
  const rtt = () => data.rtt && durations(270, [[t("to servers"), data.rtt.server, "tcp"], [t("to clients"), data.rtt.client, "c3"]]);
  const dns = () => data.dns && durations(270, [["query → response", data.dns.latency, "tcp"], ["last repeat → response", data.dns.reply, "c3"]]);

  const KINDS = [[t("retransmission"), "others", "problem"], [t("fast"), "fast", "c3"], [t("spurious"), "spurious", "c4"], [t("out of order"), "out_of_order", "udp"]];
  const SIGNS = [[t("duplicate ACKs"), "duplicate_acks", "rest"], [t("behind a gap"), "lost_segments", "tcp"], [t("zero windows"), "zero_windows", "ink"]];
  // Segments are counted: no ticks between whole numbers.
  const whole = (traces) => (Math.max(0, ...traces.map((trace) => Math.max(...trace.y))) < 4 ? { dtick: 1 } : {});
  function retransmissions() {
    const found = data.retransmissions;
    if (!found) return null;
    const { start_ns: start, width_ns: width, silences } = found;
    const length = found.others.length;
    const scale = timeScale(start, width * length);
    const x = Array.from({ length }, (_, step) => scale.at(start + step * width));
    const some = ([, column]) => found[column].some((number) => number > 0);
    const bars = KINDS.filter(some).map(([name, column, shade]) => ({
      type: "bar", name, x, y: found[column], offset: 0, width: scale.length(width), marker: { color: colour(shade), line: { width: 0 } }, hovertemplate: "%{y:,}",
    }));
    const lines = SIGNS.filter(some).map(([name, column, shade]) => ({
      type: "scatter", mode: "lines", name, x: x.concat(scale.at(start + length * width)), y: found[column].concat(found[column][length - 1]), yaxis: "y2",
      line: { width: 1.4, shape: "hv", color: colour(shade) }, hovertemplate: "%{y:,}",
    }));
    const both = bars.length && lines.length;
    return [bars.concat(lines), layout(both ? 400 : 260, {
      showlegend: true, barmode: "stack", hovermode: "x unified",
      xaxis: axis(Object.assign({ anchor: lines.length ? "y2" : "y" }, scale.axis, breaks(start, start + width * length, silences))), shapes: cuts(silences),
      yaxis: axis({ domain: both ? [0.45, 1] : lines.length ? [0, 0] : [0, 1], visible: bars.length > 0, title: narrow() ? undefined : { text: t("segments") }, tickformat: "~s", rangemode: "tozero", ...whole(bars) }),
      yaxis2: axis({ domain: both ? [0, 0.36] : [0, 1], title: narrow() ? undefined : { text: t("segments") }, tickformat: "~s", rangemode: "tozero", nticks: 4, ...whole(lines) }),
    })];
  }

  const CHARTS = { throughput, protocols, flows, handshakes, rtt, retransmissions, dns };

  // Plotly stands in the page as text: running it takes longer than all else, and the verdict needs none of it.
  const me = document.currentScript;
  function loadPlotly() {
    if (window.Plotly) return;
    const script = document.createElement("script");
    script.nonce = me.nonce;
    script.textContent = document.getElementById("charts-code").textContent;
    me.after(script);
  }
  function draw() {
    loadPlotly();
    document.querySelectorAll("[data-chart]").forEach(draw1);
    if (chosen) narrowTo(chosen);
  }
  function draw1(figure) {
    const drawing = CHARTS[figure.dataset.chart]();
    if (!drawing) { figure.hidden = true; return; }
    Plotly.react(figure, drawing[0], drawing[1], config);
  }
  // At first one after the other, so that the page can be read and scrolled before the last one is drawn.
  function drawInTurn(figures) {
    const [figure, ...others] = figures;
    if (!figure) { if (chosen) narrowTo(chosen); return; }
    loadPlotly();
    draw1(figure);
    setTimeout(() => drawInTurn(others), 0);
  }

  // The time that the reader chose: the graphs over time show it, findings that lie elsewhere step back.
  const OVER_TIME = ["throughput", "retransmissions", "flows"];
  let chosen = null;
  function axisRange(figure, [from, to]) {
    // As timeScale has it: short captures by elapsed time from the graph's own beginning.
    const { at } = figure.dataset.chart === "flows" ? flowScale() : timeScale(data.intervals.start_ns, data.intervals.width_ns * data.intervals.packets.length);
    return [at(from), at(to)];
  }
  function flowScale() {
    const timed = data.flows.filter((flow) => flow.first_ns !== null && flow.last_ns !== null);
    const start = Math.min(...timed.map((flow) => flow.first_ns));
    return timeScale(start, Math.max(...timed.map((flow) => flow.last_ns)) - start);
  }
  function narrowTo(range) {
    document.querySelectorAll("[data-chart]").forEach((figure) => {
      if (!OVER_TIME.includes(figure.dataset.chart) || figure.hidden || !figure.layout) return;
      if (range) Plotly.relayout(figure, { "xaxis.range": axisRange(figure, range) });
      else draw1(figure);
    });
    document.querySelectorAll(".finding[data-from]").forEach((finding) => {
      finding.classList.toggle("elsewhen", Boolean(range) && (Number(finding.dataset.to) < range[0] || Number(finding.dataset.from) > range[1]));
    });
  }

  function brush(overview) {
    const part = (name) => overview.querySelector(`[data-brush-${name}]`);
    const [from, to, shade, clear, says] = ["from", "to", "window", "clear", "says"].map(part);
    const strip = overview.querySelector(".strip");
    const steps = Number(overview.dataset.steps);
    const [start, end] = [data.intervals.start_ns, data.intervals.start_ns + data.intervals.width_ns * steps];
    const time = (step) => start + (end - start) * step / steps;
    let waiting = 0;
    function show() {
      const [first, last] = [Number(from.value), Number(to.value)];
      const whole = first === 0 && last === steps;
      shade.hidden = clear.hidden = whole;
      shade.style.left = `${100 * first / steps}%`;
      shade.style.width = `${100 * (last - first) / steps}%`;
      chosen = whole ? null : [time(first), time(last)];
      says.textContent = whole ? "" : summary(first, last);
      clearTimeout(waiting);
      waiting = setTimeout(() => narrowTo(chosen), 120);
    }
    function summary(first, last) {
      const sum = (values) => values.slice(first, last).reduce((all, one) => all + one, 0);
      const seconds = (step) => `${((time(step) - start) / 1e9).toLocaleString(root.lang, { maximumFractionDigits: 3 })} s`;
      return `${seconds(first)} – ${seconds(last)}: ${sum(data.intervals.packets).toLocaleString(root.lang)} ${t("packets")}`;
    }
    const set = (first, last) => { from.value = first; to.value = last; show(); };
    from.addEventListener("input", () => set(Math.min(Number(from.value), Number(to.value) - 1), to.value));
    to.addEventListener("input", () => set(from.value, Math.max(Number(to.value), Number(from.value) + 1)));
    clear.addEventListener("click", () => { set(0, steps); from.focus(); });
    const step = (event) => {
      const box = strip.getBoundingClientRect();
      return Math.max(0, Math.min(steps, (event.clientX - box.left) / box.width * steps));
    };
    strip.addEventListener("pointerdown", (event) => {
      if (event.button || event.target === from || event.target === to) return;
      const anchor = step(event);
      strip.setPointerCapture(event.pointerId);
      const move = (moved) => {
        const [first, last] = [Math.min(anchor, step(moved)), Math.max(anchor, step(moved))];
        if (last - first > steps / 200) set(Math.floor(first), Math.max(Math.floor(first) + 1, Math.ceil(last)));
      };
      strip.addEventListener("pointermove", move);
      strip.addEventListener("lostpointercapture", () => strip.removeEventListener("pointermove", move), { once: true });
    });
    strip.addEventListener("dblclick", () => set(0, steps));
    from.hidden = to.hidden = false;
  }

  // A link to a finding opens it, and what it is folded into.
  function unfold() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    for (let part = target || null; part; part = part.parentElement) {
      if (part.tagName === "DETAILS") part.open = true;
    }
    if (target && target.tagName === "DETAILS") { target.scrollIntoView({ block: "start" }); target.querySelector("summary").focus({ preventScroll: true }); }
  }

  // Tables: long ones begin short; a click on a heading sorts.
  function shorten(table) {
    const rows = [...table.tBodies[0].rows];
    const limit = Number(table.dataset.rows);
    if (rows.length <= limit + 2) return;
    const mark = () => [...table.tBodies[0].rows].forEach((row, place) => row.classList.toggle("more", place >= limit));
    const button = document.createElement("button");
    button.type = "button";
    const show = (short) => {
      table.classList.toggle("short", short);
      button.textContent = short ? `${t("Show all rows:")} ${rows.length}` : t("Show fewer rows");
      button.setAttribute("aria-expanded", String(!short));
    };
    button.addEventListener("click", () => show(!table.classList.contains("short")));
    table.addEventListener("sorted", mark);
    mark();
    show(true);
    table.parentElement.after(button);
  }

  function sortable(table) {
    const value = (row, column) => {
      const cell = row.cells[column];
      const text = cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
      return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
    };
    const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true }));
    if (table.tBodies[0].rows.length < 3) return;
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort"; // its arrow is drawn by the style sheet
      button.setAttribute("aria-label", `${t("Sort by")} ${heading.textContent.trim()}`);
      heading.append(button);
      button.addEventListener("click", () => {
        const down = heading.getAttribute("aria-sort") !== "descending";
        const rows = [...table.tBodies[0].rows].sort((a, b) => compare(value(a, column), value(b, column)) * (down ? -1 : 1));
        table.tBodies[0].append(...rows);
        [...table.tHead.rows[0].cells].forEach((cell) => cell.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        table.dispatchEvent(new Event("sorted"));
      });
    });
  }

  function copyable(code) {
    if (!navigator.clipboard) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = t("copy it");
    button.setAttribute("aria-label", `${t("Copy the filter")} ${code.textContent}`);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = t("copied");
      } catch (error) {
        // A framed page may not write to the clipboard: leave the filter selected for the reader's own copy.
        getSelection().selectAllChildren(code);
        button.textContent = t("selected");
      }
      setTimeout(() => { button.textContent = t("copy it"); }, 1500);
    });
    code.after(button);
  }

  // In a service each flow has a page. A report has an origin of its own there, so the page around it is asked to go on.
  const hasFlowPages = parent !== window && window.name.split(" ").includes("flows");
  function leads(flow) {
    const link = document.createElement("button");
    link.type = "button";
    link.className = "to-flow";
    link.setAttribute("role", "link");
    link.title = t("Packets and graphs of this flow");
    link.append(...flow.childNodes);
    link.addEventListener("click", () => parent.postMessage({ flow: Number(flow.dataset.flow) }, "*"));
    flow.append(link);
  }

  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  function themes(button) {
    const name = () => { button.textContent = isDark() ? t("Light") : t("Dark"); button.setAttribute("aria-label", isDark() ? t("Change to light colours") : t("Change to dark colours")); };
    button.hidden = false;
    name();
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { localStorage.setItem("pcap-analyzer-theme", root.dataset.theme); } catch (error) { /* remembered for this page only */ }
      // The page around a framed report follows, and remembers it.
      if (parent !== window) parent.postMessage({ theme: root.dataset.theme }, "*");
      name();
      draw();
    });
    system.addEventListener("change", () => { name(); draw(); });
  }

  document.querySelectorAll("table[data-rows]").forEach(shorten);
  document.querySelectorAll("table[data-sort]").forEach(sortable);
  document.querySelectorAll("[data-copy]").forEach(copyable);
  if (hasFlowPages) document.querySelectorAll("[data-flow]").forEach(leads);
  document.querySelectorAll("[data-theme-toggle]").forEach(themes);
  document.querySelectorAll("[data-brush]").forEach(brush);
  const begin = () => setTimeout(() => drawInTurn([...document.querySelectorAll("[data-chart]")]), 50);
  if (document.readyState === "complete") begin(); else window.addEventListener("load", begin);
  unfold();
  window.addEventListener("hashchange", unfold);

  let wasNarrow = narrow();
  window.addEventListener("resize", () => {
    if (narrow() !== wasNarrow) { wasNarrow = narrow(); draw(); }
  });
  // Paper is white.
  let before;
  window.addEventListener("beforeprint", () => { before = root.dataset.theme; root.dataset.theme = "light"; draw(); document.querySelectorAll("details").forEach((part) => { part.open = true; }); });
  window.addEventListener("afterprint", () => { if (before) root.dataset.theme = before; else delete root.dataset.theme; draw(); });
})();
