// The piece of a page that shows one capture on its way. What it says comes from files and captures: only ever as text.
import { Live } from "./live.js";
import { count, isOne, percent, size, t } from "./words.js";

const LABELS = {
  waiting: () => t("Waiting"),
  sending: () => t("Uploading"),
  paused: () => t("Paused"),
  lost: () => t("Connection lost"),
  receiving: () => t("Receiving"),
  queued: () => t("Waiting"),
  running: () => t("Analysing"),
  succeeded: () => t("Ready"),
  failed: () => t("Failed"),
  cancelled: () => t("Cancelled"),
  expired: () => t("Expired"),
};
const STILL = new Set(["waiting", "paused", "lost", "failed", "cancelled", "expired"]);

export class Row {
  constructor(element) {
    this.element = element;
    this.bar = this.part("progress");
    this.live = new Live(this.part(".live"));
  }

  part(selector) {
    return this.element.querySelector(selector);
  }

  set name(name) {
    this.part(".job-name").textContent = name;
    this.bar.setAttribute("aria-label", t("Progress of {0}", name));
    for (const button of this.element.querySelectorAll("[data-do]")) {
      button.setAttribute("aria-label", `${button.textContent.trim()}: ${name}`);
    }
  }

  set state(state) {
    const badge = this.part(".state");
    badge.className = `state ${state}`;
    badge.textContent = LABELS[state]();
    this.element.classList.toggle("still", STILL.has(state));
    this.element.classList.toggle("done", state === "succeeded");
  }

  /** null: nobody knows how far. */
  set share(share) {
    if (share === null) this.bar.removeAttribute("value");
    else this.bar.value = share;
  }

  set note(text) {
    this.part(".job-note").textContent = text;
  }

  set problem(text) {
    this.part(".job-problem").textContent = text;
  }

  words(text, aside = "") {
    this.part(".job-words > :first-child").textContent = text;
    this.part(".job-aside").textContent = aside;
  }

  /** Show these buttons and no others; who had the focus on one that goes is not lost. */
  offer(...names) {
    const focused = this.element.contains(document.activeElement) && document.activeElement.dataset.do;
    for (const button of this.element.querySelectorAll("[data-do]")) button.hidden = !names.includes(button.dataset.do);
    if (focused && !names.includes(focused)) this.part("[data-do]:not([hidden])")?.focus();
  }

  on(name, handler) {
    this.part(`[data-do="${name}"]`)?.addEventListener("click", handler);
  }

  /** How much of a capture has come. */
  sent(bytes, total, aside) {
    this.share = total ? (100 * bytes) / total : null;
    this.words(`${t("{0} of {1}", size(bytes), size(total))} · ${percent(total ? (100 * bytes) / total : 0)}`, aside);
  }

  /** How an analysis stands whose capture is there. */
  show(status) {
    this.state = status.status;
    this.problem = "";
    const { phase, packets, percent: read, bytes_per_second: speed } = status.progress;
    const counted = isOne(packets) ? t("{0} packet", count(packets)) : t("{0} packets", count(packets));
    if (status.status === "succeeded") {
      this.share = 100;
      this.words(`${counted}. ${t("The report is ready.")}`);
      if (status.duplicate_of) this.note = t("The same capture was analysed before: this is its report.");
    } else if (status.status === "queued") {
      this.share = null;
      this.words(t("Waiting for a free worker"));
    } else if (status.status === "running") {
      this.share = phase === "reporting" ? 100 : read;
      this.words(phase === "reporting" ? `${counted}. ${t("Writing the report")}` : counted, speed ? `${size(speed)}/s` : "");
    } else if (status.status === "receiving") {
      this.sent(status.received_bytes, status.file_size_bytes, packets ? counted : "");
    } else {
      this.share = 0;
      this.words("");
      this.problem = status.reason ?? "";
    }
    this.live.show(status);
  }
}
