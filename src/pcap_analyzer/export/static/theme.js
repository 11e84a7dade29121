// Before the first paint: a reader who chose light or dark gets it again.
(() => {
  "use strict";
  try {
    const chosen = localStorage.getItem("pcap-analyzer-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch (error) {
    // A file opened without storage follows the system.
  }
})();
