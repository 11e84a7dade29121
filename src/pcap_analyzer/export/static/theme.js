// Before the first paint: a reader who chose light or dark gets it again.
(() => {
  "use strict";
  let chosen;
  try {
    chosen = localStorage.getItem("pcap-analyzer-theme");
  } catch (error) {
    // In a sandbox there is no storage: the page around a frame says in its name what was chosen there.
    [chosen] = window.name.split(" ");
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
