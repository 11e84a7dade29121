// The upload page: captures that are dropped or chosen become rows; uploads that a reload cut off wait for their file.
import { isAlive, recall, release, remove, unfinished } from "./remembered.js";
import { Row } from "./row.js";
import { Queue, Transfer } from "./transfer.js";
import { offsetOf, terminate } from "./tus.js";
import { percent, say, size, t } from "./words.js";

const form = document.getElementById("upload");
const input = document.getElementById("file");
const drop = form.querySelector(".drop");
const queue = new Queue();
const transfers = [];
const interrupted = new Map(); // rows that wait for their file, by the key under which their upload is kept
const title = document.title;

form.classList.add("scripted");
form.querySelector(".invitation").hidden = false;
form.querySelector("label").textContent = t("Choose captures");
form.querySelector("button").hidden = true;
input.multiple = true;

form.addEventListener("submit", (event) => event.preventDefault());
input.addEventListener("change", () => {
  take(input.files);
  // The same file may be chosen again.
  input.value = "";
});

// The whole page takes a drop: whoever misses the field must not lose the page to the file.
addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  take(event.dataTransfer.files);
});

function take(files) {
  for (const file of files) {
    const same = transfers.find((one) => one.file && sameFile(one.file, file) && one.state !== "removed");
    if (same?.isUnderWay || same?.state === "queued" || same?.state === "running") say(t("{0} is in the list already", file.name));
    else if (same?.state === "paused") same.start();
    else begin(file);
  }
}

const sameFile = (one, other) => one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;

function begin(file) {
  interrupted.get(recall(file)?.url)?.remove();
  const row = addRow();
  const most = Number(form.dataset.maxBytes);
  if (file.size > most) {
    row.name = file.name;
    row.state = "failed";
    row.share = 0;
    row.problem = t("{0} has {1}; this service takes up to {2}.", file.name, size(file.size), size(most));
    row.offer("remove");
    row.on("remove", () => row.element.remove());
    return;
  }
  const transfer = new Transfer(row, queue, { onChange: showAll, onStatus: openReport });
  transfers.push(transfer);
  transfer.give(file);
}

function addRow() {
  const piece = document.getElementById("job").content.cloneNode(true);
  const row = new Row(piece.querySelector(".job"));
  document.getElementById("jobs").append(piece);
  return row;
}

/** A single capture opens by itself; of several, the reader chooses. */
function openReport(transfer, status) {
  if (!status.report) return;
  transfer.row.part('[data-do="open"]').href = status.report.page;
  say(t("The report on {0} is ready", status.filename));
  if (transfers.filter((one) => one.state !== "removed").length === 1) location.assign(status.report.page);
}

/** How far all of them are, for whoever looks at another page meanwhile. */
function showAll() {
  const underWay = transfers.filter((one) => one.isUnderWay && one.file.size);
  const all = underWay.reduce((sum, one) => sum + one.file.size, 0);
  const sent = underWay.reduce((sum, one) => sum + one.sent, 0);
  document.title = all ? `${percent((100 * sent) / all)} · ${title}` : title;
}

// Whoever leaves is asked, and what has come stays.
addEventListener("beforeunload", (event) => {
  if (transfers.some((one) => one.isUnderWay)) event.preventDefault();
});
addEventListener("pagehide", () => {
  for (const one of transfers) if (one.isUnderWay) release(one.file);
});

// Uploads that an earlier page of this browser did not end.
for (const [key, kept] of unfinished()) if (!isAlive(kept)) showInterrupted(key, kept);

async function showInterrupted(key, kept) {
  let offset;
  try {
    offset = await offsetOf(kept.url);
  } catch (error) {
    if (error.status) remove(key); // ended, expired or deleted: there is nothing to go on with
    return;
  }
  if (offset >= kept.size) {
    remove(key);
    return;
  }
  const row = addRow();
  row.name = kept.name;
  row.state = "paused";
  row.sent(offset, kept.size, "");
  row.note = t("This upload was interrupted. To go on where it stands, choose or drop the same file again.");
  row.offer("choose", "cancel");
  row.on("choose", () => input.click());
  row.on("cancel", async () => {
    remove(key);
    row.element.remove();
    await terminate(kept.url).catch(() => {});
  });
  interrupted.set(kept.url, row.element);
}
