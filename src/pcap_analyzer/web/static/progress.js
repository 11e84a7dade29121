// The page of one analysis: shows how far it is, then opens the report.
import { Job, follow, say } from "./follow.js";

const section = document.getElementById("jobs");
const job = new Job(section.querySelector(".job"));

follow(section.dataset.progress, (status) => {
  job.showStatus(status);
  say(`The analysis is ${status.status}`);
  // Replaced, not followed: the way back leads past this page, which would only lead here again.
  if (status.report) location.replace(status.report.page);
});
