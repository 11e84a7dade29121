// The page of one analysis: shows how far it is and what is known already, then opens the report.
import { follow, hasEnded } from "./follow.js";
import { Row } from "./row.js";
import { say, t } from "./words.js";

const place = document.getElementById("jobs");
const row = new Row(place.querySelector(".job"));
let before = "";

follow(place.dataset.id, (status) => {
  if (status === null) {
    location.reload();
    return;
  }
  row.show(status);
  if (status.status !== before && before) say(t("The analysis of {0} goes on: {1}", status.filename, row.part(".state").textContent));
  before = status.status;
  // Replaced, not followed: the way back leads past this page, which would only lead here again.
  if (status.report) location.replace(status.report.page);
  // What can be done now, the page says when it is asked again.
  else if (hasEnded(status)) location.reload();
});
