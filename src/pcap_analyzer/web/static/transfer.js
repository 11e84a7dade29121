// One row of the upload page: a file on its way, then its analysis. Paused, resumed, cancelled; on after any break.
import { follow, hasEnded } from "./follow.js";
import { forget, isAlive, recall, release, remember } from "./remembered.js";
import { Refusal, Unreadable, send, terminate } from "./tus.js";
import { duration, say, size, t } from "./words.js";

const MOST_AT_ONCE = 2;
const SPEED_OVER_MS = 5_000;
const SAY_ALIVE_MS = 1_000;
const PAUSED = Symbol("paused");
const CANCELLED = Symbol("cancelled");
const FINAL = new Set([401, 403, 413, 415]);

/** Sends captures in the order in which they were given, a few at a time. */
export class Queue {
  constructor() {
    this.waiting = [];
    this.busy = 0;
  }

  add(transfer) {
    this.waiting.push(transfer);
    this.next();
  }

  drop(transfer) {
    this.waiting = this.waiting.filter((one) => one !== transfer);
  }

  async next() {
    if (this.busy >= MOST_AT_ONCE || !this.waiting.length) return;
    this.busy += 1;
    await this.waiting.shift().run();
    this.busy -= 1;
    this.next();
  }
}

export class Transfer {
  /** onChange is called when it begins, ends, moves; onStatus with every status of its analysis. */
  constructor(row, queue, { onChange, onStatus }) {
    this.row = row;
    this.queue = queue;
    this.onChange = onChange;
    this.onStatus = onStatus;
    this.file = null;
    this.url = null;
    this.sent = 0;
    this.state = "waiting";
    this.speeds = [];
    this.unfollow = () => {};
    this.wake = () => {};
    row.on("pause", () => this.pause());
    row.on("resume", () => this.start());
    row.on("now", () => this.wake());
    row.on("cancel", () => this.cancel());
    row.on("remove", () => this.remove());
  }

  get isUnderWay() {
    return ["waiting", "sending", "lost"].includes(this.state);
  }

  become(state, ...buttons) {
    this.state = state;
    this.row.state = state;
    this.row.offer(...buttons);
    this.onChange();
  }

  /** Take a file; one that this browser sent a part of before goes on there. */
  give(file) {
    this.file = file;
    this.url = recall(file)?.url ?? null;
    this.row.name = file.name;
    this.start();
  }

  start() {
    this.row.problem = "";
    this.row.note = "";
    this.row.sent(this.sent, this.file.size, "");
    this.become("waiting", "pause", "cancel");
    this.queue.add(this);
  }

  pause() {
    this.halt(PAUSED);
    this.row.sent(this.sent, this.file.size, "");
    this.become("paused", "resume", "cancel");
    say(t("{0} is paused", this.file.name));
  }

  async cancel() {
    this.halt(CANCELLED);
    const { url } = this;
    if (this.file) forget(this.file);
    this.remove();
    if (url) await terminate(url).catch(() => {});
  }

  remove() {
    this.unfollow();
    this.state = "removed";
    this.row.element.remove();
    this.onChange();
  }

  halt(why) {
    this.queue.drop(this);
    this.controller?.abort(why);
    this.unfollow();
  }

  /** Called by the queue; ends when every byte is there or nothing more can be done. */
  async run() {
    const { file } = this;
    this.controller = new AbortController();
    const { signal } = this.controller;
    const alive = setInterval(() => this.url && remember(file, this.url), SAY_ALIVE_MS);
    try {
      await this.otherPage(signal);
      this.become("sending", "pause", "cancel");
      say(t("Uploading {0}", file.name));
      this.follow();
      await send(file, this.url, signal, this);
      forget(file);
      this.become("queued");
      this.row.share = null;
      this.row.words(t("Waiting for a free worker"));
      this.whole = true;
      this.follow();
    } catch (error) {
      if (error !== PAUSED && error !== CANCELLED) this.fail(error);
      if (error !== CANCELLED) release(file);
    } finally {
      clearInterval(alive);
      this.speeds = [];
    }
  }

  /** Two pages that send the same upload would take it from each other's hands for ever. */
  async otherPage(signal) {
    for (let kept = recall(this.file); kept && isAlive(kept); kept = recall(this.file)) {
      this.row.note = t("Another page of this browser is sending it, or did a moment ago.");
      await new Promise((resolve) => setTimeout(resolve, 500));
      if (signal.aborted) throw signal.reason;
    }
    this.row.note = "";
  }

  fail(error) {
    const { message, status } = error;
    this.unfollow();
    if (status === 415 || status === 413) forget(this.file);
    this.row.problem = status === 401 ? t("Your session has ended. Load this page again, sign in, and choose the file once more.") : message;
    this.row.words("");
    const again = !FINAL.has(status) && !(error instanceof Unreadable);
    this.become("failed", ...(again ? ["resume", "cancel"] : ["remove"]));
    say(t("{0} was not taken", this.file.name));
    if (!(error instanceof Refusal) && !(error instanceof Unreadable)) throw error;
  }

  follow() {
    this.unfollow();
    if (!this.url) return;
    this.unfollow = follow(this.url.split("/").pop(), (status) => this.showStatus(status));
  }

  showStatus(status) {
    if (status === null) {
      this.row.problem = t("This analysis was deleted.");
      this.become("failed", "remove");
    } else if (!this.whole) this.row.live.show(status);
    else {
      this.row.show(status);
      this.state = status.status;
      if (hasEnded(status)) this.row.offer(status.report ? "open" : "remove");
      this.onStatus(this, status);
    }
    this.onChange();
  }

  // What `send` tells.

  placed(url) {
    this.url = url;
    if (url) remember(this.file, url);
    else forget(this.file);
    this.follow();
  }

  moved(bytes) {
    if (this.state === "lost") this.become("sending", "pause", "cancel");
    this.sent = bytes;
    const now = performance.now();
    this.speeds = [...this.speeds.filter(([when]) => now - when < SPEED_OVER_MS), [now, bytes]];
    this.row.problem = "";
    this.row.sent(bytes, this.file.size, this.pace());
    this.onChange();
  }

  pace() {
    const [[since, before], [now, bytes]] = [this.speeds[0], this.speeds.at(-1)];
    if (now - since < 500 || bytes <= before) return "";
    const speed = (1000 * (bytes - before)) / (now - since);
    return `${size(speed)}/s · ${t("{0} left", duration((this.file.size - bytes) / speed))}`;
  }

  /** Until the time is over, the line is back, or the reader does not want to wait. */
  async waits(seconds, why) {
    const { signal } = this.controller;
    const until = Date.now() + 1000 * seconds;
    const busy = why instanceof Refusal;
    this.speeds = [];
    this.become("lost", "now", "pause", "cancel");
    if (busy) this.row.state = "waiting";
    this.row.problem = busy ? why.message : t("The connection to the service was lost. Nothing that came is lost.");
    await new Promise((resolve) => {
      this.wake = resolve;
      const tick = setInterval(() => {
        const left = (until - Date.now()) / 1000;
        this.row.sent(this.sent, this.file.size, t("trying again in {0}", duration(left)));
        if (left <= 0 || signal.aborted) resolve();
      }, 250);
      addEventListener("online", resolve, { once: true, signal });
      signal.addEventListener("abort", resolve, { once: true });
      this.stopWaiting = () => clearInterval(tick);
    });
    this.stopWaiting();
    this.wake = () => {};
  }
}
