// First results while a capture is still read: figures, throughput over time, who and what there is most of.
import { count, duration, percent, size, t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 100;
const ROWS = 5;
const SEVERITIES = {
  critical: () => t("Critical"),
  warning: () => t("Warning"),
  notice: () => t("Notice"),
  info: () => t("Info"),
};

export class Live {
  constructor(place) {
    this.place = place;
    this.parts = null;
  }

  /** Show what is known of an analysis; nothing where nothing is. */
  show(status) {
    const first = status.first_results;
    this.place.hidden = !first || !first.packets || Boolean(status.report);
    if (this.place.hidden) return;
    this.parts ??= this.build();
    const { figures, chart, found, lists } = this.parts;
    const values = [count(first.packets), size(first.bytes), count(first.flows), repeated(first)];
    figures.forEach((figure, place) => { figure.textContent = values[place]; });
    draw(chart, first.throughput);
    name(found, first.findings);
    fill(lists.protocols, first.protocols, (row) => row.path.split(":").slice(-2).join(" › "));
    fill(lists.talkers, first.talkers, (row) => row.address);
    fill(lists.services, first.services, (row) => row.name ?? `${row.protocol} ${row.port}`);
  }

  build() {
    const list = add(this.place, "dl", "figures");
    const figures = [t("Packets"), t("Bytes"), t("Flows"), t("Retransmissions")].map((title) => {
      const pair = add(list, "div");
      add(pair, "dt").textContent = title;
      return add(pair, "dd");
    });
    const figure = add(this.place, "figure", "pace");
    const chart = { figure, svg: null, path: null, caption: add(figure, "figcaption"), ends: null };
    chart.svg = figure.appendChild(document.createElementNS(SVG, "svg"));
    chart.svg.setAttribute("preserveAspectRatio", "none");
    chart.svg.setAttribute("role", "img");
    chart.path = chart.svg.appendChild(document.createElementNS(SVG, "path"));
    chart.ends = add(figure, "p", "ends");
    chart.ends.append(document.createElement("span"), document.createElement("span"));
    const findings = add(this.place, "div", "found");
    add(findings, "h3").textContent = t("Found so far");
    const found = add(findings, "ul");
    const columns = add(this.place, "div", "shares");
    const lists = { protocols: column(columns, t("Protocols")), talkers: column(columns, t("Talkers")), services: column(columns, t("Services")) };
    return { figures, chart, found, lists };
  }
}

function add(parent, tag, name = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  return parent.appendChild(element);
}

function column(parent, title) {
  const whole = add(parent, "div");
  add(whole, "h3").textContent = title;
  return add(whole, "ol");
}

const repeated = ({ retransmissions, segments }) => {
  if (!segments) return "–";
  const share = (100 * retransmissions) / segments;
  return share > 0 && share < 1 ? `< ${percent(1)}` : percent(share);
};

/** Bytes a second over the capture's own time, in steps. */
function draw({ figure, svg, path, caption, ends }, { start, width_s: width, bytes }) {
  figure.hidden = bytes.length < 2 || !width;
  if (figure.hidden) return;
  const most = Math.max(...bytes, 1);
  const steps = bytes.map((value, step) => `L${step} ${HEIGHT - (HEIGHT * value) / most}H${step + 1}`);
  svg.setAttribute("viewBox", `0 0 ${bytes.length} ${HEIGHT}`);
  path.setAttribute("d", `M0 ${HEIGHT}${steps.join("")}V${HEIGHT}Z`);
  const peak = t("Throughput so far, at most {0}", bits((8 * most) / width));
  svg.setAttribute("aria-label", peak);
  caption.textContent = peak;
  const [from, to] = ends.children;
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
  from.textContent = start ? clock.format(new Date(start)) : "";
  to.textContent = `+ ${duration(width * bytes.length)}`;
}

/** What is wrong already: how bad, and what. Nothing is said of what only the end can show. */
function name(list, findings) {
  const shown = findings.slice(0, ROWS);
  list.parentElement.hidden = shown.length === 0;
  list.replaceChildren(...shown.map(({ severity, title }) => {
    const item = document.createElement("li");
    const level = add(item, "b", `level ${severity}`);
    level.textContent = SEVERITIES[severity]();
    item.append(" ", title);
    return item;
  }));
}

/** The unit is a byte's without its last letter: bits count by the same thousands. */
const bits = (value) => `${size(value).replace(/[Bo]$/, "")}bit/s`;

function fill(list, rows, name) {
  const shown = rows.slice(0, ROWS);
  list.parentElement.hidden = shown.length === 0;
  const most = Math.max(...shown.map((row) => row.bytes), 1);
  while (list.children.length < shown.length) {
    const item = add(list, "li");
    item.append(document.createElement("span"), document.createElement("span"));
  }
  while (list.children.length > shown.length) list.lastChild.remove();
  shown.forEach((row, place) => {
    const item = list.children[place];
    item.children[0].textContent = name(row);
    item.children[1].textContent = size(row.bytes);
    item.style.setProperty("--share", `${(100 * row.bytes) / most}%`);
  });
}
