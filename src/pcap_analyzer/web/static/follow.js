// Follows one analysis and shows it in its piece of the page.

const ENDING = { failed: "Failed", cancelled: "Cancelled", expired: "Expired" };
const number = new Intl.NumberFormat("en");

/** Call `onStatus` with every status of the analysis, until it has ended. */
export function follow(progressUrl, onStatus) {
  const events = new EventSource(progressUrl);
  events.addEventListener("status", (event) => {
    const status = JSON.parse(event.data);
    if (status.report || status.status in ENDING) events.close();
    onStatus(status);
  });
}

/** The piece of the page that shows one capture. */
export class Job {
  constructor(element) {
    this.element = element;
    this.bar = element.querySelector("progress");
    this.link = element.querySelector(".job-link a");
  }

  name(name) {
    this.element.querySelector(".job-name").textContent = name;
    this.bar.setAttribute("aria-label", `Progress of ${name}`);
  }

  /** `percent` null: nobody knows how far. */
  show(words, percent = null) {
    this.element.querySelector(".job-words").textContent = words;
    if (percent === null) this.bar.removeAttribute("value");
    else this.bar.value = percent;
  }

  fail(problem, words = "Failed") {
    this.show(words, 0);
    this.element.querySelector(".job-problem").textContent = problem;
  }

  showStatus(status) {
    const { phase, packets, percent, bytes_per_second: speed } = status.progress;
    const counted = `${number.format(packets)} ${packets === 1 ? "packet" : "packets"}`;
    if (status.report) {
      this.show(`${counted}. The report is ready.`, 100);
      this.link.href = status.report.page;
      this.link.hidden = false;
    } else if (status.status in ENDING) this.fail(status.reason, ENDING[status.status]);
    else if (status.status === "queued") this.show("Waiting for a free worker");
    else if (phase === "reporting") this.show(`${counted}. Writing the report`, 100);
    else this.show(`${counted}${speed ? `, ${sizeInWords(speed)}/s` : ""}`, percent);
  }
}

/** 1400000 is "1.4 MB". */
export function sizeInWords(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = bytes;
  for (; value >= 999.95 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${unit ? value.toFixed(1) : value} ${units[unit]}`;
}

/** Tell those who listen rather than look. Only what changes seldom: each sentence is read out whole. */
export function say(sentence) {
  const said = document.getElementById("said");
  if (said.textContent !== sentence) said.textContent = sentence;
}
