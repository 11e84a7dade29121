// The upload page: captures dropped or chosen are sent one after the other, each analysis is followed.
import { Job, follow, say, sizeInWords } from "./follow.js";

const form = document.getElementById("upload");
const input = document.getElementById("file");
const drop = form.querySelector(".drop");
const waiting = [];
let given = 0;
let sending = false;

form.classList.add("scripted");
form.querySelector(".invitation").hidden = false;
form.querySelector("label").textContent = "Choose captures";
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
    given += 1;
    waiting.push({ file, job: addJob(file.name) });
  }
  sendNext();
}

function addJob(name) {
  const piece = document.getElementById("job").content.cloneNode(true);
  const job = new Job(piece.querySelector(".job"));
  job.name(name);
  document.getElementById("jobs").append(piece);
  return job;
}

async function sendNext() {
  if (sending || waiting.length === 0) return;
  sending = true;
  const { file, job } = waiting.shift();
  say(`Uploading ${file.name}`);
  try {
    const accepted = await send(file, job);
    follow(accepted.progress_url, (status) => showStatus(job, status));
  } catch (problem) {
    job.fail(problem.message);
    say(`${file.name} was not taken`);
  }
  sending = false;
  sendNext();
}

function showStatus(job, status) {
  job.showStatus(status);
  say(`The analysis of ${status.filename} is ${status.status}`);
  // A single capture opens by itself; of several, the reader chooses.
  if (status.report && given === 1) location.assign(status.report.page);
}

async function send(file, job) {
  if (file.size > Number(form.dataset.maxBytes)) {
    throw new Error(`${file.name} has ${sizeInWords(file.size)}; this service takes up to ${sizeInWords(form.dataset.maxBytes)}.`);
  }
  for (;;) {
    const { status, answer, retryAfterS } = await post(file, job);
    if (status === 202) return answer;
    if (status !== 429) throw new Error(answer?.detail ?? `The service answered with status ${status}.`);
    job.show("The queue is full; waiting to send");
    await new Promise((resolve) => setTimeout(resolve, retryAfterS * 1000));
  }
}

function post(file, job) {
  const body = new FormData();
  body.append("file", file);
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  const csrf = document.querySelector('meta[name="csrf"]');
  if (csrf) request.setRequestHeader("X-CSRF-Token", csrf.content);
  request.responseType = "json";
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    job.show(`Uploading: ${sizeInWords(loaded)} of ${sizeInWords(total)}`, (100 * loaded) / total);
  });
  return new Promise((resolve, reject) => {
    request.addEventListener("load", () =>
      resolve({
        status: request.status,
        answer: request.response,
        retryAfterS: Number(request.getResponseHeader("Retry-After")) || 10,
      }),
    );
    request.addEventListener("error", () => reject(new Error("The connection to the service was lost; give the file again.")));
    request.send(body);
  });
}
