// What every page does: light or dark by choice, and times as the reader's own clock shows them.
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

const button = document.getElementById("theme");
if (button) {
  const name = () => {
    const words = isDark() ? button.dataset.sayLight : button.dataset.sayDark;
    button.title = words;
    button.setAttribute("aria-label", words);
  };
  button.hidden = false;
  name();
  system.addEventListener("change", name);
  button.addEventListener("click", () => {
    choose(isDark() ? "light" : "dark");
    name();
  });
}

// A cookie, so that the next page comes in its colours and does not change them before the reader's eyes.
function choose(theme) {
  root.dataset.theme = theme;
  document.cookie = `pcap_analyzer_theme=${theme}; path=/; max-age=31536000; samesite=lax`;
}

// A report in its frame has a switch of its own, and an origin of its own: it can only say what was chosen. What it says
// is believed to be a theme or the number of a flow, and nothing else.
const frame = document.querySelector("iframe.report");
addEventListener("message", ({ source, data }) => {
  if (!frame || source !== frame.contentWindow) return;
  if (data?.theme === "light" || data?.theme === "dark") choose(data.theme);
  if (Number.isSafeInteger(data?.flow) && data.flow >= 0) location.assign(frame.dataset.flows + data.flow);
});

const clock = new Intl.DateTimeFormat(root.lang, { dateStyle: "medium", timeStyle: "short" });
for (const time of document.querySelectorAll("time[datetime]")) {
  time.title = time.textContent;
  time.textContent = clock.format(new Date(time.dateTime));
}

// What cannot be undone is asked once more.
for (const form of document.querySelectorAll("form[data-say-confirm]")) {
  form.addEventListener("submit", (event) => {
    if (!confirm(form.dataset.sayConfirm)) event.preventDefault();
  });
}
